/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The state of the library in a forked child. */
#include "../harness.h"
#include "../shortage.h"

#ifndef _WIN32

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_of(pid_t child) {
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

/* Ends a forked child, with status 0 if its checks held. */
static void child_exits(int failures_before) {
    int failed = failures_so_far() != failures_before;
    if (under_valgrind()) {
        /* valgrind would report the stacks of threads that do not exist here. It does not follow another program. */
        execl(failed ? "/bin/false" : "/bin/true", "", (char *)NULL);
    }
    _exit(failed);
}

/* Skips a case whose child starts a thread. */
#define skip_under_qemu()                                                                                              \
    do {                                                                                                               \
        if (under_qemu()) {                                                                                            \
            skip_case("qemu-user cannot start a thread in a child that was forked beside other threads");              \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* With the shared store the child also starts a watcher thread, and the parent's may be newer than the thread that forks. */
#define skip_under_qemu_where_profiles_are_shared()                                                                    \
    do {                                                                                                               \
        if (with_shared_store()) {                                                                                     \
            skip_under_qemu();                                                                                         \
        }                                                                                                              \
    } while (0)

/* With the shared store the parent follows its child's changes: waits for whole transitions that end in `state`. */
static void check_followed(struct sink *sink, IMAPIOfflineMgr *object, ULONG state) {
    ULONG now = 0;
    int whole = 0;
    int tries;
    for (tries = 0; tries < 2000 && !whole; tries++) {
        nap(5);
        IMAPIOfflineMgr_GetCurrentState(object, &now);
        whole = now == state && sink_count(sink) % 3 == 0;
    }
    check(whole);
}

/* In the child no transition is under way. With the shared store it may follow a change that the parent wrote meanwhile. */
static void set_in_child(IMAPIOfflineMgr *object, ULONG flags, ULONG state) {
    HRESULT hr = set_state(object, flags, state);
    while (with_shared_store() && hr == E_PENDING) {
        nap(1);
        hr = set_state(object, flags, state);
    }
    check_hr(hr, S_OK);
}

CASE(forked_child_keeps_the_state_and_works, decision, "D 13") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    pid_t child;
    skip_under_qemu();
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    set_when_idle(object, OFFLINE);
    child = fork();
    if (child == 0) {
        int before = failures_so_far();
        check_state(object, OFFLINE);
        check_ok(set_async(object, ONLINE)); /* on a new thread of the child */
        check_received2(&sink, OFFLINE, ONLINE);
        set_when_idle(object, OFFLINE);
        child_exits(before);
    }
    check_eq(exit_of(child), 0);
    if (with_shared_store()) {
        check_followed(&sink, object, OFFLINE);
    } else {
        check_eq(sink_count(&sink), 3);
    }
    release_last(object);
    check(sink_released(&sink));
}

struct forking {
    IMAPIOfflineMgr *object;
    struct sink *other;
    int other_count; /* what `other` had received at the fork */
    int phase;
    int pid;
    int in_child;
};

static void fork_in_phase(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    check(!forking->in_child); /* the child receives no further phase */
    if (forking->pid == -1 && (int)notification->NotifyType == forking->phase) {
        forking->pid = fork();
        if (forking->pid == 0) {
            forking->in_child = 1;
            forking->other_count = sink_count(forking->other);
            check_state(forking->object, forking->phase == START ? ONLINE : OFFLINE);
        }
    }
}

CASE(fork_from_inside_notify, decision, "D 13") {
    int phase;
    skip_under_qemu_where_profiles_are_shared();
    for (phase = START; phase <= DONE; phase++) {
        IMAPIOfflineMgr *object = open_global(profile());
        struct forking forking;
        struct sink sinks[2];
        HRESULT hr;
        int before = failures_so_far();
        set_when_idle(object, ONLINE);
        sink_init(&sinks[0]);
        sink_init(&sinks[1]);
        forking.object = object;
        forking.other = &sinks[1];
        forking.other_count = 0;
        forking.phase = phase;
        forking.in_child = 0;
        forking.pid = -1;
        sinks[0].hook = fork_in_phase;
        sinks[0].context = &forking;
        advise(object, &sinks[0], 0);
        advise(object, &sinks[1], 0);
        hr = set_block(object, OFFLINE);
        if (forking.in_child) {
            check_hr(hr, phase == START ? E_FAIL : S_OK);
            check_eq(sink_count(&sinks[0]), phase);
            check_eq(sink_count(&sinks[1]), forking.other_count);
            forking.in_child = 0;
            forking.phase = 0;
            /* No transition is under way here. */
            set_in_child(object, MAPIOFFLINE_FLAG_BLOCK, phase == START ? OFFLINE : ONLINE);
            check(sink_wait(&sinks[0], phase + 3));
            check_eq(sink_count(&sinks[0]), phase + 3);
            child_exits(before);
        }
        check_ok(hr);
        check_eq(exit_of(forking.pid), 0);
        if (with_shared_store()) {
            check_followed(&sinks[0], object, phase == START ? OFFLINE : ONLINE);
        } else {
            check_eq(sink_count(&sinks[0]), 3);
        }
        release_last(object);
        check(sink_released(&sinks[0]));
        check(sink_released(&sinks[1]));
    }
}

/* The child's second thread: the thread that forked is the library's. */
static void *check_child(void *context) {
    struct forking *forking = (struct forking *)context;
    int before = failures_so_far();
    ULONG to = forking->phase == START ? OFFLINE : ONLINE;
    ULONG state = 0;
    int tries;
    nap(50);
    set_in_child(forking->object, MAPIOFFLINE_FLAG_DEFAULT, to);
    for (tries = 0; tries < 2000 && state != to; tries++) {
        check_ok(IMAPIOfflineMgr_GetCurrentState(forking->object, &state));
        nap(5);
    }
    check_eq(state, to);
    child_exits(before);
    return NULL;
}

static void fork_on_notifier(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (forking->in_child == 1 && notification->Info.StateChange.ulStateNew == OFFLINE && forking->phase != START) {
        _exit(96); /* a further phase of the parent's transition */
    }
    if (forking->pid == 0 && (int)notification->NotifyType == forking->phase) {
        forking->pid = fork();
        if (forking->pid == 0) {
            pthread_t thread;
            forking->pid = -1;
            forking->in_child = 1;
            check_eq(pthread_create(&thread, NULL, check_child, forking), 0);
        }
    }
}

CASE(fork_from_inside_notify_on_a_library_thread, decision, "D 13") {
    int phase;
    skip_under_qemu_where_profiles_are_shared();
    for (phase = START; phase <= DONE; phase++) {
        struct forking forking;
        struct sink sinks[2];
        sink_init(&sinks[0]);
        sink_init(&sinks[1]);
        sinks[0].hook = fork_on_notifier;
        sinks[0].context = &forking;
        forking.object = open_global(profile());
        forking.phase = phase;
        forking.pid = 0;
        forking.in_child = 0;
        set_when_idle(forking.object, ONLINE);
        advise(forking.object, &sinks[0], 0);
        advise(forking.object, &sinks[1], 0);
        check_ok(set_async(forking.object, OFFLINE));
        check(sink_wait(&sinks[0], 3)); /* either may be notified first */
        check(sink_wait(&sinks[1], 3));
        if (!with_shared_store()) {
            check_received1(&sinks[0], OFFLINE);
            check_received1(&sinks[1], OFFLINE);
        }
        check_eq(exit_of(forking.pid), 0);
        set_when_idle(forking.object, OFFLINE);
        release_last(forking.object);
        check(sink_released(&sinks[0]));
        check(sink_released(&sinks[1]));
    }
}

static void unadvise_in_child(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (notification->NotifyType == START) {
        forking->pid = fork();
        if (forking->pid == 0) {
            forking->in_child = 1;
            check_ok(IMAPIOfflineMgr_Unadvise(forking->object, 0, (ULONG)forking->phase));
            check_eq(sink_refs(self), 1);
            release_last(forking->object);
        }
    }
}

CASE(forked_child_releases_everything_from_notify, decision, "D 13") {
    struct forking forking;
    struct sink sink;
    int before = failures_so_far();
    HRESULT hr;
    sink_init(&sink);
    sink.hook = unadvise_in_child;
    sink.context = &forking;
    forking.in_child = 0;
    forking.object = open_global(profile());
    forking.phase = (int)advise(forking.object, &sink, 0);
    hr = set_block(forking.object, OFFLINE);
    if (forking.in_child) {
        check_hr(hr, E_FAIL);
        child_exits(before);
    }
    check_ok(hr);
    check_eq(exit_of(forking.pid), 0);
    release_last(forking.object);
}

static void queue_and_fork(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (notification->NotifyType == DONE && !forking->in_child && forking->phase == 0) {
        forking->phase = 1;
        check_ok(set_async(forking->object, ONLINE));
        forking->pid = fork();
        forking->in_child = forking->pid == 0;
    }
}

CASE(queued_transition_does_not_cross_a_fork, decision, "D 13") {
    IMAPIOfflineMgr *object;
    struct forking forking;
    struct sink sink;
    int before = failures_so_far();
    skip_under_qemu_where_profiles_are_shared();
    object = open_global(profile());
    sink_init(&sink);
    sink.hook = queue_and_fork;
    sink.context = &forking;
    forking.object = object;
    forking.phase = 0;
    forking.in_child = 0;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    if (forking.in_child) {
        nap(50);
        check_state(object, OFFLINE);
        check_eq(sink_count(&sink), 3);
        set_in_child(object, MAPIOFFLINE_FLAG_BLOCK, ONLINE);
        child_exits(before);
    }
    check_eq(exit_of(forking.pid), 0);
    check_received2(&sink, OFFLINE, ONLINE);
    release_last(object);
    check(sink_released(&sink));
}

static void release_and_fork(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (notification->NotifyType == START) {
        release_last(forking->object);
        forking->pid = fork();
        if (forking->pid == 0) {
            child_exits(failures_so_far());
        }
    }
}

CASE(fork_after_the_last_release_from_notify, decision, "D 13") {
    struct forking forking;
    struct sink sink;
    int status = 0;
    int tries;
    sink_init(&sink);
    sink.hook = release_and_fork;
    sink.context = &forking;
    forking.object = open_global(profile());
    forking.pid = -1;
    advise(forking.object, &sink, 0);
    check_ok(set_block(forking.object, OFFLINE));
    /* A faulty library may hang in the child before fork returns there. */
    for (tries = 0; tries < 1000 && waitpid(forking.pid, &status, WNOHANG) == 0; tries++) {
        nap(10);
    }
    if (!check(tries < 1000)) {
        kill(forking.pid, SIGKILL);
        waitpid(forking.pid, &status, 0);
    }
    check_eq(status, 0);
}

struct load {
    IMAPIOfflineMgr *object;
    struct sink sinks[2]; /* one for each thread */
    int threads;
    int stop;
};

static void *make_load(void *context) {
    struct load *load = (struct load *)context;
    ULONG to = OFFLINE;
    struct sink *sink = &load->sinks[__atomic_fetch_add(&load->threads, 1, __ATOMIC_SEQ_CST)];
    sink_init(sink);
    while (!__atomic_load_n(&load->stop, __ATOMIC_SEQ_CST)) {
        ULONG token = advise(load->object, sink, 0);
        IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, load->object);
        if (set_async(load->object, to) == S_OK) {
            to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
        }
        IMAPIOfflineMgr_Release(child);
        check_ok(IMAPIOfflineMgr_Unadvise(load->object, 0, token));
        while (sink_refs(sink) != 1) {
            sched_yield();
        }
    }
    return NULL;
}

CASE(fork_under_load, decision, "D 13") {
    struct load load;
    pthread_t threads[2];
    int round;
    int index;
    skip_under_qemu();
    load.object = open_global(profile());
    load.stop = 0;
    load.threads = 0;
    for (index = 0; index < 2; index++) {
        check_eq(pthread_create(&threads[index], NULL, make_load, &load), 0);
    }
    for (round = 0; round < often(200); round++) {
        pid_t child = fork();
        if (child == 0) {
            IMAPIOfflineMgr *object;
            struct sink sink;
            ULONG state = 0;
            ULONG token;
            alarm(20);
            /* The threads that were in Notify do not exist here. */
            load.sinks[0].inside = 0;
            load.sinks[1].inside = 0;
            object = open_global(profile());
            sink_init(&sink);
            token = advise(object, &sink, 0);
            check_ok(IMAPIOfflineMgr_GetCurrentState(object, &state));
            if (with_shared_store()) {
                /* The parent keeps changing the state. */
                set_when_idle(object, state ^ MAPIOFFLINE_STATE_OFFLINE_MASK);
                check(sink_wait(&sink, 3));
            } else {
                check_ok(set_block(object, state ^ MAPIOFFLINE_STATE_OFFLINE_MASK));
                check_received1(&sink, state ^ MAPIOFFLINE_STATE_OFFLINE_MASK);
                check_ok(set_async(object, state));
                check(sink_wait(&sink, 6));
            }
            check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
            child_exits(0);
        }
        check_eq(exit_of(child), 0);
    }
    __atomic_store_n(&load.stop, 1, __ATOMIC_SEQ_CST);
    for (index = 0; index < 2; index++) {
        pthread_join(threads[index], NULL);
    }
    set_when_idle(load.object, ONLINE);
    release_last(load.object);
}

struct starting {
    IMAPIOfflineMgr *object;
    int go;
    int may_return;
};

static void wait_in_notify(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct starting *starting = (struct starting *)self->context;
    while (notification->NotifyType == START && !__atomic_load_n(&starting->may_return, __ATOMIC_SEQ_CST)) {
        nap(1);
    }
}

static void *have_a_thread_started(void *context) {
    struct starting *starting = (struct starting *)context;
    while (!__atomic_load_n(&starting->go, __ATOMIC_SEQ_CST)) {
        nap(1);
    }
    check_ok(set_async(starting->object, OFFLINE));
    return NULL;
}

/* glibc frees what belongs to the stack of an ended thread when it uses the stack again, and forgets it a moment later. A child
 * that is forked in between frees it a second time when it starts a thread. */
CASE(fork_waits_for_a_thread_that_the_library_starts, decision, "D 13") {
    IMAPIOfflineMgr *busy;
    struct starting starting;
    struct sink sink;
    pthread_t thread;
    pid_t child;
    int tries;
    if (!shortage_can_be_made()) {
        skip_case("the thread starts of the library under test cannot be delayed");
        return;
    }
    starting.object = open_global(profile());
    starting.go = 0;
    starting.may_return = 0;
    busy = open_global(profile2());
    sink_init(&sink);
    sink.hook = wait_in_notify;
    sink.context = &starting;
    advise(busy, &sink, 0);
    check_eq(pthread_create(&thread, NULL, have_a_thread_started, &starting), 0);
    check_ok(set_async(busy, OFFLINE)); /* no notifier is idle any more */
    for (tries = 0; tries < 2000 && __atomic_load_n(&sink.inside, __ATOMIC_SEQ_CST) == 0; tries++) {
        nap(1);
    }
    delay_thread_starts(100);
    __atomic_store_n(&starting.go, 1, __ATOMIC_SEQ_CST);
    for (tries = 0; tries < 2000 && thread_starts_under_way() == 0; tries++) {
        nap(1);
    }
    check(thread_starts_under_way() > 0);
    child = fork();
    if (child == 0) {
        int before = failures_so_far();
        check_eq((unsigned)thread_starts_under_way(), 0);
        child_exits(before);
    }
    check_eq(exit_of(child), 0);
    delay_thread_starts(0);
    __atomic_store_n(&starting.may_return, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    check_received1(&sink, OFFLINE);
    set_when_idle(starting.object, OFFLINE);
    release_last(starting.object);
    release_last(busy);
}

/* Its own changes are its host's to dispatch, and wake its host alone. */
CASE(nothing_waits_for_the_host_in_a_forked_child, decision, "D 67") {
    IMAPIOfflineMgr *object;
    ptrdiff_t handle = -1;
    ULONG dispatched = POISON;
    pid_t child;
    need_extension(MapiOfflineDispatch);
    skip_under_qemu_where_profiles_are_shared();
    check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_PUMPED));
    check_ok(lib.MapiOfflineGetDispatchHandle(&handle));
    object = create_object(profile(), NULL, BOTH, NULL);
    check_ok(set_async(object, OFFLINE));
    child = fork();
    if (child == 0) {
        int before = failures_so_far();
        ptrdiff_t own = -1;
        check_ok(lib.MapiOfflineDispatch(0xFFFFFFFF, 0, &dispatched));
        check_eq(dispatched, 0);
        check_state(object, ONLINE);
        check_ok(lib.MapiOfflineGetDispatchHandle(&own));
        check(own != handle);
        check(!handle_is_ready(own, 0));
        check_ok(set_async(object, OFFLINE));
        check(handle_is_ready(own, 0));
        check_ok(lib.MapiOfflineDispatch(0xFFFFFFFF, 0, &dispatched));
        check_eq(dispatched, 1);
        check_state(object, OFFLINE);
        check(!handle_is_ready(own, 0));
        child_exits(before);
    }
    check_eq(exit_of(child), 0);
    check(handle_is_ready(handle, 0));
    check_ok(lib.MapiOfflineDispatch(0xFFFFFFFF, 0, &dispatched));
    check_eq(dispatched, 1);
    check(!handle_is_ready(handle, 0));
    check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_NOTIFIERS));
    release_last(object);
}

