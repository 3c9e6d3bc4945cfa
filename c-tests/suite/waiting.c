/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Waiting for a state, and for all programs: what tests of clients use instead of sleeping. */
#include "../harness.h"

#define NAME8 "Waiting"
static const MAPIOFFLINE_CHAR16 name16[] = {'W', 'a', 'i', 't', 'i', 'n', 'g', 0};
static const wchar_t name[] = L"Waiting";

static void take_a_while(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    nap(60);
}

CASE(waiting_lasts_until_done_has_returned, decision, "D 66") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    char own[100];
    ULONG programs = POISON;
    need_extension(MapiOfflineWaitUtf8);
    spell8(profile(), own);
    object = open_global(profile());
    sink_init(&sink);
    sink.hook = take_a_while;
    advise(object, &sink, 0);
    check_ok(lib.MapiOfflineWaitUtf8(own, ONLINE, 0));
    check_hr(lib.MapiOfflineWaitUtf8(own, OFFLINE, 0), MAPI_E_TIMEOUT);
    check_ok(set_async(object, OFFLINE));
    check_ok(lib.MapiOfflineWaitUtf8(own, OFFLINE, 10000));
    check_eq(sink_count(&sink), 3);
    check_eq(sink.inside, 0);
    check_hr(lib.MapiOfflineWaitUtf8(own, ONLINE, 20), MAPI_E_TIMEOUT);
    check_ok(set_async(object, ONLINE));
    check_ok(lib.MapiOfflineSettleUtf8(own, 10000, &programs));
    check_eq(sink_count(&sink), 6);
    check_eq(sink.inside, 0);
    check_eq(programs, 0);
    check_state(object, ONLINE);
    check_ok(lib.MapiOfflineSettleUtf8(own, 0xFFFFFFFF, NULL));
    release_last(object);
    check_eq(sink_refs(&sink), 1);
}

CASE(waiting_arguments, decision, "D 66") {
    static const ULONG states[] = {0, ONLINE | OFFLINE, 4, 0xFFFFFFFF};
    size_t index;
    ULONG programs = POISON;
    need_extension(MapiOfflineWaitUtf8);
    check_hr(lib.MapiOfflineWaitUtf8(NULL, ONLINE, 0), E_INVALIDARG);
    check_hr(lib.MapiOfflineWaitUtf8("", ONLINE, 0), E_INVALIDARG);
    check_hr(lib.MapiOfflineWaitUtf8("\xFF", ONLINE, 0), E_INVALIDARG);
    check_hr(lib.MapiOfflineWaitUtf16(NULL, ONLINE, 0), E_INVALIDARG);
    for (index = 0; index < sizeof(states) / sizeof(states[0]); index++) {
        check_hr(lib.MapiOfflineWaitUtf8(NAME8, states[index], 0), E_INVALIDARG);
    }
    check_hr(lib.MapiOfflineSettleUtf8(NULL, 0, &programs), E_INVALIDARG);
    check_eq(programs, 0);
    check_hr(lib.MapiOfflineSettleUtf16(NULL, 0, NULL), E_INVALIDARG);
    /* A name that nothing has opened yet. */
    check_ok(lib.MapiOfflineWaitUtf16(name16, ONLINE, 10000));
    check_ok(lib.MapiOfflineSettleUtf16(name16, 10000, NULL));
    check_eq(lib.MapiOfflineLiveObjects(), 0);
}

static HRESULT waits[6];

static void wait_in_notify(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    const int index = notification->NotifyType == START ? 0 : notification->NotifyType == CHANGE ? 2 : 4;
    const char *own = (const char *)self->context;
    waits[index] = lib.MapiOfflineWaitUtf8(own, OFFLINE, 10000);
    waits[index + 1] = lib.MapiOfflineSettleUtf8(own, 10000, NULL);
}

CASE(waiting_in_notify_is_refused, decision, "D 66") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    char own[100];
    int index;
    need_extension(MapiOfflineWaitUtf8);
    spell8(profile(), own);
    object = open_global(profile());
    sink_init(&sink);
    sink.hook = wait_in_notify;
    sink.context = own;
    advise(object, &sink, 0);
    memset(waits, 0, sizeof(waits));
    check_ok(set_block(object, OFFLINE));
    for (index = 0; index < 6; index++) {
        check_hr(waits[index], E_PENDING);
    }
    release_last(object);
    check_eq(sink_refs(&sink), 1);
}

/* ---- other programs ------------------------------------------------------------------------------------------------ */

CASE(helper_sets_offline_and_waits, helper, "") {
    IMAPIOfflineMgr *object;
    ULONG programs = POISON;
    if (!is_child_case()) {
        return;
    }
    object = open_global(name);
    check_ok(set_async(object, OFFLINE));
    check_ok(lib.MapiOfflineSettleUtf8(NAME8, 10000, &programs));
    check_eq(programs, 0);
    release_last(object);
}

CASE(helper_sets_online_and_does_not_wait_long, helper, "") {
    IMAPIOfflineMgr *object;
    ULONG programs = POISON;
    if (!is_child_case()) {
        return;
    }
    object = open_global(name);
    check_ok(set_async(object, ONLINE));
    check_hr(lib.MapiOfflineSettleUtf8(NAME8, 300, &programs), MAPI_E_TIMEOUT);
    check_eq(programs, 1);
    release_last(object);
}

static struct gate gate;

static void wait_at_the_gate(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    if (notification->NotifyType == DONE) {
        gate_wait(&gate);
    }
}

CASE(settling_includes_other_programs, decision, "D 66") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_extension(MapiOfflineWaitUtf8);
    if (!with_shared_store()) {
        skip_case("profiles are kept in memory");
        return;
    }
    skip_under_valgrind("the child would be another program under valgrind");
    object = open_global(name);
    sink_init(&sink);
    sink.hook = take_a_while;
    advise(object, &sink, 0);
    check_eq(run_case_as_process("waiting.helper_sets_offline_and_waits", NULL, NULL), 0);
    check_eq(sink_count(&sink), 3);
    check_eq(sink.inside, 0);
    gate_init(&gate);
    sink.hook = wait_at_the_gate;
    check_eq(run_case_as_process("waiting.helper_sets_online_and_does_not_wait_long", NULL, NULL), 0);
    gate_open(&gate);
    check_ok(lib.MapiOfflineWaitUtf8(NAME8, ONLINE, 10000));
    check_eq(sink_count(&sink), 6);
    check_eq(sink.inside, 0);
    release_last(object);
    check_eq(sink_refs(&sink), 1);
}
