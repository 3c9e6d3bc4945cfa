/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fork, exit, exceptions, environment: what the library does to its process. */
#include "../harness.h"

#include <sys/wait.h>
#include <unistd.h>

static int exit_of(pid_t child) {
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

/* Ends a forked child: 0 when its checks held. */
static void child_exits(int failures_before) {
    int failed = failures_so_far() != failures_before;
    if (under_valgrind()) {
        /* It would report the stacks of threads that do not exist here; another program it lets go. */
        execl(failed ? "/bin/false" : "/bin/true", "", (char *)NULL);
    }
    _exit(failed);
}

CASE(forked_child_finds_the_state_and_goes_on) {
    IMAPIOfflineMgr *object = open_global(profile());
    struct sink sink;
    pid_t child;
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_async(object, OFFLINE));
    check_heard1(&sink, OFFLINE);
    set_when_idle(object, OFFLINE);
    child = fork();
    if (child == 0) {
        int before = failures_so_far();
        check_state(object, OFFLINE);
        check_ok(set_async(object, ONLINE)); /* with a thread of its own */
        check_heard2(&sink, OFFLINE, ONLINE);
        set_when_idle(object, OFFLINE);
        child_exits(before);
    }
    check_eq(exit_of(child), 0);
    check_eq(sink_count(&sink), 3);
    release_last(object);
}

struct forking {
    IMAPIOfflineMgr *object;
    int phase;
    int pid;
    int in_child;
};

static void fork_in_phase(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    check(!forking->in_child); /* no further phase there */
    if ((int)notification->NotifyType == forking->phase) {
        forking->pid = fork();
        if (forking->pid == 0) {
            forking->in_child = 1;
            check_state(forking->object, forking->phase == START ? ONLINE : OFFLINE);
        }
    }
}

CASE(fork_from_inside_notify) {
    int phase;
    for (phase = START; phase <= DONE; phase++) {
        IMAPIOfflineMgr *object = open_global(profile());
        struct forking forking;
        struct sink sinks[2];
        HRESULT hr;
        int before = failures_so_far();
        check_ok(set_block(object, ONLINE));
        sink_init(&sinks[0]);
        sink_init(&sinks[1]);
        forking.object = object;
        forking.phase = phase;
        forking.in_child = 0;
        sinks[0].hook = fork_in_phase;
        sinks[0].context = &forking;
        advise(object, &sinks[0], 0);
        advise(object, &sinks[1], 0);
        hr = set_block(object, OFFLINE);
        if (forking.in_child) {
            check_hr(hr, phase == START ? E_FAIL : S_OK);
            check_eq(sink_count(&sinks[0]), phase);
            check_eq(sink_count(&sinks[1]), phase - 1);
            forking.in_child = 0;
            forking.phase = 0;
            /* Nothing is under way here. */
            check_ok(set_block(object, phase == START ? OFFLINE : ONLINE));
            check_eq(sink_count(&sinks[0]), phase + 3);
            child_exits(before);
        }
        check_ok(hr);
        check_eq(exit_of(forking.pid), 0);
        check_eq(sink_count(&sinks[0]), 3);
        release_last(object);
    }
}

/* The only other thread of the child: the one that forked is the library's. */
static void *check_child(void *context) {
    struct forking *forking = (struct forking *)context;
    int before = failures_so_far();
    ULONG to = forking->phase == START ? OFFLINE : ONLINE;
    nap(50);
    check_ok(set_async(forking->object, to));
    nap(50);
    check_state(forking->object, to);
    child_exits(before);
    return NULL;
}

static void fork_on_notifier(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (forking->in_child == 1 && notification->Info.StateChange.ulStateNew == OFFLINE && forking->phase != START) {
        _exit(96); /* a further phase of the parent's transition */
    }
    if (forking->pid == 0 && (int)notification->NotifyType == forking->phase) {
        forking->pid = fork();
        if (forking->pid == 0) {
            pthread_t thread;
            forking->pid = -1;
            forking->in_child = 1;
            check_eq(pthread_create(&thread, NULL, check_child, forking), 0);
        }
    }
}

CASE(fork_from_inside_notify_on_a_notifier) {
    int phase;
    for (phase = START; phase <= DONE; phase++) {
        struct forking forking;
        struct sink sinks[2];
        sink_init(&sinks[0]);
        sink_init(&sinks[1]);
        sinks[0].hook = fork_on_notifier;
        sinks[0].context = &forking;
        forking.object = open_global(profile());
        forking.phase = phase;
        forking.pid = 0;
        forking.in_child = 0;
        check_ok(set_block(forking.object, ONLINE));
        advise(forking.object, &sinks[0], 0);
        advise(forking.object, &sinks[1], 0);
        check_ok(set_async(forking.object, OFFLINE));
        check_heard1(&sinks[1], OFFLINE);
        check_eq(exit_of(forking.pid), 0);
        set_when_idle(forking.object, OFFLINE);
        release_last(forking.object);
    }
}

