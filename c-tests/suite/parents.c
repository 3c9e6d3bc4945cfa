/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Trees of objects: what children inherit, and one transition for each tree. */
#include "../harness.h"

static const GUID kind = {0xAAAAAAAA, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

CASE(child_inherits_the_change, reference, "mapioffline_createinfo") {
    IMAPIOfflineMgr *parent = open_global(profile());
    IMAPIOfflineMgr *provider = create_object(profile(), NULL, BOTH, parent);
    IMAPIOfflineMgr *store = create_object(profile(), NULL, BOTH, provider);
    struct sink sinks[3];
    IMAPIOfflineMgr *objects[3];
    int index;
    objects[0] = parent;
    objects[1] = provider;
    objects[2] = store;
    for (index = 0; index < 3; index++) {
        sink_init(&sinks[index]);
        advise(objects[index], &sinks[index], (ULONG)index);
    }
    check_ok(set_block(parent, OFFLINE));
    for (index = 0; index < 3; index++) {
        check_received1(&sinks[index], OFFLINE);
        check_state(objects[index], OFFLINE);
    }
    release_last(store);
    release_last(provider);
    release_last(parent);
}

CASE(child_starts_in_its_parents_state, decision, "D 40") {
    IMAPIOfflineMgr *parent = open_global(profile());
    IMAPIOfflineMgr *child;
    check_ok(set_block(parent, OFFLINE));
    child = create_object(profile(), NULL, MAPIOFFLINE_CAPABILITY_ONLINE, parent);
    check_state(child, OFFLINE);
    release_last(child);
    release_last(parent);
}

CASE(change_of_a_child_does_not_affect_its_parent, decision, "D 40") {
    IMAPIOfflineMgr *parent = open_global(profile());
    IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, parent);
    IMAPIOfflineMgr *grandchild = create_object(profile(), NULL, BOTH, child);
    IMAPIOfflineMgr *sibling = create_object(profile(), NULL, BOTH, parent);
    struct sink sink;
    struct sink sibling_sink;
    sink_init(&sink);
    sink_init(&sibling_sink);
    advise(parent, &sink, 0);
    advise(sibling, &sibling_sink, 0);
    check_ok(set_block(child, OFFLINE));
    check_state(parent, ONLINE);
    check_state(sibling, ONLINE);
    check_state(child, OFFLINE);
    check_state(grandchild, OFFLINE);
    check_received0(&sink);
    check_received0(&sibling_sink);
    release_last(grandchild);
    release_last(child);
    release_last(sibling);
    release_last(parent);
}

CASE(object_without_capability_stops_propagation, decision, "D 40") {
    IMAPIOfflineMgr *parent = open_global(profile());
    IMAPIOfflineMgr *child = create_object(profile(), NULL, MAPIOFFLINE_CAPABILITY_ONLINE, parent);
    IMAPIOfflineMgr *grandchild = create_object(profile(), NULL, BOTH, child);
    struct sink sinks[2];
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    advise(child, &sinks[0], 0);
    advise(grandchild, &sinks[1], 0);
    check_ok(set_block(parent, OFFLINE));
    check_state(child, ONLINE);
    check_state(grandchild, ONLINE);
    check_received0(&sinks[0]);
    check_received0(&sinks[1]);
    release_last(grandchild);
    release_last(child);
    release_last(parent);
}

CASE(object_already_in_the_state_stops_propagation, decision, "D 40") {
    IMAPIOfflineMgr *parent = open_global(profile());
    IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, parent);
    IMAPIOfflineMgr *grandchild = create_object(profile(), NULL, BOTH, child);
    struct sink sinks[2];
    check_ok(set_block(child, OFFLINE));
    check_ok(set_block(grandchild, ONLINE));
    sink_init(&sinks[0]);
    sink_init(&sinks[1]);
    advise(child, &sinks[0], 0);
    advise(grandchild, &sinks[1], 0);
    check_ok(set_block(parent, OFFLINE));
    check_state(child, OFFLINE);
    check_state(grandchild, ONLINE);
    check_received0(&sinks[0]);
    check_received0(&sinks[1]);
    release_last(grandchild);
    release_last(child);
    release_last(parent);
}

