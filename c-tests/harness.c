/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "harness.h"

#include <time.h>

struct library lib;

static struct test_case *cases;
static int failures;
static const char *skipped;
static const char *program;
static unsigned event_order;
static wchar_t profile_name[2][64];

/* ---- the library under test ---------------------------------------------------------------------------------------- */

#ifdef CONFORMANCE_LOADED

/* Looks the decorated name up first, as old clients do. */
static void *find(void *module, const char *decorated, const char *plain) {
    void *found = module_symbol(module, decorated);
    return found != NULL ? found : module_symbol(module, plain);
}

static void load_library(void) {
    const char *path = getenv("MAPIOFFLINE_TEST_LIBRARY");
    void *module;
    if (path == NULL) {
        fprintf(stderr, "MAPIOFFLINE_TEST_LIBRARY is not set: give the path of the library to test\n");
        exit(2);
    }
    module = module_load(path);
    if (module == NULL) {
        exit(2);
    }
#define TAKE_EXPORT(name, decorated, result, parameters) take_function(&lib.name, find(module, decorated, #name));
    EACH_EXPORT(TAKE_EXPORT)
#undef TAKE_EXPORT
    if (lib.HrOpenOfflineObj == NULL || lib.HrCreateOfflineObj == NULL) {
        fprintf(stderr, "%s does not export HrOpenOfflineObj and HrCreateOfflineObj\n", path);
        exit(2);
    }
}

#else

static void load_library(void) {
#define TAKE_EXPORT(name, decorated, result, parameters) lib.name = name;
    EACH_EXPORT(TAKE_EXPORT)
#undef TAKE_EXPORT
}

#endif

int library_is_loaded(void) {
#ifdef CONFORMANCE_LOADED
    return 1;
#else
    return 0;
#endif
}

ULONG live_objects(void) {
    return lib.MapiOfflineLiveObjects != NULL ? lib.MapiOfflineLiveObjects() : 0;
}

int all_objects_gone(void) {
    int tries;
    for (tries = 0; live_objects() != 0; tries++) {
        if (tries == 2000) {
            return 0;
        }
        nap(5);
    }
    return 1;
}

/* ---- the store ------------------------------------------------------------------------------------------------------ */

static char state_folder[512];

int with_shared_store(void) {
    const char *store = getenv("MAPIOFFLINE_TEST_STORE");
    return store != NULL && strcmp(store, "shared") == 0;
}

int most_watchers(void) {
    if (!with_shared_store()) {
        return 0;
    }
#ifdef __linux__
    return 2; /* one reads what the kernel reports */
#else
    return 1;
#endif
}

/* Never uses the user's own folder: each program has a folder of its own, which its children share. */
static void choose_store(void) {
    if (!with_shared_store()) {
        set_environment("MAPIOFFLINE_STORE", "memory");
    } else if (!is_child_case()) {
        if (!make_private_folder(state_folder, sizeof(state_folder))) {
            fprintf(stderr, "no folder for the state of profiles could be made\n");
            exit(2);
        }
        set_environment("MAPIOFFLINE_STORE", NULL);
        set_environment("MAPIOFFLINE_STATE_DIR", state_folder);
    }
}

const char *state_folder_path(void) {
    return state_folder[0] != 0 ? state_folder : getenv("MAPIOFFLINE_STATE_DIR");
}

static void leave_store(void) {
    if (state_folder[0] != 0) {
        remove_folder(state_folder);
    }
}

/* ---- delivery ------------------------------------------------------------------------------------------------------ */

int with_pumped_delivery(void) {
    const char *delivery = getenv("MAPIOFFLINE_TEST_DELIVERY");
    return delivery != NULL && strcmp(delivery, "pumped") == 0;
}

static void *dispatch_for_ever(void *context) {
    (void)context;
    while (lib.MapiOfflineDispatch(0xFFFFFFFF, 0xFFFFFFFF, NULL) == S_OK) {
    }
    return NULL;
}

