/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Registrations. (imapiofflinemgr-advise, -unadvise, mapioffline_adviseinfo, imapiofflinenotify-notify,
 * imsgstore-unadvise) */
#include "../harness.h"

static HRESULT try_advise(IMAPIOfflineMgr *object, ULONG flags, MAPIOFFLINE_ADVISEINFO *info) {
    ULONG token = POISON;
    HRESULT hr = IMAPIOfflineMgr_Advise(object, flags, info, &token);
    check((token != 0) == SUCCEEDED(hr));
    if (SUCCEEDED(hr)) {
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    }
    return hr;
}

CASE(arguments, reference, "imapiofflinemgr-advise") {
    IMAPIOfflineMgr *object = open_global(profile());
    MAPIOFFLINE_ADVISEINFO info;
    struct sink sink;
    ULONG bit;
    sink_init(&sink);
    info = advise_info(&sink, 1);
    check_hr(try_advise(object, 1, &info), E_INVALIDARG);
    check_hr(try_advise(object, 0, NULL), E_INVALIDARG);
    check_hr(IMAPIOfflineMgr_Advise(object, 0, &info, NULL), E_INVALIDARG);
    info.ulSize = sizeof(info) - 1;
    check_hr(try_advise(object, 0, &info), E_INVALIDARG);
    info = advise_info(&sink, 1);
    info.CallbackType = (MAPIOFFLINE_CALLBACK_TYPE)1;
    check_hr(try_advise(object, 0, &info), E_INVALIDARG);
    info = advise_info(&sink, 1);
    info.pCallback = NULL;
    check_hr(try_advise(object, 0, &info), E_INVALIDARG);
    info = advise_info(&sink, 1);
    info.ulAdviseTypes = 0;
    check_hr(try_advise(object, 0, &info), E_INVALIDARG);
    info.ulAdviseTypes = 3;
    check_hr(try_advise(object, 0, &info), E_INVALIDARG);
    info = advise_info(&sink, 1);
    info.ulStateMask = MAPIOFFLINE_STATE_ALL & ~MAPIOFFLINE_STATE_OFFLINE_MASK;
    check_hr(try_advise(object, 0, &info), E_INVALIDARG);
    check_eq(sink_refs(&sink), 1);
    for (bit = 1; bit <= 2; bit++) {
        info.ulStateMask = bit;
        check_ok(try_advise(object, 0, &info));
    }
    release_last(object);
}

CASE(state_mask_does_not_filter_directions, decision, "D 43") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    MAPIOFFLINE_ADVISEINFO info;
    ULONG token = 0;
    sink_init(&sink);
    info = advise_info(&sink, 0);
    info.ulStateMask = MAPIOFFLINE_STATE_ONLINE;
    check_ok(IMAPIOfflineMgr_Advise(object, 0, &info, &token));
    check_ok(set_block(object, OFFLINE));
    check_ok(set_block(object, ONLINE));
    check_received2(&sink, OFFLINE, ONLINE);
    release_last(object);
}

CASE(larger_and_misaligned_structures, decision, "D 34") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    char memory[sizeof(MAPIOFFLINE_ADVISEINFO) + 65];
    MAPIOFFLINE_ADVISEINFO info;
    sink_init(&sink);
    info = advise_info(&sink, 1);
    info.ulSize = sizeof(info) + 64;
    memset(memory, 0xEE, sizeof(memory));
    memcpy(memory + 1, &info, sizeof(info));
    check_ok(try_advise(object, 0, (MAPIOFFLINE_ADVISEINFO *)(void *)(memory + 1)));
    release_last(object);
}

CASE(sink_is_queried_once_and_its_interface_is_kept, decision, "D 43") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    ULONG token;
    sink_init(&sink);
    token = advise(object, &sink, 1);
    check_eq(sink.queries, 1);
    check_eq(sink_refs(&sink), 2);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(sink_refs(&sink), 1);
    release_last(object);
    check_eq(sink.queries, 1);
}

CASE(sink_without_the_interface_is_rejected, reference, "imapiofflinemgr-advise") {
    static const enum query_behaviour behaviours[] = {QUERY_REFUSES, QUERY_REFUSES_WITH_POINTER,
                                                      QUERY_SUCCEEDS_WITH_NULL, QUERY_S_FALSE_WITH_NULL};
    IMAPIOfflineMgr *object = open_global(profile());
    int index;
    for (index = 0; index < 4; index++) {
        struct sink sink;
        MAPIOFFLINE_ADVISEINFO info;
        sink_init(&sink);
        sink.behaviour = behaviours[index];
        info = advise_info(&sink, 1);
        check_hr(try_advise(object, 0, &info), E_NOINTERFACE);
        check_eq(sink.queries, 1);
        check_eq(sink.releases, 0);
    }
    release_last(object);
}

