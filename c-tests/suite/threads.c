/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* On which threads Notify runs, which threads wait, and many threads at the same time. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../harness.h"

#include <signal.h>
#include <wchar.h>

static void check_thread(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    char name[32] = "";
    (void)notification;
    name_of_thread(name, sizeof(name));
    /* A thread that is not named has no name, or that of its creator. */
    check(name[0] != 0 && strcmp(name, (const char *)self->context) != 0);
    check(stack_of_thread() > 0);
    check(stack_of_thread() <= 1024 * 1024);
}

CASE(library_threads_are_named_and_have_small_stacks, decision, "D 10") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    char creator[32] = "";
    sink_init(&sink);
    name_of_thread(creator, sizeof(creator));
    sink.context = creator;
    sink.hook = check_thread;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    release_last(object);
    check(sink_released(&sink));
}

#ifndef _WIN32
static int is_raised_by_the_thread(int signal) {
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL || signal == SIGTRAP ||
           signal == SIGSYS || signal == SIGABRT;
}

/* Asynchronous signals are blocked. Those that a thread raises itself are as the host has them. */
static void check_signals(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    const sigset_t *of_host = (const sigset_t *)self->context;
    sigset_t blocked;
    int signal;
    (void)notification;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (signal = 1; signal < 32; signal++) {
        if (signal != SIGKILL && signal != SIGSTOP) {
            check_eq(sigismember(&blocked, signal), is_raised_by_the_thread(signal) ? sigismember(of_host, signal) : 1);
        }
    }
}
#endif

CASE(library_threads_block_asynchronous_signals, decision, "D 50") {
#ifdef _WIN32
    skip_case("Windows has no signals that come to a thread");
#else
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sigset_t before;
    sigset_t after;
    sink_init(&sink);
    sink.hook = check_signals;
    sink.context = &before;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    check_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    check_received1(&sink, OFFLINE);
    release_last(object);
    check(sink_released(&sink));
#endif
}

CASE(profiles_have_no_threads_of_their_own, decision, "D 10") {
    int before = threads_of_process();
    IMAPIOfflineMgr *objects[8];
    struct sink sinks[8];
    int index;
    for (index = 0; index < 8; index++) {
        wchar_t name[64];
        swprintf(name, 64, L"no thread of its own %d", index);
        objects[index] = open_global(name);
        sink_init(&sinks[index]);
        advise(objects[index], &sinks[index], 0);
        check_ok(set_block(objects[index], OFFLINE));
    }
    /* At most one idle notifier thread, and the watcher with the shared store. */
    check(threads_of_process() <= before + 1 + most_watchers());
    for (index = 0; index < 8; index++) {
        release_last(objects[index]);
    }
}

CASE(at_most_one_idle_library_thread, decision, "D 10") {
    int before = threads_of_process();
    IMAPIOfflineMgr *objects[8];
    struct sink sinks[8];
    int index;
    int tries;
    for (index = 0; index < 8; index++) {
        wchar_t name[64];
        swprintf(name, 64, L"one idle notifier %d", index);
        objects[index] = open_global(name);
        sink_init(&sinks[index]);
        advise(objects[index], &sinks[index], 0);
        check_ok(set_async(objects[index], OFFLINE));
        check_received1(&sinks[index], OFFLINE);
    }
    /* Surplus notifier threads end at once, well within the five seconds for which one may be idle. */
    for (tries = 0; threads_of_process() > before + 1 + most_watchers() && tries < 400; tries++) {
        nap(10);
    }
    check(threads_of_process() <= before + 1 + most_watchers());
    for (index = 0; index < 8; index++) {
        release_last(objects[index]);
        check(sink_released(&sinks[index]));
    }
}

CASE(idle_library_thread_ends_within_five_seconds, decision, "D 10") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    int most = 0;
    int now;
    int tries;
    skip_under_valgrind("valgrind makes no difference to a wait");
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    /* Five seconds, and five more to end. Threads of the shared store may begin only now, and stay. */
    for (tries = 0; (now = threads_of_process()) >= most && tries < 100; tries++) {
        most = now;
        nap(100);
    }
    check(now < most);
    check_ok(set_async(object, ONLINE));
    set_when_idle(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
}

