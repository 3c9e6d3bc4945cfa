/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What published clients do, in the same way. */
#include "../harness.h"

#include "../legacy_client.h"

static struct legacy_exports exports(void) {
    struct legacy_exports exports;
    memcpy(&exports.open, &lib.HrOpenOfflineObj, sizeof(exports.open));
    return exports;
}

CASE(client_with_declarations_of_its_own, decision, "D 46") {
    struct legacy_exports legacy = exports();
    IMAPIOfflineMgr *object = open_global(profile());
    int phases;
    check_eq(legacy_query_state(&legacy, profile()), 2);
    phases = legacy_watch_one_change(&legacy, profile());
    check_eq(phases, 123); /* START, STATECHANGE, DONE as digits */
    check_state(object, OFFLINE);
    check_eq(legacy_query_state(&legacy, profile()), 1);
    release_last(object);
}

CASE(sink_that_returns_a_value, decision, "D 46") {
    struct legacy_exports legacy = exports();
    check_eq(legacy_notify_returns_hresult(&legacy, profile()), 3);
}

CASE(tests_the_pointer_or_the_hresult, reference, "hropenofflineobj") {
    IMAPIOfflineMgr *object = NULL;
    HRESULT hr = lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, &object);
    check(object != NULL);
    check(hr == S_OK);
    check(!FAILED(hr));
    release_last(object);
    hr = lib.HrOpenOfflineObj(0, L"", &GUID_GlobalState, NULL, &object);
    check(object == NULL);
    check(hr != S_OK);
    check(FAILED(hr));
}

CASE(opens_per_query_though_it_holds_a_manager, decision, "D 46") {
    IMAPIOfflineMgr *held = open_global(profile());
    int round;
    for (round = 0; round < 100; round++) {
        IMAPIOfflineMgr *object = open_global(profile());
        check_state(object, ONLINE);
    }
    check_eq(refs_of(held), 101);
    for (round = 0; round < 100; round++) {
        IMAPIOfflineMgr_Release(held);
    }
    release_last(held);
}

CASE(unadvise_zero_zero_with_nothing_registered, reference, "imapiofflinemgr-unadvise") {
    IMAPIOfflineMgr *object = open_global(profile());
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, 0));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, 0));
    release_last(object);
}

CASE(never_unadvises, decision, "D 46") {
    IMAPIOfflineMgr *object = open_global(profile());
    static struct sink sink;
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    release_last(object);
}

CASE(offline_interface_outlives_the_manager, com, "IUnknown (one object, one count)") {
    IMAPIOfflineMgr *manager = open_global(profile());
    void *offline = NULL;
    ULONG state = 0;
    check_ok(IMAPIOfflineMgr_QueryInterface(manager, REF(IID_IMAPIOffline), &offline));
    check_eq(IMAPIOfflineMgr_Release(manager), 1);
    check_ok(IMAPIOffline_GetCurrentState((IMAPIOffline *)offline, &state));
    check(state == 2);
    check((state & 3) == 2);
    check_eq(IMAPIOffline_Release((IMAPIOffline *)offline), 0);
}

CASE(advises_only_when_it_has_capabilities, decision, "D 41") {
    IMAPIOfflineMgr *object = open_global(profile());
    ULONG capabilities = 0;
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
    check(capabilities != 0);
    release_last(object);
}

/* Sets the object in the sink's `context` offline, and checks that this thread was notified. */
static void *set_and_compare(void *context) {
    struct sink *sink = (struct sink *)context;
    check_ok(set_block((IMAPIOfflineMgr *)sink->context, OFFLINE));
    check_eq(sink_count(sink), 3);
    check(pthread_equal(sink->events[0].thread, pthread_self()));
    return NULL;
}

CASE(sets_with_block_from_a_worker, decision, "D 41") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    pthread_t worker;
    sink_init(&sink);
    sink.context = object;
    advise(object, &sink, 0);
    check_eq(pthread_create(&worker, NULL, set_and_compare, &sink), 0);
    pthread_join(worker, NULL);
    check_received1(&sink, OFFLINE);
    release_last(object);
}
