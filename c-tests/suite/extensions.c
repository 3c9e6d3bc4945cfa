/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The exports that only this library has. */
#include "../harness.h"

static const GUID kind = {0xAAAAAAAA, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static size_t spell16(const wchar_t *name, MAPIOFFLINE_CHAR16 *out) {
    size_t index = 0;
    do {
        out[index] = (MAPIOFFLINE_CHAR16)name[index];
    } while (name[index++] != 0);
    return index - 1;
}

static HRESULT open16(const MAPIOFFLINE_CHAR16 *name) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    HRESULT hr = lib.MapiOfflineOpenUtf16(0, name, &GUID_GlobalState, NULL, &object);
    check((object != NULL) == SUCCEEDED(hr));
    if (object != NULL) {
        IMAPIOfflineMgr_Release(object);
    }
    return hr;
}

static HRESULT open8(const char *name) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    HRESULT hr = lib.MapiOfflineOpenUtf8(0, name, &GUID_GlobalState, NULL, &object);
    check((object != NULL) == SUCCEEDED(hr));
    if (object != NULL) {
        IMAPIOfflineMgr_Release(object);
    }
    return hr;
}

CASE(every_encoding_names_the_same_profile, decision, "D 14") {
    IMAPIOfflineMgr *wide;
    IMAPIOfflineMgr *others[4];
    MAPIOFFLINE_CHAR16 name16[80];
    char name8[80];
    int index;
    need_extension(MapiOfflineOpenUtf16);
    need_extension(MapiOfflineOpenUtf8);
    need_extension(MapiOfflineGetGlobalUtf16);
    need_extension(MapiOfflineGetGlobalUtf8);
    wide = open_global(profile());
    spell16(profile(), name16);
    spell8(profile(), name8);
    check_ok(lib.MapiOfflineOpenUtf16(0, name16, &GUID_GlobalState, NULL, &others[0]));
    check_ok(lib.MapiOfflineOpenUtf8(0, name8, &GUID_GlobalState, NULL, &others[1]));
    check_ok(lib.MapiOfflineGetGlobalUtf16(name16, &others[2]));
    check_ok(lib.MapiOfflineGetGlobalUtf8(name8, &others[3]));
    for (index = 0; index < 4; index++) {
        check(others[index] == wide);
        IMAPIOfflineMgr_Release(others[index]);
    }
    release_last(wide);
}

CASE(create_by_every_encoding, decision, "D 14") {
    MAPIOFFLINE_CREATEINFO info = create_info(NULL); /* the member is not read */
    IMAPIOfflineMgr *objects[3];
    MAPIOFFLINE_CHAR16 name16[80];
    char name8[80];
    need_extension(MapiOfflineCreateUtf16);
    need_extension(MapiOfflineCreateUtf8);
    spell16(profile(), name16);
    spell8(profile(), name8);
    info.pGUID = &kind;
    check_ok(lib.MapiOfflineCreateUtf16(0, &info, name16, &objects[0]));
    check_ok(lib.MapiOfflineCreateUtf8(0, &info, name8, &objects[1]));
    check_ok(lib.HrOpenOfflineObj(0, profile(), &kind, NULL, &objects[2]));
    check(objects[0] == objects[1]);
    check(objects[0] == objects[2]);
    IMAPIOfflineMgr_Release(objects[2]);
    IMAPIOfflineMgr_Release(objects[1]);
    release_last(objects[0]);
    check_hr(lib.MapiOfflineCreateUtf16(0, &info, NULL, &objects[0]), E_INVALIDARG);
    check(objects[0] == NULL);
    check_hr(lib.MapiOfflineCreateUtf8(0, NULL, name8, &objects[0]), E_INVALIDARG);
    check_hr(lib.MapiOfflineCreateUtf8(1, &info, name8, &objects[0]), MAPI_E_UNKNOWN_FLAGS);
}

