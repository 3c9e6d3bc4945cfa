/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What published clients do, the way they do it. (contract, section 6) */
#include "../harness.h"

#include "../legacy_client.h"

static struct legacy_exports exports(void) {
    struct legacy_exports exports;
    memcpy(&exports.open, &lib.open, sizeof(exports.open));
    return exports;
}

CASE(client_with_declarations_of_its_own) {
    struct legacy_exports legacy = exports();
    IMAPIOfflineMgr *object = open_global(profile());
    int heard;
    check_eq(legacy_query_state(&legacy, profile()), 2);
    heard = legacy_watch_one_change(&legacy, profile());
    check_eq(heard, 123); /* START, STATECHANGE, DONE as digits */
    check_state(object, OFFLINE);
    check_eq(legacy_query_state(&legacy, profile()), 1);
    release_last(object);
}

CASE(sink_that_returns_a_value) {
    struct legacy_exports legacy = exports();
    check_eq(legacy_notify_returns_hresult(&legacy, profile()), 3);
}

CASE(tests_the_pointer_or_the_hresult) {
    IMAPIOfflineMgr *object = NULL;
    HRESULT hr = lib.open(0, profile(), &GUID_GlobalState, NULL, &object);
    check(object != NULL);
    check(hr == S_OK);
    check(!FAILED(hr));
    release_last(object);
    hr = lib.open(0, L"", &GUID_GlobalState, NULL, &object);
    check(object == NULL);
    check(hr != S_OK);
    check(FAILED(hr));
}

CASE(opens_per_query_though_it_holds_a_manager) {
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

CASE(unadvise_zero_zero_with_nothing_registered) {
    IMAPIOfflineMgr *object = open_global(profile());
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, 0));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, 0));
    release_last(object);
}

CASE(never_unadvises) {
    IMAPIOfflineMgr *object = open_global(profile());
    static struct sink sink;
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_heard1(&sink, OFFLINE);
    release_last(object);
}

CASE(offline_interface_outlives_the_manager) {
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

CASE(advises_only_when_it_has_capabilities) {
    IMAPIOfflineMgr *object = open_global(profile());
    ULONG capabilities = 0;
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
    check(capabilities != 0);
    release_last(object);
}

CASE(sets_with_block_from_a_worker) {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    pthread_t worker;
    sink_init(&sink);
    advise(object, &sink, 0);
    check_eq(pthread_create(&worker, NULL, set_offline_with_block, object), 0);
    pthread_join(worker, NULL);
    check_heard1(&sink, OFFLINE);
    check(pthread_equal(sink.events[0].thread, worker));
    release_last(object);
}