static void choose_delivery(void) {
    pthread_t host;
    if (with_pumped_delivery()) {
        if (lib.MapiOfflineDispatch == NULL ||
            lib.MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_PUMPED) != S_OK ||
            pthread_create(&host, NULL, dispatch_for_ever, NULL) != 0) {
            fprintf(stderr, "no thread could be started that dispatches\n");
            exit(2);
        }
        pthread_detach(host);
    }
}

/* Cases of what the library's own threads do, or of a forked child, in which no host dispatches. */
static int needs_notifiers(const char *name) {
    static const char *const of_notifiers[] = {"fork.",
                                               "memory.async_request_without_a_thread_fails",
                                               "threads.blocked_notify_stalls_its_own_tree_only",
                                               "threads.idle_library_thread_ends_within_five_seconds",
                                               "threads.library_threads_",
                                               NULL};
    size_t index;
    for (index = 0; of_notifiers[index] != NULL; index++) {
        if (strncmp(name, of_notifiers[index], strlen(of_notifiers[index])) == 0) {
            return 1;
        }
    }
    return 0;
}

/* ---- cases --------------------------------------------------------------------------------------------------------- */

void register_case(struct test_case *test) {
    test->next = cases;
    cases = test;
}

/* Such as "open.starts_online" for c-tests/suite/open.c */
const char *full_name(const struct test_case *test, char *buffer, size_t size) {
    const char *file = test->file + strlen(test->file);
    while (file > test->file && file[-1] != '/' && file[-1] != '\\') {
        file--;
    }
    snprintf(buffer, size, "%.*s.%s", (int)strcspn(file, "."), file, test->name);
    return buffer;
}

const wchar_t *profile(void) {
    return profile_name[0];
}

const wchar_t *profile2(void) {
    return profile_name[1];
}

void spell8(const wchar_t *name, char *out) {
    do {
        *out++ = (char)*name;
    } while (*name++ != 0);
}

int check_at(const char *file, int line, int holds, const char *what) {
    if (!holds) {
        __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
        fprintf(stderr, "%s:%d: %s: does not hold\n", file, line, what);
    }
    return holds;
}

void check_hr_at(const char *file, int line, HRESULT got, HRESULT expected, const char *what) {
    if (got != expected) {
        __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
        fprintf(stderr, "%s:%d: %s: %#x, expected %#x\n", file, line, what, (unsigned)got, (unsigned)expected);
    }
}

void check_eq_at(const char *file, int line, unsigned long long got, unsigned long long expected, const char *what) {
    if (got != expected) {
        __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
        fprintf(stderr, "%s:%d: %s: %llu (%#llx), expected %llu (%#llx)\n", file, line, what, got, got, expected, expected);
    }
}

int failures_so_far(void) {
    return __atomic_load_n(&failures, __ATOMIC_SEQ_CST);
}

void skip_case(const char *reason) {
    skipped = reason;
}

int under_valgrind(void) {
    return getenv("MAPIOFFLINE_TEST_VALGRIND") != NULL;
}

int often(int times) {
    return under_valgrind() && times > 20 ? times / 20 : times;
}

int is_child_case(void) {
    return getenv("MAPIOFFLINE_TEST_CHILD") != NULL;
}

int run_case_as_process(const char *name, const char *environment, const char *errors) {
    int status;
    set_environment("MAPIOFFLINE_TEST_CHILD", "1");
    status = run_process(program, name, environment, errors);
    set_environment("MAPIOFFLINE_TEST_CHILD", NULL); /* or later cases of this process would take the process for a child */
    return status;
}

/* The profile name of a case, such as "ope.starts_online". */
static void name_profile(wchar_t *wide, const char *subject, const char *name, const char *suffix) {
    char text[64];
    size_t index;
    snprintf(text, sizeof(text), "%.3s.%.57s%s", subject, name, suffix);
    for (index = 0; index <= strlen(text); index++) {
        wide[index] = (wchar_t)text[index];
    }
}