struct pair {
    struct gate reached;
    struct gate go_on;
};

static void stay(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct pair *pair = (struct pair *)self->context;
    if (notification->NotifyType == START) {
        gate_open(&pair->reached);
        check(gate_wait(&pair->go_on));
    }
}

CASE(blocked_notify_stalls_its_own_tree_only, decision, "D 10") {
    IMAPIOfflineMgr *stalled = open_global(profile());
    IMAPIOfflineMgr *other = open_global(profile2());
    struct pair pair;
    struct sink sink;
    struct sink other_sink;
    gate_init(&pair.reached);
    gate_init(&pair.go_on);
    sink_init(&sink);
    sink_init(&other_sink);
    sink.hook = stay;
    sink.context = &pair;
    advise(stalled, &sink, 0);
    advise(other, &other_sink, 0);
    check_ok(set_async(stalled, OFFLINE));
    check(gate_wait(&pair.reached));
    check_ok(set_async(other, OFFLINE));
    check_received1(&other_sink, OFFLINE);
    set_when_idle(other, ONLINE);
    check_received2(&other_sink, OFFLINE, ONLINE);
    check_state(stalled, ONLINE);
    check_hr(set_async(stalled, OFFLINE), E_PENDING);
    gate_open(&pair.go_on);
    check_received1(&sink, OFFLINE);
    release_last(stalled);
    release_last(other);
    check(sink_released(&sink));
    check(sink_released(&other_sink));
}

static void stay_in_done(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct pair *pair = (struct pair *)self->context;
    if (notification->NotifyType == DONE && notification->Info.StateChange.ulStateNew == OFFLINE) {
        gate_open(&pair->reached);
        check(gate_wait(&pair->go_on));
    }
}

CASE(reserved_library_thread_is_not_idle, decision, "D 10") {
    IMAPIOfflineMgr *queued = open_global(profile());
    IMAPIOfflineMgr *other = open_global(profile2());
    struct pair pair;
    struct sink sink;
    struct sink other_sink;
    pthread_t thread;
    gate_init(&pair.reached);
    gate_init(&pair.go_on);
    sink_init(&sink);
    sink_init(&other_sink);
    sink.hook = stay_in_done;
    sink.context = &pair;
    advise(queued, &sink, 0);
    advise(other, &other_sink, 0);
    check_eq(pthread_create(&thread, NULL, set_offline_with_block, queued), 0);
    check(gate_wait(&pair.reached));
    check_ok(set_async(queued, ONLINE)); /* reserves a notifier thread */
    check_ok(set_async(other, OFFLINE)); /* another notifier thread runs it */
    check_received1(&other_sink, OFFLINE);
    check_eq(sink_count(&sink), 2);
    gate_open(&pair.go_on);
    pthread_join(thread, NULL);
    check_received2(&sink, OFFLINE, ONLINE);
    release_last(queued);
    release_last(other);
    check(sink_released(&sink));
    check(sink_released(&other_sink));
}

CASE(unadvise_does_not_wait_for_a_running_notify, com, "imsgstore-unadvise") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct pair pair;
    struct sink sink;
    ULONG token;
    int tries;
    gate_init(&pair.reached);
    gate_init(&pair.go_on);
    sink_init(&sink);
    sink.hook = stay;
    sink.context = &pair;
    token = advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check(gate_wait(&pair.reached));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(sink_refs(&sink), 2);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(sink_refs(&sink), 2);
    gate_open(&pair.go_on);
    for (tries = 0; sink_refs(&sink) != 1 && tries < 5000; tries++) {
        nap(1);
    }
    check_eq(sink_refs(&sink), 1);
    set_when_idle(object, OFFLINE);
    check_eq(sink_count(&sink), 1);
    release_last(object);
}

struct late {
    struct pair pair; /* the first member: `stay` gets a pointer to it */
    IMAPIOfflineMgr *object;
    struct sink *next;
    ULONG token;
    int received;
    struct gate released;
};

