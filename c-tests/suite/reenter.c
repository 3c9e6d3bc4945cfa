/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sinks that call the library from Notify and from Release. */
#include "../harness.h"

struct scene {
    IMAPIOfflineMgr *object;
    ULONG tokens[3];
    struct sink *other;
    int phase;
    int done;
    int received[3];      /* what each sink had received when a hook looked */
    struct gate accepted; /* SetCurrentState has returned */
};

static void every_method(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    IMAPIOfflineMgr *object = scene->object;
    IMAPIOfflineMgr *again = NULL;
    IMAPIOfflineMgr *child;
    void *found = NULL;
    ULONG number = 0;
    ULONG token;
    struct sink other;
    sink_init(&other);
    (void)notification;
    check_ok(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, &again));
    check(again == object);
    check_eq(IMAPIOfflineMgr_Release(again), 1);
    check_ok(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IMAPIOffline), &found));
    check_eq(IMAPIOffline_Release((IMAPIOffline *)found), 1);
    check_eq(IMAPIOfflineMgr_AddRef(object), 2);
    check_eq(IMAPIOfflineMgr_Release(object), 1);
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &number));
    check_ok(IMAPIOfflineMgr_GetCurrentState(object, &number));
    token = advise(object, &other, 0);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(sink_refs(&other), 1);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, 0));
    child = create_object(profile(), NULL, BOTH, object);
    release_last(child);
    check_eq(sink_count(&other), 0);
    check_hr(set_block(object, number), E_PENDING);
    scene->done++;
}

CASE(every_method_in_every_phase, decision, "D 45") {
    struct scene scene;
    struct sink sink;
    scene.object = open_global(profile());
    scene.done = 0;
    sink_init(&sink);
    sink.hook = every_method;
    sink.context = &scene;
    advise(scene.object, &sink, 0);
    check_ok(set_block(scene.object, OFFLINE));
    check_ok(set_async(scene.object, ONLINE));
    check_received2(&sink, OFFLINE, ONLINE);
    check_eq(scene.done, 6);
    release_last(scene.object);
    check(sink_released(&sink));
}

static void unadvise_in_phase(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    if ((int)notification->NotifyType == scene->phase) {
        check_eq(sink_refs(self), 2);
        check_ok(IMAPIOfflineMgr_Unadvise(scene->object, 0, scene->tokens[0]));
        check_eq(sink_refs(self), 1); /* released during the call; the client holds its own reference */
    }
}

CASE(sink_unadvises_itself_from_notify, com, "imsgstore-unadvise") {
    struct scene scene;
    ULONG to = OFFLINE;
    scene.object = open_global(profile());
    for (scene.phase = START; scene.phase <= DONE; scene.phase++) {
        struct sink sink;
        sink_init(&sink);
        sink.hook = unadvise_in_phase;
        sink.context = &scene;
        scene.tokens[0] = advise(scene.object, &sink, 0);
        check_ok(set_block(scene.object, to));
        check_eq(sink_count(&sink), scene.phase);
        check_eq(sink_refs(&sink), 1);
        to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
    }
    release_last(scene.object);
}

static void unadvise_neighbours(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    (void)self;
    if ((int)notification->NotifyType == scene->phase) {
        check_ok(IMAPIOfflineMgr_Unadvise(scene->object, 0, scene->tokens[0]));
        check_ok(IMAPIOfflineMgr_Unadvise(scene->object, 0, scene->tokens[2]));
        check_eq(sink_refs(&scene->other[0]), 1);
        check_eq(sink_refs(&scene->other[2]), 1);
        scene->received[0] = sink_count(&scene->other[0]);
        scene->received[2] = sink_count(&scene->other[2]);
    }
}

