/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pumped delivery: Notify runs where the host dispatches. The other cases run with it as well: see MAPIOFFLINE_TEST_DELIVERY. */
#include "../harness.h"

#define ALL 0xFFFFFFFFu
#define FOR_EVER 0xFFFFFFFFu

static ULONG dispatch_at(const char *file, int line, ULONG most, ULONG milliseconds) {
    ULONG dispatched = POISON;
    check_hr_at(file, line, lib.MapiOfflineDispatch(most, milliseconds, &dispatched), S_OK, "MapiOfflineDispatch");
    return dispatched;
}
#define dispatch(most, milliseconds) dispatch_at(__FILE__, __LINE__, most, milliseconds)

#define need_own_dispatch()                                                                                            \
    do {                                                                                                               \
        need_extension(MapiOfflineDispatch);                                                                           \
        if (with_pumped_delivery()) {                                                                                  \
            skip_case("a thread of the harness dispatches");                                                           \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)
/* What other cases of this process leave: nothing. */
#define begin_pumped()                                                                                                 \
    do {                                                                                                               \
        need_own_dispatch();                                                                                           \
        check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_PUMPED));                                             \
        check_eq(dispatch(ALL, 0), 0);                                                                                 \
    } while (0)

static void end_pumped(void) {
    check_eq(dispatch(ALL, 0), 0);
    check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_NOTIFIERS));
}

CASE(arguments, decision, "D 67") {
    static const ULONG wrong[] = {2, 3, 0xFFFFFFFF};
    size_t index;
    ptrdiff_t handle = 17;
    need_extension(MapiOfflineDispatch);
    for (index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        check_hr(lib.MapiOfflineSetDelivery(wrong[index]), E_INVALIDARG);
    }
    check_hr(lib.MapiOfflineGetDispatchHandle(NULL), E_INVALIDARG);
    check_ok(lib.MapiOfflineDispatch(ALL, 0, NULL));
    check_ok(lib.MapiOfflineGetDispatchHandle(&handle));
    check(handle != -1 && handle != 17);
    check(!handle_is_ready(handle, 0));
}

static void note_thread(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)notification;
    check(pthread_equal(pthread_self(), *(pthread_t *)self->context) != 0);
}

CASE(nothing_happens_before_the_host_dispatches, decision, "D 67") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    pthread_t here = pthread_self();
    begin_pumped();
    object = open_global(profile());
    sink_init(&sink);
    sink.hook = note_thread;
    sink.context = &here;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    nap(50);
    check_received0(&sink);
    check_state(object, ONLINE);
    check_hr(set_async(object, ONLINE), E_PENDING);
    check_hr(set_block(object, ONLINE), E_PENDING);
    check_hr(set_async(object, OFFLINE), E_PENDING);
    check_eq(dispatch(0, 0), 0);
    check_received0(&sink);
    check_eq(dispatch(ALL, 0), 1);
    check_received1(&sink, OFFLINE);
    check_state(object, OFFLINE);
    /* BLOCK runs on its caller's thread, and leaves nothing to the host. */
    check_ok(set_block(object, ONLINE));
    check_received2(&sink, OFFLINE, ONLINE);
    end_pumped();
    release_last(object);
    check(sink_released(&sink));
}

CASE(dispatch_runs_no_more_than_it_is_asked_for, decision, "D 67") {
    IMAPIOfflineMgr *objects[5];
    struct sink sinks[5];
    int index;
    begin_pumped();
    for (index = 0; index < 5; index++) {
        objects[index] = create_object(profile(), NULL, BOTH, NULL);
        sink_init(&sinks[index]);
        advise(objects[index], &sinks[index], 0);
        check_ok(set_async(objects[index], OFFLINE));
    }
    check_eq(dispatch(2, 0), 2);
    for (index = 0; index < 5; index++) {
        check_eq(sink_count(&sinks[index]), index < 2 ? 3 : 0); /* in the order of the requests */
    }
    check_eq(dispatch(2, FOR_EVER), 2);
    check_eq(dispatch(ALL, FOR_EVER), 1);
    for (index = 0; index < 5; index++) {
        check_received1(&sinks[index], OFFLINE);
        release_last(objects[index]);
        check(sink_released(&sinks[index]));
    }
    end_pumped();
}

