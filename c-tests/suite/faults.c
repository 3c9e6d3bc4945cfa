/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Faults on demand, in this process and by the file of a state folder. */
#include "../harness.h"

#define MAPI_E_NETWORK_ERROR_ ((HRESULT)0x80040115)
#define UNKNOWN_BITS 0x003F037Cu
#define UNKNOWN_TYPE 7
/* What names the folder below which the library has that of a user's programs. */
#if defined(_WIN32)
#define USERS_STATE_VARIABLE "LOCALAPPDATA"
#elif defined(__APPLE__)
#define USERS_STATE_VARIABLE "HOME"
#else
#define USERS_STATE_VARIABLE "XDG_STATE_HOME"
#endif

/* Adds "`what` `when` in `name`". */
static ULONG add_fault_at(const char *file, int line, const char *what, const char *when, const wchar_t *name) {
    char text[300];
    char own[100];
    ULONG fault = POISON;
    spell8(name, own);
    snprintf(text, sizeof(text), "%s %s in \"%s\"", what, when, own);
    check_hr_at(file, line, lib.MapiOfflineAddFault(text, &fault), S_OK, text);
    check_at(file, line, fault != 0 && fault != POISON, "a fault has a number");
    return fault;
}
#define add_fault(what, when) add_fault_at(__FILE__, __LINE__, what, when, profile())

static void remove_fault_at(const char *file, int line, ULONG fault) {
    check_hr_at(file, line, lib.MapiOfflineRemoveFault(fault), S_OK, "MapiOfflineRemoveFault");
}
#define remove_fault(fault) remove_fault_at(__FILE__, __LINE__, fault)

static void check_counts_at(const char *file, int line, ULONG fault, ULONG calls, ULONG times) {
    ULONG got_calls = POISON;
    ULONG got_times = POISON;
    check_hr_at(file, line, lib.MapiOfflineGetFaultCounts(fault, &got_calls, &got_times), S_OK, "counts");
    check_eq_at(file, line, got_calls, calls, "calls");
    check_eq_at(file, line, got_times, times, "times");
}
#define check_counts(fault, calls, times) check_counts_at(__FILE__, __LINE__, fault, calls, times)

static HRESULT try_to_open(const wchar_t *name) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(void *)&name;
    const HRESULT result = lib.HrOpenOfflineObj(0, name, &GUID_GlobalState, NULL, &object);
    if (result == S_OK) {
        release_last(object);
    } else {
        check(object == NULL);
    }
    return result;
}

CASE(arguments, decision, "D 69") {
    static const char *const wrong[] = {"", "open", "open fails S_OK", "set fails E_FAIL on 0", "\xFF\xFE", "start delayed 5"};
    size_t index;
    ULONG fault = POISON;
    need_extension(MapiOfflineAddFault);
    check_hr(lib.MapiOfflineAddFault(NULL, &fault), E_INVALIDARG);
    check_eq(fault, 0);
    for (index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        fault = POISON;
        check_hr(lib.MapiOfflineAddFault(wrong[index], &fault), E_INVALIDARG);
        check_eq(fault, 0);
        check_hr(lib.MapiOfflineAddFault(wrong[index], NULL), E_INVALIDARG);
    }
    check_hr(lib.MapiOfflineRemoveFault(12345), MAPI_E_NOT_FOUND);
    check_ok(lib.MapiOfflineRemoveFault(0));
    check_hr(lib.MapiOfflineGetFaultCounts(12345, &fault, NULL), MAPI_E_NOT_FOUND);
    check_eq(fault, 0);
    check_hr(lib.MapiOfflineAdvanceClock(1), E_UNEXPECTED);
    fault = add_fault("open fails E_FAIL", "");
    check(add_fault("open fails E_FAIL", "") != fault);
    check_ok(lib.MapiOfflineGetFaultCounts(fault, NULL, NULL));
    remove_fault(fault);
    check_hr(lib.MapiOfflineRemoveFault(fault), MAPI_E_NOT_FOUND);
    check_hr(try_to_open(profile()), E_FAIL);
    remove_fault(0);
    check_ok(try_to_open(profile()));
}