CASE(sink_unadvises_other_registrations_from_notify, decision, "D 45") {
    struct scene scene;
    ULONG to = OFFLINE;
    scene.object = open_global(profile());
    for (scene.phase = START; scene.phase <= DONE; scene.phase++) {
        struct sink sinks[3];
        int index;
        scene.other = sinks;
        for (index = 0; index < 3; index++) {
            sink_init(&sinks[index]);
            scene.tokens[index] = advise(scene.object, &sinks[index], 0);
        }
        sinks[1].hook = unadvise_neighbours;
        sinks[1].context = &scene;
        check_ok(set_block(scene.object, to));
        for (index = 0; index < 3; index += 2) { /* notified before or after the sink that ended them, and never again */
            check(scene.received[index] == scene.phase - 1 || scene.received[index] == scene.phase);
            check_eq(sink_count(&sinks[index]), scene.received[index]);
        }
        check_eq(sink_count(&sinks[1]), 3);
        check_ok(IMAPIOfflineMgr_Unadvise(scene.object, 0, scene.tokens[1]));
        to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
    }
    release_last(scene.object);
}

static void release_in_phase(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    if ((int)notification->NotifyType == scene->phase) {
        check(gate_wait(&scene->accepted)); /* the caller of a method holds a reference while it runs */
        scene->received[1] = sink_count(scene->other);
        release_last(scene->object);
        check_eq(sink_refs(self), 1);
        check_eq(sink_refs(scene->other), 1);
    }
}

CASE(last_release_from_notify, decision, "D 45") {
    struct scene scene;
    int blocking;
    for (scene.phase = START; scene.phase <= DONE; scene.phase++) {
        for (blocking = 0; blocking < 2; blocking++) {
            struct sink sinks[2];
            ULONG state = 0;
            ULONG flags = blocking ? MAPIOFFLINE_FLAG_BLOCK : MAPIOFFLINE_FLAG_DEFAULT;
            int tries;
            scene.object = open_global(profile());
            check_ok(IMAPIOfflineMgr_GetCurrentState(scene.object, &state));
            state ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
            sink_init(&sinks[0]);
            sink_init(&sinks[1]);
            sinks[0].hook = release_in_phase;
            sinks[0].context = &scene;
            scene.other = &sinks[1];
            advise(scene.object, &sinks[0], 0);
            advise(scene.object, &sinks[1], 0);
            gate_init(&scene.accepted);
            if (blocking) {
                gate_open(&scene.accepted); /* Notify runs inside the call */
            }
            check_ok(set_state(scene.object, flags, state));
            gate_open(&scene.accepted);
            check(sink_wait(&sinks[0], scene.phase));
            check(all_objects_gone());
            for (tries = 0; tries < 5000; tries++) { /* no sink is notified, but the profile changes */
                ULONG now = 0;
                scene.object = open_global(profile());
                check_ok(IMAPIOfflineMgr_GetCurrentState(scene.object, &now));
                if (now == state && set_block(scene.object, state) == S_OK) {
                    break;
                }
                release_last(scene.object);
                nap(1);
            }
            check_state(scene.object, state);
            release_last(scene.object);
            check_eq(sink_count(&sinks[0]), scene.phase);
            check(scene.received[1] == scene.phase - 1 || scene.received[1] == scene.phase);
            check_eq(sink_count(&sinks[1]), scene.received[1]);
        }
    }
}

static void set_another_tree(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    ULONG to = notification->NotifyType == CHANGE ? ONLINE : OFFLINE;
    check_ok(set_block(scene->object, to));
    check_state(scene->object, to);
    check_eq(sink_count(scene->other), 3 * (int)notification->NotifyType);
}

CASE(set_state_of_another_tree_from_notify, decision, "D 45") {
    IMAPIOfflineMgr *first = open_global(profile());
    struct scene scene;
    struct sink sinks[2];
    scene.object = open_global(profile2());
    scene.other = &sinks[1];
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    sinks[0].hook = set_another_tree;
    sinks[0].context = &scene;
    advise(first, &sinks[0], 0);
    advise(scene.object, &sinks[1], 0);
    check_ok(set_block(first, OFFLINE));
    check_received1(&sinks[0], OFFLINE);
    release_last(first);
    release_last(scene.object);
}

static void advise_from_notify(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    if (notification->NotifyType == START) {
        advise(scene->object, scene->other, 0);
    }
}

