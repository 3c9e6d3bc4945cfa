/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What belongs to the host: its threads, errno, locale, working folder, floating-point environment, masks. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../harness.h"

#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#ifndef _WIN32
#include <sys/stat.h>
#include <unistd.h>
#endif

#define OTHER_ERRNO 4711

/* Calls everything that a client calls, with a result of each kind, and runs `between` after each call. */
static void call_everything(void (*between)(void)) {
    IMAPIOfflineMgr *object = NULL;
    IMAPIOfflineMgr *missing = NULL;
    struct sink sink;
    ULONG token = 0;
    ULONG bits = 0;
    void *other = NULL;
    sink_init(&sink);
    check_ok(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, &object));
    between();
    check_hr(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, &GUID_GlobalState, &missing), MAPI_E_NOT_FOUND);
    between();
    check_hr(lib.HrOpenOfflineObj(1, NULL, NULL, NULL, &missing), MAPI_E_UNKNOWN_FLAGS);
    between();
    token = advise(object, &sink, 0);
    between();
    check_ok(set_block(object, OFFLINE));
    between();
    check_received1(&sink, OFFLINE);
    check_hr(set_state(object, 2, OFFLINE), MAPI_E_UNKNOWN_FLAGS);
    between();
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &bits));
    between();
    check_ok(IMAPIOfflineMgr_GetCurrentState(object, &bits));
    between();
    check_ok(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IMAPIOffline), &other));
    between();
    IMAPIOfflineMgr_Release(object);
    between();
    set_when_idle(object, ONLINE);
    between();
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    between();
    check(sink_released(&sink));
    release_last(object);
    between();
}

/* ---- cancellation -------------------------------------------------------------------------------------------------- */

#ifndef _WIN32
static int calls_returned;
static int notified;

static void count_call(void) {
    calls_returned++;
}

static void reach_a_cancellation_point(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    notified++;
    nap(1);
    pthread_testcancel();
}

static void *cancelled_thread(void *context) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    (void)context;
    pthread_cancel(pthread_self()); /* takes effect at the next cancellation point */
    call_everything(count_call);
    object = open_global(profile());
    sink_init(&sink);
    sink.hook = reach_a_cancellation_point;
    advise(object, &sink, 0);
    set_when_idle(object, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
    count_call();
    pthread_testcancel();
    calls_returned = -1;
    return NULL;
}
#endif

CASE(cancelled_thread_ends_outside_the_library, decision, "D 52") {
#ifdef _WIN32
    skip_case("Windows has no cancellation of threads");
#else
    pthread_t thread;
    void *result = NULL;
    calls_returned = 0;
    notified = 0;
    check_eq(pthread_create(&thread, NULL, cancelled_thread, NULL), 0);
    check_eq(pthread_join(thread, &result), 0);
    check(result == PTHREAD_CANCELED);
    check(calls_returned > 10);
    check_eq(notified, 6);
#endif
}

#ifndef _WIN32
static void cancel_own_thread(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    pthread_cancel(pthread_self());
    nap(1);
    pthread_testcancel();
}
#endif

CASE(cancelled_library_thread_goes_on, decision, "D 52") {
#ifdef _WIN32
    skip_case("Windows has no cancellation of threads");
#else
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.hook = cancel_own_thread;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check(sink_wait(&sink, 3));
    check_received1(&sink, OFFLINE);
    sink.hook = NULL; /* the next transition runs on this thread */
    set_when_idle(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
#endif
}

/* ---- what a call leaves as it was ---------------------------------------------------------------------------------- */

static void check_errno(void) {
    check_eq(errno, OTHER_ERRNO);
    errno = OTHER_ERRNO;
}

CASE(errno_stays_as_it_was, decision, "D 52") {
    errno = OTHER_ERRNO;
    call_everything(check_errno);
}

#ifndef _WIN32
static mode_t mask_of_files(void) {
    mode_t mask = umask(0);
    umask(mask);
    return mask;
}

static sigset_t signals;
static char folder[4096];

static void check_surroundings(void) {
    sigset_t now;
    char current[4096];
    int number;
    check_eq(mask_of_files(), 027);
    check(getcwd(current, sizeof(current)) != NULL && strcmp(current, folder) == 0);
    check(strcmp(setlocale(LC_ALL, NULL), "C.UTF-8") == 0);
    check_eq(fegetround(), FE_UPWARD);
    check_eq(fetestexcept(FE_ALL_EXCEPT), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    for (number = 1; number < 32; number++) {
        check_eq(sigismember(&now, number), sigismember(&signals, number));
    }
}
#endif

CASE(surroundings_stay_as_they_were, decision, "D 52") {
#ifdef _WIN32
    skip_case("Windows has no signals that come to a thread");
#else
    mode_t mask = umask(027);
    int rounding = fegetround();
    sigset_t before;
    if (setlocale(LC_ALL, "C.UTF-8") == NULL) {
        umask(mask);
        skip_case("the system has no locale C.UTF-8");
    }
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    signals = before;
    sigaddset(&signals, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &signals, NULL);
    fesetround(FE_UPWARD);
    feclearexcept(FE_ALL_EXCEPT);
    check(getcwd(folder, sizeof(folder)) != NULL);
    call_everything(check_surroundings);
    fesetround(rounding);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    setlocale(LC_ALL, "C");
    umask(mask);
#endif
}