CASE(open_and_create_fail_on_demand, decision, "D 69") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *other;
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    ULONG open_fault;
    ULONG create_fault;
    need_extension(MapiOfflineAddFault);
    open_fault = add_fault("open fails MAPI_E_NETWORK_ERROR", "on 2");
    create_fault = add_fault("create fails 0x8004011D", "times 2");
    check_ok(try_to_open(profile()));
    check_hr(try_to_open(profile()), MAPI_E_NETWORK_ERROR_);
    check_ok(try_to_open(profile()));
    check_ok(try_to_open(profile2()));
    object = (IMAPIOfflineMgr *)(void *)&info;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), (HRESULT)0x8004011D);
    check(object == NULL);
    check_hr(lib.HrGetGlobalOffline(profile(), &object), (HRESULT)0x8004011D);
    check(object == NULL);
    check_ok(lib.HrCreateOfflineObj(0, &info, &object));
    release_last(object);
    /* Arguments come first, and are no calls that it concerns. */
    check_hr(lib.HrOpenOfflineObj(1, profile(), &GUID_GlobalState, NULL, &object), MAPI_E_UNKNOWN_FLAGS);
    check_hr(lib.HrOpenOfflineObj(0, profile(), NULL, NULL, &object), E_INVALIDARG);
    check_counts(open_fault, 3, 1);
    check_counts(create_fault, 3, 2);
    remove_fault(0);
    create_fault = add_fault("create fails E_FAIL", "");
    other = open_global(profile2());
    info.pParent = other;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG); /* of another profile */
    info.pGUID = &GUID_GlobalState;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    check_counts(create_fault, 0, 0);
    info.pParent = NULL;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_FAIL);
    check_counts(create_fault, 1, 1);
    remove_fault(0);
    release_last(other);
    check_eq(lib.MapiOfflineLiveObjects(), 0);
}

CASE(advise_fails_on_demand, decision, "D 69") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    MAPIOFFLINE_ADVISEINFO info;
    ULONG token = POISON;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    sink_init(&sink);
    info = advise_info(&sink, 0);
    add_fault("advise fails E_OUTOFMEMORY", "on 1");
    check_hr(IMAPIOfflineMgr_Advise(object, 0, &info, &token), E_OUTOFMEMORY);
    check_eq(token, 0);
    check_eq(sink.queries, 0);
    advise(object, &sink, 0);
    check_ok(set_block(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    remove_fault(0);
    release_last(object);
    check_eq(sink_refs(&sink), 1);
}

CASE(requests_fail_on_demand_and_change_nothing, decision, "D 69") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    ULONG fault;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    fault = add_fault("set fails MAPI_E_DISK_ERROR", "times 2");
    check_hr(set_async(object, OFFLINE), MAPI_E_DISK_ERROR);
    check_hr(set_block(object, OFFLINE), MAPI_E_DISK_ERROR);
    check_state(object, ONLINE);
    check_received0(&sink);
    check_hr(IMAPIOfflineMgr_SetCurrentState(object, 0, 4, OFFLINE, NULL), E_INVALIDARG);
    check_ok(set_block(object, OFFLINE));
    check_received1(&sink, OFFLINE);
    check_counts(fault, 3, 2);
    remove_fault(0);
    release_last(object);
}

CASE(fault_lasts_for_a_while_of_the_virtual_clock, decision, "D 69") {
    IMAPIOfflineMgr *object;
    ULONG fault;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    check_ok(lib.MapiOfflineSetVirtualClock(1));
    fault = add_fault("set fails E_PENDING", "for 10s");
    check_ok(lib.MapiOfflineAdvanceClock(60000)); /* It begins with the first call. */
    check_hr(set_block(object, OFFLINE), E_PENDING);
    check_ok(lib.MapiOfflineAdvanceClock(9999));
    check_hr(set_block(object, OFFLINE), E_PENDING);
    check_ok(lib.MapiOfflineAdvanceClock(1));
    check_ok(set_block(object, OFFLINE));
    check_counts(fault, 3, 2);
    remove_fault(0);
    check_ok(lib.MapiOfflineSetVirtualClock(0));
    check_hr(lib.MapiOfflineAdvanceClock(1), E_UNEXPECTED);
    release_last(object);
}

CASE(chance_is_the_same_in_every_run, decision, "D 69") {
    char results[2][101];
    int run;
    int call;
    int failed = 0;
    need_extension(MapiOfflineAddFault);
    memset(results, 0, sizeof(results));
    for (run = 0; run < 2; run++) {
        add_fault("open fails E_FAIL", "chance 30% seed 5");
        for (call = 0; call < 100; call++) {
            results[run][call] = try_to_open(profile()) == S_OK ? '.' : 'x';
            failed += run == 0 && results[run][call] == 'x';
        }
        remove_fault(0);
    }
    check(strcmp(results[0], results[1]) == 0);
    check(failed > 10 && failed < 50);
}

