/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HrOpenOfflineObj: arguments, names, what is found. (hropenofflineobj) */
#include "../harness.h"

#include <wchar.h>

static const GUID some_kind = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static HRESULT open_named(const wchar_t *name) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    HRESULT hr = lib.HrOpenOfflineObj(0, name, &GUID_GlobalState, NULL, &object);
    check((object != NULL) == SUCCEEDED(hr));
    if (object != NULL) {
        release_last(object);
    }
    return hr;
}

CASE(global_object_starts_online, decision, "D 1") {
    IMAPIOfflineMgr *object = open_global(profile());
    ULONG capabilities = POISON;
    check_state(object, ONLINE);
    check_ok(IMAPIOfflineMgr_GetCapabilities(object, &capabilities));
    check_eq(capabilities, BOTH);
    release_last(object);
}

CASE(opened_again_is_the_same_pointer, decision, "D 39") {
    IMAPIOfflineMgr *first = open_global(profile());
    IMAPIOfflineMgr *second = open_global(profile());
    check(first == second);
    check_eq(IMAPIOfflineMgr_Release(second), 1);
    release_last(first);
}

CASE(state_outlives_the_handles, decision, "D 39") {
    IMAPIOfflineMgr *object = open_global(profile());
    check_ok(set_block(object, OFFLINE));
    release_last(object);
    object = open_global(profile());
    check_state(object, OFFLINE);
    release_last(object);
}

CASE(null_out_pointer, decision, "D 2") {
    check_hr(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, NULL, NULL), E_INVALIDARG);
    check_hr(lib.HrOpenOfflineObj(7, NULL, NULL, NULL, NULL), E_INVALIDARG);
}

CASE(arguments_are_checked_in_order, decision, "D 2") {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrOpenOfflineObj(1, NULL, NULL, NULL, &object), MAPI_E_UNKNOWN_FLAGS);
    check(object == NULL);
    object = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrOpenOfflineObj(0, NULL, NULL, NULL, &object), E_INVALIDARG);
    check(object == NULL);
    object = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrOpenOfflineObj(0, profile(), NULL, NULL, &object), E_INVALIDARG);
    check(object == NULL);
}

CASE(out_pointer_is_null_after_failure, com, "out parameters are null after a failure") {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrOpenOfflineObj(0, profile(), &some_kind, NULL, &object), MAPI_E_NOT_FOUND);
    check(object == NULL);
}

CASE(unknown_type_or_instance_is_not_found, reference, "hropenofflineobj") {
    IMAPIOfflineMgr *object = NULL;
    check_hr(lib.HrOpenOfflineObj(0, profile(), &some_kind, NULL, &object), MAPI_E_NOT_FOUND);
    check_hr(lib.HrOpenOfflineObj(0, profile(), &some_kind, &some_kind, &object), MAPI_E_NOT_FOUND);
    check_hr(lib.HrOpenOfflineObj(0, profile(), &GUID_GlobalState, &some_kind, &object), MAPI_E_NOT_FOUND);
}

CASE(name_null_or_empty, decision, "D 3") {
    check_hr(open_named(NULL), E_INVALIDARG);
    check_hr(open_named(L""), E_INVALIDARG);
}

CASE(name_of_64_units_is_the_longest, decision, "D 3") {
    wchar_t name[70];
    int index;
    for (index = 0; index < 69; index++) {
        name[index] = L'n';
    }
    name[64] = 0;
    check_ok(open_named(name));
    name[64] = L'n';
    name[65] = 0;
    check_hr(open_named(name), MAPI_E_NOT_FOUND);
}

/* Where wchar_t has 32 bits, a surrogate is malformed even if it is paired. */
static const int wide_is_utf16 = sizeof(wchar_t) == 2;

CASE(name_beyond_the_basic_plane_counts_twice, decision, "D 3") {
    wchar_t name[70];
    int units = 0;
    int index;
    for (index = 0; index < 32; index++) {
        if (wide_is_utf16) {
            name[units++] = (wchar_t)0xD800;
            name[units++] = (wchar_t)0xDC00;
        } else {
            name[units++] = (wchar_t)0x10000;
        }
    }
    name[units] = 0;
    check_ok(open_named(name));
    name[units] = L'x';
    name[units + 1] = 0;
    check_hr(open_named(name), MAPI_E_NOT_FOUND);
}

