/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every case uses. The sources are C99 and C++11 at once: each is compiled as both, so that every case runs through
 * the C view and through the C++ view, with a sink in C and one in C++.
 *
 * A case begins with CASE(name) at the start of a line: CMake finds it by that. It reports through check() and its
 * relatives, which go on after a failure, so that one run says all.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <mapioffline.h>

#include "platform.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POISON 0xdeadbeefu

#ifdef __cplusplus
#define REF(iid) iid
#else
#define REF(iid) &iid
#endif

/* ---- the library under test ---------------------------------------------------------------------------------------- */

/* Every call of a case goes through these, whether the library is linked or loaded. Extensions may be null. */
struct library {
    HRESULT(STDMETHODCALLTYPE *open)(ULONG, LPCWSTR, const GUID *, const GUID *, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *create)(ULONG, MAPIOFFLINE_CREATEINFO *, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *global)(LPCWSTR, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *open16)(ULONG, const MAPIOFFLINE_CHAR16 *, const GUID *, const GUID *, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *open8)(ULONG, const MAPIOFFLINE_CHAR8 *, const GUID *, const GUID *, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *create16)
    (ULONG, MAPIOFFLINE_CREATEINFO *, const MAPIOFFLINE_CHAR16 *, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *create8)(ULONG, MAPIOFFLINE_CREATEINFO *, const MAPIOFFLINE_CHAR8 *, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *global16)(const MAPIOFFLINE_CHAR16 *, IMAPIOfflineMgr **);
    HRESULT(STDMETHODCALLTYPE *global8)(const MAPIOFFLINE_CHAR8 *, IMAPIOfflineMgr **);
    ULONG(STDMETHODCALLTYPE *version)(void);
    const char *(STDMETHODCALLTYPE *version_string)(void);
    void(STDMETHODCALLTYPE *set_strict)(BOOL);
    HRESULT(STDMETHODCALLTYPE *set_log)(ULONG, MAPIOFFLINE_LOG_CALLBACK, void *);
    ULONG(STDMETHODCALLTYPE *live_objects)(void);
};
extern struct library lib;

/* Objects in memory, without making a trace line of it; 0 where the library does not say. */
ULONG live_objects(void);
/* Waits up to 10 seconds for the last object to go: a transition without BLOCK may still hold some. */
int all_objects_gone(void);

/* MAPIOFFLINE_TEST_STORE=shared: profiles are shared with other processes, in a folder of this program's own. */
int with_shared_store(void);
const char *state_folder_path(void);

/* ---- cases --------------------------------------------------------------------------------------------------------- */

struct test_case {
    const char *file;
    const char *name;
    void (*run)(void);
    struct test_case *next;
};
void register_case(struct test_case *test);

#define CASE(name)                                                                                                     \
    static void name(void);                                                                                            \
    static struct test_case name##_case = {__FILE__, #name, name, NULL};                                               \
    __attribute__((constructor)) static void name##_register(void) {                                                   \
        register_case(&name##_case);                                                                                   \
    }                                                                                                                  \
    static void name(void)

/* A profile of this case's own. */
const wchar_t *profile(void);
/* Another one. */
const wchar_t *profile2(void);