static void call_in_late_release(struct sink *self) {
    struct late *late = (struct late *)self->context;
    check_ok(IMAPIOfflineMgr_Unadvise(late->object, 0, late->token));
    check_eq(sink_refs(late->next), 1);
    late->received = sink_count(late->next);
    gate_open(&late->released);
}

CASE(deferred_release_of_a_sink_may_call_unadvise, com, "imsgstore-unadvise") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct late late;
    struct sink sinks[2];
    ULONG token;
    gate_init(&late.pair.reached);
    gate_init(&late.pair.go_on);
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    gate_init(&late.released);
    late.object = object;
    late.next = &sinks[1];
    sinks[0].hook = stay;
    sinks[0].release_hook = call_in_late_release;
    sinks[0].context = &late;
    token = advise(object, &sinks[0], 0);
    late.token = advise(object, &sinks[1], 0);
    check_ok(set_async(object, OFFLINE));
    check(gate_wait(&late.pair.reached));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    gate_open(&late.pair.go_on);
    set_when_idle(object, OFFLINE);
    check(gate_wait(&late.released));
    check(sink_released(&sinks[0]));
    check(sink_released(&sinks[1]));
    check(late.received <= 1); /* it may have received START before sinks[0] */
    check_eq(sink_count(&sinks[1]), late.received);
    release_last(object);
}

struct slow_release {
    struct pair notify; /* the first member: `stay` gets a pointer to it */
    struct pair release;
};

static void stay_in_release(struct sink *self) {
    struct slow_release *slow = (struct slow_release *)self->context;
    gate_open(&slow->release.reached);
    check(gate_wait(&slow->release.go_on));
}

CASE(deferred_release_defers_no_other, com, "imsgstore-unadvise") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct slow_release slow;
    struct sink sinks[2];
    ULONG tokens[2];
    gate_init(&slow.notify.reached);
    gate_init(&slow.notify.go_on);
    gate_init(&slow.release.reached);
    gate_init(&slow.release.go_on);
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    sinks[0].hook = stay;
    sinks[0].release_hook = stay_in_release;
    sinks[0].context = &slow;
    tokens[0] = advise(object, &sinks[0], 0);
    tokens[1] = advise(object, &sinks[1], 0);
    check_ok(set_async(object, OFFLINE));
    check(gate_wait(&slow.notify.reached));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[0]));
    gate_open(&slow.notify.go_on);
    check(gate_wait(&slow.release.reached));
    /* The delivery thread is in the Release of the first sink, and in no Notify. */
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[1]));
    check_eq(sink_refs(&sinks[1]), 1);
    gate_open(&slow.release.go_on);
    check(sink_released(&sinks[0]));
    check(sink_released(&sinks[1]));
    set_when_idle(object, OFFLINE);
    check_received0(&sinks[1]);
    release_last(object);
}

/* ---- no Notify is dispatched after Unadvise has returned ----------------------------------------------------------- */

struct watched {
    struct sink sink;
    int ended; /* Unadvise has returned */
};

static void not_after_the_end(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct watched *watched = (struct watched *)self->context;
    (void)notification;
    /* A Notify that was dispatched before may begin late, but not after its reference is released. */
    if (__atomic_load_n(&watched->ended, __ATOMIC_SEQ_CST)) {
        check(sink_refs(self) >= 2);
    }
}

static void *keep_changing(void *context) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)context;
    ULONG to = OFFLINE;
    int round;
    for (round = 0; round < often(3000); round++) {
        if (set_block(object, to) == S_OK) {
            to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
        }
    }
    return NULL;
}