CASE(utf16_names, decision, "D 3") {
    MAPIOFFLINE_CHAR16 name[70];
    int index;
    need_extension(MapiOfflineOpenUtf16);
    check_hr(open16(NULL), E_INVALIDARG);
    name[0] = 0;
    check_hr(open16(name), E_INVALIDARG);
    for (index = 0; index < 70; index++) {
        name[index] = 'n';
    }
    name[64] = 0;
    check_ok(open16(name));
    name[64] = 'n';
    name[65] = 0;
    check_hr(open16(name), MAPI_E_NOT_FOUND);
    name[62] = 0xD83D; /* a pair in the last two places */
    name[63] = 0xDE00;
    name[64] = 0;
    check_ok(open16(name));
    name[63] = 0xD83D; /* a lone half in the last place */
    check_hr(open16(name), E_INVALIDARG);
    name[62] = 'n'; /* a pair across the limit */
    name[64] = 0xDE00;
    name[65] = 0;
    check_hr(open16(name), MAPI_E_NOT_FOUND);
    name[5] = 0xDE00;
    check_hr(open16(name), E_INVALIDARG);
}

CASE(utf8_names, decision, "D 3") {
    static const char *const malformed[] = {"\x80",         "a\xC0\x80",   "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                            "\xF8\x80\x80", "tail \xE2\x82", "\xFF",         "\xC3("};
    char name[300];
    size_t index;
    need_extension(MapiOfflineOpenUtf8);
    check_hr(open8(NULL), E_INVALIDARG);
    check_hr(open8(""), E_INVALIDARG);
    for (index = 0; index < sizeof(malformed) / sizeof(malformed[0]); index++) {
        check_hr(open8(malformed[index]), E_INVALIDARG);
    }
    name[0] = 0;
    for (index = 0; index < 64; index++) {
        strcat(name, "\xE2\x82\xAC");
    }
    check_ok(open8(name));
    strcat(name, "x");
    check_hr(open8(name), MAPI_E_NOT_FOUND);
}

CASE(utf8_name_is_read_no_further_than_193_bytes, decision, "D 37") {
    char *memory;
    int index;
    need_extension(MapiOfflineOpenUtf8);
    memory = (char *)memory_before_a_wall(193);
    if (!check(memory != NULL)) {
        return;
    }
    for (index = 0; index < 64; index++) {
        memcpy(memory + 3 * index, "\xE2\x82\xAC", 3);
    }
    memory[192] = 'x';
    check_hr(open8(memory), MAPI_E_NOT_FOUND);
    memset(memory, 'n', 193);
    check_hr(open8(memory), MAPI_E_NOT_FOUND);
    free_memory_before_a_wall(memory, 193);
}

CASE(versions_agree, decision, "D 14") {
    char text[32];
    need_extension(MapiOfflineVersion);
    need_extension(MapiOfflineVersionString);
    if (!library_is_loaded()) { /* a loaded library may have another version than the header */
        check_eq(lib.MapiOfflineVersion(), MAPIOFFLINE_VERSION_NUMBER);
        check_eq(strcmp(lib.MapiOfflineVersionString(), MAPIOFFLINE_VERSION_STRING), 0);
    }
    snprintf(text, sizeof(text), "%u.%u.%u", (unsigned)(lib.MapiOfflineVersion() >> 24),
             (unsigned)(lib.MapiOfflineVersion() >> 16 & 0xFF), (unsigned)(lib.MapiOfflineVersion() & 0xFFFF));
    check_eq(strncmp(lib.MapiOfflineVersionString(), text, strlen(text)), 0);
    check_eq(MAPIOFFLINE_VERSION_NUMBER >> 24, MAPIOFFLINE_VERSION_MAJOR);
    check_eq(MAPIOFFLINE_VERSION_NUMBER >> 16 & 0xFF, MAPIOFFLINE_VERSION_MINOR);
    check_eq(MAPIOFFLINE_VERSION_NUMBER & 0xFFFF, MAPIOFFLINE_VERSION_PATCH);
}

CASE(strict_hosting, decision, "D 1") {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    IMAPIOfflineMgr *made;
    need_extension(MapiOfflineSetStrictHosting);
    lib.MapiOfflineSetStrictHosting(1);
    check_hr(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, &object), MAPI_E_NOT_FOUND);
    check(object == NULL);
    made = create_object(profile(), &kind, BOTH, NULL);
    check_hr(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, &object), MAPI_E_NOT_FOUND);
    check_ok(lib.HrOpenOfflineObj(0, profile(), &kind, NULL, &object)); /* made by HrCreateOfflineObj, and alive */
    IMAPIOfflineMgr_Release(object);
    release_last(made);
    made = create_object(profile(), &GUID_GlobalState, BOTH, NULL);
    object = open_global(profile());
    IMAPIOfflineMgr_Release(object);
    release_last(made);
    object = open_global(profile()); /* the profile stays hosted */
    release_last(object);
    if (lib.HrGetGlobalOffline != NULL) {
        check_ok(lib.HrGetGlobalOffline(profile2(), &made));
        object = open_global(profile2());
        IMAPIOfflineMgr_Release(object);
        release_last(made);
    }
    lib.MapiOfflineSetStrictHosting(0);
    object = open_global(L"strict hosting is off again");
    release_last(object);
}

