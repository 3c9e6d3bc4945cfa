/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HrCreateOfflineObj. (hrcreateofflineobj, mapioffline_createinfo) */
#include "../harness.h"

static const GUID kind_a = {0xAAAAAAAA, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
static const GUID kind_b = {0xBBBBBBBB, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static HRESULT create(MAPIOFFLINE_CREATEINFO *info) {
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    HRESULT hr = lib.HrCreateOfflineObj(0, info, &object);
    check((object != NULL) == SUCCEEDED(hr));
    if (object != NULL) {
        release_last(object);
    }
    return hr;
}

CASE(named_object_is_found_while_it_lives, decision, "D 1") {
    IMAPIOfflineMgr *made = create_object(profile(), &kind_a, BOTH, NULL);
    IMAPIOfflineMgr *found = NULL;
    check_state(made, ONLINE);
    check_ok(lib.HrOpenOfflineObj(0, profile(), &kind_a, NULL, &found));
    check(found == made);
    check_eq(IMAPIOfflineMgr_Release(found), 1);
    check_ok(set_block(made, OFFLINE));
    release_last(made);
    check_hr(lib.HrOpenOfflineObj(0, profile(), &kind_a, NULL, &found), MAPI_E_NOT_FOUND);
    check(found == NULL);
    made = create_object(profile(), &kind_a, BOTH, NULL);
    check_state(made, ONLINE);
    release_last(made);
}

CASE(instances_are_distinct_objects, reference, "mapioffline_createinfo") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *without = create_object(profile(), &kind_a, BOTH, NULL);
    IMAPIOfflineMgr *with = NULL;
    IMAPIOfflineMgr *found = NULL;
    info.pGUID = &kind_a;
    info.pInstance = &kind_b;
    check_ok(lib.HrCreateOfflineObj(0, &info, &with));
    check(with != without);
    check_ok(lib.HrOpenOfflineObj(0, profile(), &kind_a, &kind_b, &found));
    check(found == with);
    IMAPIOfflineMgr_Release(found);
    check_hr(lib.HrOpenOfflineObj(0, profile(), &kind_a, &kind_a, &found), MAPI_E_NOT_FOUND);
    check_hr(lib.HrOpenOfflineObj(0, profile2(), &kind_a, &kind_b, &found), MAPI_E_NOT_FOUND);
    release_last(with);
    release_last(without);
}

CASE(creating_an_existing_object_opens_it_unchanged, decision, "D 5") {
    IMAPIOfflineMgr *first = create_object(profile(), &kind_a, MAPIOFFLINE_CAPABILITY_OFFLINE, NULL);
    IMAPIOfflineMgr *second = create_object(profile(), &kind_a, BOTH, NULL);
    ULONG capabilities = 0;
    check(first == second);
    check_ok(IMAPIOfflineMgr_GetCapabilities(second, &capabilities));
    check_eq(capabilities, MAPIOFFLINE_CAPABILITY_OFFLINE);
    IMAPIOfflineMgr_Release(second);
    release_last(first);
}

CASE(anonymous_objects_are_never_shared, decision, "D 39") {
    IMAPIOfflineMgr *first = create_object(profile(), NULL, BOTH, NULL);
    IMAPIOfflineMgr *second = create_object(profile(), NULL, BOTH, NULL);
    check(first != second);
    check_ok(set_block(first, OFFLINE));
    check_state(second, ONLINE);
    release_last(first);
    release_last(second);
}

CASE(global_object_keeps_its_first_capabilities, decision, "D 5") {
    IMAPIOfflineMgr *made = create_object(profile(), &GUID_GlobalState, MAPIOFFLINE_CAPABILITY_OFFLINE, NULL);
    IMAPIOfflineMgr *opened = open_global(profile());
    ULONG capabilities = 0;
    check(made == opened);
    check_ok(set_block(made, OFFLINE));
    check_hr(set_block(made, ONLINE), MAPI_E_NO_SUPPORT);
    IMAPIOfflineMgr_Release(opened);
    release_last(made);
    opened = create_object(profile(), &GUID_GlobalState, BOTH, NULL);
    check_ok(IMAPIOfflineMgr_GetCapabilities(opened, &capabilities));
    check_eq(capabilities, MAPIOFFLINE_CAPABILITY_OFFLINE);
    check_state(opened, OFFLINE);
    release_last(opened);
}

CASE(implicitly_opened_global_object_keeps_both_capabilities, decision, "D 5") {
    IMAPIOfflineMgr *opened = open_global(profile());
    IMAPIOfflineMgr *made = create_object(profile(), &GUID_GlobalState, MAPIOFFLINE_CAPABILITY_OFFLINE, NULL);
    ULONG capabilities = 0;
    check(made == opened);
    check_ok(IMAPIOfflineMgr_GetCapabilities(made, &capabilities));
    check_eq(capabilities, BOTH);
    IMAPIOfflineMgr_Release(made);
    release_last(opened);
}

CASE(global_state_with_an_instance_is_an_ordinary_object, decision, "D 36") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *global = open_global(profile());
    IMAPIOfflineMgr *object = NULL;
    info.pGUID = &GUID_GlobalState;
    info.pInstance = &kind_a;
    check_ok(lib.HrCreateOfflineObj(0, &info, &object));
    check(object != global);
    check_ok(set_block(object, OFFLINE));
    check_state(global, ONLINE);
    release_last(object);
    release_last(global);
}

