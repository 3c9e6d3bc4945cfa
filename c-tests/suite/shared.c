/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Profiles that processes share. The other process is this program again, with a helper. */
#include "../harness.h"

/* What a case tells the other process; the children of a case have its folder. */
static int other_process(const char *helper) {
    return run_case_as_process(helper, NULL, NULL);
}

/* Cases of a program that keeps profiles in memory have nothing to show. */
#define need_shared_store()                                                                                            \
    do {                                                                                                               \
        if (!with_shared_store()) {                                                                                    \
            skip_case("profiles are kept in memory");                                                                  \
            return;                                                                                                    \
        }                                                                                                              \
        skip_under_valgrind("the child would be another program under valgrind");                                      \
    } while (0)

/* All helpers work on one profile; cases leave it removed. */
static const wchar_t shared_profile[] = L"Shared";
#define PROFILE_FILE "SHARED.json"

static void path_in_folder(char *path, size_t size, const char *file) {
    snprintf(path, size, "%s/%s", state_folder_path(), file);
}

static int file_exists(const char *name) {
    char path[600];
    FILE *file;
    path_in_folder(path, sizeof(path), name);
    file = fopen(path, "rb");
    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

static void write_file(const char *name, const char *text) {
    char path[600];
    FILE *file;
    path_in_folder(path, sizeof(path), name);
    file = fopen(path, "wb");
    if (check(file != NULL)) {
        fputs(text, file);
        fclose(file);
    }
}

static int wait_for_state(IMAPIOfflineMgr *object, ULONG state) {
    ULONG now = 0;
    int tries;
    for (tries = 0; tries < 2000 && now != state; tries++) {
        IMAPIOfflineMgr_GetCurrentState(object, &now);
        nap(5);
    }
    return now == state;
}

static int file_says(const char *name, const char *what) {
    char path[600];
    char text[2000] = "";
    FILE *file;
    path_in_folder(path, sizeof(path), name);
    file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    return strstr(text, what) != NULL;
}

static int wait_for_file_to_say(const char *name, const char *what) {
    int tries;
    for (tries = 0; tries < 1000 && !file_says(name, what); tries++) {
        nap(5);
    }
    return file_says(name, what);
}

/* As if nobody had ever opened it. Only when it is not open here. */
static void forget_profile(void) {
    char path[600];
    path_in_folder(path, sizeof(path), PROFILE_FILE);
    remove(path);
}

/* ---- what the other process does ----------------------------------------------------------------------------------- */

CASE(helper_sets_offline) {
    IMAPIOfflineMgr *object;
    if (is_child_case()) {
        object = open_global(shared_profile);
        check_ok(set_block(object, OFFLINE));
        release_last(object);
    }
}

CASE(helper_sets_online_and_goes) {
    if (is_child_case()) {
        /* Accepted is written: nobody has to wait for it. */
        check_ok(set_async(open_global(shared_profile), ONLINE));
        end_process(failures_so_far() != 0);
    }
}

CASE(helper_finds_offline) {
    IMAPIOfflineMgr *object;
    if (is_child_case()) {
        object = open_global(shared_profile);
        check_state(object, OFFLINE);
        release_last(object);
    }
}

CASE(helper_creates_for_offline_only) {
    if (is_child_case()) {
        release_last(create_object(shared_profile, &GUID_GlobalState, MAPIOFFLINE_CAPABILITY_OFFLINE, NULL));
    }
}

CASE(helper_flips_often) {
    IMAPIOfflineMgr *object;
    int round;
    if (is_child_case()) {
        object = open_global(shared_profile);
        for (round = 0; round < 50; round++) {
            HRESULT hr = set_block(object, round % 2 == 0 ? OFFLINE : ONLINE);
            check(hr == S_OK || hr == E_PENDING);
        }
        set_when_idle(object, OFFLINE);
        release_last(object);
    }
}

/* ---- cases --------------------------------------------------------------------------------------------------------- */

CASE(a_change_of_another_process_is_heard) {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *child;
    struct sink sink;
    struct sink child_sink;
    ULONG token;
    need_shared_store();
    object = open_global(shared_profile);
    child = create_object(shared_profile, NULL, BOTH, object);
    sink_init(&sink);
    sink_init(&child_sink);
    token = advise(object, &sink, 7);
    advise(child, &child_sink, 8);
    check_eq(other_process("shared.helper_sets_offline"), 0);
    check_heard1(&sink, OFFLINE);
    check_state(object, OFFLINE);
    check_heard1(&child_sink, OFFLINE);
    check_state(child, OFFLINE);
    check_eq(sink.events[0].notification.ulClientToken, 7);
    check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    check_heard2(&sink, OFFLINE, ONLINE);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(other_process("shared.helper_sets_offline"), 0);
    check(wait_for_state(object, OFFLINE));
    check_eq(sink_count(&sink), 6);
    set_when_idle(object, ONLINE);
    IMAPIOfflineMgr_Release(child);
    release_last(object);
    forget_profile();
}

CASE(a_fresh_process_finds_the_state) {
    IMAPIOfflineMgr *object;
    need_shared_store();
    object = open_global(shared_profile);
    check_ok(set_block(object, OFFLINE));
    check_eq(other_process("shared.helper_finds_offline"), 0);
    release_last(object);
    /* And this one, when it opens it again after others changed it. */
    check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    object = open_global(shared_profile);
    check_state(object, ONLINE);
    release_last(object);
    forget_profile();
}

CASE(opening_writes_nothing) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_block(object, ONLINE)); /* it is already */
    check(!file_exists(PROFILE_FILE));
    check(!file_exists("lock"));
    check_ok(set_async(object, OFFLINE));
    check(file_exists(PROFILE_FILE)); /* accepted is written */
    check_heard1(&sink, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    forget_profile();
    check_ok(lib.global != NULL ? lib.global(shared_profile, &object) : S_OK);
    if (lib.global != NULL) {
        check(file_exists(PROFILE_FILE));
        release_last(object);
    }
    forget_profile();
    /* Only global objects are shared. */
    object = create_object(shared_profile, NULL, BOTH, NULL);
    check_ok(set_block(object, OFFLINE));
    check(!file_exists(PROFILE_FILE));
    release_last(object);
}