/* Waits up to 10 seconds until the fault has happened. */
static int fault_happens(ULONG fault) {
    ULONG times = 0;
    int tries;
    for (tries = 0; tries < 10000 && times == 0; tries++) {
        check_ok(lib.MapiOfflineGetFaultCounts(fault, NULL, &times));
        nap(1);
    }
    return times != 0;
}

CASE(phase_is_delayed, decision, "D 69") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    ULONG fault;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    check_ok(lib.MapiOfflineSetVirtualClock(1));
    fault = add_fault("change delayed 1m", "");
    check_ok(set_async(object, OFFLINE));
    check(fault_happens(fault));
    check_eq(sink_count(&sink), 1);
    check_state(object, ONLINE);
    check_hr(set_async(object, ONLINE), E_PENDING);
    check_ok(lib.MapiOfflineAdvanceClock(59000));
    nap(20);
    check_eq(sink_count(&sink), 1);
    check_ok(lib.MapiOfflineAdvanceClock(1000));
    check(sink_wait(&sink, 3));
    check_received1(&sink, OFFLINE);
    /* Nobody else would advance the clock while this thread delivers. */
    set_when_idle(object, ONLINE);
    check_received2(&sink, OFFLINE, ONLINE);
    check_counts(fault, 2, 2);
    remove_fault(0);
    check_ok(lib.MapiOfflineSetVirtualClock(0));
    release_last(object);
    check(sink_released(&sink));
}

/* Nobody is registered, or not any more: a client that only looks meets the delay as well. */
CASE(phase_is_delayed_whoever_is_registered, decision, "D 69") {
    static const char *const delays[] = {"start delayed 1m", "change delayed 1m", "done delayed 1m"};
    IMAPIOfflineMgr *object;
    struct sink sink;
    ULONG fault;
    ULONG token;
    int index;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    check_ok(lib.MapiOfflineSetVirtualClock(1));
    for (index = 0; index < 3; index++) {
        fault = add_fault(delays[index], "");
        check_ok(set_async(object, OFFLINE));
        check(fault_happens(fault));
        check_state(object, index == 2 ? OFFLINE : ONLINE);
        check_hr(set_async(object, ONLINE), E_PENDING);
        check_ok(lib.MapiOfflineAdvanceClock(60000));
        set_when_idle(object, ONLINE);
        remove_fault(fault);

        fault = add_fault(delays[index], "");
        sink_init(&sink);
        token = advise(object, &sink, 0);
        check_ok(set_async(object, OFFLINE));
        check(fault_happens(fault));
        check_eq(sink_count(&sink), index);
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
        check_eq(sink_refs(&sink), 1); /* released at once: no Notify is running */
        check_ok(lib.MapiOfflineAdvanceClock(60000));
        set_when_idle(object, ONLINE);
        check_eq(sink_count(&sink), index);
        remove_fault(fault);
    }
    check_ok(lib.MapiOfflineSetVirtualClock(0));
    release_last(object);
}

CASE(waiting_is_concerned_by_no_fault, decision, "D 69") {
    char own[100];
    ULONG fault;
    need_extension(MapiOfflineAddFault);
    spell8(profile(), own);
    fault = add_fault("open fails E_FAIL", "");
    add_fault("hosting strict", "");
    check_ok(lib.MapiOfflineWaitUtf8(own, ONLINE, 10000));
    check_ok(lib.MapiOfflineSettleUtf8(own, 10000, NULL));
    check_counts(fault, 0, 0);
    remove_fault(0);
}

CASE(removing_faults_ends_delays, decision, "D 69") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    ULONG fault;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    sink_init(&sink);
    advise(object, &sink, 0);
    fault = add_fault("start delayed 60m", "");
    check_ok(set_async(object, OFFLINE));
    check(fault_happens(fault));
    check_received0(&sink);
    remove_fault(fault);
    check(sink_wait(&sink, 3));
    check_received1(&sink, OFFLINE);
    release_last(object);
    check(sink_released(&sink));
}

/* The client is entered behind Unadvise, as it had been dispatched before: the sink is kept until it returns. */
CASE(unadvise_while_a_notify_is_held, decision, "D 69") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    ULONG fault;
    ULONG token;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    sink_init(&sink);
    token = advise(object, &sink, 0);
    check_ok(lib.MapiOfflineSetVirtualClock(1));
    fault = add_fault("start held 1s", "");
    check_ok(set_async(object, OFFLINE));
    check(fault_happens(fault));
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check_received0(&sink);
    check_eq(sink_refs(&sink), 2);
    check_ok(lib.MapiOfflineAdvanceClock(1000));
    check(sink_released(&sink));
    check_eq(sink_count(&sink), 1);
    check_eq(sink.events[0].notification.NotifyType, START);
    remove_fault(0);
    check_ok(lib.MapiOfflineSetVirtualClock(0));
    release_last(object);
}