CASE(null_pointers, decision, "D 2") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrCreateOfflineObj(0, NULL, &object), E_INVALIDARG);
    check(object == NULL);
    check_hr(lib.HrCreateOfflineObj(0, &info, NULL), E_INVALIDARG);
}

CASE(size_too_small, decision, "D 34") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    info.ulSize = sizeof(info) - 1;
    check_hr(create(&info), E_INVALIDARG);
    info.ulSize = 0;
    check_hr(create(&info), E_INVALIDARG);
}

CASE(larger_structure_is_accepted, decision, "D 34") {
    struct {
        MAPIOFFLINE_CREATEINFO info;
        char tail[64];
    } larger;
    memset(&larger, 0xEE, sizeof(larger));
    larger.info = create_info(profile());
    larger.info.ulSize = sizeof(larger);
    check_ok(create(&larger.info));
}

CASE(misaligned_structure_is_accepted, decision, "D 34") {
    char memory[sizeof(MAPIOFFLINE_CREATEINFO) + 1];
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    info.pGUID = &kind_a;
    memcpy(memory + 1, &info, sizeof(info));
    check_ok(create((MAPIOFFLINE_CREATEINFO *)(void *)(memory + 1)));
}

CASE(flags, reference, "hrcreateofflineobj, mapioffline_createinfo") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *object = (IMAPIOfflineMgr *)(size_t)POISON;
    check_hr(lib.HrCreateOfflineObj(1, &info, &object), MAPI_E_UNKNOWN_FLAGS);
    check(object == NULL);
    info.ulCreateFlags = MAPIOFFLINE_FLAG_BLOCK;
    check_hr(create(&info), MAPI_E_UNKNOWN_FLAGS);
}

CASE(names, decision, "D 3") {
    MAPIOFFLINE_CREATEINFO info = create_info(NULL);
    wchar_t name[66];
    int index;
    check_hr(create(&info), E_INVALIDARG);
    info.pwszProfileName = L"";
    check_hr(create(&info), E_INVALIDARG);
    for (index = 0; index < 65; index++) {
        name[index] = L'n';
    }
    name[65] = 0;
    info.pwszProfileName = name;
    check_hr(create(&info), MAPI_E_NOT_FOUND);
}

CASE(capability_bits, decision, "D 36") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    ULONG bits;
    for (bits = 0; bits <= 3; bits++) {
        info.ulCapabilities = bits;
        check_ok(create(&info));
    }
    info.ulCapabilities = 4;
    check_hr(create(&info), E_INVALIDARG);
    info.ulCapabilities = 0x80000003u;
    check_hr(create(&info), E_INVALIDARG);
}

CASE(contradictory_members_are_rejected, decision, "D 36") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *global = open_global(profile());
    info.pInstance = &kind_a;
    check_hr(create(&info), E_INVALIDARG);
    info = create_info(profile());
    info.pConnectInfo = (MAPIOFFLINE_CONNECTINFO *)(void *)&info;
    check_hr(create(&info), E_INVALIDARG);
    info = create_info(profile());
    info.pGUID = &GUID_GlobalState;
    info.pParent = global;
    check_hr(create(&info), E_INVALIDARG);
    info.pInstance = &kind_a;
    check_hr(create(&info), E_INVALIDARG);
    release_last(global);
}

CASE(arguments_are_checked_in_order, decision, "D 2") {
    MAPIOFFLINE_CREATEINFO info = create_info(NULL);
    IMAPIOfflineMgr *object = NULL;
    info.ulCapabilities = 4;
    info.ulCreateFlags = 1;
    info.ulSize = 4;
    check_hr(lib.HrCreateOfflineObj(1, &info, &object), E_INVALIDARG);
    info.ulSize = sizeof(info);
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), MAPI_E_UNKNOWN_FLAGS);
    info.ulCreateFlags = 0;
    info.pwszProfileName = L"a name that is far too long for any profile that MAPI could ever have had";
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), MAPI_E_NOT_FOUND);
    info.pwszProfileName = profile();
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
}

CASE(arguments_are_checked_when_the_object_exists, decision, "D 5") {
    IMAPIOfflineMgr *existing = create_object(profile(), &kind_a, BOTH, NULL);
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    IMAPIOfflineMgr *object = NULL;
    info.pGUID = &kind_a;
    info.ulCapabilities = 8;
    check_hr(lib.HrCreateOfflineObj(0, &info, &object), E_INVALIDARG);
    check(object == NULL);
    release_last(existing);
}

CASE(support_object_is_ignored, decision, "D 36") {
    MAPIOFFLINE_CREATEINFO info = create_info(profile());
    struct sink support;
    sink_init(&support);
    info.pMAPISupport = AS_UNKNOWN(&support);
    check_ok(create(&info));
    check_eq(support.queries, 0);
    check_eq(sink_refs(&support), 1);
}