CASE(the_first_creation_settles_capabilities_for_all) {
    IMAPIOfflineMgr *object;
    ULONG capabilities = 0;
    int tries;
    need_shared_store();
    object = open_global(shared_profile);
    check_eq(other_process("shared.helper_creates_for_offline_only"), 0);
    for (tries = 0; tries < 2000 && capabilities != MAPIOFFLINE_CAPABILITY_OFFLINE; tries++) {
        nap(5);
        check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
    }
    check_eq(capabilities, MAPIOFFLINE_CAPABILITY_OFFLINE);
    check_ok(set_block(object, OFFLINE));
    check_hr(set_block(object, ONLINE), MAPI_E_NO_SUPPORT);
    release_last(object);
    /* A later creation opens what stands. */
    object = create_object(shared_profile, &GUID_GlobalState, BOTH, NULL);
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
    check_eq(capabilities, MAPIOFFLINE_CAPABILITY_OFFLINE);
    release_last(object);
    forget_profile();
}

CASE(strict_hosting_finds_what_another_process_made) {
    IMAPIOfflineMgr *object = NULL;
    need_shared_store();
    need_extension(set_strict);
    lib.set_strict(1);
    check_hr(lib.open(0, shared_profile, &GUID_GlobalState, NULL, &object), MAPI_E_NOT_FOUND);
    nap(50); /* a thread that was started has its name by now */
    check_eq(watchers_of_library(), 0); /* the library may be unloaded again */
    check_eq(other_process("shared.helper_creates_for_offline_only"), 0);
    check_ok(lib.open(0, shared_profile, &GUID_GlobalState, NULL, &object));
    if (check(object != NULL)) {
        release_last(object);
    }
    lib.set_strict(0);
    forget_profile();
}

static void other_process_sets_online(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == CHANGE && self->context == NULL) {
        self->context = self;
        check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    }
}

CASE(a_change_during_a_transition_comes_behind_it) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    sink.hook = other_process_sets_online;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check(sink_wait(&sink, 6));
    check_heard2(&sink, OFFLINE, ONLINE);
    check(wait_for_state(object, ONLINE));
    release_last(object);
    forget_profile();
}

/* What is pending here is nobody else's business, and what was overtaken is not told. */
static void other_process_flips(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == START && self->context == NULL) {
        self->context = self;
        check_eq(other_process("shared.helper_flips_often"), 0);
    }
}

CASE(changes_during_a_transition_become_one) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    sink.hook = other_process_flips;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_state(object, OFFLINE);
    nap(100);
    check_heard1(&sink, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    forget_profile();
}

static void pushed_back_and_overtaken(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == DONE && sink_count(self) <= 3) {
        check_ok(set_async((IMAPIOfflineMgr *)self->context, ONLINE));
        check_eq(other_process("shared.helper_finds_online_and_sets_offline"), 0);
        nap(200); /* until it is heard */
    }
}