CASE(each_phase_reaches_the_whole_tree_before_the_next, decision, "D 6") {
    enum { OBJECTS = 7 };
    IMAPIOfflineMgr *objects[OBJECTS];
    struct sink sinks[OBJECTS];
    unsigned last = 0;
    int phase;
    int index;
    objects[0] = open_global(profile());
    for (index = 1; index < OBJECTS; index++) {
        objects[index] = create_object(profile(), NULL, BOTH, objects[(index - 1) / 2]);
    }
    for (index = OBJECTS - 1; index >= 0; index--) {
        sink_init(&sinks[index]);
        advise(objects[index], &sinks[index], 0);
    }
    check_ok(set_block(objects[0], OFFLINE));
    for (phase = 0; phase < 3; phase++) {
        unsigned latest = last;
        for (index = 0; index < OBJECTS; index++) {
            const struct event *event = &sinks[index].events[phase];
            const struct event *parent = &sinks[(index - 1) / 2].events[phase];
            check_eq(sink_count(&sinks[index]), 3);
            check(event->order > last);
            if (index > 0) {
                check(event->order > parent->order);
            }
            if (index > 0 && index % 2 == 0) { /* siblings in the order of creation */
                check(event->order > sinks[index - 1].events[phase].order);
            }
            latest = event->order > latest ? event->order : latest;
        }
        last = latest;
    }
    for (index = OBJECTS - 1; index >= 0; index--) {
        release_last(objects[index]);
    }
}

struct family {
    IMAPIOfflineMgr *objects[3];
    int checked;
};

static void check_all_changed_together(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct family *family = (struct family *)self->context;
    ULONG expected = notification->NotifyType == START ? notification->Info.StateChange.ulStateOld
                                                       : notification->Info.StateChange.ulStateNew;
    int index;
    for (index = 0; index < 3; index++) {
        check_state(family->objects[index], expected);
    }
    family->checked++;
}

CASE(all_change_between_start_and_statechange, decision, "D 6") {
    struct family family;
    struct sink sinks[3];
    int index;
    family.checked = 0;
    family.objects[0] = open_global(profile());
    family.objects[1] = create_object(profile(), NULL, BOTH, family.objects[0]);
    family.objects[2] = create_object(profile(), NULL, BOTH, family.objects[0]);
    for (index = 0; index < 3; index++) {
        sink_init(&sinks[index]);
        sinks[index].hook = check_all_changed_together;
        sinks[index].context = &family;
        advise(family.objects[index], &sinks[index], 0);
    }
    check_ok(set_block(family.objects[0], OFFLINE));
    check_eq(family.checked, 9);
    for (index = 2; index >= 0; index--) {
        release_last(family.objects[index]);
    }
}

static void busy_for_all(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct family *family = (struct family *)self->context;
    int index;
    if (notification->NotifyType != DONE) {
        for (index = 0; index < 3; index++) {
            check_hr(set_async(family->objects[index], ONLINE), E_PENDING);
        }
        family->checked++;
    }
}

CASE(whole_tree_is_busy_during_a_transition, decision, "D 8") {
    struct family family;
    struct sink sink;
    int index;
    family.checked = 0;
    family.objects[0] = open_global(profile());
    family.objects[1] = create_object(profile(), NULL, BOTH, family.objects[0]);
    family.objects[2] = create_object(profile(), NULL, BOTH, family.objects[0]);
    sink_init(&sink);
    sink.hook = busy_for_all;
    sink.context = &family;
    advise(family.objects[1], &sink, 0);
    check_ok(set_block(family.objects[1], OFFLINE));
    check_eq(family.checked, 2);
    for (index = 2; index >= 0; index--) {
        release_last(family.objects[index]);
    }
}