CASE(no_notify_begins_after_unadvise, decision, "D 33") {
    IMAPIOfflineMgr *object = open_global(profile());
    static struct watched watched;
    pthread_t thread;
    int round;
    check_eq(pthread_create(&thread, NULL, keep_changing, object), 0);
    for (round = 0; round < often(3000) && failures_so_far() == 0; round++) {
        ULONG token;
        int count;
        sink_init(&watched.sink);
        watched.sink.hook = not_after_the_end;
        watched.sink.context = &watched;
        __atomic_store_n(&watched.ended, 0, __ATOMIC_SEQ_CST);
        token = advise(object, &watched.sink, 0);
        if (round % 3 == 0) {
            sched_yield();
        }
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
        __atomic_store_n(&watched.ended, 1, __ATOMIC_SEQ_CST);
        while (sink_refs(&watched.sink) != 1) {
            sched_yield();
        }
        count = sink_count(&watched.sink);
        if (round % 50 == 0) {
            nap(1);
        }
        check_eq(sink_count(&watched.sink), count);
    }
    pthread_join(thread, NULL);
    release_last(object);
}

/* ---- each barrier between delivery and Unadvise -------------------------------------------------------------------- */

static void spin(int rounds) {
    volatile int left = rounds;
    while (left > 0) {
        left--;
    }
}

static void keeps_its_reference(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)notification;
    spin(20);
    check(sink_refs(self) >= 2);
}

static int enough;

static void *change_until_enough(void *context) {
    ULONG to = OFFLINE;
    while (!__atomic_load_n(&enough, __ATOMIC_SEQ_CST)) {
        set_block((IMAPIOfflineMgr *)context, to);
        to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
    }
    return NULL;
}

/* Unadvise comes at many moments of a delivery, also between the last check before Notify and the call. */
CASE(helper_ends_registrations_of_another_threads_delivery, helper, "") {
    IMAPIOfflineMgr *object;
    static struct sink sink;
    static struct sink before;
    ULONG tokens[24];
    pthread_t thread;
    int round;
    if (!is_child_case()) {
        return;
    }
    object = open_global(profile());
    /* Notified before the other one, so that the lock is long free when that comes. */
    sink_init(&before);
    for (round = 0; round < 24; round++) {
        tokens[round] = advise(object, &before, 0);
    }
    sink_init(&sink);
    sink.hook = keeps_its_reference;
    check_eq(pthread_create(&thread, NULL, change_until_enough, object), 0);
    for (round = 0; round < often(300000) && failures_so_far() == 0; round++) {
        ULONG token = advise(object, &sink, 0);
        spin(round % 811);
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
        while (sink_refs(&sink) != 1) {
            sched_yield();
        }
    }
    __atomic_store_n(&enough, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    for (round = 0; round < 24; round++) {
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[round]));
    }
    release_last(object);
}

CASE(sink_is_kept_under_its_notify_with_either_barrier, com, "imsgstore-unadvise") {
    const char *helper;
    skip_under_valgrind("the child would be another program under valgrind");
    helper = "threads.helper_ends_registrations_of_another_threads_delivery";
    check_eq(run_case_as_process(helper, "MAPIOFFLINE_BARRIER=symmetric", NULL), 0);
    check_eq(run_case_as_process(helper, "MAPIOFFLINE_BARRIER=asymmetric", NULL), 0);
}

/* ---- many threads call every method -------------------------------------------------------------------------------- */

enum { WORKERS = 4, SINKS = 8 };

struct ordered_sink {
    struct sink sink;
    int next_phase;
    ULONG last_new;
    int broken;
};

static void check_order(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct ordered_sink *ordered_sink = (struct ordered_sink *)self->context;
    const struct MAPIOFFLINE_STATECHANGE *change = &notification->Info.StateChange;
    int phase = (int)notification->NotifyType;
    if (phase != ordered_sink->next_phase || change->ulStateOld + change->ulStateNew != 3 ||
        (ordered_sink->last_new != 0 &&
         (phase == START ? change->ulStateOld : change->ulStateNew) != ordered_sink->last_new)) {
        ordered_sink->broken++;
    }
    ordered_sink->next_phase = phase % 3 + 1;
    ordered_sink->last_new = change->ulStateNew;
}

/* In C++ the constructor sets the vtable of a sink. */
#ifdef __cplusplus
#define new_ordered_sinks() (new ordered_sink[SINKS]())
#define delete_ordered_sinks(sinks) (delete[] (sinks))
#else
#define new_ordered_sinks() ((struct ordered_sink *)calloc(SINKS, sizeof(struct ordered_sink)))
#define delete_ordered_sinks(sinks) (free(sinks))
#endif