CASE(unknown_types_and_bits_are_sent, decision, "D 69") {
    static const ULONG types[] = {UNKNOWN_TYPE, START, CHANGE, DONE};
    IMAPIOfflineMgr *object;
    struct sink sink;
    int index;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    sink_init(&sink);
    sink.unknown_bits = UNKNOWN_BITS;
    advise(object, &sink, 99);
    add_fault("start type 7", "on 1");
    add_fault("notify bits 0x3F037C", "on 1");
    check_ok(set_block(object, OFFLINE));
    check_eq(sink_count(&sink), 4);
    for (index = 0; index < 4; index++) {
        const MAPIOFFLINE_NOTIFY *received = &sink.events[index].notification;
        check_eq(received->ulSize, sizeof(*received));
        check_eq(received->NotifyType, types[index]);
        check_eq(received->ulClientToken, 99);
        check_eq(received->Info.StateChange.ulMask, UNKNOWN_BITS | MAPIOFFLINE_STATE_OFFLINE_MASK);
        check_eq(received->Info.StateChange.ulStateOld, ONLINE);
        check_eq(received->Info.StateChange.ulStateNew, OFFLINE);
    }
    sink.count = 0;
    /* The first change to the other state is its own first. */
    check_ok(set_block(object, ONLINE));
    check_eq(sink_count(&sink), 4);
    check_ok(set_block(object, OFFLINE));
    check_eq(sink_count(&sink), 7);
    check_eq(sink.events[6].notification.Info.StateChange.ulMask, MAPIOFFLINE_STATE_OFFLINE_MASK);
    remove_fault(0);
    release_last(object);
    check_eq(sink_refs(&sink), 1);
}

struct own_end {
    IMAPIOfflineMgr *object;
    ULONG token;
};

static void end_own_registration(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    struct own_end *end = (struct own_end *)self->context;
    (void)notification;
    check_ok(IMAPIOfflineMgr_Unadvise(end->object, 0, end->token));
}

CASE(unadvise_in_an_unknown_notification_is_the_end, decision, "D 69") {
    struct own_end end;
    struct sink sink;
    need_extension(MapiOfflineAddFault);
    end.object = open_global(profile());
    sink_init(&sink);
    sink.hook = end_own_registration;
    sink.context = &end;
    end.token = advise(end.object, &sink, 0);
    add_fault("start type 7", "");
    check_ok(set_block(end.object, OFFLINE));
    check_eq(sink_count(&sink), 1);
    check_eq(sink_refs(&sink), 1);
    remove_fault(0);
    release_last(end.object);
}

static ULONG capabilities_of(IMAPIOfflineMgr *object) {
    ULONG capabilities = POISON;
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
    return capabilities;
}

CASE(capabilities_are_restricted, decision, "D 69") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *child;
    ULONG fault;
    need_extension(MapiOfflineAddFault);
    object = open_global(profile());
    child = create_object(profile(), NULL, BOTH, object);
    fault = add_fault("capabilities offline", "");
    check_eq(capabilities_of(object), MAPIOFFLINE_CAPABILITY_OFFLINE);
    check_eq(capabilities_of(child), BOTH);
    check_ok(set_block(object, OFFLINE));
    check_hr(set_block(object, ONLINE), MAPI_E_NO_SUPPORT);
    check_hr(set_async(object, ONLINE), MAPI_E_NO_SUPPORT);
    add_fault("capabilities none", "");
    check_eq(capabilities_of(object), 0);
    release_last(child);
    release_last(object);
    /* Also of an object that is opened meanwhile. */
    object = open_global(profile());
    check_eq(capabilities_of(object), 0);
    check_state(object, OFFLINE);
    remove_fault(fault);
    check_eq(capabilities_of(object), 0);
    remove_fault(0);
    check_eq(capabilities_of(object), BOTH);
    check_ok(set_block(object, ONLINE));
    release_last(object);
}