/* Exit status: 0 passed, 1 failed, 77 skipped. */
int run_case(struct test_case *test) {
    char name[128];
    failures = 0;
    skipped = NULL;
    full_name(test, name, sizeof(name));
    name_profile(profile_name[0], name, test->name, "");
    name_profile(profile_name[1], name, test->name, " 2");
    if (strlen(test->name) > 57) {
        fprintf(stderr, "%s: the name of a case goes into a profile's name; this one is too long\n", name);
        return 1;
    }
    if (with_pumped_delivery() && needs_notifiers(name)) {
        skip_case("about the library's own threads");
    } else {
        test->run();
    }
    if (skipped != NULL && failures == 0) {
        printf("%s: SKIPPED: %s\n", name, skipped);
        return 77;
    }
    if (!all_objects_gone()) {
        fprintf(stderr, "%s: %u objects are still in memory\n", name, (unsigned)live_objects());
        failures++;
    }
    printf("%s: %s\n", name, failures == 0 ? "passed" : "FAILED");
    fflush(stdout);
    return failures == 0 ? 0 : 1;
}

/* Whether `word` is one of `words`, which commas separate. */
static int is_among(const char *words, const char *word, size_t length) {
    for (;;) {
        size_t next = strcspn(words, ",");
        if (next == length && strncmp(words, word, length) == 0) {
            return 1;
        }
        if (words[next] == 0) {
            return 0;
        }
        words += next + 1;
    }
}

/* Whether each of `words` is a provenance. */
int are_provenances(const char *words) {
    for (;;) {
        size_t length = strcspn(words, ",");
        if (!is_among("reference,com,decision,helper", words, length)) {
            fprintf(stderr, "there is no provenance %.*s; these exist: reference, com, decision, helper\n", (int)length,
                    words);
            return 0;
        }
        if (words[length] == 0) {
            return 1;
        }
        words += length + 1;
    }
}

struct test_case *first_case(void) {
    return cases;
}

int has_provenance(const struct test_case *test, const char *words) {
    return is_among(words, test->provenance, strlen(test->provenance));
}

void begin_suite(const char *path) {
    program = path;
    choose_store();
    load_library();
    choose_delivery();
}

void end_suite(void) {
    leave_store();
}

int suite_main(int argc, char **argv) {
    struct test_case *test;
    char name[128];
    int all = argc >= 2 && strcmp(argv[1], "--all") == 0;
    /* Null without --provenance. */
    const char *words = all && argc == 4 && strcmp(argv[2], "--provenance") == 0 ? argv[3] : NULL;
    int passed = 0;
    int failed = 0;
    int left_out = 0;
    if (argc != 2 && words == NULL) {
        fprintf(stderr, "usage: %s CASE | --all [--provenance WORD[,WORD...]] | --list | --list-exports\n", argv[0]);
        return 2;
    }
    if (words != NULL && !are_provenances(words)) {
        return 2;
    }
    if (strcmp(argv[1], "--list") != 0) {
        begin_suite(argv[0]);
    }
    if (strcmp(argv[1], "--list-exports") == 0) {
#define PRINT_EXPORT(name, decorated, result, parameters) printf("%s\t%s\n", #name, lib.name != NULL ? "found" : "missing");
        EACH_EXPORT(PRINT_EXPORT)
#undef PRINT_EXPORT
        end_suite();
        return 0;
    }
    for (test = cases; test != NULL; test = test->next) {
        full_name(test, name, sizeof(name));
        if (strcmp(argv[1], "--list") == 0) {
            printf("%s\t%s\t%s\n", name, test->provenance, test->source);
        } else if (strcmp(argv[1], name) == 0) {
            int status = run_case(test);
            leave_store();
            return status;
        } else if (all && (words == NULL || has_provenance(test, words))) {
            int status = run_case(test);
            passed += status == 0;
            failed += status == 1;
            left_out += status == 77;
        }
    }
    if (all) {
        if (under_valgrind()) {
            nap(6000); /* the idle notifier thread ends, and the memory that valgrind reports as possibly lost */
        }
        leave_store();
        printf("%d passed, %d failed, %d skipped\n", passed, failed, left_out);
        return failed != 0;
    }
    if (strcmp(argv[1], "--list") == 0) {
        return 0;
    }
    fprintf(stderr, "there is no case %s; --list shows them\n", argv[1]);
    return 2;
}