CASE(sink_whose_query_returns_s_false_is_accepted, com, "IUnknown::QueryInterface (SUCCEEDED)") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.behaviour = QUERY_GIVES_WITH_S_FALSE;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    release_last(object);
    check_eq(sink_refs(&sink), 1);
}

CASE(only_the_queried_interface_is_referenced, decision, "D 43") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink queried;
    struct sink given;
    ULONG token;
    sink_init(&queried);
    sink_init(&given);
    queried.behaviour = QUERY_GIVES_ANOTHER;
    queried.context = &given;
    token = advise(object, &queried, 0);
    check_ok(set_block(object, OFFLINE));
    check_received1(&given, OFFLINE);
    check_received0(&queried);
    check_eq(sink_refs(&given), 2);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(sink_refs(&given), 1);
    check_eq(sink_refs(&queried), 1);
    check_eq(queried.releases, 0);
    check_eq(queried.queries, 1);
    release_last(object);
}

CASE(sink_whose_count_starts_at_zero, decision, "D 46") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    ULONG token;
    sink_init(&sink);
    sink.refs = 0;
    token = advise(object, &sink, 1);
    check_eq(sink_refs(&sink), 1);
    check_ok(set_block(object, OFFLINE));
    check_eq(sink_refs(&sink), 1);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(sink_refs(&sink), 0);
    release_last(object);
}

CASE(one_sink_registered_twice, decision, "D 46") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    ULONG first;
    ULONG second;
    sink_init(&sink);
    first = advise(object, &sink, 10);
    second = advise(object, &sink, 20);
    check(first != second);
    check_eq(sink_refs(&sink), 3);
    check_ok(set_block(object, OFFLINE));
    check_eq(sink_count(&sink), 6);
    check_eq(sink.events[0].notification.ulClientToken + sink.events[1].notification.ulClientToken, 30);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, first));
    check_ok(set_block(object, ONLINE));
    check_eq(sink_count(&sink), 9);
    check_eq(sink.events[8].notification.ulClientToken, 20);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, second));
    check_eq(sink_refs(&sink), 1);
    release_last(object);
}

CASE(unadvise_always_succeeds, reference, "imapiofflinemgr-unadvise") {
    IMAPIOfflineMgr *object = open_global(profile());
    IMAPIOfflineMgr *other = open_global(profile2());
    struct sink sink;
    ULONG token;
    sink_init(&sink);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, 0));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, POISON));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0xFFFFFFFFu, 1));
    token = advise(object, &sink, 0);
    check_ok(IMAPIOfflineMgr_Unadvise(other, 0, token));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token + 1));
    check_eq(sink_refs(&sink), 2);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0xFFFFFFFFu, token));
    check_eq(sink_refs(&sink), 1);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(sink_refs(&sink), 1);
    release_last(other);
    release_last(object);
}

CASE(stale_token_ends_nothing, decision, "D 9") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink first;
    struct sink second;
    ULONG stale;
    sink_init(&first);
    sink_init(&second);
    stale = advise(object, &first, 0);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, stale));
    check(advise(object, &second, 0) != stale);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, stale));
    check_eq(sink_refs(&second), 2);
    check_ok(set_block(object, OFFLINE));
    check_received1(&second, OFFLINE);
    check_received0(&first);
    release_last(object);
}

static int compare_tokens(const void *left, const void *right) {
    ULONG first = *(const ULONG *)left;
    ULONG second = *(const ULONG *)right;
    return first < second ? -1 : first > second;
}

CASE(tokens_are_not_reused, decision, "D 9") {
    enum { ROUNDS = 200000 };
    static ULONG tokens[ROUNDS];
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    int count = 0;
    int round;
    sink_init(&sink);
    for (round = 0; round < often(ROUNDS); round++) {
        ULONG token = advise(object, &sink, 0);
        tokens[count++] = token;
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
        if (failures_so_far() != 0) {
            break;
        }
    }
    check_eq(sink_refs(&sink), 1);
    qsort(tokens, (size_t)count, sizeof(tokens[0]), compare_tokens);
    for (round = 1; round < count; round++) {
        if (!check(tokens[round] != tokens[round - 1])) {
            break;
        }
    }
    release_last(object);
}

CASE(last_release_ends_registrations, decision, "D 44") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sinks[100];
    int index;
    for (index = 0; index < 100; index++) {
        sink_init(&sinks[index]);
        advise(object, &sinks[index], 0);
    }
    release_last(object);
    for (index = 0; index < 100; index++) {
        check_eq(sink_refs(&sinks[index]), 1);
    }
    object = open_global(profile());
    check_ok(set_block(object, OFFLINE));
    check_received0(&sinks[0]);
    release_last(object);
}

static void release_object(struct sink *self) {
    if (self->context != NULL) {
        check_eq(IMAPIOfflineMgr_Release((IMAPIOfflineMgr *)self->context), 0);
        self->context = NULL;
    }
}

