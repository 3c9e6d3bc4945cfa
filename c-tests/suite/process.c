/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Exit, exceptions, environment: what the library does to its process. */
#include "../harness.h"

/* ---- exit: the client never calls Unadvise, and its sink is destroyed while the library still runs ----------------- */

static int sink_is_dead;

static void bury_sink(void) {
    nap(20); /* a Notify that was dispatched before the library's handler ran returns */
    __atomic_store_n(&sink_is_dead, 1, __ATOMIC_SEQ_CST);
    nap(100);
}

static int begun_after_death;

static void never_dead(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    /* One Notify may have been dispatched before the library's handler ran, and enter this function only now. */
    if (__atomic_load_n(&sink_is_dead, __ATOMIC_SEQ_CST) &&
        __atomic_add_fetch(&begun_after_death, 1, __ATOMIC_SEQ_CST) > 1) {
        end_process(99);
    }
}

static void *flip_for_ever(void *context) {
    ULONG to = OFFLINE;
    for (;;) {
        if (set_async((IMAPIOfflineMgr *)context, to) == S_OK) {
            to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
        }
    }
    return NULL;
}

static struct sink dying_sink;

/* Runs as a process of its own. */
CASE(helper_exits_while_notified, helper, "") {
    IMAPIOfflineMgr *object;
    pthread_t thread;
    if (!is_child_case()) {
        return;
    }
    object = open_global(profile());
    /* Runs when a static that was constructed between the first open and the first Advise is destroyed: after the handler
     * that was registered at Advise, before the one that was registered at open. */
    atexit(bury_sink);
    sink_init(&dying_sink);
    dying_sink.hook = never_dead;
    advise(object, &dying_sink, 0);
    pthread_create(&thread, NULL, flip_for_ever, object);
    nap(30);
    exit(17);
}

CASE(no_notify_begins_after_exit, decision, "D 12") {
    /* Wine 8 may hang if a process ends while another of its threads opens a file. This case does not test that. */
#ifdef _WIN32
    static const char environment[] = "MAPIOFFLINE_STORE=memory";
#else
    static const char *const environment = NULL;
#endif
    int round;
    skip_under_valgrind("the child would be another program under valgrind");
    for (round = 0; round < 10; round++) {
        check_eq(run_case_as_process("process.helper_exits_while_notified", environment, NULL), 17);
    }
}

static int logger_is_dead;

static void STDMETHODCALLTYPE log_until_dead(void *context, ULONG level, const char *line) {
    (void)context;
    (void)level;
    (void)line;
    if (logger_is_dead) {
        end_process(99);
    }
}

static IMAPIOfflineMgr *object_at_exit;

/* As a static of the client's that was constructed before the first open: destroyed after the library's exit handler. */
static void use_after_exit(void) {
    ULONG state = 0;
    logger_is_dead = 1;
    check_ok(IMAPIOfflineMgr_GetCurrentState(object_at_exit, &state));
    set_block(object_at_exit, OFFLINE);
    IMAPIOfflineMgr_Release(object_at_exit);
    lib.HrOpenOfflineObj(0, profile2(), &GUID_GlobalState, NULL, &object_at_exit);
}

CASE(helper_logs_at_exit, helper, "") {
    if (is_child_case()) {
        atexit(use_after_exit);
        check_ok(lib.MapiOfflineSetLogCallback(MAPIOFFLINE_LOG_TRACE, log_until_dead, NULL));
        object_at_exit = open_global(profile());
        exit(failures_so_far() == 0 ? 19 : 1);
    }
}

CASE(nothing_is_logged_after_exit, decision, "D 12") {
    skip_under_valgrind("the child would be another program under valgrind");
    need_extension(MapiOfflineSetLogCallback);
    check_eq(run_case_as_process("process.helper_logs_at_exit", NULL, NULL), 19);
}

/* A client that opens per query, leaks, and never calls Unadvise. */
CASE(helper_leaks_and_exits, helper, "") {
    int round;
    if (!is_child_case()) {
        return;
    }
    sink_init(&dying_sink);
    for (round = 0; round < 10; round++) {
        advise(open_global(profile()), &dying_sink, 0);
        create_object(profile(), NULL, BOTH, open_global(profile()));
    }
    check_ok(set_async(open_global(profile()), OFFLINE));
    exit(failures_so_far() == 0 ? 18 : 1);
}

CASE(client_that_leaks_exits_normally, decision, "D 46") {
    skip_under_valgrind("the child would be another program under valgrind");
    check_eq(run_case_as_process("process.helper_leaks_and_exits", NULL, NULL), 18);
}