#ifndef CONFORMANCE_PROGRAM
int main(int argc, char **argv) {
    return suite_main(argc, argv);
}
#endif

/* ---- objects ------------------------------------------------------------------------------------------------------- */

IMAPIOfflineMgr *open_at(const char *file, int line, const wchar_t *name) {
    IMAPIOfflineMgr *object = NULL;
    check_hr_at(file, line, lib.HrOpenOfflineObj(0, name, &GUID_GlobalState, NULL, &object), S_OK, "open");
    if (!check_at(file, line, object != NULL, "an object was opened")) {
        exit(1);
    }
    return object;
}

void check_state_at(const char *file, int line, IMAPIOfflineMgr *object, ULONG expected) {
    ULONG state = POISON;
    check_hr_at(file, line, IMAPIOfflineMgr_GetCurrentState(object, &state), S_OK, "GetCurrentState");
    check_eq_at(file, line, state, expected, "state");
}

void release_last_at(const char *file, int line, IMAPIOfflineMgr *object) {
    check_eq_at(file, line, IMAPIOfflineMgr_Release(object), 0, "last Release");
}

ULONG refs_of(IMAPIOfflineMgr *object) {
    IMAPIOfflineMgr_AddRef(object);
    return IMAPIOfflineMgr_Release(object);
}

HRESULT set_state(IMAPIOfflineMgr *object, ULONG flags, ULONG state) {
    return IMAPIOfflineMgr_SetCurrentState(object, flags, MAPIOFFLINE_STATE_OFFLINE_MASK, state, NULL);
}

void *set_offline_with_block(void *context) {
    check_ok(set_block((IMAPIOfflineMgr *)context, OFFLINE));
    return NULL;
}

void set_when_idle(IMAPIOfflineMgr *object, ULONG state) {
    while (set_block(object, state) == E_PENDING) {
        nap(1);
    }
}

MAPIOFFLINE_CREATEINFO create_info(const wchar_t *name) {
    MAPIOFFLINE_CREATEINFO info;
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.pwszProfileName = name;
    info.ulCapabilities = BOTH;
    return info;
}

IMAPIOfflineMgr *create_at(const char *file, int line, const wchar_t *name, const GUID *kind, ULONG capabilities,
                           IMAPIOfflineMgr *parent) {
    IMAPIOfflineMgr *object = NULL;
    MAPIOFFLINE_CREATEINFO info = create_info(name);
    info.pGUID = kind;
    info.ulCapabilities = capabilities;
    info.pParent = parent;
    check_hr_at(file, line, lib.HrCreateOfflineObj(0, &info, &object), S_OK, "create");
    if (!check_at(file, line, object != NULL, "an object was created")) {
        exit(1);
    }
    return object;
}

/* ---- sinks --------------------------------------------------------------------------------------------------------- */

static HRESULT sink_query(struct sink *self, const IID *iid, void **out) {
    __atomic_add_fetch(&self->queries, 1, __ATOMIC_SEQ_CST);
    if (self->query_hook != NULL) {
        self->query_hook(self);
    }
    switch (self->behaviour) {
    case QUERY_REFUSES:
        *out = NULL;
        return E_NOINTERFACE;
    case QUERY_REFUSES_WITH_POINTER:
        *out = (void *)(size_t)POISON;
        return E_NOINTERFACE;
    case QUERY_SUCCEEDS_WITH_NULL:
        *out = NULL;
        return S_OK;
    case QUERY_S_FALSE_WITH_NULL:
        *out = NULL;
        return 1;
    case QUERY_GIVES_ANOTHER:
        *out = AS_NOTIFY((struct sink *)self->context);
        __atomic_add_fetch(&((struct sink *)self->context)->refs, 1, __ATOMIC_SEQ_CST);
        return S_OK;
    case QUERY_GIVES_WITH_S_FALSE:
    case QUERY_GIVES:
        break;
    }
    if (memcmp(iid, &IID_IMAPIOfflineNotify, sizeof(*iid)) != 0 && memcmp(iid, &IID_IUnknown, sizeof(*iid)) != 0) {
        check_at(__FILE__, __LINE__, 0, "a sink is asked for IID_IMAPIOfflineNotify only");
        *out = NULL;
        return E_NOINTERFACE;
    }
    *out = AS_NOTIFY(self);
    __atomic_add_fetch(&self->refs, 1, __ATOMIC_SEQ_CST);
    return self->behaviour == QUERY_GIVES_WITH_S_FALSE ? 1 : S_OK;
}

