/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The limit: what a locked, atomic replacement of a file and its notification through inotify take by themselves. As in the
 * library a thread with a descriptor table of its own reads what the kernel reports, in both processes, and has another thread
 * notify. `bare ROUNDS` prints nanoseconds, one round a line. MAPIOFFLINE_STATE_DIR names the folder. */
#include "pair.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* As long as the library's. */
static char text[256];
static char folder[1000];
static char profile[1100];
static char lock[1100];
static char spare[1100];
static sem_t changed;

static int must(int result, const char *what) {
    if (result < 0) {
        fail(what, result);
    }
    return result;
}

static void read_profile(void) {
    int file = open(profile, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        must((int)read(file, text, sizeof(text)), "read");
        close(file);
    }
}

/* The writing process does nothing about its own changes. */
static void *read_events(void *is_writer) {
    char events[4096];
    int inotify;
    must(unshare(CLONE_FILES), "unshare");
    inotify = must(inotify_init1(IN_CLOEXEC), "inotify_init1");
    must(inotify_add_watch(inotify, folder, IN_MOVED_TO), "inotify_add_watch");
    for (;;) {
        must((int)read(inotify, events, sizeof(events)), "read");
        if (is_writer == NULL) {
            read_profile();
            sem_post(&changed);
        }
    }
    return NULL;
}

static void start_reader(void *is_writer) {
    pthread_t thread;
    must(-pthread_create(&thread, NULL, read_events, is_writer), "pthread_create");
}

static int listen_to(void) {
    start_reader(NULL);
    usleep(50000); /* until it watches */
    send_time(STDOUT_FILENO, now());
    for (;;) {
        if (sem_wait(&changed) == 0) {
            send_time(STDOUT_FILENO, now());
        }
    }
    return 0;
}

static void change(void) {
    int locked = must(open(lock, O_RDONLY | O_CREAT | O_CLOEXEC, 0600), "the lock");
    int file;
    must(flock(locked, LOCK_EX), "flock");
    read_profile();
    file = must(open(spare, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "the new file");
    must((int)write(file, text, sizeof(text)), "write");
    close(file);
    must(rename(spare, profile), "rename");
    close(locked);
}

int main(int argc, char **argv) {
    const char *place = getenv("MAPIOFFLINE_STATE_DIR");
    pid_t child;
    int from;
    int round;
    if (place == NULL || strlen(place) >= sizeof(folder)) {
        fail("MAPIOFFLINE_STATE_DIR", 0);
    }
    strcpy(folder, place);
    sprintf(profile, "%s/BARE.json", folder);
    sprintf(lock, "%s/bare-lock", folder);
    sprintf(spare, "%s/bare-pending", folder);
    must(sem_init(&changed, 0, 0), "sem_init");
    if (argc == 2 && strcmp(argv[1], "listen") == 0) {
        return listen_to();
    }
    if (mkdir(spare, 0700) != 0 && access(spare, F_OK) != 0) {
        fail("mkdir", 0);
    }
    strcat(spare, "/new");
    from = start(argv[0], "listen", &child);
    start_reader(text);
    receive_time(from);
    for (round = 0; round < (argc == 2 ? atoi(argv[1]) : 0); round++) {
        nanoseconds begin;
        rest(round);
        begin = now();
        change();
        printf("%lld\n", receive_time(from) - begin);
    }
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    return 0;
}