static void fork_and_dispatch(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (notification->NotifyType == START && forking->pid == -1) {
        forking->pid = fork();
        forking->in_child = forking->pid == 0;
    }
}

/* The dispatch goes on in the child as a return from it. */
CASE(fork_from_a_dispatched_notify, decision, "D 67") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    struct forking forking;
    ULONG dispatched = POISON;
    int before = failures_so_far();
    need_extension(MapiOfflineDispatch);
    skip_under_qemu_where_profiles_are_shared();
    check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_PUMPED));
    object = create_object(profile(), NULL, BOTH, NULL);
    memset(&forking, 0, sizeof(forking));
    forking.pid = -1;
    sink_init(&sink);
    sink.hook = fork_and_dispatch;
    sink.context = &forking;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_ok(lib.MapiOfflineDispatch(0xFFFFFFFF, 0, &dispatched));
    check_eq(dispatched, 1);
    if (forking.in_child) {
        check_eq(sink_count(&sink), 1);
        check_state(object, ONLINE);
        check_ok(set_async(object, OFFLINE));
        check_ok(lib.MapiOfflineDispatch(0xFFFFFFFF, 0, &dispatched));
        check_eq(dispatched, 1);
        check_eq(sink_count(&sink), 4);
        child_exits(before);
    }
    check_eq(exit_of(forking.pid), 0);
    check_received1(&sink, OFFLINE);
    check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_NOTIFIERS));
    release_last(object);
    check(sink_released(&sink));
}