static ULONG sink_add_ref(struct sink *self) {
    return (ULONG)__atomic_add_fetch(&self->refs, 1, __ATOMIC_SEQ_CST);
}

static ULONG sink_release(struct sink *self) {
    /* A thread that waits for the count may then free the sink: without a hook, nothing reads it after the decrement. */
    void (*hook)(struct sink *) = self->release_hook;
    ULONG left;
    __atomic_add_fetch(&self->releases, 1, __ATOMIC_SEQ_CST);
    left = (ULONG)__atomic_sub_fetch(&self->refs, 1, __ATOMIC_SEQ_CST);
    if (hook != NULL) {
        hook(self);
    }
    return left;
}

static void sink_notify(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    int inside = __atomic_add_fetch(&self->inside, 1, __ATOMIC_SEQ_CST);
    int index = __atomic_load_n(&self->count, __ATOMIC_SEQ_CST);
    if (index < SINK_EVENTS) {
        struct event *event = &self->events[index];
        event->notification = *notification;
        event->thread = pthread_self();
        event->order = __atomic_add_fetch(&event_order, 1, __ATOMIC_SEQ_CST);
        event->sink = self->id;
    }
    check_eq_at(__FILE__, __LINE__, notification->ulSize, sizeof(*notification), "ulSize of a notification");
    check_eq_at(__FILE__, __LINE__, notification->Info.StateChange.ulMask & ~self->unknown_bits,
                MAPIOFFLINE_STATE_OFFLINE_MASK, "ulMask of a notification");
    check_eq_at(__FILE__, __LINE__, (unsigned)inside, 1, "threads in Notify of a sink that is registered once");
    if (self->hook != NULL) {
        self->hook(self, notification);
    }
    __atomic_sub_fetch(&self->inside, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&self->count, 1, __ATOMIC_SEQ_CST);
}

#ifdef __cplusplus
HRESULT STDMETHODCALLTYPE sink::QueryInterface(REFIID riid, void **ppv) {
    return sink_query(this, &riid, ppv);
}
ULONG STDMETHODCALLTYPE sink::AddRef() {
    return sink_add_ref(this);
}
ULONG STDMETHODCALLTYPE sink::Release() {
    return sink_release(this);
}
void STDMETHODCALLTYPE sink::Notify(const MAPIOFFLINE_NOTIFY *notification) {
    sink_notify(this, notification);
}
#else
static struct sink *sink_of(IMAPIOfflineNotify *This) {
    return (struct sink *)(void *)((char *)This - offsetof(struct sink, iface));
}
static HRESULT STDMETHODCALLTYPE c_query(IMAPIOfflineNotify *This, REFIID riid, void **ppv) {
    return sink_query(sink_of(This), riid, ppv);
}
static ULONG STDMETHODCALLTYPE c_add_ref(IMAPIOfflineNotify *This) {
    return sink_add_ref(sink_of(This));
}
static ULONG STDMETHODCALLTYPE c_release(IMAPIOfflineNotify *This) {
    return sink_release(sink_of(This));
}
static void STDMETHODCALLTYPE c_notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *notification) {
    sink_notify(sink_of(This), notification);
}
static const struct IMAPIOfflineNotifyVtbl sink_vtable = {c_query, c_add_ref, c_release, c_notify};
#endif