static void unadvise_in_child(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (notification->NotifyType == START) {
        forking->pid = fork();
        if (forking->pid == 0) {
            forking->in_child = 1;
            check_ok(IMAPIOfflineMgr_Unadvise(forking->object, 0, (ULONG)forking->phase));
            check_eq(sink_refs(self), 1);
            release_last(forking->object);
        }
    }
}

CASE(forked_child_may_end_everything_from_notify) {
    struct forking forking;
    struct sink sink;
    int before = failures_so_far();
    HRESULT hr;
    sink_init(&sink);
    sink.hook = unadvise_in_child;
    sink.context = &forking;
    forking.in_child = 0;
    forking.object = open_global(profile());
    forking.phase = (int)advise(forking.object, &sink, 0);
    hr = set_block(forking.object, OFFLINE);
    if (forking.in_child) {
        check_hr(hr, E_FAIL);
        child_exits(before);
    }
    check_ok(hr);
    check_eq(exit_of(forking.pid), 0);
    release_last(forking.object);
}

static void queue_and_fork(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct forking *forking = (struct forking *)self->context;
    if (notification->NotifyType == DONE && !forking->in_child && forking->phase == 0) {
        forking->phase = 1;
        check_ok(set_async(forking->object, ONLINE));
        forking->pid = fork();
        forking->in_child = forking->pid == 0;
    }
}

CASE(queued_transition_does_not_cross_a_fork) {
    IMAPIOfflineMgr *object = open_global(profile());
    struct forking forking;
    struct sink sink;
    int before = failures_so_far();
    sink_init(&sink);
    sink.hook = queue_and_fork;
    sink.context = &forking;
    forking.object = object;
    forking.phase = 0;
    forking.in_child = 0;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    if (forking.in_child) {
        nap(50);
        check_state(object, OFFLINE);
        check_eq(sink_count(&sink), 3);
        check_ok(set_block(object, ONLINE));
        child_exits(before);
    }
    check_eq(exit_of(forking.pid), 0);
    check_heard2(&sink, OFFLINE, ONLINE);
    release_last(object);
}

struct load {
    IMAPIOfflineMgr *object;
    int stop;
};

static void *make_load(void *context) {
    struct load *load = (struct load *)context;
    ULONG to = OFFLINE;
    struct sink sink;
    sink_init(&sink);
    while (!__atomic_load_n(&load->stop, __ATOMIC_SEQ_CST)) {
        ULONG token = advise(load->object, &sink, 0);
        IMAPIOfflineMgr *child = create_object(profile(), NULL, BOTH, load->object);
        if (set_async(load->object, to) == S_OK) {
            to ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
        }
        IMAPIOfflineMgr_Release(child);
        check_ok(IMAPIOfflineMgr_Unadvise(load->object, 0, token));
        while (sink_refs(&sink) != 1) {
            sched_yield();
        }
    }
    return NULL;
}

CASE(fork_under_load) {
    struct load load;
    pthread_t threads[2];
    int round;
    int index;
    load.object = open_global(profile());
    load.stop = 0;
    for (index = 0; index < 2; index++) {
        check_eq(pthread_create(&threads[index], NULL, make_load, &load), 0);
    }
    for (round = 0; round < often(200); round++) {
        pid_t child = fork();
        if (child == 0) {
            IMAPIOfflineMgr *object = open_global(profile());
            struct sink sink;
            ULONG state = 0;
            ULONG token;
            alarm(20);
            sink_init(&sink);
            token = advise(object, &sink, 0);
            check_ok(IMAPIOfflineMgr_GetCurrentState(object, &state));
            check_ok(set_block(object, state ^ MAPIOFFLINE_STATE_OFFLINE_MASK));
            check_heard1(&sink, state ^ MAPIOFFLINE_STATE_OFFLINE_MASK);
            check_ok(set_async(object, state));
            check(sink_wait(&sink, 6));
            check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
            child_exits(0);
        }
        check_eq(exit_of(child), 0);
    }
    __atomic_store_n(&load.stop, 1, __ATOMIC_SEQ_CST);
    for (index = 0; index < 2; index++) {
        pthread_join(threads[index], NULL);
    }
    set_when_idle(load.object, ONLINE);
    release_last(load.object);
}

/* ---- exit: the client never unadvises, and its sink dies before the library ---------------------------------------- */

static int sink_is_dead;

static void bury_sink(void) {
    nap(20); /* what was dispatched before the library's handler ran comes to its end */
    __atomic_store_n(&sink_is_dead, 1, __ATOMIC_SEQ_CST);
    nap(100);
}

