/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two processes: one takes the time and makes a change, the other one takes the time when it is notified of it. */
#ifndef PAIR_H
#define PAIR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef long long nanoseconds;

/* All processes of the machine share this clock. */
static nanoseconds now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *what, int code) {
    fprintf(stderr, "%s: %d\n", what, code);
    exit(1);
}

/* The notified process sends the time of the notification, and once more when the transition is over. */
static void send_time(int to, nanoseconds time) {
    if (write(to, &time, sizeof(time)) != (ssize_t)sizeof(time)) {
        exit(0); /* the reading process has ended */
    }
}

static nanoseconds receive_time(int from) {
    nanoseconds time = 0;
    size_t got = 0;
    while (got < sizeof(time)) {
        ssize_t count = read(from, (char *)&time + got, sizeof(time) - got);
        if (count <= 0) {
            fail("the listener is gone", (int)count);
        }
        got += (size_t)count;
    }
    return time;
}

/* Starts this program again with the argument `role`. Returns the descriptor from which to read the times that it sends. */
static int start(const char *program, const char *role, pid_t *child) {
    int ends[2];
    if (pipe(ends) != 0) {
        fail("pipe", 0);
    }
    *child = fork();
    if (*child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(program, program, role, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    return ends[0];
}

/* Sleeps long enough for all threads to park, by a varying time. */
static void rest(int round) {
    struct timespec time;
    time.tv_sec = 0;
    time.tv_nsec = 1000000 + (round * 7919 % 1000) * 1000;
    nanosleep(&time, NULL);
}

#endif /* PAIR_H */