/* `others` registrations beside: with many of them the library comes back to its table during the transition. */
static void register_in_a_transition(int others) {
    struct scene scene;
    struct sink sinks[2];
    struct sink other;
    sink_init(&other);
    scene.object = open_global(profile());
    scene.other = &sinks[1];
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    sinks[0].hook = advise_from_notify;
    sinks[0].context = &scene;
    advise(scene.object, &sinks[0], 0);
    for (; others > 0; others--) {
        advise(scene.object, &other, 0);
    }
    check_ok(set_block(scene.object, OFFLINE));
    check_received0(&sinks[1]);
    sinks[0].hook = NULL;
    check_ok(set_block(scene.object, ONLINE));
    check_received1(&sinks[1], ONLINE);
    release_last(scene.object);
}

CASE(registration_made_in_a_transition_gets_nothing_of_it, decision, "D 43") {
    register_in_a_transition(0);
    register_in_a_transition(300);
}

static void swap_registration(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    if (notification->NotifyType == START) {
        scene->done = sink_count(scene->other); /* 1 if it was notified first: it was registered when the transition began */
    }
    check_ok(IMAPIOfflineMgr_Unadvise(scene->object, 0, scene->tokens[1]));
    scene->tokens[1] = advise(scene->object, scene->other, 0);
}

CASE(replaced_registration_is_not_notified_early, decision, "D 43") {
    struct scene scene;
    struct sink sinks[2];
    scene.object = open_global(profile());
    scene.other = &sinks[1];
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    sinks[0].hook = swap_registration;
    sinks[0].context = &scene;
    advise(scene.object, &sinks[0], 0);
    scene.tokens[1] = advise(scene.object, &sinks[1], 0);
    scene.done = 0;
    check_ok(set_block(scene.object, OFFLINE));
    check(scene.done <= 1);
    check_eq(sink_count(&sinks[1]), scene.done);
    check_eq(sink_refs(&sinks[1]), 2);
    release_last(scene.object);
}

/* Static, as a library that accepts them may release them as late as when the object has ended. */
static struct sink late_sinks[2];

static void count_the_ending_object(struct sink *self) {
    struct scene *scene = (struct scene *)self->context;
    void *found = NULL;
    ULONG state = 0;
    struct sink *late = &late_sinks[scene->done++ % 2];
    MAPIOFFLINE_ADVISEINFO info;
    ULONG token = POISON;
    HRESULT hr;
    IMAPIOfflineMgr *other = create_object(profile(), NULL, BOTH, NULL); /* may reuse the memory of the ending object */
    IMAPIOfflineMgr_AddRef(scene->object);
    IMAPIOfflineMgr_Release(scene->object);
    if (SUCCEEDED(IMAPIOfflineMgr_QueryInterface(scene->object, REF(IID_IMAPIOffline), &found))) {
        IMAPIOffline_Release((IMAPIOffline *)found);
    }
    (void)IMAPIOfflineMgr_GetCurrentState(scene->object, &state);
    sink_init(late);
    info = advise_info(late, 0);
    hr = IMAPIOfflineMgr_Advise(scene->object, 0, &info, &token);
    check(hr == E_UNEXPECTED || hr == S_OK);
    check((token != 0) == (hr == S_OK));
    hr = set_block(scene->object, OFFLINE);
    check(hr == E_UNEXPECTED || hr == S_OK);
    check_ok(IMAPIOfflineMgr_Unadvise(scene->object, 0, scene->tokens[0]));
    check_state(other, ONLINE);
    release_last(other);
}

CASE(sink_release_may_use_the_object_that_is_ending, decision, "D 7") {
    struct scene scene;
    struct sink sinks[2];
    int index;
    scene.object = open_global(profile());
    scene.done = 0;
    for (index = 0; index < 2; index++) {
        sink_init(&sinks[index]);
        sinks[index].release_hook = count_the_ending_object;
        sinks[index].context = &scene;
        scene.tokens[index] = advise(scene.object, &sinks[index], 0);
    }
    release_last(scene.object);
    check_eq(scene.done, 2);
    check_eq(sink_refs(&sinks[0]), 1);
    check_eq(sink_refs(&sinks[1]), 1);
    check_eq(sink_refs(&late_sinks[0]), 1);
    check_eq(sink_refs(&late_sinks[1]), 1);
}

static void reopen_ended(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    if (notification->NotifyType == START) {
        IMAPIOfflineMgr *again;
        release_last(scene->object);
        again = open_global(profile());
        check_state(again, ONLINE);
        check_hr(set_async(again, ONLINE), E_PENDING);
        scene->object = again;
    }
}