CASE(hosting_is_strict_for_a_profile, decision, "D 69") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *object = NULL;
    need_extension(MapiOfflineAddFault);
    add_fault("hosting strict", "");
    check_hr(try_to_open(profile()), MAPI_E_NOT_FOUND);
    check_ok(try_to_open(profile2()));
    info.pGUID = &GUID_GlobalState;
    check_ok(lib.HrCreateOfflineObj(0, &info, &object));
    release_last(object);
    check_ok(try_to_open(profile()));
    remove_fault(0);
}

/* ---- processes ----------------------------------------------------------------------------------------------------- */

static void no_notify_after_exit(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    (void)self;
    (void)notification;
    end_process(99);
}

/* Behind the library's exit handler: the held Notify would begin now. */
static void linger(void) {
    check_ok(lib.MapiOfflineAdvanceClock(60 * 60 * 1000));
    nap(50);
}

CASE(helper_exits_while_a_notify_is_held, helper, "") {
    static struct sink sink;
    IMAPIOfflineMgr *object;
    ULONG fault;
    if (!is_child_case()) {
        return;
    }
    atexit(linger);
    object = open_global(profile());
    sink_init(&sink);
    sink.hook = no_notify_after_exit;
    advise(object, &sink, 0);
    check_ok(lib.MapiOfflineSetVirtualClock(1));
    fault = add_fault("start held 60m", "");
    check_ok(set_async(object, OFFLINE));
    check(fault_happens(fault));
    exit(failures_so_far() == 0 ? 21 : 1);
}

CASE(held_notify_does_not_begin_after_exit, decision, "D 69") {
    need_extension(MapiOfflineAddFault);
    skip_under_valgrind("the child would be another program under valgrind");
    check_eq(run_case_as_process("faults.helper_exits_while_a_notify_is_held", NULL, NULL), 21);
}

/* The folder's file of faults. A null text removes it. */
static int write_faults(const char *folder, const char *text) {
    char path[800];
    FILE *file;
    snprintf(path, sizeof(path), "%s/faults", folder);
    if (text == NULL) {
        return remove(path) == 0;
    }
    file = fopen(path, "wb");
    return file != NULL && fputs(text, file) >= 0 && fclose(file) == 0;
}

CASE(helper_has_the_faults_of_its_folder, helper, "") {
    IMAPIOfflineMgr *object;
    int tries;
    if (!is_child_case()) {
        return;
    }
    /* Known before the first open, and without a watcher. */
    check_hr(try_to_open(profile()), MAPI_E_NETWORK_ERROR_);
    check(write_faults(state_folder_path(), "open fails E_FAIL on 2\n"));
    check_ok(try_to_open(profile()));
    check_hr(try_to_open(profile()), E_FAIL);
    object = open_global(profile());
    /* While the folder is watched, or looked at from time to time. */
    check(write_faults(state_folder_path(), "# a line that is none\n\ncapabilities none\nnonsense\n"));
    for (tries = 0; tries < 5000 && capabilities_of(object) != 0; tries++) {
        nap(2);
    }
    check_eq(capabilities_of(object), 0);
    check(write_faults(state_folder_path(), NULL));
    for (tries = 0; tries < 5000 && capabilities_of(object) != BOTH; tries++) {
        nap(2);
    }
    check_eq(capabilities_of(object), BOTH);
    release_last(object);
}

static ULONG capabilities_of_profile(void) {
    IMAPIOfflineMgr *object = open_global(profile());
    const ULONG capabilities = capabilities_of(object);
    release_last(object);
    return capabilities;
}

CASE(private_folder_asks_for_faults, decision, "D 69") {
    int tries;
    need_extension(MapiOfflineAddFault);
    skip_under_valgrind("the child would be another program under valgrind");
    if (!with_shared_store()) {
        skip_case("profiles are kept in memory");
        return;
    }
    check_ok(try_to_open(profile())); /* makes the folder */
    check(write_faults(state_folder_path(), "open fails MAPI_E_NETWORK_ERROR\n"));
    check_eq(run_case_as_process("faults.helper_has_the_faults_of_its_folder", NULL, NULL), 0);
    /* What this process has noticed meanwhile is not for the next case. */
    for (tries = 0; tries < 5000 && capabilities_of_profile() != BOTH; tries++) {
        nap(2);
    }
    check_eq(capabilities_of_profile(), BOTH);
}

static ULONG store_of_process(char *folder, ULONG size) {
    ULONG store = POISON;
    check_ok(lib.MapiOfflineGetStoreStatus(&store, NULL, NULL, folder, size, NULL, 0));
    return store;
}