static void answer_in_done(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == DONE) {
        check_ok(set_async((IMAPIOfflineMgr *)self->context, notification->Info.StateChange.ulStateOld));
    }
}

/* Two add-ins that answer each other keep no host in its dispatch. */
CASE(request_from_done_waits_for_the_next_dispatch, decision, "D 67") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    int index;
    ptrdiff_t handle = -1;
    begin_pumped();
    check_ok(lib.MapiOfflineGetDispatchHandle(&handle));
    object = open_global(profile());
    sink_init(&sink);
    sink.hook = answer_in_done;
    sink.context = object;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    for (index = 0; index < 10; index++) {
        check(handle_is_ready(handle, 0));
        check_eq(dispatch(ALL, 0), 1);
        check_eq(sink_count(&sink), 3 * (index + 1));
        check_state(object, index % 2 == 0 ? OFFLINE : ONLINE);
    }
    sink.hook = NULL;
    check_eq(dispatch(ALL, 0), 1);
    check(!handle_is_ready(handle, 0));
    end_pumped();
    release_last(object);
    check(sink_released(&sink));
}

struct request {
    IMAPIOfflineMgr *object;
    HRESULT hr;
};

static void *ask_later(void *context) {
    struct request *request = (struct request *)context;
    nap(30);
    request->hr = set_async(request->object, OFFLINE);
    return NULL;
}

CASE(handle_is_ready_while_a_change_waits, decision, "D 67") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *other;
    ptrdiff_t handle = -1;
    ptrdiff_t again = -1;
    pthread_t thread;
    struct request request;
    begin_pumped();
    object = create_object(profile(), NULL, BOTH, NULL);
    other = create_object(profile(), NULL, BOTH, NULL);
    check_ok(set_async(object, OFFLINE)); /* before there is a handle, perhaps */
    check_ok(lib.MapiOfflineGetDispatchHandle(&handle));
    check_ok(lib.MapiOfflineGetDispatchHandle(&again));
    check_eq(handle, again);
    check(handle_is_ready(handle, 0));
    check_ok(set_async(other, OFFLINE));
    check_eq(dispatch(1, 0), 1);
    check(handle_is_ready(handle, 0)); /* one more */
    check(handle_is_ready(handle, 0)); /* looking changes nothing */
    check_eq(dispatch(1, 0), 1);
    check(!handle_is_ready(handle, 0));
    check(!handle_is_ready(handle, 20));
    check_ok(set_async(object, ONLINE));
    check_eq(dispatch(ALL, 0), 1);
    check(!handle_is_ready(handle, 0));
    /* What waits wakes up, and so does a dispatch. */
    request.object = object;
    request.hr = E_FAIL;
    check_eq(pthread_create(&thread, NULL, ask_later, &request), 0);
    check(handle_is_ready(handle, 10000));
    check_eq(dispatch(ALL, FOR_EVER), 1);
    pthread_join(thread, NULL);
    check_ok(request.hr);
    request.object = other;
    check_ok(set_block(other, ONLINE));
    check_eq(pthread_create(&thread, NULL, ask_later, &request), 0);
    check_eq(dispatch(ALL, 10000), 1);
    pthread_join(thread, NULL);
    check_ok(request.hr);
    check_state(other, OFFLINE);
    check_eq(dispatch(ALL, 30), 0); /* the time is over */
    end_pumped();
    release_last(object);
    release_last(other);
}

static HRESULT from_notify[3];
static ULONG dispatched_from_notify;

static void dispatch_in_start(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    if (notification->NotifyType == START) {
        from_notify[0] = lib.MapiOfflineDispatch(ALL, FOR_EVER, NULL);
        from_notify[1] = lib.MapiOfflineDispatch(ALL, 1, NULL);
        from_notify[2] = lib.MapiOfflineDispatch(ALL, 0, &dispatched_from_notify);
    }
}