CASE(helper_finds_online_and_sets_offline) {
    IMAPIOfflineMgr *object;
    if (is_child_case()) {
        object = open_global(shared_profile);
        check_state(object, ONLINE);
        check_ok(set_block(object, OFFLINE));
        release_last(object);
    }
}

CASE(a_queued_change_may_be_overtaken) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    sink.hook = pushed_back_and_overtaken;
    sink.context = object;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    nap(100);
    check_heard1(&sink, OFFLINE);
    check_state(object, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    forget_profile();
}

CASE(a_damaged_file_is_set_aside_and_written_anew) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    check_ok(set_block(object, OFFLINE));
    advise(object, &sink, 0);
    write_file(PROFILE_FILE, "{\"format\": 1, \"profile\": ");
    check(wait_for_file_to_say(PROFILE_FILE, "\"state\": \"offline\""));
    check_eq(other_process("shared.helper_finds_offline"), 0);
    check_state(object, OFFLINE);
    check_eq(sink_count(&sink), 0);
    release_last(object);
    forget_profile();
}

CASE(a_later_format_is_left_alone) {
    static const char later[] = "{\"format\": 2, \"state\": \"somewhere between\"}\n";
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    release_last(open_global(profile())); /* the folder is there */
    write_file(PROFILE_FILE, later);
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_heard1(&sink, OFFLINE);
    check(file_says(PROFILE_FILE, later));
    release_last(object);
    forget_profile();
}

CASE(a_change_that_cannot_be_written_is_not_made) {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *made = NULL;
    MAPIOFFLINE_CREATEINFO info;
    struct sink sink;
    char path[600];
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    write_file("pending", "where new files should be written"); /* a file, and no folder */
    check_hr(set_block(object, OFFLINE), MAPI_E_DISK_ERROR);
    check_hr(set_async(object, OFFLINE), MAPI_E_DISK_ERROR);
    check_state(object, ONLINE);
    check_eq(sink_count(&sink), 0);
    info = create_info(profile());
    info.pGUID = &GUID_GlobalState;
    check_hr(lib.create(0, &info, &made), MAPI_E_DISK_ERROR);
    check(made == NULL);
    path_in_folder(path, sizeof(path), "pending");
    check_eq(remove(path), 0);
    check_ok(set_block(object, OFFLINE));
    check(file_exists(PROFILE_FILE));
    check_heard1(&sink, OFFLINE);
    check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    check(sink_wait(&sink, 6));
    check_heard2(&sink, OFFLINE, ONLINE);
    release_last(object);
    forget_profile();
}

CASE(the_lock_is_not_waited_for_without_bound) {
    IMAPIOfflineMgr *object;
    struct sink sink;
    char path[600];
    void *lock;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    path_in_folder(path, sizeof(path), "lock");
    lock = lock_file(path);
    if (check(lock != NULL)) {
        check_hr(set_block(object, OFFLINE), MAPI_E_TIMEOUT);
        check_hr(set_async(object, OFFLINE), MAPI_E_TIMEOUT);
        check_eq(sink_count(&sink), 0);
        check_state(object, ONLINE);
        unlock_file(lock);
    }
    check_ok(set_block(object, OFFLINE));
    check_heard1(&sink, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    forget_profile();
}

CASE(one_watcher_while_something_is_open) {
    IMAPIOfflineMgr *objects[3];
    int tries;
    need_shared_store();
    objects[0] = open_global(shared_profile);
    objects[1] = open_global(profile());
    objects[2] = open_global(profile2());
    for (tries = 0; tries < 2000 && watchers_of_library() != 1; tries++) {
        nap(5);
    }
    check_eq(watchers_of_library(), 1);
    release_last(objects[0]);
    release_last(objects[1]);
    nap(5500);
    check_eq(watchers_of_library(), 1);
    release_last(objects[2]);
    nap(1000);
    check_eq(watchers_of_library(), 1);
    for (tries = 0; tries < 2000 && watchers_of_library() != 0; tries++) {
        nap(5);
    }
    check_eq(watchers_of_library(), 0);
    /* And again. */
    objects[0] = open_global(shared_profile);
    check_eq(other_process("shared.helper_sets_offline"), 0);
    check(wait_for_state(objects[0], OFFLINE));
    check_eq(watchers_of_library(), 1);
    release_last(objects[0]);
    forget_profile();
}
