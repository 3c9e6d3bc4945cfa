/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client closes its module handle: before its last use of the library, in another thread, a thousand times. */
#include <mapioffline.h>

#include "../counting_sink.h"
#include "../platform.h"

#include <pthread.h>
#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef HRESULT(STDMETHODCALLTYPE *open_function)(ULONG, LPCWSTR, const GUID *, const GUID *, IMAPIOfflineMgr **);
typedef HRESULT (*plugin_function)(LPCWSTR, const GUID *, IMAPIOfflineMgr *, IMAPIOfflineMgr **);

static const GUID unknown_kind = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
static const char *library;
static const char *plugin;

#define require(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: does not hold\n", __FILE__, __LINE__, #condition);                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Makes one change without BLOCK, and waits for the last of its notifications. */
static void change(IMAPIOfflineMgr *object) {
    ULONG state = 0;
    ULONG token = 0;
    int before;
    int tries;
    require(IMAPIOfflineMgr_GetCurrentState(object, &state) == S_OK);
    before = __atomic_load_n(&heard, __ATOMIC_SEQ_CST);
    require(advise(object, &token) == S_OK);
    for (tries = 0; IMAPIOfflineMgr_SetCurrentState(object, 0, 3, state ^ 3, NULL) == E_PENDING; tries++) {
        require(tries < 10000);
        nap(1);
    }
    for (tries = 0; __atomic_load_n(&heard, __ATOMIC_SEQ_CST) < before + 3; tries++) {
        require(tries < 10000);
        nap(1);
    }
    require(IMAPIOfflineMgr_Unadvise(object, 0, token) == S_OK);
}

/* ---- cases --------------------------------------------------------------------------------------------------------- */

typedef void *(*load_function)(const char *path);

static void *load(const char *path, load_function how, const char *name, void *function) {
    void *module = how(path);
    void *found;
    require(module != NULL);
    found = module_symbol(module, name);
    require(found != NULL);
    take_function(function, found);
    return module;
}

static IMAPIOfflineMgr *open_and_close_handle(const char *path, load_function how) {
    IMAPIOfflineMgr *object = NULL;
    void *handle;
    if (path == library) {
        open_function open;
        handle = load(path, how, "HrOpenOfflineObj", &open);
        require(open(0, L"Unload", &GUID_GlobalState, NULL, &object) == S_OK);
    } else {
        plugin_function open;
        handle = load(path, how, "plugin_open", &open);
        require(open(L"Unload", &GUID_GlobalState, NULL, &object) == S_OK);
    }
    require(object != NULL);
    require(module_close(handle));
    return object;
}

struct round {
    const char *path;
    load_function how;
};

static void *one_round(void *context) {
    struct round *round = (struct round *)context;
    IMAPIOfflineMgr *object = open_and_close_handle(round->path, round->how);
    change(object);
    require(IMAPIOfflineMgr_Release(object) == 0);
    return NULL;
}

/* Runs each round in a new thread, which ends. */
static void a_thousand_times(const char *path, load_function how) {
    struct round round;
    long before = 0;
    long after;
    int index;
    round.path = path;
    round.how = how;
    for (index = 0; index < 1000; index++) {
        pthread_t thread;
        require(pthread_create(&thread, NULL, one_round, &round) == 0);
        require(pthread_join(thread, NULL) == 0);
        if (index == 199) {
            before = memory_of_process();
        }
    }
    after = memory_of_process();
    printf("memory after 200 rounds %ld KiB, after 1000 %ld KiB; %d threads\n", before, after, threads_of_process());
    require(after - before < 512 || under_qemu());
    /* Ended threads may be counted for a moment longer. */
    for (index = 0; threads_of_process() > 3; index++) {
        require(index < 1000);
        nap(5);
    }
}

static void query_close_use(const char *path) {
    IMAPIOfflineMgr *manager = open_and_close_handle(path, module_load);
    void *offline = NULL;
    ULONG state = 0;
    require(IMAPIOfflineMgr_QueryInterface(manager, &IID_IMAPIOffline, &offline) == S_OK);
    require(IMAPIOfflineMgr_Release(manager) == 1);
    require(module_is_mapped(path));
    require(IMAPIOffline_GetCurrentState((IMAPIOffline *)offline, &state) == S_OK);
    require(state == MAPIOFFLINE_STATE_ONLINE);
    change(manager);
    require(IMAPIOffline_Release((IMAPIOffline *)offline) == 0);
}

/* The open fails, so the module is not pinned. The plug-in is unloaded, and no handler of it is left for fork or exit. */
static void plugin_failed_open(void) {
    IMAPIOfflineMgr *object = NULL;
    plugin_function open;
    void *handle = load(plugin, module_load, "plugin_open", &open);
    require(open(L"Unload", &unknown_kind, NULL, &object) == MAPI_E_NOT_FOUND);
    require(object == NULL);
    require(module_close(handle));
#ifdef _WIN32
    require(!module_is_mapped(plugin)); /* glibc may keep a module loaded for its own reasons */
#endif
    printf("the plug-in is %s\n", module_is_mapped(plugin) ? "still mapped" : "gone");
    /* main returns and the exit handlers run */
}

static void plugin_failed_open_then_fork(void) {
#ifndef _WIN32
    pid_t child;
    int status = -1;
    plugin_failed_open();
    child = fork();
    if (child == 0) {
        exit(7);
    }
    require(waitpid(child, &status, 0) == child);
    require(WIFEXITED(status) && WEXITSTATUS(status) == 7);
#endif
}

static void two_copies(void) {
    IMAPIOfflineMgr *first = open_and_close_handle(library, module_load);
    IMAPIOfflineMgr *second = open_and_close_handle(plugin, module_load);
    IMAPIOfflineMgr *child = NULL;
    plugin_function open;
    void *handle = load(plugin, module_load, "plugin_open", &open);
    ULONG state = 0;
    require(first != second);
    change(first);
    require(IMAPIOfflineMgr_GetCurrentState(second, &state) == S_OK);
    require(state == MAPIOFFLINE_STATE_ONLINE);
    change(second);
    /* A copy does not recognise an object of the other copy. */
    require(open(L"Unload", NULL, first, &child) == E_INVALIDARG);
    require(child == NULL);
    require(open(L"Unload", NULL, second, &child) == S_OK);
    require(IMAPIOfflineMgr_Release(child) == 0);
    require(IMAPIOfflineMgr_Release(first) == 0);
    require(IMAPIOfflineMgr_Release(second) == 0);
    module_close(handle);
}

int main(int argc, char **argv) {
    require(argc == 4);
    library = argv[2];
    plugin = argv[3];
    if (strcmp(argv[1], "local-1000") == 0) {
        a_thousand_times(library, module_load);
    } else if (strcmp(argv[1], "global-1000") == 0) {
        a_thousand_times(library, module_load_for_all);
    } else if (strcmp(argv[1], "query-close-use") == 0) {
        query_close_use(library);
    } else if (strcmp(argv[1], "plugin-1000") == 0) {
        a_thousand_times(plugin, module_load);
    } else if (strcmp(argv[1], "plugin-query-close-use") == 0) {
        query_close_use(plugin);
    } else if (strcmp(argv[1], "plugin-failed-open") == 0) {
        plugin_failed_open();
    } else if (strcmp(argv[1], "plugin-failed-open-then-fork") == 0) {
        plugin_failed_open_then_fork();
    } else if (strcmp(argv[1], "two-copies") == 0) {
        two_copies();
    } else {
        fprintf(stderr, "there is no case %s\n", argv[1]);
        return 2;
    }
    printf("%s: passed\n", argv[1]);
    return 0;
}
