/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* COM's rules: QueryInterface and the numbers that AddRef and Release give. */
#include "../harness.h"

static const GUID strange = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

CASE(query_gives_one_pointer_for_all_interfaces, com, "IUnknown::QueryInterface") {
    IMAPIOfflineMgr *object = open_global(profile());
    void *unknown = NULL;
    void *offline = NULL;
    void *manager = NULL;
    void *again = NULL;
    check_ok(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IUnknown), &unknown));
    check_ok(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IMAPIOffline), &offline));
    check_ok(IMAPIOffline_QueryInterface((IMAPIOffline *)offline, REF(IID_IMAPIOfflineMgr), &manager));
    check_ok(IMAPIOffline_QueryInterface((IMAPIOffline *)offline, REF(IID_IUnknown), &again));
    check(unknown == (void *)object);
    check(offline == (void *)object);
    check(manager == (void *)object);
    check(again == unknown);
    check_eq(IMAPIOfflineMgr_Release(object), 4);
    check_eq(IMAPIOfflineMgr_Release(object), 3);
    check_eq(IMAPIOfflineMgr_Release(object), 2);
    check_eq(IMAPIOfflineMgr_Release(object), 1);
    release_last(object);
}

CASE(query_for_another_interface_gives_null, com, "IUnknown::QueryInterface") {
    IMAPIOfflineMgr *object = open_global(profile());
    void *found = (void *)(size_t)POISON;
    check_hr(IMAPIOfflineMgr_QueryInterface(object, REF(strange), &found), E_NOINTERFACE);
    check(found == NULL);
    found = (void *)(size_t)POISON;
    check_hr(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IMAPIOfflineNotify), &found), E_NOINTERFACE);
    check(found == NULL);
    release_last(object);
}

/* A null reference: C++ has no way to write one, so the slot is called as C does. */
typedef HRESULT(STDMETHODCALLTYPE *raw_query)(void *, const IID *, void **);

CASE(query_with_null_arguments, decision, "D 35") {
    IMAPIOfflineMgr *object = open_global(profile());
    void *found = (void *)(size_t)POISON;
    raw_query query = **(raw_query **)(void *)object;
    check_hr(query(object, NULL, &found), E_INVALIDARG);
    check(found == NULL);
    check_hr(query(object, &IID_IUnknown, NULL), E_INVALIDARG);
    check_hr(query(object, NULL, NULL), E_INVALIDARG);
    release_last(object);
}

CASE(counts_are_exact, decision, "D 38") {
    IMAPIOfflineMgr *object = open_global(profile());
    ULONG count;
    for (count = 2; count <= 100; count++) {
        check_eq(IMAPIOfflineMgr_AddRef(object), count);
    }
    for (count = 99; count >= 1; count--) {
        check_eq(IMAPIOfflineMgr_Release(object), count);
    }
    release_last(object);
}

static void count_inside(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)notification;
    check_eq(refs_of((IMAPIOfflineMgr *)self->context), 1);
}

CASE(library_references_are_not_counted, decision, "D 38") {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    ULONG token;
    sink_init(&sink);
    sink.hook = count_inside;
    sink.context = object;
    token = advise(object, &sink, 1);
    check_eq(refs_of(object), 1);
    check_ok(set_block(object, OFFLINE));
    check_ok(set_async(object, ONLINE));
    check_received2(&sink, OFFLINE, ONLINE);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    release_last(object);
    check(sink_released(&sink));
}

CASE(placeholders_return_no_support, reference, "imapiofflineiunknown, imapiofflinemgrimapioffline") {
    typedef HRESULT(STDMETHODCALLTYPE * placeholder)(void *);
    static const int slots[] = {6, 9, 10, 11, 12, 13, 14, 15};
    IMAPIOfflineMgr *object = open_global(profile());
    size_t index;
    for (index = 0; index < sizeof(slots) / sizeof(slots[0]); index++) {
        placeholder slot = (*(placeholder **)(void *)object)[slots[index]];
        check_hr(slot(object), MAPI_E_NO_SUPPORT);
    }
    release_last(object);
}

static void *hammer(void *context) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)context;
    int round;
    for (round = 0; round < often(20000); round++) {
        void *found = NULL;
        check_ok(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IMAPIOffline), &found));
        IMAPIOffline_Release((IMAPIOffline *)found);
    }
    return NULL;
}

CASE(counts_are_exact_among_threads, decision, "D 38") {
    IMAPIOfflineMgr *object = open_global(profile());
    pthread_t threads[4];
    int index;
    for (index = 0; index < 4; index++) {
        check_eq(pthread_create(&threads[index], NULL, hammer, object), 0);
    }
    for (index = 0; index < 4; index++) {
        pthread_join(threads[index], NULL);
    }
    release_last(object);
}