/* As a modal loop in Notify does. */
CASE(dispatch_in_notify_runs_other_trees, decision, "D 67") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *other;
    struct sink sink;
    struct sink other_sink;
    begin_pumped();
    object = create_object(profile(), NULL, BOTH, NULL);
    other = create_object(profile(), NULL, BOTH, NULL);
    sink_init(&sink);
    sink_init(&other_sink);
    sink.hook = dispatch_in_start;
    advise(object, &sink, 0);
    advise(other, &other_sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_ok(set_async(other, OFFLINE));
    check_eq(dispatch(ALL, 0), 1);
    check_hr(from_notify[0], E_PENDING);
    check_hr(from_notify[1], E_PENDING);
    check_ok(from_notify[2]);
    check_eq(dispatched_from_notify, 1);
    check_received1(&sink, OFFLINE);
    check_received1(&other_sink, OFFLINE);
    check(other_sink.events[2].order < sink.events[1].order); /* it was delivered inside that Notify */
    end_pumped();
    release_last(object);
    release_last(other);
    check(sink_released(&sink));
    check(sink_released(&other_sink));
}

struct unadvice {
    IMAPIOfflineMgr *object;
    ULONG token;
    struct gate in_notify;
    struct gate ended;
};

static void *unadvise_meanwhile(void *context) {
    struct unadvice *unadvice = (struct unadvice *)context;
    gate_wait(&unadvice->in_notify);
    check_ok(IMAPIOfflineMgr_Unadvise(unadvice->object, 0, unadvice->token));
    gate_open(&unadvice->ended);
    return NULL;
}

static void wait_for_unadvise(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct unadvice *unadvice = (struct unadvice *)self->context;
    if (notification->NotifyType == START) {
        gate_open(&unadvice->in_notify);
        check(gate_wait(&unadvice->ended)); /* Unadvise does not wait for this Notify */
        check_eq(self->releases, 0);        /* nor does it release the sink under it */
    }
}

CASE(unadvise_on_another_thread_does_not_wait_for_the_host, decision, "D 67") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    struct unadvice unadvice;
    pthread_t thread;
    begin_pumped();
    object = create_object(profile(), NULL, BOTH, NULL);
    sink_init(&sink);
    /* Of a change that waits nothing is notified any more. */
    unadvice.object = object;
    unadvice.token = advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    gate_init(&unadvice.in_notify);
    gate_init(&unadvice.ended);
    gate_open(&unadvice.in_notify);
    check_eq(pthread_create(&thread, NULL, unadvise_meanwhile, &unadvice), 0);
    pthread_join(thread, NULL);
    check_eq(sink_refs(&sink), 1);
    check_eq(dispatch(ALL, 0), 1);
    check_received0(&sink);
    check_state(object, OFFLINE);
    /* Of one that is being dispatched, nothing behind the Notify that runs. */
    sink.hook = wait_for_unadvise;
    sink.context = &unadvice;
    sink.releases = 0;
    gate_init(&unadvice.in_notify);
    gate_init(&unadvice.ended);
    unadvice.token = advise(object, &sink, 0);
    check_eq(pthread_create(&thread, NULL, unadvise_meanwhile, &unadvice), 0);
    check_ok(set_async(object, ONLINE));
    check_eq(dispatch(ALL, 0), 1);
    pthread_join(thread, NULL);
    check_eq(sink_count(&sink), 1);
    check_eq(sink_refs(&sink), 1);
    end_pumped();
    release_last(object);
}

/* An accepted change takes place when the host dispatches it, whether anybody is left to hear of it or not. */
CASE(change_waits_for_the_host_after_the_last_release, decision, "D 67") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    int reopened;
    begin_pumped();
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_eq(IMAPIOfflineMgr_Release(object), 0);
    check_eq(sink_refs(&sink), 1);
    for (reopened = 0; reopened < 2; reopened++) {
        object = open_global(profile());
        check_state(object, reopened ? OFFLINE : ONLINE);
        check_eq(dispatch(ALL, 0), !reopened);
        check_state(object, OFFLINE);
        release_last(object);
    }
    check_received0(&sink);
    check_eq(lib.MapiOfflineLiveObjects(), 0);
    end_pumped();
}