CASE(global_object_reopened_from_its_own_notify, decision, "D 39") {
    struct scene scene;
    struct sink sink;
    scene.object = open_global(profile());
    sink_init(&sink);
    sink.hook = reopen_ended;
    sink.context = &scene;
    advise(scene.object, &sink, 0);
    check_ok(set_block(scene.object, OFFLINE));
    check_eq(sink_count(&sink), 1);
    check_state(scene.object, OFFLINE);
    release_last(scene.object);
}

static const GUID named = {0xAAAAAAAA, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static void recreate_named(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    IMAPIOfflineMgr *found = NULL;
    if (notification->NotifyType == START) {
        release_last(scene->object);
        check_hr(lib.HrOpenOfflineObj(0, profile(), &named, NULL, &found), MAPI_E_NOT_FOUND);
        scene->object = create_object(profile(), &named, BOTH, NULL);
        check_state(scene->object, ONLINE);
        check_ok(set_block(scene->object, OFFLINE)); /* the new object is a tree of its own, which is not busy */
        check_ok(set_block(scene->object, ONLINE));
    }
}

CASE(named_object_is_not_reopened_in_its_busy_tree, decision, "D 39") {
    struct scene scene;
    struct sink sink;
    IMAPIOfflineMgr *found = NULL;
    scene.object = create_object(profile(), &named, BOTH, NULL);
    sink_init(&sink);
    sink.hook = recreate_named;
    sink.context = &scene;
    advise(scene.object, &sink, 0);
    check_ok(set_block(scene.object, OFFLINE));
    check_eq(sink_count(&sink), 1);
    check_state(scene.object, ONLINE);
    check_ok(lib.HrOpenOfflineObj(0, profile(), &named, NULL, &found));
    check(found == scene.object);
    IMAPIOfflineMgr_Release(found);
    release_last(scene.object);
}

static void churn(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct scene *scene = (struct scene *)self->context;
    int round;
    if (notification->NotifyType == START) {
        for (round = 0; round < 1000; round++) {
            struct sink other;
            ULONG token;
            IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, scene->object);
            sink_init(&other);
            token = advise(child, &other, 0);
            check_ok(IMAPIOfflineMgr_Unadvise(child, 0, token));
            token = advise(scene->object, &other, 0);
            check_ok(IMAPIOfflineMgr_Unadvise(scene->object, 0, token));
            release_last(child);
            check_eq(sink_count(&other), 0);
        }
        scene->done++;
    }
}

CASE(objects_and_registrations_come_and_go_in_notify, decision, "D 45") {
    struct scene scene;
    struct sink sink;
    scene.object = open_global(profile());
    scene.done = 0;
    sink_init(&sink);
    sink.hook = churn;
    sink.context = &scene;
    advise(scene.object, &sink, 0);
    check_ok(set_block(scene.object, OFFLINE));
    check_received1(&sink, OFFLINE);
    check_eq(scene.done, 1);
    check_eq(refs_of(scene.object), 1);
    release_last(scene.object);
}

static void call_from_release(struct sink *self) {
    struct scene *scene = (struct scene *)self->context;
    ULONG state = 0;
    check_ok(IMAPIOfflineMgr_GetCurrentState(scene->object, &state));
    check_ok(IMAPIOfflineMgr_Unadvise(scene->object, 0, scene->tokens[1]));
    check_ok(set_block(scene->object, state ^ MAPIOFFLINE_STATE_OFFLINE_MASK));
    scene->done++;
}

CASE(sink_release_may_call_any_method, decision, "D 45") {
    struct scene scene;
    struct sink sinks[2];
    scene.object = open_global(profile());
    scene.done = 0;
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    sinks[0].release_hook = call_from_release;
    sinks[0].context = &scene;
    scene.tokens[0] = advise(scene.object, &sinks[0], 0);
    scene.tokens[1] = advise(scene.object, &sinks[1], 0);
    check_ok(IMAPIOfflineMgr_Unadvise(scene.object, 0, scene.tokens[0]));
    check_eq(scene.done, 1);
    check_eq(sink_refs(&sinks[1]), 1);
    check_state(scene.object, OFFLINE);
    release_last(scene.object);
}