static int stop_counting;

/* Has the lock of the faults nearly all the time. */
static void *count_faults_for_ever(void *context) {
    while (!__atomic_load_n(&stop_counting, __ATOMIC_SEQ_CST)) {
        lib.MapiOfflineGetFaultCounts(*(ULONG *)context, NULL, NULL);
    }
    return NULL;
}

/* The child has the faults as they stood, and no phase that is delayed in its parent. */
CASE(forked_child_has_the_faults, decision, "D 69") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    ULONG delayed;
    ULONG failing;
    pthread_t thread;
    int before = failures_so_far();
    int round;
    need_extension(MapiOfflineAddFault);
    skip_under_qemu_where_profiles_are_shared();
    object = create_object(profile(), NULL, BOTH, NULL);
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(lib.MapiOfflineAddFault("start delayed 60m", &delayed));
    check_ok(lib.MapiOfflineAddFault("create fails E_FAIL on 2", &failing));
    check_ok(lib.MapiOfflineSetVirtualClock(1));
    release_last(create_object(profile(), NULL, BOTH, NULL));
    check_ok(set_async(object, OFFLINE));
    nap(20);
    pthread_create(&thread, NULL, count_faults_for_ever, &failing);
    for (round = 0; round < often(50); round++) {
        const pid_t child = fork();
        if (child == 0) {
            MAPIOFFLINE_CREATEINFO info = create_info(profile());
            IMAPIOfflineMgr *other = NULL;
            check_hr(lib.HrCreateOfflineObj(0, &info, &other), E_FAIL);
            check_ok(lib.MapiOfflineRemoveFault(0));
            /* This thread keeps the virtual clock, as it did in the parent. */
            check_ok(lib.MapiOfflineAddFault("set delayed 60m", NULL));
            check_ok(set_block(object, OFFLINE));
            check_received1(&sink, OFFLINE);
            child_exits(before);
        }
        check_eq(exit_of(child), 0);
    }
    __atomic_store_n(&stop_counting, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    check_received0(&sink);
    check_ok(lib.MapiOfflineRemoveFault(0));
    check_ok(lib.MapiOfflineSetVirtualClock(0));
    check(sink_wait(&sink, 3));
    check_received1(&sink, OFFLINE);
    release_last(object);
    check(sink_released(&sink));
}

#else /* Windows has no fork. CMake finds the cases above. */

#define WITHOUT_FORK(name) \
    CASE(name, decision, "D 13") { \
        skip_case("Windows has no fork"); \
    }
WITHOUT_FORK(forked_child_keeps_the_state_and_works)
WITHOUT_FORK(fork_from_inside_notify)
WITHOUT_FORK(fork_from_inside_notify_on_a_library_thread)
WITHOUT_FORK(forked_child_releases_everything_from_notify)
WITHOUT_FORK(queued_transition_does_not_cross_a_fork)
WITHOUT_FORK(fork_after_the_last_release_from_notify)
WITHOUT_FORK(fork_under_load)
WITHOUT_FORK(fork_waits_for_a_thread_that_the_library_starts)
WITHOUT_FORK(nothing_waits_for_the_host_in_a_forked_child)
WITHOUT_FORK(fork_from_a_dispatched_notify)
WITHOUT_FORK(forked_child_has_the_faults)

#endif