void sink_init(struct sink *sink) {
    static int ids;
    sink->refs = 1;
    sink->queries = 0;
    sink->releases = 0;
    sink->inside = 0;
    sink->behaviour = QUERY_GIVES;
    sink->hook = NULL;
    sink->query_hook = NULL;
    sink->release_hook = NULL;
    sink->unknown_bits = 0;
    sink->context = NULL;
    sink->id = __atomic_add_fetch(&ids, 1, __ATOMIC_SEQ_CST);
    sink->count = 0;
#ifndef __cplusplus
    sink->iface.lpVtbl = &sink_vtable;
#endif
}

int sink_refs(struct sink *sink) {
    return __atomic_load_n(&sink->refs, __ATOMIC_SEQ_CST);
}

int sink_count(struct sink *sink) {
    return __atomic_load_n(&sink->count, __ATOMIC_SEQ_CST);
}

int sink_wait(struct sink *sink, int count) {
    int tries;
    for (tries = 0; sink_count(sink) < count; tries++) {
        if (tries == 5000) {
            return 0;
        }
        nap(2);
    }
    return 1;
}

int sink_released(struct sink *sink) {
    int tries;
    for (tries = 0; sink_refs(sink) != 1; tries++) {
        if (tries == 5000) {
            return 0;
        }
        nap(2);
    }
    return 1;
}

MAPIOFFLINE_ADVISEINFO advise_info(struct sink *sink, ULONG client_token) {
    MAPIOFFLINE_ADVISEINFO info;
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.ulClientToken = client_token;
    info.CallbackType = MAPIOFFLINE_CALLBACK_TYPE_NOTIFY;
    info.pCallback = AS_UNKNOWN(sink);
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    return info;
}

ULONG advise_at(const char *file, int line, IMAPIOfflineMgr *object, struct sink *sink, ULONG client_token) {
    ULONG token = POISON;
    MAPIOFFLINE_ADVISEINFO info = advise_info(sink, client_token);
    check_hr_at(file, line, IMAPIOfflineMgr_Advise(object, MAPIOFFLINE_ADVISE_DEFAULT, &info, &token), S_OK, "Advise");
    check_at(file, line, token != 0 && token != POISON, "Advise gives a token");
    memset(&info, 0xDD, sizeof(info));
    return token;
}

void check_received_at(const char *file, int line, struct sink *sink, int transitions, const ULONG *states) {
    int index;
    check_at(file, line, sink_wait(sink, 3 * transitions), "the sink is notified in time");
    check_eq_at(file, line, (unsigned)sink_count(sink), 3u * (unsigned)transitions, "notifications");
    for (index = 0; index < 3 * transitions && index < sink_count(sink) && index < SINK_EVENTS; index++) {
        const MAPIOFFLINE_NOTIFY *got = &sink->events[index].notification;
        ULONG state = states[index / 3];
        check_eq_at(file, line, got->NotifyType, (unsigned)(index % 3 + 1), "phase");
        check_eq_at(file, line, got->Info.StateChange.ulStateNew, state, "ulStateNew");
        check_eq_at(file, line, got->Info.StateChange.ulStateOld, state ^ MAPIOFFLINE_STATE_OFFLINE_MASK, "ulStateOld");
    }
}

/* ---- gates --------------------------------------------------------------------------------------------------------- */

void gate_init(struct gate *gate) {
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->condition, NULL);
    gate->open = 0;
}

void gate_open(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open = 1;
    pthread_cond_broadcast(&gate->condition);
    pthread_mutex_unlock(&gate->mutex);
}

int gate_is_open(struct gate *gate) {
    int open;
    pthread_mutex_lock(&gate->mutex);
    open = gate->open;
    pthread_mutex_unlock(&gate->mutex);
    return open;
}

int gate_wait(struct gate *gate) {
    struct timespec until;
    int result = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&gate->mutex);
    while (!gate->open && result == 0) {
        result = pthread_cond_timedwait(&gate->condition, &gate->mutex, &until);
    }
    pthread_mutex_unlock(&gate->mutex);
    return result == 0;
}
