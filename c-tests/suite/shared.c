/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Profiles that processes share. The other process is this program, which runs a helper case. */
#include "../harness.h"

/* Runs a helper in another process, with the state folder of this one. */
static int other_process(const char *helper) {
    return run_case_as_process(helper, NULL, NULL);
}

/* Skips a case where the library under test does not share profiles. */
#define need_shared_store()                                                                                            \
    do {                                                                                                               \
        if (!with_shared_store()) {                                                                                    \
            skip_case("profiles are kept in memory");                                                                  \
            return;                                                                                                    \
        }                                                                                                              \
        need_extension(MapiOfflineVersion); /* the shared store is an extension too */                                            \
        skip_under_valgrind("the child would be another program under valgrind");                                      \
    } while (0)

/* The profile of all helpers. Each case removes it at its end. */
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

/* Removes the stored state of the profile. No process may have it open. On Windows the file goes when the last reader has
 * closed it, and the watcher may just read it. */
static void forget_profile(void) {
    char path[600];
    int tries;
    path_in_folder(path, sizeof(path), PROFILE_FILE);
    for (tries = 0; tries < 1000 && (remove(path) == 0 || file_exists(PROFILE_FILE)); tries++) {
        nap(tries > 0 ? 5 : 0);
    }
}

/* ---- what the other process does ----------------------------------------------------------------------------------- */

CASE(helper_sets_offline, helper, "") {
    IMAPIOfflineMgr *object;
    if (is_child_case()) {
        object = open_global(shared_profile);
        check_ok(set_block(object, OFFLINE));
        release_last(object);
    }
}

CASE(helper_sets_online_and_goes, helper, "") {
    if (is_child_case()) {
        /* An accepted request is stored already: the process may end before the transition. */
        check_ok(set_async(open_global(shared_profile), ONLINE));
        end_process(failures_so_far() != 0);
    }
}

CASE(helper_finds_offline, helper, "") {
    IMAPIOfflineMgr *object;
    if (is_child_case()) {
        object = open_global(shared_profile);
        check_state(object, OFFLINE);
        release_last(object);
    }
}

CASE(helper_creates_for_offline_only, helper, "") {
    if (is_child_case()) {
        release_last(create_object(shared_profile, &GUID_GlobalState, MAPIOFFLINE_CAPABILITY_OFFLINE, NULL));
    }
}

CASE(helper_flips_often, helper, "") {
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

CASE(change_by_another_process_is_delivered, decision, "D 23") {
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
    check_received1(&sink, OFFLINE);
    check_state(object, OFFLINE);
    check_received1(&child_sink, OFFLINE);
    check_state(child, OFFLINE);
    check_eq(sink.events[0].notification.ulClientToken, 7);
    check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    check_received2(&sink, OFFLINE, ONLINE);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_eq(other_process("shared.helper_sets_offline"), 0);
    check(wait_for_state(object, OFFLINE));
    check_eq(sink_count(&sink), 6);
    set_when_idle(object, ONLINE);
    IMAPIOfflineMgr_Release(child);
    release_last(object);
    check(sink_released(&sink));
    check(sink_released(&child_sink));
    forget_profile();
}

CASE(new_process_reads_the_stored_state, decision, "D 23") {
    IMAPIOfflineMgr *object;
    need_shared_store();
    object = open_global(shared_profile);
    check_ok(set_block(object, OFFLINE));
    check_eq(other_process("shared.helper_finds_offline"), 0);
    release_last(object);
    /* This process too finds the state of other processes when it opens the profile again. */
    check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    object = open_global(shared_profile);
    check_state(object, ONLINE);
    release_last(object);
    forget_profile();
}

CASE(opening_creates_no_file, decision, "D 22, D 49") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    check(!file_exists(PROFILE_FILE));
    check(!file_exists("lock"));
    check_ok(set_async(object, OFFLINE));
    check(file_exists(PROFILE_FILE)); /* stored before SetCurrentState returns */
    check_received1(&sink, OFFLINE);
    set_when_idle(object, OFFLINE);
    release_last(object);
    check(sink_released(&sink));
    forget_profile();
    /* A profile that was removed opens as new. While it is not stored, a request for the present state is stored too. */
    object = open_global(shared_profile);
    check(!file_exists(PROFILE_FILE));
    check_state(object, ONLINE);
    check_ok(set_block(object, ONLINE));
    check(file_exists(PROFILE_FILE));
    release_last(object);
    forget_profile();
    check_ok(lib.HrGetGlobalOffline != NULL ? lib.HrGetGlobalOffline(shared_profile, &object) : S_OK);
    if (lib.HrGetGlobalOffline != NULL) {
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

CASE(first_creation_sets_capabilities_in_every_process, decision, "D 48") {
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
    /* A later creation opens the existing object. */
    object = create_object(shared_profile, &GUID_GlobalState, BOTH, NULL);
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
    check_eq(capabilities, MAPIOFFLINE_CAPABILITY_OFFLINE);
    release_last(object);
    forget_profile();
}

CASE(strict_hosting_finds_an_object_of_another_process, decision, "D 1") {
    IMAPIOfflineMgr *object = NULL;
    int before;
    need_shared_store();
    need_extension(MapiOfflineSetStrictHosting);
    lib.MapiOfflineSetStrictHosting(1);
    before = threads_of_process();
    check_hr(lib.HrOpenOfflineObj(0, shared_profile, &GUID_GlobalState, NULL, &object), MAPI_E_NOT_FOUND);
    check(threads_of_process() <= before); /* the library may be unloaded again */
    check_eq(other_process("shared.helper_creates_for_offline_only"), 0);
    check_ok(lib.HrOpenOfflineObj(0, shared_profile, &GUID_GlobalState, NULL, &object));
    if (check(object != NULL)) {
        release_last(object);
    }
    lib.MapiOfflineSetStrictHosting(0);
    forget_profile();
}

static void other_process_sets_online(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == CHANGE && self->context == NULL) {
        self->context = self;
        check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    }
}

CASE(change_during_a_transition_is_queued, decision, "D 23") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    sink.hook = other_process_sets_online;
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check(sink_wait(&sink, 6));
    check_received2(&sink, OFFLINE, ONLINE);
    check(wait_for_state(object, ONLINE));
    release_last(object);
    check(sink_released(&sink));
    forget_profile();
}