int check_at(const char *file, int line, int holds, const char *what);
void check_hr_at(const char *file, int line, HRESULT got, HRESULT expected, const char *what);
void check_eq_at(const char *file, int line, unsigned long long got, unsigned long long expected, const char *what);
#define check(condition) check_at(__FILE__, __LINE__, (condition) ? 1 : 0, #condition)
#define check_hr(call, expected) check_hr_at(__FILE__, __LINE__, (call), (expected), #call)
#define check_ok(call) check_hr(call, S_OK)
#define check_eq(got, expected)                                                                                        \
    check_eq_at(__FILE__, __LINE__, (unsigned long long)(got), (unsigned long long)(expected), #got)

/* Ends the case as skipped. */
void skip_case(const char *reason);
#define need_extension(function)                                                                                       \
    do {                                                                                                               \
        if (lib.function == NULL) {                                                                                    \
            skip_case("the library under test has no extension exports");                                              \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)
/* Under valgrind, where the case cannot show anything. */
int under_valgrind(void);
#define skip_under_valgrind(reason)                                                                                    \
    do {                                                                                                               \
        if (under_valgrind()) {                                                                                        \
            skip_case(reason);                                                                                         \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)
/* A count for a loop: less under valgrind. */
int often(int times);
/* Runs this program again with a case of it: see run_process. */
int run_case_as_process(const char *name, const char *environment, const char *errors);
/* Set when this process was started by run_case_as_process. */
int is_child_case(void);
int failures_so_far(void);

/* ---- objects ------------------------------------------------------------------------------------------------------- */

IMAPIOfflineMgr *open_at(const char *file, int line, const wchar_t *name);
#define open_global(name) open_at(__FILE__, __LINE__, name)
void check_state_at(const char *file, int line, IMAPIOfflineMgr *object, ULONG expected);
#define check_state(object, expected) check_state_at(__FILE__, __LINE__, object, expected)
void release_last_at(const char *file, int line, IMAPIOfflineMgr *object);
#define release_last(object) release_last_at(__FILE__, __LINE__, object)
ULONG refs_of(IMAPIOfflineMgr *object);
HRESULT set_state(IMAPIOfflineMgr *object, ULONG flags, ULONG state);
#define set_block(object, state) set_state(object, MAPIOFFLINE_FLAG_BLOCK, state)
#define set_async(object, state) set_state(object, MAPIOFFLINE_FLAG_DEFAULT, state)
/* The body of a thread: sets the object in `context` offline, with BLOCK. */
void *set_offline_with_block(void *context);
/* Sets a state with BLOCK as soon as no transition is under way. */
void set_when_idle(IMAPIOfflineMgr *object, ULONG state);
/* A structure that is right for `name`, both capabilities, anonymous. */
MAPIOFFLINE_CREATEINFO create_info(const wchar_t *name);
IMAPIOfflineMgr *create_at(const char *file, int line, const wchar_t *name, const GUID *kind, ULONG capabilities,
                           IMAPIOfflineMgr *parent);
#define create_object(name, kind, capabilities, parent)                                                                \
    create_at(__FILE__, __LINE__, name, kind, capabilities, parent)
#define BOTH (MAPIOFFLINE_CAPABILITY_OFFLINE | MAPIOFFLINE_CAPABILITY_ONLINE)
#define ONLINE MAPIOFFLINE_STATE_ONLINE
#define OFFLINE MAPIOFFLINE_STATE_OFFLINE
#define START MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START
#define CHANGE MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE
#define DONE MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE

/* ---- sinks --------------------------------------------------------------------------------------------------------- */

struct event {
    MAPIOFFLINE_NOTIFY notification;
    pthread_t thread;
    unsigned order; /* in the whole process */
    int sink;       /* the sink's id */
};

enum query_behaviour {
    QUERY_GIVES,
    QUERY_GIVES_ANOTHER, /* the sink in `context`, as a tear-off does */
    QUERY_GIVES_WITH_S_FALSE,
    QUERY_REFUSES,
    QUERY_REFUSES_WITH_POINTER,
    QUERY_SUCCEEDS_WITH_NULL,
    QUERY_S_FALSE_WITH_NULL
};

struct sink;
typedef void (*sink_hook)(struct sink *self, const MAPIOFFLINE_NOTIFY *notification);

#define SINK_EVENTS 64

#ifdef __cplusplus
#define SINK_BASE : IMAPIOfflineNotify
#else
#define SINK_BASE
#endif

/* Lives on the stack of a case or in static memory: its count is checked, not obeyed. */
struct sink SINK_BASE {
#ifdef __cplusplus
    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **ppv);
    ULONG STDMETHODCALLTYPE AddRef();
    ULONG STDMETHODCALLTYPE Release();
    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *notification);
#else
    IMAPIOfflineNotify iface;
#endif
    int refs;
    int queries;
    int releases;
    int inside; /* threads in Notify */
    enum query_behaviour behaviour;
    sink_hook hook;
    void (*query_hook)(struct sink *self);
    void (*release_hook)(struct sink *self);
    void *context;
    int id;
    int count; /* events, also those beyond the room */
    struct event events[SINK_EVENTS];
};

#ifdef __cplusplus
#define AS_NOTIFY(sink) (static_cast<IMAPIOfflineNotify *>(sink))
#define AS_UNKNOWN(sink) (static_cast<IUnknown *>(sink))
#else
#define AS_NOTIFY(sink) (&(sink)->iface)
#define AS_UNKNOWN(sink) ((IUnknown *)(void *)&(sink)->iface)
#endif

/* A sink whose count starts at 1, as most do. */
void sink_init(struct sink *sink);
int sink_refs(struct sink *sink);
int sink_count(struct sink *sink);
/* Waits up to 10 seconds until the sink has heard `count` times. */
int sink_wait(struct sink *sink, int count);
ULONG advise_at(const char *file, int line, IMAPIOfflineMgr *object, struct sink *sink, ULONG client_token);
#define advise(object, sink, client_token) advise_at(__FILE__, __LINE__, object, sink, client_token)
MAPIOFFLINE_ADVISEINFO advise_info(struct sink *sink, ULONG client_token);
/* The sink heard exactly these transitions, each in its three phases: the states that they went to. */
void check_heard_at(const char *file, int line, struct sink *sink, int transitions, const ULONG *states);
#define check_heard0(sink) check_eq(sink_count(sink), 0)
#define check_heard1(sink, state)                                                                                      \
    do {                                                                                                               \
        ULONG states_[1];                                                                                              \
        states_[0] = state;                                                                                            \
        check_heard_at(__FILE__, __LINE__, sink, 1, states_);                                                          \
    } while (0)
#define check_heard2(sink, first, second)                                                                              \
    do {                                                                                                               \
        ULONG states_[2];                                                                                              \
        states_[0] = first;                                                                                            \
        states_[1] = second;                                                                                           \
        check_heard_at(__FILE__, __LINE__, sink, 2, states_);                                                          \
    } while (0)

/* ---- gates: one thread waits for another --------------------------------------------------------------------------- */

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    int open;
};
void gate_init(struct gate *gate);
void gate_open(struct gate *gate);
/* Up to 10 seconds. */
int gate_wait(struct gate *gate);
int gate_is_open(struct gate *gate);

#endif /* HARNESS_H */