CASE(live_objects_are_counted, decision, "D 14") {
    IMAPIOfflineMgr *object;
    IMAPIOfflineMgr *other;
    need_extension(MapiOfflineLiveObjects);
    check_eq(lib.MapiOfflineLiveObjects(), 0);
    object = open_global(profile());
    other = create_object(profile(), NULL, BOTH, object);
    check_eq(lib.MapiOfflineLiveObjects(), 2);
    release_last(other);
    check_eq(lib.MapiOfflineLiveObjects(), 1);
    release_last(object);
    check_eq(lib.MapiOfflineLiveObjects(), 0);
}

struct log {
    pthread_t thread; /* the thread whose lines count */
    char last[512];
    char before[512]; /* the line before it */
    char in_notify[512]; /* the last line of a call from Notify */
    ULONG level;
    int lines;
    IMAPIOfflineMgr *object;
};

static void STDMETHODCALLTYPE take_line(void *context, ULONG level, const MAPIOFFLINE_CHAR8 *message) {
    struct log *log = (struct log *)context;
    ULONG state = 0;
    if (level != MAPIOFFLINE_LOG_TRACE || !pthread_equal(log->thread, pthread_self())) {
        return; /* not the trace line of an entry of the case */
    }
    memcpy(log->before, log->last, sizeof(log->before));
    snprintf(log->last, sizeof(log->last), "%s", message);
    if (strstr(message, ", in Notify") != NULL) {
        memcpy(log->in_notify, log->last, sizeof(log->in_notify));
    }
    log->level = level;
    log->lines++;
    if (log->object != NULL) {
        check_ok(IMAPIOfflineMgr_GetCurrentState(log->object, &state)); /* a call from the callback produces no line */
        check_ok(IMAPIOfflineMgr_Unadvise(log->object, 0, 0));
    }
}

CASE(log_callback_gets_one_line_for_each_entry, decision, "D 15") {
    IMAPIOfflineMgr *object;
    struct log log;
    void *found = NULL;
    need_extension(MapiOfflineSetLogCallback);
    memset(&log, 0, sizeof(log));
    log.thread = pthread_self();
    object = open_global(profile());
    log.object = object;
    check_ok(lib.MapiOfflineSetLogCallback(MAPIOFFLINE_LOG_TRACE, take_line, &log));
    log.lines = 0;
    check_state(object, ONLINE);
    check_eq(log.lines, 1);
    check(strstr(log.last, "GetCurrentState") != NULL);
    check_eq(log.level, MAPIOFFLINE_LOG_TRACE);
    check_hr(set_state(object, 0x40, OFFLINE), MAPI_E_UNKNOWN_FLAGS);
    check(strstr(log.last, "SetCurrentState") != NULL && strstr(log.last, "80040106") != NULL);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, 0x123));
    check(strstr(log.last, "Unadvise") != NULL);
    check_hr(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IMAPIOfflineNotify), &found), E_NOINTERFACE);
    check(strstr(log.last, "80004002") != NULL);
    check_eq(IMAPIOfflineMgr_AddRef(object), 2);
    check(strstr(log.last, "AddRef") != NULL);
    check_eq(IMAPIOfflineMgr_Release(object), 1);
    check_eq(log.lines, 6);
    check_ok(set_block(object, OFFLINE));
    check_eq(log.lines, 7);
    check_ok(lib.MapiOfflineSetLogCallback(0, NULL, NULL));
    log.lines = 0;
    log.object = NULL;
    check_state(object, OFFLINE);
    check_eq(log.lines, 0);
    release_last(object);
}

