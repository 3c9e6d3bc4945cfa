/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Out of memory, out of threads. */
#include "../harness.h"

#include "../shortage.h"

#include <wchar.h>

static const GUID kind = {0xAAAAAAAA, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

#define MOST 200

#define valgrinds_malloc "valgrind has its own malloc in front of this one"

/* What Rust's std allocates for a path on Windows ends the process where there is no memory. */
#ifdef _WIN32
#define paths_allocate() with_shared_store()
#else
#define paths_allocate() 0
#endif
#define skip_where_memory_is_not_ours()                                                                                \
    do {                                                                                                               \
        skip_under_valgrind(valgrinds_malloc);                                                                         \
        if (paths_allocate()) {                                                                                        \
            skip_case("on Windows paths of files take memory");                                                        \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

CASE(open_and_create) {
    int nth;
    int out_of_memory = 0;
    skip_where_memory_is_not_ours();
    release_last(open_global(profile2())); /* what is set up once may be small and of std's */
    for (nth = 1; nth < MOST; nth++) {
        IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
        wchar_t name[64];
        HRESULT hr;
        int failed;
        swprintf(name, 64, L"out of memory %d", nth);
        shortage_begin(nth);
        hr = lib.open(0, name, &GUID_GlobalState, NULL, &object);
        failed = shortage_end();
        check_hr(hr, failed ? E_OUTOFMEMORY : S_OK);
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
    check(nth < MOST);
    check(out_of_memory >= 3);
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
        hr = lib.create(0, &info, &object);
        failed = shortage_end();
        check_hr(hr, failed ? E_OUTOFMEMORY : S_OK);
        out_of_memory += hr == E_OUTOFMEMORY;
        if (hr != S_OK) {
            check(object == NULL);
            check_hr(lib.open(0, profile(), &kind, NULL, &found), MAPI_E_NOT_FOUND);
            check_eq(refs_of(parent), 1);
            check_ok(lib.create(0, &info, &object));
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
    check(nth < MOST);
    check(out_of_memory >= 2);
}

CASE(global_object_that_could_not_be_created_leaves_no_trace) {
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
        hr = lib.create(0, &info, &object);
        failed = shortage_end();
        check_hr(hr, failed ? E_OUTOFMEMORY : S_OK);
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
    check(out_of_memory >= 2);
}

static struct sink sinks[MOST * 2];

CASE(advise_asks_the_sink_only_when_there_is_room) {
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
        check_hr(hr, failed ? E_OUTOFMEMORY : S_OK);
        if (hr != S_OK) {
            out_of_memory++;
            check_eq(token, 0);
            check_eq(sinks[index].queries, 0);
            check_eq(sink_refs(&sinks[index]), 1);
            check_ok(IMAPIOfflineMgr_Advise(object, 0, &info, &token));
        }
        count++;
    }
    check(out_of_memory >= 3);
    check_ok(set_block(object, OFFLINE));
    for (index = 0; index < count; index++) {
        check_heard1(&sinks[index], OFFLINE);
    }
    release_last(object);
    for (index = 0; index < count; index++) {
        check_eq(sink_refs(&sinks[index]), 1);
    }
}

CASE(set_state_with_block) {
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
        check_hr(hr, failed ? E_OUTOFMEMORY : S_OK);
        out_of_memory += hr == E_OUTOFMEMORY;
        check_state(object, failed ? to ^ MAPIOFFLINE_STATE_OFFLINE_MASK : to);
        if (!failed) {
            break;
        }
    }
    check(out_of_memory >= 1);
    check_heard1(&sink, OFFLINE);
    release_last(object);
}

static void starve(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    shortage_begin(1); /* from here on nothing can be allocated on this thread */
}

CASE(a_transition_allocates_nothing) {
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
    check_eq(shortage_end(), 0);
    check_heard1(&sink, OFFLINE);
    check_heard1(&child_sink, OFFLINE);
    release_last(child);
    release_last(object);
}

struct chain {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *child;
    int length;
    long after_a_few;
};

/* One child a transition: made in DONE, gone in the next START, with another request always queued. */
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

CASE(a_chain_of_transitions_gathers_nothing) {
    struct chain chain;
    struct sink sink;
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
    check(sink_wait(&sink, 3 * 3000));
    check(chain.after_a_few > 0);
    check(bytes_in_use() - chain.after_a_few < 16 * 1024);
    set_when_idle(chain.object, ONLINE);
    release_last(chain.object);
}

CASE(no_thread_to_be_had) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    int tries;
    skip_where_memory_is_not_ours();
    /* The idle notifier of an earlier case would need no new thread; it goes after five seconds. */
    for (tries = 0; threads_of_library() != 0 && tries < 100; tries++) {
        nap(100);
    }
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    shortage_of_threads(1);
    check_hr(set_async(object, OFFLINE), E_FAIL);
    check_state(object, ONLINE);
    check_ok(set_block(object, OFFLINE));
    check_heard1(&sink, OFFLINE);
    shortage_of_threads(0);
    check_ok(set_async(object, ONLINE));
    check_heard2(&sink, OFFLINE, ONLINE);
    release_last(object);
}
