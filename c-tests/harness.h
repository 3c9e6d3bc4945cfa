/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The test harness of all cases. Each source file is compiled as C99 and as C++11, so that every case runs through the C
 * view and through the C++ view, with a sink in C and one in C++.
 *
 * A case begins with CASE(name, provenance, "source") at the start of a line, by which CMake finds it. It reports through
 * check() and the other check functions, which continue after a failure, so that one run shows all failures.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <mapioffline.h>
#include <mapioffline/testing.h>

#include "exports.h"
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

/* The exports of the library. Cases call them through these pointers only, whether it is linked or loaded. Extensions may be
 * null. */
struct library {
#define LIBRARY_MEMBER(name, decorated, result, parameters) result(STDMETHODCALLTYPE *name) parameters;
    EACH_EXPORT(LIBRARY_MEMBER)
#undef LIBRARY_MEMBER
};
extern struct library lib;
/* Whether it was loaded from MAPIOFFLINE_TEST_LIBRARY, and may be another implementation. */
int library_is_loaded(void);

/* The number of objects in memory. Writes no trace line. 0 where the library has no export for it. */
ULONG live_objects(void);
/* Waits up to 10 seconds until no object is left: a transition without BLOCK may still reference some. */
int all_objects_gone(void);

/* Whether MAPIOFFLINE_TEST_STORE=shared is set: profiles are shared between processes, in a folder that this program creates
 * for itself. */
int with_shared_store(void);
/* The most threads that the watcher of the shared store has; 0 without one. */
int most_watchers(void);
const char *state_folder_path(void);
/* Whether MAPIOFFLINE_TEST_DELIVERY=pumped is set: a thread of the harness, as of a host's, runs what others leave to notifier
 * threads. */
int with_pumped_delivery(void);

/* ---- cases --------------------------------------------------------------------------------------------------------- */

struct test_case {
    const char *file;
    const char *name;
    const char *provenance;
    const char *source;
    void (*run)(void);
    struct test_case *next;
};
void register_case(struct test_case *test);
/* All cases, in no order. */
struct test_case *first_case(void);
const char *full_name(const struct test_case *test, char *buffer, size_t size);
/* Whether the case rests on one of `words`, which commas separate. */
int has_provenance(const struct test_case *test, const char *words);
/* Whether each of `words` is a provenance. */
int are_provenances(const char *words);
/* Loads the library, and makes a folder for its state if profiles are to be shared. `path` is that of this program. */
void begin_suite(const char *path);
void end_suite(void);
/* Exit status: 0 passed, 1 failed, 77 skipped. */
int run_case(struct test_case *test);
/* The command line of the suite's programs. */
int suite_main(int argc, char **argv);

/*
 * Defines and registers a case. `provenance` is a bare word that says what the case rests on: reference (a page of the
 * reference), com (COM's or MAPI's general rules) or decision (a decision of this project); helper for a case that other
 * cases run. `source` is the page, the rule or the number of the decision; "" for a helper.
 */
#define CASE(name, provenance, source)                                                                                 \
    static void name(void);                                                                                            \
    static struct test_case name##_case = {__FILE__, #name, #provenance, source, name, NULL};                          \
    __attribute__((constructor)) static void name##_register(void) {                                                   \
        register_case(&name##_case);                                                                                   \
    }                                                                                                                  \
    static void name(void)

/* The name of a profile that only this case uses. */
const wchar_t *profile(void);
/* The name of a second such profile. */
const wchar_t *profile2(void);
/* Copies a name in ASCII. */
void spell8(const wchar_t *name, char *out);

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
/* Whether the case runs under valgrind. Some cases cannot test anything there. */
int under_valgrind(void);
#define skip_under_valgrind(reason)                                                                                    \
    do {                                                                                                               \
        if (under_valgrind()) {                                                                                        \
            skip_case(reason);                                                                                         \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)
/* A loop count: `times`, or less under valgrind. */
int often(int times);
/* Runs one case of this program in a new process: see run_process. */
int run_case_as_process(const char *name, const char *environment, const char *errors);
/* Whether run_case_as_process started this process. */
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
/* A thread's start routine: sets the object in `context` offline, with BLOCK. */
void *set_offline_with_block(void *context);
/* Sets a state with BLOCK. Retries until no transition is under way. */
void set_when_idle(IMAPIOfflineMgr *object, ULONG state);
/* A valid structure for an anonymous object of profile `name` with both capabilities. */
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

/* A sink on the stack of a case or in static memory. Cases check its reference count; it never frees the sink. */
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
    ULONG unknown_bits; /* that the mask may have */
    int count; /* events, including those that `events` has no space for */
    struct event events[SINK_EVENTS];
};

#ifdef __cplusplus
#define AS_NOTIFY(sink) (static_cast<IMAPIOfflineNotify *>(sink))
#define AS_UNKNOWN(sink) (static_cast<IUnknown *>(sink))
#else
#define AS_NOTIFY(sink) (&(sink)->iface)
#define AS_UNKNOWN(sink) ((IUnknown *)(void *)&(sink)->iface)
#endif

/* Initialises a sink whose reference count starts at 1, as that of most sinks does. */
void sink_init(struct sink *sink);
int sink_refs(struct sink *sink);
int sink_count(struct sink *sink);
/* Waits up to 10 seconds until the sink has received `count` notifications. */
int sink_wait(struct sink *sink, int count);
/* Waits up to 10 seconds until only the case's own reference is left: while Notify runs on another thread, the library keeps
 * its reference. Call it before a sink that another thread may notify goes out of scope. */
int sink_released(struct sink *sink);
ULONG advise_at(const char *file, int line, IMAPIOfflineMgr *object, struct sink *sink, ULONG client_token);
#define advise(object, sink, client_token) advise_at(__FILE__, __LINE__, object, sink, client_token)
MAPIOFFLINE_ADVISEINFO advise_info(struct sink *sink, ULONG client_token);
/* Checks that the sink received exactly these transitions, each in its three phases. `states` has their new states. */
void check_received_at(const char *file, int line, struct sink *sink, int transitions, const ULONG *states);
#define check_received0(sink) check_eq(sink_count(sink), 0)
#define check_received1(sink, state)                                                                                      \
    do {                                                                                                               \
        ULONG states_[1];                                                                                              \
        states_[0] = state;                                                                                            \
        check_received_at(__FILE__, __LINE__, sink, 1, states_);                                                          \
    } while (0)
#define check_received2(sink, first, second)                                                                              \
    do {                                                                                                               \
        ULONG states_[2];                                                                                              \
        states_[0] = first;                                                                                            \
        states_[1] = second;                                                                                           \
        check_received_at(__FILE__, __LINE__, sink, 2, states_);                                                          \
    } while (0)

/* ---- gates: one thread waits for another --------------------------------------------------------------------------- */

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    int open;
};
void gate_init(struct gate *gate);
void gate_open(struct gate *gate);
/* Waits up to 10 seconds until the gate is open. */
int gate_wait(struct gate *gate);
int gate_is_open(struct gate *gate);

#endif /* HARNESS_H */