/* The folder that all programs of a user share: in the new folder that the variable names. */
static void name_users_folder(char *path, size_t size) {
#if defined(__APPLE__)
    snprintf(path, size, "%s/Library/Application Support/mapioffline", getenv(USERS_STATE_VARIABLE));
#else
    snprintf(path, size, "%s/mapioffline", getenv(USERS_STATE_VARIABLE));
#endif
}

/* Named by the environment, or as the default. */
static void use_users_folder(int is_named) {
    char folder[700];
    name_users_folder(folder, sizeof(folder));
    set_environment("MAPIOFFLINE_STATE_DIR", is_named ? folder : NULL);
    set_environment("MAPIOFFLINE_STORE", NULL);
}

static void works_in_users_folder(int is_named) {
    char folder[700];
    ULONG fault = POISON;
    use_users_folder(is_named);
    check_ok(try_to_open(profile()));
    if (store_of_process(folder, sizeof(folder)) != MAPIOFFLINE_STORE_SHARED) {
        check(0);
        return;
    }
    check(write_faults(folder, "open fails E_FAIL\n"));
    nap(20);
    check_ok(try_to_open(profile()));
    check_hr(lib.MapiOfflineAddFault("open fails E_FAIL", &fault), MAPI_E_NO_SUPPORT);
    check_eq(fault, 0);
    /* Whatever the environment says later. */
    set_environment(USERS_STATE_VARIABLE, folder);
    check_hr(lib.MapiOfflineAddFault("open fails E_FAIL", &fault), MAPI_E_NO_SUPPORT);
    check(write_faults(folder, "open fails E_PENDING\n"));
    nap(20);
    check_ok(try_to_open(profile()));
}

CASE(helper_uses_the_users_folder, helper, "") {
    if (is_child_case()) {
        works_in_users_folder(0);
    }
}

CASE(helper_uses_the_users_folder_by_name, helper, "") {
    if (is_child_case()) {
        works_in_users_folder(1);
    }
}

static void leaves_users_folder_alone(int is_named) {
    char folder[700];
    use_users_folder(is_named);
    add_fault("open fails E_FAIL", "on 1");
    check_eq(store_of_process(folder, sizeof(folder)), MAPIOFFLINE_STORE_MEMORY);
    check_hr(try_to_open(profile()), E_FAIL);
    check_ok(try_to_open(profile()));
    remove_fault(0);
}

CASE(helper_leaves_the_users_folder_alone, helper, "") {
    if (is_child_case()) {
        leaves_users_folder_alone(0);
    }
}

CASE(helper_leaves_the_users_folder_alone_by_name, helper, "") {
    if (is_child_case()) {
        leaves_users_folder_alone(1);
    }
}

/* The store is the one that the environment named when the first fault was added. */
CASE(helper_keeps_its_folder, helper, "") {
    char folder[700];
    char own[700];
    if (!is_child_case()) {
        return;
    }
    snprintf(own, sizeof(own), "%s", getenv(USERS_STATE_VARIABLE));
    set_environment("MAPIOFFLINE_STATE_DIR", own);
    set_environment("MAPIOFFLINE_STORE", NULL);
    add_fault("open fails E_FAIL", "on 1");
    set_environment("MAPIOFFLINE_STATE_DIR", NULL);
    check_hr(try_to_open(profile()), E_FAIL);
    check_ok(try_to_open(profile()));
    check_eq(store_of_process(folder, sizeof(folder)), MAPIOFFLINE_STORE_SHARED);
    check_eq(strlen(folder), strlen(own));
    remove_fault(0);
}

CASE(users_folder_has_no_faults, decision, "D 69") {
    static const char *const helpers[] = {
        "faults.helper_uses_the_users_folder", "faults.helper_uses_the_users_folder_by_name",
        "faults.helper_leaves_the_users_folder_alone", "faults.helper_leaves_the_users_folder_alone_by_name"};
    size_t index;
    char home[600];
    char variable[700];
    need_extension(MapiOfflineAddFault);
    skip_under_valgrind("the child would be another program under valgrind");
    if (!make_private_folder(home, sizeof(home))) {
        check(0);
        return;
    }
    snprintf(variable, sizeof(variable), "%s=%s", USERS_STATE_VARIABLE, home);
    check_eq(run_case_as_process("faults.helper_keeps_its_folder", variable, NULL), 0);
    remove_folder(home);
    for (index = 0; index < sizeof(helpers) / sizeof(helpers[0]); index++) {
        check_eq(run_case_as_process(helpers[index], variable, NULL), 0);
    }
    remove_folder(home);
}
