/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The offline object as the inner object of an aggregate. (mapioffline_aggregateinfo) */
#include "../harness.h"

static const GUID kind = {0xAAAAAAAA, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

/* The outer object, written by hand for both languages: three slots. It has an IUnknown of its own and forwards other
 * interfaces to the inner object. */
struct outer {
    const struct outer_vtable *vtable;
    int refs;
    int queries;
    IMAPIOfflineMgr *inner;
};
struct outer_vtable {
    HRESULT(STDMETHODCALLTYPE *query)(struct outer *This, const IID *iid, void **out);
    ULONG(STDMETHODCALLTYPE *add_ref)(struct outer *This);
    ULONG(STDMETHODCALLTYPE *release)(struct outer *This);
};

static HRESULT STDMETHODCALLTYPE outer_query(struct outer *This, const IID *iid, void **out) {
    This->queries++;
    *out = NULL;
    if (memcmp(iid, &IID_IUnknown, sizeof(*iid)) == 0) {
        This->refs++;
        *out = This;
        return S_OK;
    }
#ifdef __cplusplus
    return This->inner->QueryInterface(*iid, out);
#else
    return IMAPIOfflineMgr_QueryInterface(This->inner, iid, out);
#endif
}

static ULONG STDMETHODCALLTYPE outer_add_ref(struct outer *This) {
    return (ULONG)++This->refs;
}

static ULONG STDMETHODCALLTYPE outer_release(struct outer *This) {
    return (ULONG)--This->refs;
}

static const struct outer_vtable vtable = {outer_query, outer_add_ref, outer_release};

static MAPIOFFLINE_AGGREGATEINFO aggregate_info(struct outer *outer) {
    MAPIOFFLINE_AGGREGATEINFO info;
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.pOuterObj = (IUnknown *)(void *)outer;
    return info;
}

static void aggregate(struct outer *outer, IMAPIOfflineMgr *parent) {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    MAPIOFFLINE_AGGREGATEINFO aggregated = aggregate_info(outer);
    outer->vtable = &vtable;
    outer->refs = 1;
    outer->queries = 0;
    outer->inner = NULL;
    info.pAggregateInfo = &aggregated;
    info.pParent = parent;
    check_ok(lib.HrCreateOfflineObj(0, &info, &outer->inner));
    if (!check(outer->inner != NULL)) {
        exit(1);
    }
    check_eq(outer->refs, 1);
    check_eq(outer->queries, 0);
}

CASE(non_delegating_unknown_counts_for_itself, decision, "D 7") {
    struct outer outer;
    void *unknown = NULL;
    aggregate(&outer, NULL);
    check_ok(IMAPIOfflineMgr_QueryInterface(outer.inner, REF(IID_IUnknown), &unknown));
    check(unknown == (void *)outer.inner);
    check_eq(IMAPIOfflineMgr_Release(outer.inner), 1);
    check_eq(IMAPIOfflineMgr_AddRef(outer.inner), 2);
    check_eq(IMAPIOfflineMgr_Release(outer.inner), 1);
    check_eq(outer.refs, 1);
    release_last(outer.inner);
    check_eq(outer.refs, 1);
}

CASE(delegating_unknown_forwards_to_the_outer_object, decision, "D 7") {
    struct outer outer;
    void *found = NULL;
    void *again = NULL;
    void *unknown = NULL;
    IMAPIOfflineMgr *manager;
    aggregate(&outer, NULL);
    check_ok(IMAPIOfflineMgr_QueryInterface(outer.inner, REF(IID_IMAPIOfflineMgr), &found));
    manager = (IMAPIOfflineMgr *)found;
    check(found != (void *)outer.inner);
    check_eq(outer.refs, 2);
    check_eq(refs_of(outer.inner), 1);
    check_ok(IMAPIOfflineMgr_QueryInterface(manager, REF(IID_IUnknown), &unknown));
    check(unknown == (void *)&outer);
    check_eq(outer.refs, 3);
    check_ok(IMAPIOfflineMgr_QueryInterface(manager, REF(IID_IMAPIOffline), &again));
    check(again == found);
    check_eq(outer.refs, 4);
    check_eq(IMAPIOfflineMgr_AddRef(manager), 5);
    check_eq(IMAPIOfflineMgr_Release(manager), 4);
    check_eq(IMAPIOfflineMgr_Release(manager), 3);
    check_eq(IMAPIOfflineMgr_Release(manager), 2);
    check_eq(IMAPIOfflineMgr_Release(manager), 1);
    check_eq(refs_of(outer.inner), 1);
    release_last(outer.inner);
}

CASE(query_for_another_interface_gives_null, com, "IUnknown::QueryInterface") {
    struct outer outer;
    void *found = (void *)(size_t)POISON;
    aggregate(&outer, NULL);
    check_hr(IMAPIOfflineMgr_QueryInterface(outer.inner, REF(IID_IMAPIOfflineNotify), &found), E_NOINTERFACE);
    check(found == NULL);
    release_last(outer.inner);
}

typedef HRESULT(STDMETHODCALLTYPE *raw_query)(void *, const IID *, void **);

CASE(null_arguments_are_not_forwarded, decision, "D 35") {
    struct outer outer;
    void *manager = NULL;
    void *found = (void *)(size_t)POISON;
    int delegating;
    aggregate(&outer, NULL);
    check_ok(IMAPIOfflineMgr_QueryInterface(outer.inner, REF(IID_IMAPIOfflineMgr), &manager));
    outer.queries = 0;
    for (delegating = 0; delegating < 2; delegating++) {
        void *object = delegating == 0 ? (void *)outer.inner : manager;
        raw_query query = **(raw_query **)object;
        check_hr(query(object, NULL, &found), E_INVALIDARG);
        check(found == NULL);
        found = (void *)(size_t)POISON;
        check_hr(query(object, &IID_IUnknown, NULL), E_INVALIDARG);
    }
    check_eq(outer.queries, 0);
    IMAPIOfflineMgr_Release((IMAPIOfflineMgr *)manager);
    release_last(outer.inner);
}

CASE(methods_work_through_both_unknowns, decision, "D 7") {
    struct outer outer;
    void *found = NULL;
    IMAPIOfflineMgr *unknowns[2];
    struct sink sink;
    ULONG capabilities;
    ULONG token;
    int delegating;
    aggregate(&outer, NULL);
    check_ok(IMAPIOfflineMgr_QueryInterface(outer.inner, REF(IID_IMAPIOfflineMgr), &found));
    unknowns[0] = outer.inner;
    unknowns[1] = (IMAPIOfflineMgr *)found;
    for (delegating = 0; delegating < 2; delegating++) {
        ULONG to = delegating == 0 ? OFFLINE : ONLINE;
        sink_init(&sink);
        capabilities = 0;
        check_ok(IMAPIOfflineMgr_GetCapabilities(unknowns[delegating], &capabilities));
        check_eq(capabilities, BOTH);
        token = advise(unknowns[delegating], &sink, 0);
        check_ok(set_block(unknowns[1 - delegating], to));
        check_state(unknowns[0], to);
        check_state(unknowns[1], to);
        check_received1(&sink, to);
        check_ok(IMAPIOfflineMgr_Unadvise(unknowns[1 - delegating], 0, token));
        check_eq(sink_refs(&sink), 1);
    }
    IMAPIOfflineMgr_Release(unknowns[1]);
    release_last(outer.inner);
}

static HRESULT STDMETHODCALLTYPE refuse_query(struct outer *This, const IID *iid, void **out) {
    (void)iid;
    This->queries++;
    *out = NULL;
    return E_NOINTERFACE;
}

static const struct outer_vtable refusing_vtable = {refuse_query, outer_add_ref, outer_release};

CASE(delegating_query_returns_the_outer_objects_answer, com, "IUnknown::QueryInterface (aggregation)") {
    struct outer outer;
    void *manager = NULL;
    void *found = (void *)(size_t)POISON;
    aggregate(&outer, NULL);
    check_ok(IMAPIOfflineMgr_QueryInterface(outer.inner, REF(IID_IMAPIOfflineMgr), &manager));
    outer.vtable = &refusing_vtable;
    outer.queries = 0;
    check_hr(IMAPIOfflineMgr_QueryInterface((IMAPIOfflineMgr *)manager, REF(IID_IUnknown), &found), E_NOINTERFACE);
    check(found == NULL);
    check_eq(outer.queries, 1);
    IMAPIOfflineMgr_Release((IMAPIOfflineMgr *)manager);
    release_last(outer.inner);
}

CASE(larger_and_misaligned_structures, decision, "D 34") {
    struct outer outer;
    char memory[sizeof(MAPIOFFLINE_AGGREGATEINFO) + 17];
    MAPIOFFLINE_AGGREGATEINFO aggregated = aggregate_info(&outer);
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    outer.vtable = &vtable;
    outer.refs = 1;
    aggregated.ulSize = sizeof(aggregated) + 16;
    memset(memory, 0xEE, sizeof(memory));
    memcpy(memory + 1, &aggregated, sizeof(aggregated));
    info.pAggregateInfo = (MAPIOFFLINE_AGGREGATEINFO *)(void *)(memory + 1);
    check_ok(lib.HrCreateOfflineObj(0, &info, &outer.inner));
    release_last(outer.inner);
}

CASE(arguments, decision, "D 7") {
    struct outer outer;
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    MAPIOFFLINE_AGGREGATEINFO aggregated = aggregate_info(&outer);
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    outer.vtable = &vtable;
    outer.refs = 1;
    info.pAggregateInfo = &aggregated;
    info.pGUID = &kind;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    check(object == NULL);
    info.pGUID = NULL;
    aggregated.pOuterObj = NULL;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    aggregated = aggregate_info(&outer);
    aggregated.ulSize = sizeof(aggregated) - 1;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    aggregated = aggregate_info(&outer);
    aggregated.pRefTrackRoot = (IUnknown *)(void *)&outer;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    check_eq(outer.refs, 1);
}

CASE(child_of_an_aggregate_keeps_the_inner_object, decision, "D 7") {
    struct outer outer;
    void *found = NULL;
    int delegating;
    for (delegating = 0; delegating < 2; delegating++) {
        IMAPIOfflineMgr *child;
        IMAPIOfflineMgr *parent;
        aggregate(&outer, NULL);
        parent = outer.inner;
        if (delegating == 1) {
            check_ok(IMAPIOfflineMgr_QueryInterface(outer.inner, REF(IID_IMAPIOfflineMgr), &found));
            parent = (IMAPIOfflineMgr *)found;
        }
        child = create_object(profile(), NULL, BOTH, parent);
        check_eq(refs_of(outer.inner), 2);
        check_ok(set_block(outer.inner, OFFLINE));
        check_state(child, OFFLINE);
        if (delegating == 1) {
            IMAPIOfflineMgr_Release(parent);
        }
        check_eq(outer.refs, 1);
        check_eq(IMAPIOfflineMgr_Release(outer.inner), 1);
        release_last(child);
    }
}

CASE(aggregate_as_a_child_inherits, reference, "mapioffline_createinfo, hrcreateofflineobj") {
    struct outer outer;
    IMAPIOfflineMgr *parent = open_global(profile());
    aggregate(&outer, parent);
    check_ok(set_block(parent, OFFLINE));
    check_state(outer.inner, OFFLINE);
    release_last(outer.inner);
    release_last(parent);
}