CASE(name_malformed, decision, "D 3") {
    wchar_t name[4] = {L'a', 0, L'b', 0};
    name[1] = (wchar_t)0xD800;
    check_hr(open_named(name), E_INVALIDARG);
    name[2] = (wchar_t)0xDC00;
    check_hr(open_named(name), wide_is_utf16 ? S_OK : E_INVALIDARG);
    name[1] = (wchar_t)0xDC00;
    check_hr(open_named(name), E_INVALIDARG);
    name[1] = L'b';
    name[2] = (wchar_t)0xD800;
    check_hr(open_named(name), E_INVALIDARG);
    if (!wide_is_utf16) {
        name[1] = (wchar_t)0x110000;
        check_hr(open_named(name), E_INVALIDARG);
    }
}

CASE(first_fault_of_a_name_decides, decision, "D 3") {
    wchar_t name[70];
    int index;
    for (index = 0; index < 70; index++) {
        name[index] = L'n';
    }
    name[69] = 0;
    name[68] = (wchar_t)0xDC00;
    check_hr(open_named(name), MAPI_E_NOT_FOUND);
    name[3] = (wchar_t)0xDC00;
    check_hr(open_named(name), E_INVALIDARG);
}

CASE(name_is_read_no_further_than_65_units, decision, "D 3") {
    const size_t size = 65 * sizeof(wchar_t);
    wchar_t *name = (wchar_t *)memory_before_a_wall(size);
    int index;
    if (!check(name != NULL)) {
        return;
    }
    for (index = 0; index < 65; index++) {
        name[index] = L'n';
    }
    check_hr(open_named(name), MAPI_E_NOT_FOUND);
    free_memory_before_a_wall(name, size);
}

CASE(names_compare_without_case, decision, "D 3") {
    IMAPIOfflineMgr *first = open_global(L"Case-Insensitive \u00e9\u0161\u03b1\u0436");
    IMAPIOfflineMgr *second = open_global(L"cASE-iNSENSITIVE \u00c9\u0160\u0391\u0416");
    IMAPIOfflineMgr *third = open_global(L"Case-Insensitive e\u0161\u03b1\u0436");
    check(first == second);
    check(first != third);
    release_last(third);
    IMAPIOfflineMgr_Release(second);
    release_last(first);
}

CASE(profiles_are_independent, reference, "about-the-offline-state-api") {
    IMAPIOfflineMgr *first = open_global(profile());
    IMAPIOfflineMgr *second = open_global(profile2());
    check(first != second);
    check_ok(set_block(first, OFFLINE));
    check_state(second, ONLINE);
    release_last(first);
    release_last(second);
}

CASE(many_profiles, reference, "about-the-offline-state-api") {
    enum { COUNT = 2000 };
    static IMAPIOfflineMgr *objects[COUNT];
    int count = often(COUNT);
    int index;
    for (index = 0; index < count; index++) {
        wchar_t name[64];
        swprintf(name, 64, L"many profiles %d", index);
        objects[index] = open_global(name);
    }
    check_eq(live_objects(), lib.MapiOfflineLiveObjects != NULL ? count : 0);
    for (index = 0; index < count; index++) {
        check(index == 0 || objects[index] != objects[index - 1]);
        release_last(objects[index]);
    }
}

CASE(misaligned_identifiers_are_accepted, decision, "D 34") {
    char memory[sizeof(GUID) + 1];
    IMAPIOfflineMgr *object = NULL;
    memcpy(memory + 1, &GUID_GlobalState, sizeof(GUID));
    check_ok(lib.HrOpenOfflineObj(0, profile(), (const GUID *)(void *)(memory + 1), NULL, &object));
    release_last(object);
}

CASE(global_export_checks_names, decision, "D 4") {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    wchar_t name[66];
    int index;
    if (lib.HrGetGlobalOffline == NULL) {
        skip_case("the library under test does not export HrGetGlobalOffline");
        return;
    }
    for (index = 0; index < 65; index++) {
        name[index] = L'n';
    }
    name[65] = 0;
    check_hr(lib.HrGetGlobalOffline(name, &object), MAPI_E_NOT_FOUND);
    check(object == NULL);
    object = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrGetGlobalOffline(L"", &object), E_INVALIDARG);
    check(object == NULL);
}

CASE(global_export_opens_the_same_object, decision, "D 4") {
    IMAPIOfflineMgr *first = open_global(profile());
    IMAPIOfflineMgr *second = NULL;
    if (lib.HrGetGlobalOffline == NULL) {
        skip_case("the library under test does not export HrGetGlobalOffline");
        release_last(first);
        return;
    }
    check_ok(lib.HrGetGlobalOffline(profile(), &second));
    check(first == second);
    IMAPIOfflineMgr_Release(second);
    release_last(first);
    check_hr(lib.HrGetGlobalOffline(profile(), NULL), E_INVALIDARG);
    second = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrGetGlobalOffline(NULL, &second), E_INVALIDARG);
    check(second == NULL);
}