/* Whether the last line says each E_INVALIDARG's reason. */
#define check_reason(call, reason)                                                                                     \
    do {                                                                                                               \
        check_hr(call, E_INVALIDARG);                                                                                  \
        check(strstr(log.last, "E_INVALIDARG: " reason) != NULL);                                                      \
    } while (0)

static void ask_in_notify(struct sink *self, const MAPIOFFLINE_NOTIFY *notification) {
    ULONG state = 0;
    (void)notification;
    IMAPIOfflineMgr_GetCurrentState((IMAPIOfflineMgr *)self->context, &state);
}

CASE(trace_gives_names_and_reasons, decision, "D 15") {
    IMAPIOfflineMgr *object = NULL;
    MAPIOFFLINE_ADVISEINFO info;
    MAPIOFFLINE_CREATEINFO create;
    struct sink sink;
    struct log log;
    void *found = NULL;
    ULONG token = 0;
    ULONG state = 0;
    need_extension(MapiOfflineSetLogCallback);
    memset(&log, 0, sizeof(log));
    log.thread = pthread_self();
    check_ok(lib.MapiOfflineSetLogCallback(MAPIOFFLINE_LOG_TRACE, take_line, &log));
    check_ok(lib.HrOpenOfflineObj(0, L"Traced \"one\"", &GUID_GlobalState, NULL, &object));
    check(strstr(log.last, "S_OK, profile Traced \"one\", object ") != NULL);
    if (!check(object != NULL)) {
        return;
    }
    check_reason(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, NULL), "ppOffline");
    check_reason(lib.HrOpenOfflineObj(0, NULL, &GUID_GlobalState, NULL, (IMAPIOfflineMgr **)&found), "the profile's name");
    check_reason(lib.HrOpenOfflineObj(0, L"", &GUID_GlobalState, NULL, (IMAPIOfflineMgr **)&found), "the profile's name");
    check_reason(lib.HrOpenOfflineObj(0, profile(), NULL, NULL, (IMAPIOfflineMgr **)&found), "pGUID");
    check_reason(lib.HrCreateOfflineObj(0, NULL, (IMAPIOfflineMgr **)&found), "the pointer to the structure");
    memset(&create, 0, sizeof(create));
    create.ulSize = sizeof(create) - 1;
    check_reason(lib.HrCreateOfflineObj(0, &create, (IMAPIOfflineMgr **)&found), "ulSize");
    create.ulSize = sizeof(create);
    create.pwszProfileName = profile();
    create.ulCapabilities = 4;
    check_reason(lib.HrCreateOfflineObj(0, &create, (IMAPIOfflineMgr **)&found), "ulCapabilities");
    create.ulCapabilities = BOTH;
    create.pInstance = &kind;
    check_reason(lib.HrCreateOfflineObj(0, &create, (IMAPIOfflineMgr **)&found), "pInstance");
    create.pInstance = NULL;
    create.pParent = object;
    check_reason(lib.HrCreateOfflineObj(0, &create, (IMAPIOfflineMgr **)&found), "the parent");
    check_reason(IMAPIOfflineMgr_SetCurrentState(object, 0, 1, OFFLINE, NULL), "ulMask");
    check_reason(set_state(object, 0, 3), "ulState");
    check_reason(IMAPIOfflineMgr_SetCurrentState(object, 0, MAPIOFFLINE_STATE_OFFLINE_MASK, OFFLINE, &log), "pReserved");
    check_reason(IMAPIOfflineMgr_GetCurrentState(object, NULL), "the pointer to the result");
    check_reason(IMAPIOfflineMgr_GetCapabilities(object, NULL), "the pointer to the result");
    check_reason(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IUnknown), NULL), "ppvObj");
#ifndef __cplusplus
    check_reason(IMAPIOfflineMgr_QueryInterface(object, NULL, &found), "riid");
