/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* State, capabilities, transitions. (imapioffline-setcurrentstate, -getcurrentstate, -getcapabilities) */
#include "../harness.h"

static HRESULT raw_set(IMAPIOfflineMgr *object, ULONG flags, ULONG mask, ULONG state, void *reserved) {
    return IMAPIOfflineMgr_SetCurrentState(object, flags, mask, state, reserved);
}

CASE(null_out_pointers, decision, "D 35") {
    IMAPIOfflineMgr *object = open_global(profile());
    check_hr(IMAPIOfflineMgr_GetCurrentState(object, NULL), E_INVALIDARG);
    check_hr(IMAPIOfflineMgr_GetCapabilities(object, NULL), E_INVALIDARG);
    release_last(object);
}

CASE(arguments, reference, "imapioffline-setcurrentstate") {
    IMAPIOfflineMgr *object = open_global(profile());
    static const ULONG bad_states[] = {0, 3, 4, 5, 6, 0x80000001u};
    static const ULONG bad_masks[] = {0, 1, 2, MAPIOFFLINE_STATE_ALL, 7};
    size_t index;
    check_hr(raw_set(object, 1, 3, OFFLINE, NULL), MAPI_E_UNKNOWN_FLAGS);
    check_hr(raw_set(object, MAPIOFFLINE_FLAG_BLOCK | 1, 3, OFFLINE, NULL), MAPI_E_UNKNOWN_FLAGS);
    for (index = 0; index < sizeof(bad_states) / sizeof(bad_states[0]); index++) {
        check_hr(raw_set(object, 0, 3, bad_states[index], NULL), E_INVALIDARG);
    }
    for (index = 0; index < sizeof(bad_masks) / sizeof(bad_masks[0]); index++) {
        check_hr(raw_set(object, 0, bad_masks[index], OFFLINE, NULL), E_INVALIDARG);
    }
    check_hr(raw_set(object, 0, 3, OFFLINE, object), E_INVALIDARG);
    check_state(object, ONLINE);
    release_last(object);
}

CASE(arguments_are_checked_in_order, decision, "D 2") {
    IMAPIOfflineMgr *object = create_object(profile(), NULL, MAPIOFFLINE_CAPABILITY_ONLINE, NULL);
    check_hr(raw_set(object, 1, 0, 0, object), MAPI_E_UNKNOWN_FLAGS);
    check_hr(raw_set(object, 0, 0, OFFLINE, NULL), E_INVALIDARG);
    check_hr(raw_set(object, 0, 3, OFFLINE, object), E_INVALIDARG);
    check_hr(raw_set(object, 0, 3, OFFLINE, NULL), MAPI_E_NO_SUPPORT);
    release_last(object);
}

CASE(capability_is_needed_to_change_to_a_state, decision, "D 41") {
    IMAPIOfflineMgr *object = create_object(profile(), NULL, MAPIOFFLINE_CAPABILITY_OFFLINE, NULL);
    check_state(object, ONLINE);
    check_hr(set_block(object, ONLINE), MAPI_E_NO_SUPPORT);
    check_ok(set_block(object, OFFLINE));
    check_state(object, OFFLINE);
    check_hr(set_block(object, ONLINE), MAPI_E_NO_SUPPORT);
    check_state(object, OFFLINE);
    release_last(object);
}

CASE(request_for_the_current_state_does_nothing, decision, "D 41") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    ULONG token;
    sink_init(&sink);
    token = advise(object, &sink, 1);
    check_ok(set_block(object, ONLINE));
    check_ok(set_async(object, ONLINE));
    nap(20);
    check_received0(&sink);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    release_last(object);
}

CASE(block_notifies_on_the_calling_thread, decision, "D 41") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    int index;
    sink_init(&sink);
    advise(object, &sink, 42);
    check_ok(set_block(object, OFFLINE));
    check_eq(sink_count(&sink), 3);
    check_received1(&sink, OFFLINE);
    for (index = 0; index < 3; index++) {
        check(pthread_equal(sink.events[index].thread, pthread_self()));
        check_eq(sink.events[index].notification.ulClientToken, 42);
    }
    check_state(object, OFFLINE);
    release_last(object);
    check_eq(sink_refs(&sink), 1);
}

