/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "shortage.h"

#include "platform.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

static long bytes;
static __thread int fail_at;
static __thread int failed;
static int refuse_threads;
static int start_delay;
static int starts;

int shortage_can_be_made(void) {
    return 1;
}

void shortage_begin(int nth) {
    fail_at = nth;
}

int shortage_end(void) {
    int result = failed;
    fail_at = 0;
    failed = 0;
    return result;
}

void shortage_of_threads(int on) {
    __atomic_store_n(&refuse_threads, on, __ATOMIC_SEQ_CST);
}

void delay_thread_starts(int milliseconds) {
    __atomic_store_n(&start_delay, milliseconds, __ATOMIC_SEQ_CST);
}

int thread_starts_under_way(void) {
    return __atomic_load_n(&starts, __ATOMIC_SEQ_CST);
}

long bytes_in_use(void) {
    return __atomic_load_n(&bytes, __ATOMIC_SEQ_CST);
}

static int fails(void) {
    if (fail_at != 0 && --fail_at == 0) {
        failed = 1;
        return 1;
    }
    return 0;
}

#ifdef __cplusplus
extern "C" {
#define NOTHROW throw()
#else
#define NOTHROW
#endif

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static void *counted(void *memory) {
    if (memory != NULL) {
        __atomic_add_fetch(&bytes, (long)malloc_usable_size(memory), __ATOMIC_SEQ_CST);
    }
    return memory;
}

static void uncounted(void *memory) {
    if (memory != NULL) {
        __atomic_sub_fetch(&bytes, (long)malloc_usable_size(memory), __ATOMIC_SEQ_CST);
    }
}

void *malloc(size_t size) NOTHROW {
    return fails() ? NULL : counted(__libc_malloc(size));
}
void *calloc(size_t count, size_t size) NOTHROW {
    return fails() ? NULL : counted(__libc_calloc(count, size));
}
int posix_memalign(void **memory, size_t alignment, size_t size) NOTHROW {
    void *made = fails() ? NULL : counted(__libc_memalign(alignment, size));
    if (made == NULL) {
        return ENOMEM;
    }
    *memory = made;
    return 0;
}
void *realloc(void *memory, size_t size) NOTHROW {
    if (fails()) {
        return NULL;
    }
    uncounted(memory);
    return counted(__libc_realloc(memory, size));
}
void free(void *memory) NOTHROW {
    uncounted(memory);
    __libc_free(memory);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) NOTHROW {
    typedef int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static void *real;
    create call;
    int result;
    if (__atomic_load_n(&refuse_threads, __ATOMIC_SEQ_CST)) {
        return EAGAIN;
    }
    if (real == NULL) {
        real = dlsym(RTLD_NEXT, "pthread_create");
    }
    memcpy(&call, &real, sizeof(call));
    __atomic_add_fetch(&starts, 1, __ATOMIC_SEQ_CST);
    nap(__atomic_load_n(&start_delay, __ATOMIC_SEQ_CST));
    result = call(thread, attributes, body, argument);
    __atomic_sub_fetch(&starts, 1, __ATOMIC_SEQ_CST);
    return result;
}

#ifdef __cplusplus
}
#endif