#endif
    sink_init(&sink);
    info = advise_info(&sink, 7);
    check_reason(IMAPIOfflineMgr_Advise(object, 0, &info, NULL), "pulAdviseToken");
    info.ulStateMask = 0x10;
    check_reason(IMAPIOfflineMgr_Advise(object, 0, &info, &token), "ulStateMask");
    check(strstr(log.last, "profile Traced") != NULL);
    info = advise_info(&sink, 7);
    check_ok(IMAPIOfflineMgr_Advise(object, 0, &info, &token));
    check(strstr(log.last, ", profile Traced \"one\", token 0x") != NULL);
    check_ok(IMAPIOfflineMgr_GetCurrentState(object, &state));
    check(strstr(log.last, "S_OK (online)") != NULL);
    check_ok(IMAPIOfflineMgr_QueryInterface(object, REF(IID_IMAPIOffline), &found));
    check(strstr(log.last, "S_OK, object 0x") != NULL);
    IMAPIOfflineMgr_Release(object);
    check(strstr(log.last, "Release(") != NULL && strstr(log.last, ") -> 1") != NULL);
    /* A line for each Notify, on the thread that calls it. */
    log.lines = 0;
    check_ok(IMAPIOfflineMgr_SetCurrentState(object, MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK, OFFLINE, NULL));
    check_eq(log.lines, 4);
    check(strstr(log.last, "SetCurrentState") != NULL && strstr(log.last, "profile Traced \"one\", to offline") != NULL);
    check(strstr(log.before, "Notify(") != NULL && strstr(log.before, "0x7): DONE, online to offline, profile Traced") != NULL);
    check(strstr(log.before, ", took ") != NULL);
    /* What is called from Notify says so, and the sink's count is what it says itself. */
    sink.hook = ask_in_notify;
    sink.context = object;
    check_ok(set_block(object, ONLINE));
    check(strstr(log.in_notify, "GetCurrentState(") == log.in_notify && strstr(log.in_notify, ", in Notify") != NULL);
    check_ok(IMAPIOfflineMgr_Unadvise(object, 0, token));
    check(strstr(log.before, "Sink.Release(") == log.before && strstr(log.before, ") -> 1") != NULL);
    check(sink_released(&sink));
    check_ok(lib.MapiOfflineSetLogCallback(0, NULL, NULL));
    set_when_idle(object, ONLINE);
    release_last(object);
}

static void STDMETHODCALLTYPE open_from_line(void *context, ULONG level, const MAPIOFFLINE_CHAR8 *message) {
    struct log *log = (struct log *)context;
    (void)message;
    if (level != MAPIOFFLINE_LOG_TRACE || !pthread_equal(log->thread, pthread_self())) {
        return;
    }
    log->lines++;
    release_last(open_global(profile2()));
    release_last(create_object(profile2(), &kind, BOTH, NULL));
}

CASE(log_callback_may_open_and_create, decision, "D 15") {
    struct log log;
    need_extension(MapiOfflineSetLogCallback);
    memset(&log, 0, sizeof(log));
    log.thread = pthread_self();
    check_ok(lib.MapiOfflineSetLogCallback(MAPIOFFLINE_LOG_TRACE, open_from_line, &log));
    log.lines = 0;
    release_last(open_global(profile()));
    check_eq(log.lines, 2);
    check_ok(lib.MapiOfflineSetLogCallback(0, NULL, NULL));
}

CASE(log_callback_arguments, decision, "D 14") {
    struct log log;
    need_extension(MapiOfflineSetLogCallback);
    memset(&log, 0, sizeof(log));
    log.thread = pthread_self();
    check_hr(lib.MapiOfflineSetLogCallback(0, take_line, &log), E_INVALIDARG);
    check_hr(lib.MapiOfflineSetLogCallback(6, take_line, &log), E_INVALIDARG);
    check_ok(lib.MapiOfflineSetLogCallback(MAPIOFFLINE_LOG_WARN, take_line, &log));
    release_last(open_global(profile()));
    check_eq(log.lines, 0);
    check_ok(lib.MapiOfflineSetLogCallback(0, NULL, NULL));
}

static ULONG barrier_of_process(void) {
    ULONG barrier = POISON;
    check_ok(lib.MapiOfflineGetStoreStatus(NULL, NULL, &barrier, NULL, 0, NULL, 0));
    return barrier;
}

enum { MANY = 200 };