CASE(without_block_another_thread_notifies, reference, "imapioffline-setcurrentstate") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    int index;
    sink_init(&sink);
    advise(object, &sink, 42);
    check_ok(set_async(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    for (index = 0; index < 3; index++) {
        check(!pthread_equal(sink.events[index].thread, pthread_self()));
        check(pthread_equal(sink.events[index].thread, sink.events[0].thread));
    }
    check_state(object, OFFLINE);
    release_last(object);
    check(sink_released(&sink));
}

CASE(state_changes_without_registrations, decision, "D 41") {
    IMAPIOfflineMgr *object = open_global(profile());
    ULONG state = ONLINE;
    int tries;
    check_ok(set_async(object, OFFLINE));
    for (tries = 0; state != OFFLINE && tries < 5000; tries++) {
        check_ok(IMAPIOfflineMgr_GetCurrentState(object, &state));
        nap(1);
    }
    check_eq(state, OFFLINE);
    release_last(object);
}

static void check_phase_state(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    check_state((IMAPIOfflineMgr *)self->context,
                notification->NotifyType == START ? notification->Info.StateChange.ulStateOld
                                                  : notification->Info.StateChange.ulStateNew);
}

CASE(state_is_old_in_start_and_new_from_statechange_on, reference, "mapioffline_notify_type") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.hook = check_phase_state;
    sink.context = object;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_ok(set_async(object, ONLINE));
    check_received2(&sink, OFFLINE, ONLINE);
    release_last(object);
    check(sink_released(&sink));
}

static void check_busy_phase(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)self->context;
    if (notification->NotifyType != DONE) {
        check_hr(set_async(object, ONLINE), E_PENDING);
        check_hr(set_async(object, OFFLINE), E_PENDING);
    }
    check_hr(set_block(object, ONLINE), E_PENDING);
    check_hr(set_block(object, OFFLINE), E_PENDING);
    /* Flags and arguments are checked before. */
    check_hr(raw_set(object, 1, 3, ONLINE, NULL), MAPI_E_UNKNOWN_FLAGS);
    check_hr(raw_set(object, 0, 3, 3, NULL), E_INVALIDARG);
}

CASE(busy_is_pending_from_notify, decision, "D 8") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.hook = check_busy_phase;
    sink.context = object;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    check_state(object, OFFLINE);
    release_last(object);
}

struct blocker {
    IMAPIOfflineMgr *object;
    MAPIOFFLINE_NOTIFY_TYPE phase;
    struct gate reached;
    struct gate go_on;
};

static void block_in_phase(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct blocker *blocker = (struct blocker *)self->context;
    if (notification->NotifyType == blocker->phase && !gate_is_open(&blocker->reached)) {
        gate_open(&blocker->reached);
        check(gate_wait(&blocker->go_on));
    }
}

static void blocker_init(struct blocker *blocker, struct sink *sink, IMAPIOfflineMgr *object,
                         MAPIOFFLINE_NOTIFY_TYPE phase) {
    sink_init(sink);
    sink->hook = block_in_phase;
    sink->context = blocker;
    blocker->object = object;
    blocker->phase = phase;
    gate_init(&blocker->reached);
    gate_init(&blocker->go_on);
}

CASE(capability_is_checked_before_busy, decision, "D 2") {
    IMAPIOfflineMgr *parent = open_global(profile());
    IMAPIOfflineMgr *child = create_object(profile(), NULL, MAPIOFFLINE_CAPABILITY_OFFLINE, parent);
    struct blocker blocker;
    struct sink sink;
    blocker_init(&blocker, &sink, parent, START);
    advise(parent, &sink, 0);
    check_ok(set_async(parent, OFFLINE));
    check(gate_wait(&blocker.reached));
    check_hr(set_async(child, ONLINE), MAPI_E_NO_SUPPORT);
    check_hr(set_async(child, OFFLINE), E_PENDING);
    gate_open(&blocker.go_on);
    check_received1(&sink, OFFLINE);
    release_last(child);
    release_last(parent);
    check(sink_released(&sink));
}

CASE(busy_is_pending_from_another_thread, reference, "imapioffline-setcurrentstate") {
    static const MAPIOFFLINE_NOTIFY_TYPE phases[] = {START, CHANGE};
    ULONG to = OFFLINE;
    int index;
    IMAPIOfflineMgr *object = open_global(profile());
    for (index = 0; index < 2; index++) {
        struct blocker blocker;
        struct sink sink;
        ULONG token;
        blocker_init(&blocker, &sink, object, phases[index]);
        token = advise(object, &sink, 0);
        check_ok(set_async(object, to));
        check(gate_wait(&blocker.reached));
        check_hr(set_async(object, ONLINE), E_PENDING);
        check_hr(set_async(object, OFFLINE), E_PENDING);
        check_hr(set_block(object, ONLINE), E_PENDING);
        check_hr(set_block(object, OFFLINE), E_PENDING);
        gate_open(&blocker.go_on);
        check_received1(&sink, to);
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
        set_when_idle(object, to);
        check(sink_released(&sink));
        to = ONLINE;
    }
    release_last(object);
}