CASE(counts_include_living_children, decision, "D 38") {
    IMAPIOfflineMgr *parent = open_global(profile());
    IMAPIOfflineMgr *first = create_object(profile(), NULL, BOTH, parent);
    IMAPIOfflineMgr *second = create_object(profile(), NULL, BOTH, parent);
    check_eq(refs_of(parent), 3);
    check_eq(refs_of(first), 1);
    release_last(first);
    check_eq(refs_of(parent), 2);
    release_last(second);
    release_last(parent);
}

CASE(child_keeps_its_parent_alive, decision, "D 40") {
    IMAPIOfflineMgr *parent = create_object(profile(), &kind, BOTH, NULL);
    IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, parent);
    IMAPIOfflineMgr *found = NULL;
    check_eq(IMAPIOfflineMgr_Release(parent), 1);
    check_ok(lib.HrOpenOfflineObj(0, profile(), &kind, NULL, &found));
    check(found == parent);
    check_eq(IMAPIOfflineMgr_Release(found), 1);
    release_last(child);
    check_hr(lib.HrOpenOfflineObj(0, profile(), &kind, NULL, &found), MAPI_E_NOT_FOUND);
}

CASE(parent_must_be_an_object_of_this_library, decision, "D 40") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *other = open_global(profile2());
    IMAPIOfflineMgr *object = NULL;
    struct sink stranger;
    sink_init(&stranger);
    info.pParent = (IMAPIOfflineMgr *)(void *)AS_UNKNOWN(&stranger);
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    check_eq(stranger.queries, 0);
    check_eq(sink_refs(&stranger), 1);
    info.pParent = other;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    check(object == NULL);
    release_last(other);
}

static void create_in_phase(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct family *family = (struct family *)self->context;
    if ((int)notification->NotifyType == family->checked) {
        family->objects[1] = create_object(profile(), NULL, BOTH, family->objects[0]);
        check_state(family->objects[1], notification->Info.StateChange.ulStateNew);
    }
}

CASE(child_made_in_a_transition_starts_in_the_new_state, decision, "D 40") {
    int phase;
    ULONG to = OFFLINE;
    struct family family;
    family.objects[0] = open_global(profile());
    for (phase = START; phase <= DONE; phase++) {
        struct sink sink;
        ULONG token;
        sink_init(&sink);
        sink.hook = create_in_phase;
        sink.context = &family;
        family.checked = phase;
        token = advise(family.objects[0], &sink, 0);
        check_ok(set_block(family.objects[0], to));
        check_state(family.objects[1], to);
        release_last(family.objects[1]);
        check_ok(IMAPIOfflineMgr_Unadvise(family.objects[0], 0, token));
        to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
    }
    release_last(family.objects[0]);
}

static struct sink late_sink;

static void create_and_advise(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct family *family = (struct family *)self->context;
    if (notification->NotifyType == START) {
        family->objects[1] = create_object(profile(), NULL, BOTH, family->objects[0]);
        sink_init(&late_sink);
        advise(family->objects[1], &late_sink, 0);
    }
}

CASE(child_made_in_a_transition_is_not_notified_of_it, decision, "D 40") {
    struct family family;
    struct sink sink;
    family.objects[0] = open_global(profile());
    sink_init(&sink);
    sink.hook = create_and_advise;
    sink.context = &family;
    advise(family.objects[0], &sink, 0);
    check_ok(set_block(family.objects[0], OFFLINE));
    check_received0(&late_sink);
    sink.hook = NULL;
    check_ok(set_block(family.objects[0], ONLINE));
    check_received1(&late_sink, ONLINE);
    release_last(family.objects[1]);
    release_last(family.objects[0]);
}

static void release_child(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct family *family = (struct family *)self->context;
    if (notification->NotifyType == START) {
        release_last(family->objects[1]);
    }
}

static void queue_and_create(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct family *family = (struct family *)self->context;
    if (notification->NotifyType == DONE && notification->Info.StateChange.ulStateNew == OFFLINE) {
        check_ok(set_async(family->objects[1], ONLINE)); /* from another object of the tree */
        check_hr(set_async(family->objects[0], ONLINE), E_PENDING);
        family->objects[2] = create_object(profile(), NULL, BOTH, family->objects[1]);
        check_state(family->objects[2], OFFLINE); /* the new state of the running transition, not of the queued one */
        sink_init(&late_sink);
        advise(family->objects[2], &late_sink, 0);
    }
}