CASE(helper_chooses_a_barrier, helper, "") {
    IMAPIOfflineMgr *object;
    struct sink sink;
    ULONG tokens[MANY];
    int round;
    int index;
    if (!is_child_case()) {
        return;
    }
    object = open_global(profile());
    check_eq(barrier_of_process(), MAPIOFFLINE_BARRIER_UNDECIDED);
    sink_init(&sink);
    for (index = 0; index < MANY; index++) {
        tokens[index] = advise(object, &sink, 0);
    }
    /* 600 callbacks each. */
    for (round = 0; round < 2000 && barrier_of_process() == MAPIOFFLINE_BARRIER_UNDECIDED; round++) {
        check_ok(set_block(object, round % 2 == 0 ? OFFLINE : ONLINE));
    }
    check(round > 500 && round < 2000);
    check_eq(barrier_of_process(), system_has_barrier() ? MAPIOFFLINE_BARRIER_ASYMMETRIC : MAPIOFFLINE_BARRIER_SYMMETRIC);
    check_ok(set_block(object, round % 2 == 0 ? OFFLINE : ONLINE));
    check_eq(sink_count(&sink), 3 * MANY * (round + 1));
    for (index = 0; index < MANY; index++) {
        check_ok(IMAPIOfflineMgr_Unadvise(object, 0, tokens[index]));
    }
    check_eq(sink_refs(&sink), 1);
    release_last(object);
}

CASE(helper_has_been_given_a_barrier, helper, "") {
    IMAPIOfflineMgr *object;
    ULONG barrier;
    int is_asymmetric;
    if (!is_child_case()) {
        return;
    }
    object = open_global(profile());
    barrier = barrier_of_process();
    is_asymmetric = strcmp(getenv("MAPIOFFLINE_BARRIER"), "asymmetric") == 0 && system_has_barrier();
    check_eq(barrier, is_asymmetric ? MAPIOFFLINE_BARRIER_ASYMMETRIC : MAPIOFFLINE_BARRIER_SYMMETRIC);
    release_last(object);
}

CASE(barrier_is_chosen_after_many_callbacks, decision, "D 64") {
    skip_under_valgrind("the child would be another program under valgrind");
    need_extension(MapiOfflineGetStoreStatus);
    check_eq(run_case_as_process("extensions.helper_chooses_a_barrier", "MAPIOFFLINE_BARRIER=", NULL), 0);
    check_eq(run_case_as_process("extensions.helper_has_been_given_a_barrier", "MAPIOFFLINE_BARRIER=symmetric", NULL), 0);
    check_eq(run_case_as_process("extensions.helper_has_been_given_a_barrier", "MAPIOFFLINE_BARRIER=asymmetric", NULL), 0);
}

CASE(store_status_is_given, decision, "D 57") {
    IMAPIOfflineMgr *object;
    ULONG store = POISON;
    ULONG watch = POISON;
    ULONG barrier = POISON;
    char folder[600] = "";
    char error[600] = "poison";
    char cut[4] = "xyz";
    int tries;
    need_extension(MapiOfflineGetStoreStatus);
    object = open_global(profile());
    check_ok(lib.MapiOfflineGetStoreStatus(&store, &watch, &barrier, folder, sizeof(folder), error, sizeof(error)));
    check(strlen(error) < sizeof(error));
    check(barrier <= MAPIOFFLINE_BARRIER_ASYMMETRIC);
    if (with_shared_store()) {
        check_eq(store, MAPIOFFLINE_STORE_SHARED);
        check(strlen(folder) > 3);
        check_ok(lib.MapiOfflineGetStoreStatus(NULL, NULL, NULL, cut, sizeof(cut), NULL, 0));
        check(memcmp(cut, folder, 3) == 0 && cut[3] == 0);
        for (tries = 0; tries < 2000 && watch == MAPIOFFLINE_WATCH_NONE; tries++) {
            nap(5);
            check_ok(lib.MapiOfflineGetStoreStatus(NULL, &watch, NULL, NULL, 0, NULL, 0));
        }
        check(watch >= MAPIOFFLINE_WATCH_SYSTEM && watch <= MAPIOFFLINE_WATCH_BOTH);
    } else {
        check_eq(store, MAPIOFFLINE_STORE_MEMORY);
        check_eq(watch, MAPIOFFLINE_WATCH_NONE);
        check_eq(strlen(folder), 0);
    }
    check_ok(lib.MapiOfflineGetStoreStatus(NULL, NULL, NULL, NULL, 0, cut, 0)); /* nothing is written */
    release_last(object);
}