CASE(object_released_while_the_sink_is_queried, decision, "D 44") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    MAPIOFFLINE_ADVISEINFO info;
    ULONG token = POISON;
    sink_init(&sink);
    sink.query_hook = release_object;
    sink.context = object;
    info = advise_info(&sink, 0);
    check_hr(IMAPIOfflineMgr_Advise(object, 0, &info, &token), E_UNEXPECTED);
    check_eq(token, 0);
    check_eq(sink_refs(&sink), 1);
}

static void advise_another(struct sink *self) {
    struct sink *other = (struct sink *)self->context;
    if (other != NULL) {
        self->context = NULL;
        advise((IMAPIOfflineMgr *)other->context, other, 0);
    }
}

CASE(sink_that_advises_while_it_is_queried, decision, "D 30") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    struct sink other;
    sink_init(&sink);
    sink_init(&other);
    sink.query_hook = advise_another;
    sink.context = &other;
    other.context = object;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    check_received1(&other, OFFLINE);
    release_last(object);
}

static void check_notification(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    check_eq(notification->ulSize, 24);
    check_eq(notification->ulClientToken, 0xFEDCBA98u);
    check_eq(notification->Info.StateChange.ulMask, 3);
    check_eq(notification->Info.StateChange.ulStateOld, ONLINE);
    check_eq(notification->Info.StateChange.ulStateNew, OFFLINE);
}

CASE(notification_members, reference, "mapioffline_notify, imapiofflinenotify-notify") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.hook = check_notification;
    advise(object, &sink, 0xFEDCBA98u);
    check_ok(set_block(object, OFFLINE));
    check_eq(sink_count(&sink), 3);
    release_last(object);
}

CASE(remaining_registrations_are_notified_and_ended_ones_not, reference, "imapiofflinemgr-unadvise") {
    enum { COUNT = 200 };
    static struct sink sinks[COUNT];
    IMAPIOfflineMgr *object = open_global(profile());
    ULONG tokens[COUNT];
    int index;
    for (index = 0; index < COUNT; index++) {
        sink_init(&sinks[index]);
        tokens[index] = advise(object, &sinks[index], (ULONG)index);
    }
    for (index = 0; index < COUNT; index++) {
        if (index % 5 != 0) {
            check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[index]));
        }
    }
    check_ok(set_block(object, OFFLINE));
    for (index = 0; index < COUNT; index++) {
        if (index % 5 == 0) {
            check_received1(&sinks[index], OFFLINE);
        } else {
            check_received0(&sinks[index]);
        }
    }
    release_last(object);
    for (index = 0; index < COUNT; index++) {
        check_eq(sink_refs(&sinks[index]), 1);
    }
}

static void every_phase_comes_so_often(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    int count = *(int *)self->context;
    int phase = sink_count(self) / count;
    check_eq((unsigned)notification->NotifyType, (unsigned)(phase == 0 ? START : phase == 1 ? CHANGE : DONE));
}

CASE(every_registration_receives_every_phase, reference, "imapiofflinenotify-notify, mapioffline_notify_type") {
    /* Around the numbers that the library copies from its table at a time. */
    static const int counts[] = {1, 2, 127, 128, 129, 256, 257, 1000};
    size_t index;
    for (index = 0; index < sizeof(counts) / sizeof(counts[0]); index++) {
        IMAPIOfflineMgr *object = open_global(profile());
        int count = counts[index];
        struct sink sink;
        int number;
        set_when_idle(object, ONLINE);
        sink_init(&sink);
        sink.hook = every_phase_comes_so_often;
        sink.context = &count;
        for (number = 0; number < count; number++) {
            advise(object, &sink, 0);
        }
        check_ok(set_block(object, OFFLINE));
        check_eq(sink_count(&sink), 3 * count);
        release_last(object);
        check_eq(sink_refs(&sink), 1);
    }
}

CASE(many_registrations_ended_in_any_order, reference, "imapiofflinemgr-unadvise") {
    enum { COUNT = 20000 };
    static ULONG tokens[COUNT];
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    int count = often(COUNT);
    unsigned random = 1;
    int round;
    int index;
    sink_init(&sink);
    for (round = 0; round < 3; round++) {
        for (index = 0; index < count; index++) {
            tokens[index] = advise(object, &sink, 0);
        }
        check_eq(sink_refs(&sink), count + 1);
        for (index = count - 1; index >= 0; index--) {
            int other;
            ULONG token;
            random = random * 1664525u + 1013904223u;
            other = (int)(random >> 8) % (index + 1);
            token = tokens[other];
            tokens[other] = tokens[index];
            check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
            if (!check_at(__FILE__, __LINE__, sink_refs(&sink) == index + 1, "each Unadvise releases one reference")) {
                index = 0;
            }
        }
    }
    release_last(object);
}