/* ---- exceptions ---------------------------------------------------------------------------------------------------- */

#ifdef __cplusplus
static void throw_something(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    throw 1;
}
#endif

CASE(helper_throws_from_notify, helper, "") {
    if (!is_child_case()) {
        return;
    }
#ifdef __cplusplus
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.hook = throw_something;
    advise(object, &sink, 0);
    try {
        set_block(object, OFFLINE);
    } catch (int) {
        end_process(98); /* the exception must not leave the library */
    }
#endif
    end_process(97);
}

#ifdef __cplusplus
static void throw_from_query(struct sink *self) {
    (void)self;
    throw 2;
}
static void throw_from_release(struct sink *self) {
    (void)self;
    throw 3;
}
#endif

CASE(helper_throws_from_query, helper, "") {
    if (!is_child_case()) {
        return;
    }
#ifdef __cplusplus
    struct sink sink;
    sink_init(&sink);
    sink.query_hook = throw_from_query;
    try {
        advise(open_global(profile()), &sink, 0);
    } catch (int) {
        end_process(98);
    }
#endif
    end_process(97);
}

CASE(helper_throws_from_release, helper, "") {
    if (!is_child_case()) {
        return;
    }
#ifdef __cplusplus
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    sink_init(&sink);
    sink.release_hook = throw_from_release;
    advise(object, &sink, 0);
    try {
        IMAPIOfflineMgr_Release(object);
    } catch (int) {
        end_process(98);
    }
#endif
    end_process(97);
}

CASE(exception_from_a_client_ends_the_process, decision, "D 11") {
    static const char *const helpers[] = {"process.helper_throws_from_notify", "process.helper_throws_from_query",
                                          "process.helper_throws_from_release"};
    int index;
    skip_under_valgrind("the child would be another program under valgrind");
#ifndef __cplusplus
    skip_case("C has no exceptions");
    return;
#endif
    for (index = 0; index < 3; index++) {
        check_eq(run_case_as_process(helpers[index], NULL, NULL), ENDED_BY_A_FAULT);
    }
}

/* ---- environment --------------------------------------------------------------------------------------------------- */

CASE(helper_strict_by_environment, helper, "") {
    IMAPIOfflineMgr *object = NULL;
    if (!is_child_case()) {
        return;
    }
    check_hr(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, &object), MAPI_E_NOT_FOUND);
    check(object == NULL);
    object = create_object(profile(), &GUID_GlobalState, BOTH, NULL);
    release_last(object);
    object = open_global(profile());
    release_last(object);
}

CASE(strict_hosting_by_environment, decision, "D 1") {
    skip_under_valgrind("the child would be another program under valgrind");
    need_extension(MapiOfflineSetStrictHosting);
    check_eq(run_case_as_process("process.helper_strict_by_environment", "MAPIOFFLINE_STRICT=1", NULL), 0);
}

CASE(helper_logs, helper, "") {
    IMAPIOfflineMgr *object;
    if (!is_child_case()) {
        return;
    }
    object = open_global(profile());
    check_state(object, ONLINE);
    release_last(object);
}

/* Reads what the helper writes to stderr. */
static void log_of_helper(const char *environment, char *buffer, size_t size) {
    char path[128];
    FILE *file;
    /* Cases of several programs run at the same time in one folder. */
    snprintf(path, sizeof(path), "log-of-helper-%lx.txt", process_id());
    check_eq(run_case_as_process("process.helper_logs", environment, path), 0);
    memset(buffer, 0, size);
    file = fopen(path, "rb");
    if (check(file != NULL)) {
        buffer[fread(buffer, 1, size - 1, file)] = 0;
        fclose(file);
    }
    remove(path);
}

CASE(nothing_is_logged_unless_asked, decision, "D 15") {
    static char text[65536];
    skip_under_valgrind("the child would be another program under valgrind");
    need_extension(MapiOfflineSetLogCallback);
    log_of_helper(NULL, text, sizeof(text));
    check_eq(strlen(text), 0);
    log_of_helper("MAPIOFFLINE_LOG=error", text, sizeof(text));
    check_eq(strlen(text), 0);
    log_of_helper("MAPIOFFLINE_LOG=trace", text, sizeof(text));
    check(strstr(text, "HrOpenOfflineObj") != NULL);
    check(strstr(text, "GetCurrentState") != NULL);
    check(strstr(text, "Release") != NULL);
}