CASE(one_request_is_queued_during_done, decision, "D 32") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct blocker blocker;
    struct sink sink;
    blocker_init(&blocker, &sink, object, DONE);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check(gate_wait(&blocker.reached));
    check_hr(set_block(object, ONLINE), E_PENDING);
    check_hr(set_block(object, OFFLINE), E_PENDING);
    check_ok(set_async(object, OFFLINE)); /* it is in that state already: nothing is queued */
    check_ok(set_async(object, ONLINE));
    check_state(object, OFFLINE);
    check_hr(set_async(object, ONLINE), E_PENDING);
    check_hr(set_async(object, OFFLINE), E_PENDING);
    check_hr(set_block(object, OFFLINE), E_PENDING);
    gate_open(&blocker.go_on);
    check_received2(&sink, OFFLINE, ONLINE);
    check_state(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
}

CASE(request_queued_behind_block_runs_on_another_thread, decision, "D 10") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct blocker blocker;
    struct sink sink;
    pthread_t thread;
    blocker_init(&blocker, &sink, object, DONE);
    advise(object, &sink, 0);
    check_eq(pthread_create(&thread, NULL, set_offline_with_block, object), 0);
    check(gate_wait(&blocker.reached));
    check_ok(set_async(object, ONLINE));
    gate_open(&blocker.go_on);
    check_received2(&sink, OFFLINE, ONLINE);
    check(!pthread_equal(sink.events[0].thread, sink.events[3].thread));
    pthread_join(thread, NULL); /* not before: a new thread may get the id of a joined one */
    release_last(object);
    check(sink_released(&sink));
}

static void late_registration(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct sink *late = (struct sink *)self->context;
    if (notification->NotifyType == DONE && notification->Info.StateChange.ulStateNew == OFFLINE) {
        check_ok(set_async((IMAPIOfflineMgr *)late->context, ONLINE));
        advise((IMAPIOfflineMgr *)late->context, late, 0);
    }
}

CASE(queued_transition_includes_later_registrations, decision, "D 42") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    struct sink late;
    sink_init(&sink);
    sink_init(&late);
    sink.hook = late_registration;
    sink.context = &late;
    late.context = object;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_received2(&sink, OFFLINE, ONLINE);
    check_received1(&late, ONLINE);
    release_last(object);
    check(sink_released(&sink));
    check(sink_released(&late));
}

static void push_back(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    const struct MAPIOFFLINE_STATECHANGE *change = &notification->Info.StateChange;
    if (notification->NotifyType == DONE && change->ulStateNew == OFFLINE) {
        check_ok(set_async((IMAPIOfflineMgr *)self->context, change->ulStateOld));
    }
}

CASE(request_from_done_reverts_the_state, decision, "D 42") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.hook = push_back;
    sink.context = object;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_received2(&sink, OFFLINE, ONLINE);
    check_state(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
}

static void ping_pong(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == DONE && sink_count(self) < 3 * 20 - 1) {
        check_ok(set_async((IMAPIOfflineMgr *)self->context, notification->Info.StateChange.ulStateOld));
    }
}

CASE(requests_from_done_run_one_after_another, decision, "D 42") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    ULONG states[20];
    int index;
    for (index = 0; index < 20; index++) {
        states[index] = index % 2 == 0 ? OFFLINE : ONLINE;
    }
    sink_init(&sink);
    sink.hook = ping_pong;
    sink.context = object;
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_received_at(__FILE__, __LINE__, &sink, 20, states);
    release_last(object);
    check(sink_released(&sink));
}

CASE(accepted_change_happens_after_the_last_release, decision, "D 44") {
    IMAPIOfflineMgr *object = open_global(profile());
    ULONG state = ONLINE;
    int tries;
    struct sink sink;
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    release_last(object);
    for (tries = 0; state != OFFLINE && tries < 5000; tries++) {
        object = open_global(profile());
        check_ok(IMAPIOfflineMgr_GetCurrentState(object, &state));
        release_last(object);
        nap(1);
    }
    check_eq(state, OFFLINE);
    for (tries = 0; sink_refs(&sink) != 1 && tries < 5000; tries++) {
        nap(1);
    }
    check_eq(sink_refs(&sink), 1);
}

CASE(global_object_is_reopened_in_its_busy_tree, decision, "D 39") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct blocker blocker;
    struct sink sink;
    struct sink late;
    blocker_init(&blocker, &sink, object, START);
    sink_init(&late);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check(gate_wait(&blocker.reached));
    release_last(object);
    check_eq(sink_refs(&sink), 2); /* released when the running Notify returns */
    object = open_global(profile());
    check_state(object, ONLINE);
    check_hr(set_async(object, ONLINE), E_PENDING);
    advise(object, &late, 0);
    gate_open(&blocker.go_on);
    set_when_idle(object, OFFLINE);
    check_state(object, OFFLINE);
    check_received0(&late);
    check_eq(sink_count(&sink), 1);
    check(sink_released(&sink));
    release_last(object);
}
