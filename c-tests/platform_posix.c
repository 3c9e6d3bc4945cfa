/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "platform.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/membarrier.h>
#include <sys/syscall.h>
#endif

static void *load(const char *path, int mode) {
    void *module = dlopen(path, RTLD_NOW | mode);
    if (module == NULL) {
        fprintf(stderr, "%s\n", dlerror());
    }
    return module;
}

void *module_load(const char *path) {
    return load(path, RTLD_LOCAL);
}

void *module_load_for_all(const char *path) {
    return load(path, RTLD_GLOBAL);
}

void *module_symbol(void *module, const char *name) {
    return dlsym(module, name);
}

int module_close(void *module) {
    return dlclose(module) == 0;
}

int module_is_mapped(const char *path) {
    FILE *file = fopen("/proc/self/maps", "r");
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char line[4096];
    int found = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        found = found || strstr(line, name) != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

void take_function(void *function, void *symbol) {
    memcpy(function, &symbol, sizeof(symbol));
}

int run_process(const char *program, const char *argument, const char *environment, const char *errors) {
    /* The emulator for programs of this platform, if the machine is of another one. */
    const char *emulator = getenv("MAPIOFFLINE_TEST_EMULATOR");
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        char copy[256];
        if (environment != NULL) {
            snprintf(copy, sizeof(copy), "%s", environment);
            putenv(copy);
        }
        if (errors != NULL) {
            int file = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
            dup2(file, 2);
            close(file);
        }
        if (emulator != NULL && emulator[0] != 0) {
            execl(emulator, emulator, program, argument, (char *)NULL);
        } else {
            execl(program, program, argument, (char *)NULL);
        }
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        return NOT_STARTED;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ENDED_BY_A_FAULT;
}

int run_process_within(const char *program, const char *argument, const char *output, int seconds) {
    const double end = seconds_of_clock() + seconds;
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        int file = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        setpgid(0, 0); /* the children of a case end with it */
        dup2(file, 1);
        dup2(file, 2);
        close(file);
        execl(program, program, argument, (char *)NULL);
        _exit(127);
    }
    if (child < 0) {
        return NOT_STARTED;
    }
    for (;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child) {
            break;
        }
        if (ended < 0) {
            return NOT_STARTED;
        }
        if (seconds_of_clock() >= end) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return RAN_TOO_LONG;
        }
        nap(2);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return NOT_STARTED;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ENDED_BY_A_FAULT;
}

int path_of_program(char *path, size_t size, const char *argument) {
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length > 0) {
        path[length] = 0;
        return 1;
    }
    return absolute_path(path, size, argument);
}

int absolute_path(char *path, size_t size, const char *file) {
    char *found = realpath(file, NULL);
    int fits = found != NULL && strlen(found) < size;
    if (fits) {
        strcpy(path, found);
    }
    free(found);
    return fits;
}

int make_folder(const char *path) {
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

double seconds_of_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void set_environment(const char *name, const char *value) {
    if (value != NULL) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
}

unsigned long process_id(void) {
    return (unsigned long)getpid();
}

int make_private_folder(char *path, size_t size) {
    char here[384];
    int written;
    if (getcwd(here, sizeof(here)) == NULL) {
        return 0;
    }
    written = snprintf(path, size, "%s/state-XXXXXX", here);
    return written > 0 && (size_t)written < size && mkdtemp(path) != NULL;
}

void refuse_changes(const char *lock, int on) {
    struct rlimit limit;
    (void)lock;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = on ? 0 : limit.rlim_max;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        perror("RLIMIT_FSIZE");
    }
}

void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0 && entry->d_name[0] != '.') {
            char below[600];
            snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
            remove_folder(below);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    rmdir(path);
}

void *lock_file(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0) {
        close(file);
        file = -1;
    }
    return file < 0 ? NULL : (void *)(size_t)file;
}

void unlock_file(void *lock) {
    close((int)(size_t)lock);
}

int system_has_barrier(void) {
#ifdef __linux__
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0);
    return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
#else
    return 0;
#endif
}

int under_qemu(void) {
    const char *emulator = getenv("MAPIOFFLINE_TEST_EMULATOR");
    return emulator != NULL && strstr(emulator, "qemu") != NULL;
}

void end_process(int status) {
    _exit(status);
}

void nap(int milliseconds) {
    struct timespec time;
    time.tv_sec = milliseconds / 1000;
    time.tv_nsec = (long)(milliseconds % 1000) * 1000000;
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

int threads_of_process(void) {
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int count = 0;
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        count += task->d_name[0] != '.';
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return count;
}

int handle_is_ready(ptrdiff_t handle, int milliseconds) {
    struct pollfd polled;
    polled.fd = (int)handle;
    polled.events = POLLIN;
    polled.revents = 0;
    return poll(&polled, 1, milliseconds) == 1 && (polled.revents & POLLIN) != 0;
}

void name_of_thread(char *name, size_t size) {
    pthread_getname_np(pthread_self(), name, size);
}

size_t stack_of_thread(void) {
    pthread_attr_t attributes;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &size);
        pthread_attr_destroy(&attributes);
    }
    return size;
}

static size_t in_pages(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

void *memory_before_a_wall(size_t size) {
    size_t whole = in_pages(size);
    size_t wall = in_pages(1);
    char *memory = (char *)mmap(NULL, whole + wall, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((void *)memory == MAP_FAILED || mprotect(memory + whole, wall, PROT_NONE) != 0) {
        return NULL;
    }
    return memory + whole - size;
}

void free_memory_before_a_wall(void *memory, size_t size) {
    size_t whole = in_pages(size);
    munmap((char *)memory + size - whole, whole + in_pages(1));
}

long memory_of_process(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long value = -1;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            value = atol(line + 6);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

/* ---- descriptors --------------------------------------------------------------------------------------------------- */

#define REPLACED 16
static int files[REPLACED];
static int sockets[REPLACED][2];
static const char text_of_the_host[] = "twenty bytes of text";

int descriptors_of_process(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    if (folder == NULL) {
        return 0;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 3; /* ".", "..", and the folder's own */
}

void replace_descriptors(void) {
    int index;
    for (index = 3; index < 1024; index++) {
        close(index);
    }
    for (index = 0; index < REPLACED; index++) {
        char path[] = "replaced-XXXXXX";
        files[index] = mkstemp(path);
        unlink(path);
        if (write(files[index], text_of_the_host, 20) != 20 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets[index]) != 0
            || write(sockets[index][0], text_of_the_host, 20) != 20 || write(sockets[index][1], text_of_the_host, 20) != 20) {
            perror("replace_descriptors");
        }
    }
}

/* Whether exactly the text can be read. */
static int has_text(int descriptor) {
    char text[64];
    return read(descriptor, text, sizeof text) == 20 && memcmp(text, text_of_the_host, 20) == 0;
}

int replaced_descriptors_are_untouched(void) {
    int untouched = 1;
    int index;
    for (index = 0; index < REPLACED; index++) {
        untouched &= lseek(files[index], 0, SEEK_CUR) == 20 && lseek(files[index], 0, SEEK_SET) == 0;
        untouched &= has_text(files[index]) && has_text(sockets[index][0]) && has_text(sockets[index][1]);
        untouched &= close(files[index]) == 0 && close(sockets[index][0]) == 0 && close(sockets[index][1]) == 0;
    }
    return untouched;
}