static void never_dead(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    if (__atomic_load_n(&sink_is_dead, __ATOMIC_SEQ_CST)) {
        _exit(99);
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

/* Run as a process of its own. */
CASE(helper_exits_while_notified) {
    IMAPIOfflineMgr *object;
    pthread_t thread;
    if (!is_child_case()) {
        return;
    }
    object = open_global(profile());
    /* As a static that is constructed between the first open and the first Advise is destroyed: after the handler that
     * was registered at Advise, before the one that was at open. */
    atexit(bury_sink);
    sink_init(&dying_sink);
    dying_sink.hook = never_dead;
    advise(object, &dying_sink, 0);
    pthread_create(&thread, NULL, flip_for_ever, object);
    nap(30);
    exit(17);
}

CASE(no_notify_begins_after_exit) {
    int round;
    skip_under_valgrind("the child would be another program under valgrind");
    for (round = 0; round < 10; round++) {
        int status = run_case_as_process("process.helper_exits_while_notified", NULL);
        check(WIFEXITED(status));
        check_eq(WEXITSTATUS(status), 17);
    }
}

/* A client that opens per query, leaks, and never unadvises. */
CASE(helper_leaks_and_exits) {
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

CASE(a_client_that_leaks_exits_in_peace) {
    int status;
    skip_under_valgrind("the child would be another program under valgrind");
    status = run_case_as_process("process.helper_leaks_and_exits", NULL);
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 18);
}

/* ---- exceptions ---------------------------------------------------------------------------------------------------- */

#ifdef __cplusplus
static void throw_something(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    throw 1;
}
#endif

CASE(helper_throws_from_notify) {
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
        _exit(98); /* it must not come through */
    }
#endif
    _exit(97);
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

CASE(helper_throws_from_query) {
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
        _exit(98);
    }
#endif
    _exit(97);
}

CASE(helper_throws_from_release) {
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
        _exit(98);
    }
#endif
    _exit(97);
}

CASE(exception_from_a_client_ends_the_process) {
    static const char *const helpers[] = {"process.helper_throws_from_notify", "process.helper_throws_from_query",
                                          "process.helper_throws_from_release"};
    int index;
    skip_under_valgrind("the child would be another program under valgrind");
#ifndef __cplusplus
    skip_case("C has no exceptions");
    return;
#endif
    for (index = 0; index < 3; index++) {
        int status = run_case_as_process(helpers[index], NULL);
        check(WIFSIGNALED(status));
    }
}

/* ---- environment --------------------------------------------------------------------------------------------------- */

CASE(helper_strict_by_environment) {
    IMAPIOfflineMgr *object = NULL;
    if (!is_child_case()) {
        return;
    }
    check_hr(lib.open(0, profile(), &GUID_GlobalState, NULL, &object), MAPI_E_NOT_FOUND);
    check(object == NULL);
    object = create_object(profile(), &GUID_GlobalState, BOTH, NULL);
    release_last(object);
    object = open_global(profile());
    release_last(object);
}

CASE(strict_hosting_by_environment) {
    int status;
    skip_under_valgrind("the child would be another program under valgrind");
    need_extension(set_strict);
    status = run_case_as_process("process.helper_strict_by_environment", "MAPIOFFLINE_STRICT=1");
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 0);
}

CASE(helper_logs) {
    IMAPIOfflineMgr *object;
    if (!is_child_case()) {
        return;
    }
    object = open_global(profile());
    check_state(object, ONLINE);
    release_last(object);
}

/* Runs the helper with its stderr in a buffer. */
static void log_of_helper(const char *environment, char *buffer, size_t size) {
    FILE *file = tmpfile();
    int saved = dup(2);
    size_t length;
    memset(buffer, 0, size);
    if (!check(file != NULL)) {
        return;
    }
    dup2(fileno(file), 2);
    check_eq(run_case_as_process("process.helper_logs", environment), 0);
    dup2(saved, 2);
    close(saved);
    rewind(file);
    length = fread(buffer, 1, size - 1, file);
    buffer[length] = 0;
    fclose(file);
}

CASE(silent_unless_asked) {
    static char text[65536];
    skip_under_valgrind("the child would be another program under valgrind");
    need_extension(set_log);
    log_of_helper(NULL, text, sizeof(text));
    check_eq(strlen(text), 0);
    log_of_helper("MAPIOFFLINE_LOG=error", text, sizeof(text));
    check_eq(strlen(text), 0);
    log_of_helper("MAPIOFFLINE_LOG=trace", text, sizeof(text));
    check(strstr(text, "HrOpenOfflineObj(0x0, 0x") != NULL);
    check(strstr(text, "GetCurrentState(0x") != NULL);
    check(strstr(text, "Release(0x") != NULL);
    check(strstr(text, "-> 0x0") != NULL);
}
