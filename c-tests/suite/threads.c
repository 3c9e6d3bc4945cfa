/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who runs what, who waits for whom, and many at once. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../harness.h"

#include <signal.h>
#include <wchar.h>

static void check_thread(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    char name[32] = "";
    (void)self;
    (void)notification;
    name_of_thread(name, sizeof(name));
    check_eq(strcmp(name, "mapioffline"), 0);
    check(stack_of_thread() > 0);
    check(stack_of_thread() <= 1024 * 1024);
}

CASE(notifier_is_named_and_small) {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.hook = check_thread;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_heard1(&sink, OFFLINE);
    release_last(object);
}

#ifndef _WIN32
static void check_signals(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    sigset_t blocked;
    int signal;
    (void)self;
    (void)notification;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (signal = 1; signal < 32; signal++) {
        if (signal != SIGKILL && signal != SIGSTOP) {
            check_eq(sigismember(&blocked, signal), 1);
        }
    }
}
#endif

CASE(notifier_blocks_signals) {
#ifdef _WIN32
    skip_case("Windows has no signals that come to a thread");
#else
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sigset_t before;
    sigset_t after;
    sink_init(&sink);
    sink.hook = check_signals;
    advise(object, &sink, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    check_ok(set_async(object, OFFLINE));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    check_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    check_heard1(&sink, OFFLINE);
    release_last(object);
#endif
}

CASE(opening_starts_no_thread) {
    int before = threads_of_library();
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_eq(threads_of_library(), before);
    release_last(object);
}

CASE(one_idle_notifier_serves_all_profiles) {
    IMAPIOfflineMgr *objects[8];
    struct sink sinks[8];
    int index;
    for (index = 0; index < 8; index++) {
        wchar_t name[64];
        swprintf(name, 64, L"one idle notifier %d", index);
        objects[index] = open_global(name);
        sink_init(&sinks[index]);
        advise(objects[index], &sinks[index], 0);
        check_ok(set_async(objects[index], OFFLINE));
        check_heard1(&sinks[index], OFFLINE);
        nap(20);
        check_eq(threads_of_library(), 1);
    }
    for (index = 0; index < 8; index++) {
        release_last(objects[index]);
    }
}

CASE(idle_notifier_ends_after_five_seconds) {
    IMAPIOfflineMgr *object;
    int tries;
    skip_under_valgrind("valgrind makes no difference to a wait");
    object = open_global(profile());
    check_ok(set_async(object, OFFLINE));
    nap(1000);
    check_eq(threads_of_library(), 1);
    for (tries = 0; threads_of_library() != 0 && tries < 60; tries++) {
        nap(100);
    }
    check_eq(threads_of_library(), 0);
    check_ok(set_async(object, ONLINE));
    set_when_idle(object, ONLINE);
    release_last(object);
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

CASE(a_notify_that_stays_stalls_its_own_tree_only) {
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
    check_heard1(&other_sink, OFFLINE);
    set_when_idle(other, ONLINE);
    check_heard2(&other_sink, OFFLINE, ONLINE);
    check_state(stalled, ONLINE);
    check_hr(set_async(stalled, OFFLINE), E_PENDING);
    gate_open(&pair.go_on);
    check_heard1(&sink, OFFLINE);
    release_last(stalled);
    release_last(other);
}

static void stay_in_done(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct pair *pair = (struct pair *)self->context;
    if (notification->NotifyType == DONE && notification->Info.StateChange.ulStateNew == OFFLINE) {
        gate_open(&pair->reached);
        check(gate_wait(&pair->go_on));
    }
}

CASE(notifier_that_is_spoken_for_is_not_idle) {
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
    check_ok(set_async(queued, ONLINE)); /* a notifier waits for this one */
    check_ok(set_async(other, OFFLINE)); /* and another runs that one */
    check_heard1(&other_sink, OFFLINE);
    check_eq(sink_count(&sink), 2);
    gate_open(&pair.go_on);
    pthread_join(thread, NULL);
    check_heard2(&sink, OFFLINE, ONLINE);
    release_last(queued);
    release_last(other);
}

CASE(unadvise_does_not_wait_for_a_running_notify) {
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

static void call_in_late_release(struct sink *self) {
    struct sink *next = (struct sink *)self->context;
    if (next != NULL) {
        /* The next one may be ended from here, and is not told afterwards. */
        check_ok(IMAPIOfflineMgr_Unadvise((IMAPIOfflineMgr *)next->context, 0, (ULONG)next->queries));
        check_eq(sink_refs(next), 1);
    }
}

struct late {
    struct pair pair;
    struct sink *next;
};

static void stay_then_point(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct late *late = (struct late *)self->context;
    if (notification->NotifyType == START) {
        gate_open(&late->pair.reached);
        check(gate_wait(&late->pair.go_on));
        self->context = late->next;
    }
}

CASE(late_release_of_a_sink_may_end_the_next_one) {
    IMAPIOfflineMgr *object = open_global(profile());
    struct late late;
    struct sink sinks[2];
    ULONG token;
    gate_init(&late.pair.reached);
    gate_init(&late.pair.go_on);
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    late.next = &sinks[1];
    sinks[0].hook = stay_then_point;
    sinks[0].release_hook = call_in_late_release;
    sinks[0].context = &late;
    sinks[1].context = object;
    token = advise(object, &sinks[0], 0);
    sinks[1].queries = (int)advise(object, &sinks[1], 0);
    check_ok(set_async(object, OFFLINE));
    check(gate_wait(&late.pair.reached));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    gate_open(&late.pair.go_on);
    set_when_idle(object, OFFLINE);
    check_eq(sink_refs(&sinks[0]), 1);
    check_eq(sink_refs(&sinks[1]), 1);
    check_eq(sink_count(&sinks[1]), 0);
    release_last(object);
}

/* ---- once Unadvise has returned, no Notify begins ------------------------------------------------------------------ */

struct watched {
    struct sink sink;
    int ended; /* Unadvise has returned */
};

static void not_after_the_end(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct watched *watched = (struct watched *)self->context;
    (void)notification;
    /* A Notify that was dispatched before may come in late, but no later than its reference goes. */
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

CASE(no_notify_begins_after_unadvise) {
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

/* ---- many threads at everything ------------------------------------------------------------------------------------ */

enum { WORKERS = 4, SINKS = 8 };

struct listener {
    struct sink sink;
    int next_phase;
    ULONG last_new;
    int broken;
};

static void check_order(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct listener *listener = (struct listener *)self->context;
    const struct MAPIOFFLINE_STATECHANGE *change = &notification->Info.StateChange;
    int phase = (int)notification->NotifyType;
    if (phase != listener->next_phase || change->ulStateOld + change->ulStateNew != 3 ||
        (listener->last_new != 0 && (phase == START ? change->ulStateOld : change->ulStateNew) != listener->last_new)) {
        listener->broken++;
    }
    listener->next_phase = phase % 3 + 1;
    listener->last_new = change->ulStateNew;
}

/* In C++ a sink has a vtable of the compiler's. */
#ifdef __cplusplus
#define new_listeners() (new listener[SINKS]())
#define delete_listeners(listeners) (delete[] (listeners))
#else
#define new_listeners() ((struct listener *)calloc(SINKS, sizeof(struct listener)))
#define delete_listeners(listeners) (free(listeners))
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
    /* Less where each change is written to a file. */
    for (round = 0; round < often(with_shared_store() ? 200 : 1500); round++) {
        IMAPIOfflineMgr *object = open_global(worker->names[draw(worker, 2)]);
        struct listener *listeners = new_listeners();
        ULONG tokens[SINKS];
        int count = (int)draw(worker, SINKS) + 1;
        int step;
        int index;
        for (index = 0; index < count; index++) {
            sink_init(&listeners[index].sink);
            listeners[index].sink.hook = check_order;
            listeners[index].sink.context = &listeners[index];
            listeners[index].next_phase = START;
            tokens[index] = advise(object, &listeners[index].sink, 0);
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
            /* Another worker may hold the object, and with it the registrations that were left. */
            for (step = 0; step < 2; step++) {
                object = open_global(worker->names[step]);
                check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[index]));
                IMAPIOfflineMgr_Release(object);
            }
            while (sink_refs(&listeners[index].sink) != 1) {
                sched_yield();
            }
            check_eq(listeners[index].broken, 0);
        }
        delete_listeners(listeners);
    }
    return NULL;
}

CASE(many_threads_at_everything) {
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
    for (round = 0; round < often(with_shared_store() ? 1000 : 5000); round++) {
        IMAPIOfflineMgr *object = open_global((const wchar_t *)context);
        struct sink sink;
        sink_init(&sink);
        advise(object, &sink, 0);
        IMAPIOfflineMgr_Release(object);
        if (sink_refs(&sink) != 1) {
            /* Somebody else holds the object: the registration is ended by hand. */
            while (sink_refs(&sink) != 1) {
                IMAPIOfflineMgr *again = open_global((const wchar_t *)context);
                IMAPIOfflineMgr_Release(again);
                sched_yield();
            }
        }
    }
    return NULL;
}

CASE(last_release_against_open) {
    pthread_t threads[2];
    int index;
    for (index = 0; index < 2; index++) {
        check_eq(pthread_create(&threads[index], NULL, open_and_release, (void *)(size_t)profile()), 0);
    }
    for (index = 0; index < 2; index++) {
        pthread_join(threads[index], NULL);
    }
}