CASE(child_made_before_a_queued_transition_takes_part, decision, "D 42") {
    struct family family;
    struct sink sink;
    family.objects[0] = open_global(profile());
    family.objects[1] = create_object(profile(), NULL, BOTH, family.objects[0]);
    sink_init(&sink);
    sink.hook = queue_and_create;
    sink.context = &family;
    advise(family.objects[0], &sink, 0);
    check_ok(set_block(family.objects[0], OFFLINE));
    check_received1(&late_sink, ONLINE);
    check_received1(&sink, OFFLINE);
    check_state(family.objects[0], OFFLINE);
    check_state(family.objects[1], ONLINE);
    check_state(family.objects[2], ONLINE);
    release_last(family.objects[2]);
    release_last(family.objects[1]);
    release_last(family.objects[0]);
    check(sink_released(&late_sink));
    check(sink_released(&sink));
}

static void create_under_the_unconcerned(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct family *family = (struct family *)self->context;
    IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, family->objects[1]);
    (void)notification;
    check_state(child, ONLINE);
    release_last(child);
    family->checked++;
}

CASE(child_made_under_a_parent_that_does_not_change, decision, "D 40") {
    struct family family;
    struct sink sink;
    family.checked = 0;
    family.objects[0] = open_global(profile());
    family.objects[1] = create_object(profile(), NULL, MAPIOFFLINE_CAPABILITY_ONLINE, family.objects[0]);
    sink_init(&sink);
    sink.hook = create_under_the_unconcerned;
    sink.context = &family;
    advise(family.objects[0], &sink, 0);
    check_ok(set_block(family.objects[0], OFFLINE));
    check_eq(family.checked, 3);
    release_last(family.objects[1]);
    release_last(family.objects[0]);
}

CASE(child_released_in_a_transition_is_not_notified, decision, "D 44") {
    struct family family;
    struct sink sink;
    struct sink child_sink;
    family.objects[0] = open_global(profile());
    family.objects[1] = create_object(profile(), NULL, BOTH, family.objects[0]);
    sink_init(&sink);
    sink_init(&child_sink);
    sink.hook = release_child;
    sink.context = &family;
    advise(family.objects[0], &sink, 0);
    advise(family.objects[1], &child_sink, 0);
    check_ok(set_block(family.objects[0], OFFLINE));
    check_received0(&child_sink);
    check_eq(sink_refs(&child_sink), 1);
    check_eq(refs_of(family.objects[0]), 1);
    sink.hook = NULL;
    check_ok(set_block(family.objects[0], ONLINE));
    release_last(family.objects[0]);
}

CASE(chain_of_100000_objects_is_released, decision, "D 40") {
    enum { DEPTH = 100000 };
    int depth = often(DEPTH);
    IMAPIOfflineMgr *root = create_object(profile(), NULL, BOTH, NULL);
    IMAPIOfflineMgr *deepest = root;
    int index;
    for (index = 0; index < depth; index++) {
        IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, deepest);
        check_eq(IMAPIOfflineMgr_Release(deepest), 1);
        deepest = child;
    }
    check_ok(set_block(root, OFFLINE));
    check_state(deepest, OFFLINE);
    release_last(deepest);
}

CASE(parent_with_1000_children, decision, "D 40") {
    enum { CHILDREN = 1000 };
    static IMAPIOfflineMgr *children[CHILDREN];
    IMAPIOfflineMgr *root = open_global(profile());
    int index;
    for (index = 0; index < CHILDREN; index++) {
        children[index] = create_object(profile(), NULL, BOTH, root);
    }
    for (index = 0; index < CHILDREN; index += 3) {
        release_last(children[index]);
    }
    check_ok(set_block(root, OFFLINE));
    for (index = 0; index < CHILDREN; index++) {
        if (index % 3 != 0) {
            check_state(children[index], OFFLINE);
            release_last(children[index]);
        }
    }
    release_last(root);
}