struct worker {
    pthread_t thread;
    const wchar_t *names[2];
    unsigned random;
    int transitions;
};

static unsigned draw(struct worker *worker, unsigned below) {
    worker->random = worker->random * 1664525u + 1013904223u;
    return (worker->random >> 10) % below;
}

static void *work(void *context) {
    struct worker *worker = (struct worker *)context;
    int round;
    /* Fewer rounds where each change is written to a file. */
    for (round = 0; round < often(most_watchers() ? 200 : 1500); round++) {
        IMAPIOfflineMgr *object = open_global(worker->names[draw(worker, 2)]);
        struct ordered_sink *sinks = new_ordered_sinks();
        ULONG tokens[SINKS];
        int count = (int)draw(worker, SINKS) + 1;
        int step;
        int index;
        for (index = 0; index < count; index++) {
            sink_init(&sinks[index].sink);
            sinks[index].sink.hook = check_order;
            sinks[index].sink.context = &sinks[index];
            sinks[index].next_phase = START;
            tokens[index] = advise(object, &sinks[index].sink, 0);
        }
        for (step = 0; step < 4; step++) {
            ULONG flags = draw(worker, 2) ? MAPIOFFLINE_FLAG_BLOCK : MAPIOFFLINE_FLAG_DEFAULT;
            HRESULT hr = set_state(object, flags, draw(worker, 2) ? ONLINE : OFFLINE);
            check(hr == S_OK || hr == E_PENDING);
            worker->transitions += hr == S_OK;
        }
        for (index = 0; index < count; index++) {
            if (draw(worker, 4) != 0) {
                check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[index]));
            }
        }
        IMAPIOfflineMgr_Release(object);
        if (round % 100 == 0) {
            sched_yield();
        }
        for (index = 0; index < count; index++) {
            /* Another worker may have a reference on the object, which keeps the remaining registrations. */
            for (step = 0; step < 2; step++) {
                object = open_global(worker->names[step]);
                check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[index]));
                IMAPIOfflineMgr_Release(object);
            }
            while (sink_refs(&sinks[index].sink) != 1) {
                sched_yield();
            }
            check_eq(sinks[index].broken, 0);
        }
        delete_ordered_sinks(sinks);
    }
    return NULL;
}

CASE(many_threads_call_every_method, decision, "D 45") {
    struct worker workers[WORKERS];
    int transitions = 0;
    int index;
    for (index = 0; index < WORKERS; index++) {
        workers[index].names[0] = profile();
        workers[index].names[1] = profile2();
        workers[index].random = (unsigned)index + 1;
        workers[index].transitions = 0;
        check_eq(pthread_create(&workers[index].thread, NULL, work, &workers[index]), 0);
    }
    for (index = 0; index < WORKERS; index++) {
        pthread_join(workers[index].thread, NULL);
        transitions += workers[index].transitions;
    }
    check(transitions > 0);
}

static void *open_and_release(void *context) {
    int round;
    for (round = 0; round < often(most_watchers() ? 1000 : 5000); round++) {
        IMAPIOfflineMgr *object = open_global((const wchar_t *)context);
        struct sink sink;
        sink_init(&sink);
        advise(object, &sink, 0);
        IMAPIOfflineMgr_Release(object);
        if (sink_refs(&sink) != 1) {
            /* The other thread has a reference on the object: the registration ends when that is released. */
            while (sink_refs(&sink) != 1) {
                IMAPIOfflineMgr *again = open_global((const wchar_t *)context);
                IMAPIOfflineMgr_Release(again);
                sched_yield();
            }
        }
    }
    return NULL;
}

CASE(last_release_races_with_open, decision, "D 39") {
    pthread_t threads[2];
    int index;
    for (index = 0; index < 2; index++) {
        check_eq(pthread_create(&threads[index], NULL, open_and_release, (void *)(size_t)profile()), 0);
    }
    for (index = 0; index < 2; index++) {
        pthread_join(threads[index], NULL);
    }
}