/* What was accepted stays where it was accepted. */
CASE(delivery_may_be_chosen_again, decision, "D 67") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *other;
    struct sink sink;
    struct sink other_sink;
    pthread_t here = pthread_self();
    begin_pumped();
    object = create_object(profile(), NULL, BOTH, NULL);
    other = create_object(profile(), NULL, BOTH, NULL);
    sink_init(&sink);
    sink_init(&other_sink);
    sink.hook = note_thread;
    sink.context = &here;
    advise(object, &sink, 0);
    advise(other, &other_sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_NOTIFIERS));
    check_ok(set_async(other, OFFLINE));
    check_received1(&other_sink, OFFLINE); /* with no help of the host's */
    check(pthread_equal(other_sink.events[0].thread, here) == 0);
    check_eq(sink_count(&sink), 0);
    check_eq(dispatch(ALL, 0), 1);
    check_received1(&sink, OFFLINE);
    end_pumped();
    release_last(object);
    release_last(other);
    check(sink_released(&sink));
    check(sink_released(&other_sink));
}

struct pumping {
    int stop;
    int dispatched;
};

static void *pump(void *context) {
    struct pumping *pumping = (struct pumping *)context;
    while (!__atomic_load_n(&pumping->stop, __ATOMIC_SEQ_CST)) {
        __atomic_add_fetch(&pumping->dispatched, (int)dispatch(3, 5), __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void *change_for_ever(void *context) {
    struct request *request = (struct request *)context;
    ULONG to = OFFLINE;
    int accepted = 0;
    while (accepted < often(400)) {
        if (set_async(request->object, to) == S_OK) {
            to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
            accepted++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

/* Every change once, each phase in its order, whichever thread dispatches. */
CASE(several_threads_may_dispatch, decision, "D 67") {
    enum { TREES = 4, PUMPS = 3 };
    struct sink sinks[TREES];
    struct request requests[TREES];
    struct pumping pumping = {0, 0};
    pthread_t pumps[PUMPS];
    pthread_t threads[TREES];
    int index;
    begin_pumped();
    for (index = 0; index < TREES; index++) {
        requests[index].object = create_object(profile(), NULL, BOTH, NULL);
        sink_init(&sinks[index]);
        advise(requests[index].object, &sinks[index], 0);
        check_eq(pthread_create(&threads[index], NULL, change_for_ever, &requests[index]), 0);
    }
    for (index = 0; index < PUMPS; index++) {
        check_eq(pthread_create(&pumps[index], NULL, pump, &pumping), 0);
    }
    for (index = 0; index < TREES; index++) {
        pthread_join(threads[index], NULL);
    }
    for (index = 0; index < TREES; index++) {
        int event;
        check(sink_wait(&sinks[index], 3 * often(400)));
        check_eq(sink_count(&sinks[index]), 3 * often(400));
        for (event = 0; event < SINK_EVENTS && event < 3 * often(400); event++) {
            check_eq(sinks[index].events[event].notification.NotifyType, event % 3 + 1);
        }
    }
    __atomic_store_n(&pumping.stop, 1, __ATOMIC_SEQ_CST);
    for (index = 0; index < PUMPS; index++) {
        pthread_join(pumps[index], NULL);
    }
    check_eq(pumping.dispatched, TREES * often(400));
    for (index = 0; index < TREES; index++) {
        release_last(requests[index].object);
        check(sink_released(&sinks[index]));
    }
    end_pumped();
}

/* Runs as a process of its own: it exits while changes wait and its host has never dispatched. */
CASE(helper_exits_with_changes_that_wait, helper, "") {
    static struct sink sink;
    IMAPIOfflineMgr *object;
    ptrdiff_t handle;
    if (!is_child_case()) {
        return;
    }
    check_ok(lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_PUMPED));
    check_ok(lib.MapiOfflineGetDispatchHandle(&handle));
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    exit(sink_count(&sink) == 0 && failures_so_far() == 0 ? 17 : 1);
}

CASE(host_that_never_dispatches_may_exit, decision, "D 67") {
    need_own_dispatch();
    check_eq(run_case_as_process("pumped.helper_exits_with_changes_that_wait", NULL, NULL), 17);
}
