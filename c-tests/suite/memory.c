/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Out of memory, out of threads. */
#include "../harness.h"

#include "../shortage.h"

#include <wchar.h>

static const GUID kind = {0xAAAAAAAA, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

#define MOST 200

#define valgrinds_malloc "valgrind replaces this program's malloc with its own"

/* On Windows, Rust's std aborts the process if it cannot allocate memory for a path. */
#ifdef _WIN32
#define paths_allocate() with_shared_store()
#else
#define paths_allocate() 0
#endif
#define skip_where_memory_is_not_ours()                                                                                \
    do {                                                                                                               \
        skip_under_valgrind(valgrinds_malloc);                                                                         \
        if (!shortage_can_be_made()) {                                                                                 \
            skip_case("the allocations of the library under test cannot be made to fail");                             \
            return;                                                                                                    \
        }                                                                                                              \
        if (paths_allocate()) {                                                                                        \
            skip_case("on Windows paths of files take memory");                                                        \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Whether `hr` is allowed: the library may do without an allocation that failed. */
static int is_lawful(HRESULT hr, int failed) {
    return hr == S_OK || (failed && hr == E_OUTOFMEMORY);
}

/* How often a call ran out of memory. A library that is linked is this project's, which is known to allocate; nothing is
 * known about a library that is loaded. */
#define check_failed_at_least(count, least)                                                                            \
    do {                                                                                                               \
        if (library_is_loaded() && (count) == 0) {                                                                     \
            skip_case("no allocation of the library under test could be made to fail");                                \
        } else {                                                                                                       \
            check((count) >= (library_is_loaded() ? 1 : (least)));                                                     \
        }                                                                                                              \
    } while (0)

CASE(open_and_create_without_memory, decision, "D 16") {
    int nth;
    int out_of_memory = 0;
    skip_where_memory_is_not_ours();
    release_last(open_global(profile2())); /* one-time allocations happen here */
    for (nth = 1; nth < MOST; nth++) {
        IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
        wchar_t name[64];
        HRESULT hr;
        int failed;
        swprintf(name, 64, L"out of memory %d", nth);
        shortage_begin(nth);
        hr = lib.HrOpenOfflineObj(0, name, &GUID_GlobalState, NULL, &object);
        failed = shortage_end();
        check(is_lawful(hr, failed));
        check((object == NULL) == (hr != S_OK));
        out_of_memory += hr == E_OUTOFMEMORY;
        if (object != NULL) {
            release_last(object);
        }
        object = open_global(name); /* everything is as before */
        release_last(object);
        if (!failed) {
            break;
        }
    }
    check_failed_at_least(out_of_memory, 3);
    out_of_memory = 0;
    for (nth = 1; nth < MOST; nth++) {
        IMAPIOfflineMgr *parent = open_global(profile());
        IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
        IMAPIOfflineMgr *found = NULL;
        MAPIOFFLINE_CREATEINFO info = create_info(profile());
        HRESULT hr;
        int failed;
        info.pGUID = &kind;
        info.pParent = parent;
        shortage_begin(nth);
        hr = lib.HrCreateOfflineObj(0, &info, &object);
        failed = shortage_end();
        check(is_lawful(hr, failed));
        out_of_memory += hr == E_OUTOFMEMORY;
        if (hr != S_OK) {
            check(object == NULL);
            check_hr(lib.HrOpenOfflineObj(0, profile(), &kind, NULL, &found), MAPI_E_NOT_FOUND);
            check_eq(refs_of(parent), 1);
            check_ok(lib.HrCreateOfflineObj(0, &info, &object));
        }
        check_ok(set_block(parent, OFFLINE));
        check_state(object, OFFLINE);
        check_ok(set_block(parent, ONLINE));
        release_last(object);
        release_last(parent);
        if (!failed) {
            break;
        }
    }
    check_failed_at_least(out_of_memory, 2);
}

CASE(failed_creation_of_the_global_object_changes_nothing, decision, "D 16") {
    int nth;
    int out_of_memory = 0;
    skip_where_memory_is_not_ours();
    release_last(open_global(profile2()));
    for (nth = 1; nth < MOST; nth++) {
        IMAPIOfflineMgr *object = NULL;
        MAPIOFFLINE_CREATEINFO info;
        wchar_t name[64];
        ULONG capabilities = 0;
        HRESULT hr;
        int failed;
        swprintf(name, 64, L"no trace %d", nth);
        info = create_info(name);
        info.pGUID = &GUID_GlobalState;
        info.ulCapabilities = MAPIOFFLINE_CAPABILITY_OFFLINE;
        shortage_begin(nth);
        hr = lib.HrCreateOfflineObj(0, &info, &object);
        failed = shortage_end();
        check(is_lawful(hr, failed));
        out_of_memory += hr == E_OUTOFMEMORY;
        if (object == NULL) {
            object = open_global(name);
        }
        check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
        check_eq(capabilities, hr == S_OK ? MAPIOFFLINE_CAPABILITY_OFFLINE : BOTH);
        release_last(object);
        if (!failed) {
            break;
        }
    }
    check_failed_at_least(out_of_memory, 2);
}

static struct sink sinks[MOST * 2];

CASE(advise_without_memory_does_not_query_the_sink, decision, "D 30") {
    IMAPIOfflineMgr *object;
    int count = 0;
    int out_of_memory = 0;
    int index;
    skip_where_memory_is_not_ours();
    object = open_global(profile());
    for (index = 0; index < MOST * 2; index++) {
        MAPIOFFLINE_ADVISEINFO info;
        ULONG token = POISON;
        HRESULT hr;
        int failed;
        sink_init(&sinks[index]);
        info = advise_info(&sinks[index], 0);
        shortage_begin(1);
        hr = IMAPIOfflineMgr_Advise(object, 0, &info, &token);
        failed = shortage_end();
        check(is_lawful(hr, failed));
        if (hr != S_OK) {
            out_of_memory++;
            check_eq(token, 0);
            check_eq(sinks[index].queries, 0);
            check_eq(sink_refs(&sinks[index]), 1);
            check_ok(IMAPIOfflineMgr_Advise(object, 0, &info, &token));
        }
        count++;
    }
    check_failed_at_least(out_of_memory, 3);
    check_ok(set_block(object, OFFLINE));
    for (index = 0; index < count; index++) {
        check_received1(&sinks[index], OFFLINE);
    }
    release_last(object);
    for (index = 0; index < count; index++) {
        check_eq(sink_refs(&sinks[index]), 1);
    }
}

CASE(set_state_with_block_without_memory, decision, "D 16") {
    IMAPIOfflineMgr *object;
    ULONG to = OFFLINE;
    struct sink sink;
    int nth;
    int out_of_memory = 0;
    skip_where_memory_is_not_ours();
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    for (nth = 1; nth < MOST; nth++) {
        HRESULT hr;
        int failed;
        shortage_begin(nth);
        hr = set_block(object, to);
        failed = shortage_end();
        check(is_lawful(hr, failed));
        out_of_memory += hr == E_OUTOFMEMORY;
        check_state(object, hr == S_OK ? to : to ^ MAPIOFFLINE_STATE_OFFLINE_MASK);
        if (hr == S_OK) {
            break;
        }
    }
    check_failed_at_least(out_of_memory, 1);
    check_received1(&sink, OFFLINE);
    release_last(object);
}

static void starve(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    shortage_begin(1); /* the next allocation of this thread fails */
}

CASE(accepted_transition_needs_no_memory, decision, "D 16") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *child;
    struct sink sink;
    struct sink child_sink;
    skip_where_memory_is_not_ours();
    object = open_global(profile());
    child = create_object(profile(), NULL, BOTH, object);
    sink_init(&sink);
    sink_init(&child_sink);
    sink.hook = starve;
    advise(object, &sink, 0);
    advise(child, &child_sink, 0);
    check_ok(set_block(object, OFFLINE));
    shortage_end();
    check_received1(&sink, OFFLINE);
    check_received1(&child_sink, OFFLINE);
    release_last(child);
    release_last(object);
}

struct chain {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *child;
    int length;
    long after_a_few;
};

/* Creates one child in each DONE and releases it in the next START. DONE also queues the next request. */
static void go_on(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct chain *chain = (struct chain *)self->context;
    if (notification->NotifyType == START && chain->child != NULL) {
        release_last(chain->child);
        chain->child = NULL;
    }
    if (notification->NotifyType == DONE && ++chain->length < 3000) {
        if (chain->length == 100) {
            chain->after_a_few = bytes_in_use();
        }
        chain->child = create_object(profile(), NULL, BOTH, chain->object);
        check_ok(set_async(chain->object, notification->Info.StateChange.ulStateOld));
    }
}

CASE(chain_of_transitions_does_not_leak, decision, "D 47") {
    struct chain chain;
    struct sink sink;
    int step;
    skip_where_memory_is_not_ours();
    chain.object = open_global(profile());
    chain.child = NULL;
    chain.length = 0;
    chain.after_a_few = 0;
    sink_init(&sink);
    sink.hook = go_on;
    sink.context = &chain;
    advise(chain.object, &sink, 0);
    check_ok(set_async(chain.object, OFFLINE));
    for (step = 100; step <= 3000 && check(sink_wait(&sink, 3 * step)); step += 100) {
    }
    check(chain.after_a_few > 0);
    check(bytes_in_use() - chain.after_a_few < 16 * 1024);
    set_when_idle(chain.object, ONLINE);
    release_last(chain.object);
}

static void stay_in_start(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == START) {
        check(gate_wait((struct gate *)self->context));
    }
}

CASE(async_request_without_a_thread_fails, decision, "D 47") {
    enum { MOST_IDLE = 8 }; /* the library keeps one */
    IMAPIOfflineMgr *objects[MOST_IDLE];
    struct sink waiting[MOST_IDLE];
    struct gate continues;
    HRESULT hr = S_OK;
    int starved;
    int index;
    skip_where_memory_is_not_ours();
    gate_init(&continues);
    for (index = 0; index < MOST_IDLE; index++) {
        wchar_t name[64];
        swprintf(name, 64, L"no thread %d", index);
        objects[index] = open_global(name);
        sink_init(&waiting[index]);
        waiting[index].hook = stay_in_start;
        waiting[index].context = &continues;
        advise(objects[index], &waiting[index], 0);
    }
    shortage_of_threads(1);
    /* A notifier thread that is idle since an earlier case accepts a request, and stays in its Notify. */
    for (starved = 0; starved < MOST_IDLE; starved++) {
        hr = set_async(objects[starved], OFFLINE);
        if (hr != S_OK) {
            break;
        }
    }
    if (starved < MOST_IDLE) {
        check_hr(hr, E_FAIL);
        check_state(objects[starved], ONLINE);
        waiting[starved].hook = NULL;
        check_ok(set_block(objects[starved], OFFLINE));
        check_received1(&waiting[starved], OFFLINE);
        shortage_of_threads(0);
        check_ok(set_async(objects[starved], ONLINE));
        check_received2(&waiting[starved], OFFLINE, ONLINE);
    } else if (library_is_loaded()) {
        skip_case("thread starts of the library under test cannot be made to fail");
    } else {
        check(starved < MOST_IDLE);
    }
    shortage_of_threads(0);
    gate_open(&continues);
    for (index = 0; index < MOST_IDLE; index++) {
        if (index < starved) {
            check_received1(&waiting[index], OFFLINE);
        }
        release_last(objects[index]);
        check(sink_released(&waiting[index]));
    }
}