/* A transition here does not make the other process busy, and only the last of its changes is delivered. */
static void other_process_flips(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == START && self->context == NULL) {
        self->context = self;
        check_eq(other_process("shared.helper_flips_often"), 0);
        nap(100); /* so that the reading of an earlier change is over */
    }
}

CASE(changes_during_a_transition_are_coalesced, decision, "D 23") {
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
    check_received1(&sink, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
    forget_profile();
}

static void pushed_back_and_overtaken(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    if (notification->NotifyType == DONE && sink_count(self) <= 3) {
        check_ok(set_async((IMAPIOfflineMgr *)self->context, ONLINE));
        check_eq(other_process("shared.helper_finds_online_and_sets_offline"), 0);
        nap(3000); /* this process follows the change within two seconds */
    }
}

CASE(helper_finds_online_and_sets_offline, helper, "") {
    IMAPIOfflineMgr *object;
    if (is_child_case()) {
        object = open_global(shared_profile);
        check_state(object, ONLINE);
        check_ok(set_block(object, OFFLINE));
        release_last(object);
    }
}

CASE(queued_request_undone_by_another_process_is_dropped, decision, "D 23") {
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
    check_received1(&sink, OFFLINE);
    check_state(object, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
    forget_profile();
}

CASE(a_damaged_file_is_set_aside_and_written_anew, decision, "D 24") {
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

CASE(file_of_a_later_format_is_not_changed, decision, "D 24") {
    static const char later[] = "{\"format\": 2, \"state\": \"somewhere between\"}\n";
    IMAPIOfflineMgr *object;
    struct sink sink;
    need_shared_store();
    release_last(open_global(profile())); /* creates the folder */
    write_file(PROFILE_FILE, later);
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    check(file_says(PROFILE_FILE, later));
    release_last(object);
    forget_profile();
}

CASE(change_that_cannot_be_written_is_refused, decision, "D 27") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *made = NULL;
    MAPIOFFLINE_CREATEINFO info;
    struct sink sink;
    char lock[600];
    char error[600];
    need_shared_store();
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    path_in_folder(lock, sizeof(lock), "lock");
    refuse_changes(lock, 1);
    check_hr(set_block(object, OFFLINE), MAPI_E_DISK_ERROR);
    check_hr(set_async(object, OFFLINE), MAPI_E_DISK_ERROR);
    check_state(object, ONLINE);
    check_eq(sink_count(&sink), 0);
    check_ok(lib.MapiOfflineGetStoreStatus(NULL, NULL, NULL, NULL, 0, error, sizeof(error)));
    check(strstr(error, "cannot be written") != NULL);
    info = create_info(profile());
    info.pGUID = &GUID_GlobalState;
    check_hr(lib.HrCreateOfflineObj(0, &info, &made), MAPI_E_DISK_ERROR);
    check(made == NULL);
    refuse_changes(lock, 0);
    check_ok(set_block(object, OFFLINE));
    check(file_exists(PROFILE_FILE));
    check_received1(&sink, OFFLINE);
    check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    check(sink_wait(&sink, 6));
    check_received2(&sink, OFFLINE, ONLINE);
    release_last(object);
    check(sink_released(&sink));
    forget_profile();
}

static struct gate timed_out;

/* The body of a thread: four requests, each of which waits for the lock for 250 ms. */
static void *set_offline_until_it_times_out(void *context) {
    int request;
    for (request = 0; request < 4; request++) {
        check_hr(set_block((IMAPIOfflineMgr *)context, OFFLINE), MAPI_E_TIMEOUT);
    }
    gate_open(&timed_out);
    return NULL;
}

CASE(locked_store_stalls_only_the_change, decision, "D 27") {
    IMAPIOfflineMgr *objects[2];
    pthread_t thread;
    struct sink sink;
    char path[600];
    void *lock;
    int rounds = 0;
    int index;
    need_shared_store();
    objects[0] = open_global(shared_profile);
    objects[1] = open_global(profile());
    sink_init(&sink);
    gate_init(&timed_out);
    path_in_folder(path, sizeof(path), "lock");
    lock = lock_file(path);
    if (check(lock != NULL)) {
        check_eq(pthread_create(&thread, NULL, set_offline_until_it_times_out, objects[0]), 0);
        while (!gate_is_open(&timed_out)) {
            for (index = 0; index < 2; index++) {
                ULONG token = advise(objects[index], &sink, 0);
                check_state(objects[index], ONLINE);
                check_ok(IMAPIOfflineMgr_Unadvise(objects[index], 0, token));
            }
            rounds++;
            nap(2);
        }
        check_eq(pthread_join(thread, NULL), 0);
        /* Hundreds of them; a few if each had to wait for a request. */
        check(rounds > 40);
        unlock_file(lock);
    }
    check_eq(sink_count(&sink), 0);
    release_last(objects[1]);
    release_last(objects[0]);
    forget_profile();
}

CASE(locked_store_gives_a_timeout, decision, "D 27") {
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
    check_received1(&sink, OFFLINE);
    set_when_idle(object, ONLINE);
    release_last(object);
    forget_profile();
}

CASE(descriptors_of_the_host_are_left_alone, decision, "D 26") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    int before;
    need_shared_store();
    before = descriptors_of_process();
    object = open_global(shared_profile);
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(set_block(object, ONLINE)); /* writes, if no other case did */
    nap(100);
    check_eq(descriptors_of_process(), before); /* the library keeps none */
    replace_descriptors();
    check_eq(other_process("shared.helper_sets_offline"), 0);
    check(sink_wait(&sink, 3)); /* changes are noticed all the same */
    check(wait_for_state(object, OFFLINE));
    set_when_idle(object, ONLINE);
    release_last(object);
    check(sink_released(&sink));
    nap(100);
    check(replaced_descriptors_are_untouched());
    forget_profile();
}

CASE(one_watcher_while_an_object_is_open, decision, "D 26") {
    IMAPIOfflineMgr *objects[3];
    int before;
    int watching;
    int tries;
    need_shared_store();
    before = threads_of_process();
    objects[0] = open_global(shared_profile);
    objects[1] = open_global(profile());
    objects[2] = open_global(profile2());
    release_last(objects[1]);
    release_last(objects[2]);
    nap(5500); /* the idle threads of earlier cases end meanwhile */
    watching = threads_of_process();
    check(watching <= before + most_watchers()); /* for all profiles */
    check_eq(other_process("shared.helper_sets_offline"), 0);
    check(wait_for_state(objects[0], OFFLINE)); /* as long as one object is open */
    release_last(objects[0]);
    for (tries = 0; tries < 2000 && threads_of_process() >= watching; tries++) {
        nap(5);
    }
    check(threads_of_process() < watching);
    /* A watcher starts again at the next open. */
    objects[0] = open_global(shared_profile);
    check_eq(other_process("shared.helper_sets_online_and_goes"), 0);
    check(wait_for_state(objects[0], ONLINE));
    release_last(objects[0]);
    forget_profile();
}
