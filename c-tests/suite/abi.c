/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers, layouts and slots as a C or C++ compiler sees them through the header. */
#include "../harness.h"

#include "../echo.h"

#include <stddef.h>

#define NARROW (sizeof(void *) == 4)
#define check_layout(type, member, wide, narrow) check_eq(offsetof(type, member), NARROW ? narrow : wide)

CASE(numbers, reference, "mapi-constants") {
    check_eq((unsigned)S_OK, 0);
    check_eq((unsigned)E_NOINTERFACE, 0x80004002u);
    check_eq((unsigned)E_PENDING, 0x8000000Au);
    check_eq((unsigned)E_FAIL, 0x80004005u);
    check_eq((unsigned)E_UNEXPECTED, 0x8000FFFFu);
    check_eq((unsigned)E_INVALIDARG, 0x80070057u);
    check_eq((unsigned)MAPI_E_INVALID_PARAMETER, 0x80070057u);
    check_eq((unsigned)E_OUTOFMEMORY, 0x8007000Eu);
    check_eq((unsigned)MAPI_E_NOT_ENOUGH_MEMORY, 0x8007000Eu);
    check_eq((unsigned)MAPI_E_NOT_FOUND, 0x8004010Fu);
    check_eq((unsigned)MAPI_E_UNKNOWN_FLAGS, 0x80040106u);
    check_eq((unsigned)MAPI_E_NO_SUPPORT, 0x80040102u);
    check_eq((unsigned)MAPI_E_DISK_ERROR, 0x80040116u);
    check_eq((unsigned)MAPI_E_TIMEOUT, 0x80040401u);
    check(E_PENDING < 0 && FAILED(E_PENDING) && SUCCEEDED(S_OK));
    check_eq(cchProfileNameMax, 64);
    check_eq(MAPIOFFLINE_ADVISE_DEFAULT, 0);
    check_eq(MAPIOFFLINE_UNADVISE_DEFAULT, 0);
    check_eq(MAPIOFFLINE_ADVISE_TYPE_STATECHANGE, 1);
    check_eq(MAPIOFFLINE_CAPABILITY_OFFLINE, 1);
    check_eq(MAPIOFFLINE_CAPABILITY_ONLINE, 2);
    check_eq(MAPIOFFLINE_FLAG_DEFAULT, 0);
    check_eq(MAPIOFFLINE_FLAG_BLOCK, 0x2000);
    check_eq(MAPIOFFLINE_STATE_ALL, 0x003F037F);
    check_eq(MAPIOFFLINE_STATE_OFFLINE_MASK, 3);
    check_eq(MAPIOFFLINE_STATE_OFFLINE, 1);
    check_eq(MAPIOFFLINE_STATE_ONLINE, 2);
    check_eq(MAPIOFFLINE_CALLBACK_TYPE_NOTIFY, 0);
    check_eq(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START, 1);
    check_eq(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE, 2);
    check_eq(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE, 3);
}

static void check_guid(const GUID *guid, const char *text) {
    char got[40];
    snprintf(got, sizeof(got), "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X", (unsigned)guid->Data1, guid->Data2,
             guid->Data3, guid->Data4[0], guid->Data4[1], guid->Data4[2], guid->Data4[3], guid->Data4[4], guid->Data4[5],
             guid->Data4[6], guid->Data4[7]);
    check_eq(strcmp(got, text), 0);
}

CASE(identifiers, reference, "mapi-constants") {
    check_guid(&IID_IUnknown, "00000000-0000-0000-C000-000000000046");
    check_guid(&IID_IMAPIOffline, "000672B5-0000-0000-C000-000000000046");
    check_guid(&IID_IMAPIOfflineMgr, "42175607-FF3E-4790-BC18-66C8643E6424");
    check_guid(&IID_IMAPIOfflineNotify, "0317BDE5-FC29-44CD-8DCD-36125A3BE9EC");
    check_guid(&GUID_GlobalState, "FBEFFD93-B11F-4094-842B-96DCD31E63D1");
}

CASE(layouts, reference, "mapioffline_createinfo, mapioffline_adviseinfo, mapioffline_notify, mapioffline_aggregateinfo") {
    check_eq(sizeof(ULONG), 4);
    check_eq(sizeof(HRESULT), 4);
    check_eq(sizeof(MAPIOFFLINE_CALLBACK_TYPE), sizeof(int));
    check_eq(sizeof(MAPIOFFLINE_NOTIFY_TYPE), sizeof(int));

    check_eq(sizeof(MAPIOFFLINE_ADVISEINFO), NARROW ? 24 : 32);
    check_layout(MAPIOFFLINE_ADVISEINFO, ulSize, 0, 0);
    check_layout(MAPIOFFLINE_ADVISEINFO, ulClientToken, 4, 4);
    check_layout(MAPIOFFLINE_ADVISEINFO, CallbackType, 8, 8);
    check_layout(MAPIOFFLINE_ADVISEINFO, pCallback, 16, 12);
    check_layout(MAPIOFFLINE_ADVISEINFO, ulAdviseTypes, 24, 16);
    check_layout(MAPIOFFLINE_ADVISEINFO, ulStateMask, 28, 20);

    check_eq(sizeof(MAPIOFFLINE_NOTIFY), 24);
    check_layout(MAPIOFFLINE_NOTIFY, ulSize, 0, 0);
    check_layout(MAPIOFFLINE_NOTIFY, NotifyType, 4, 4);
    check_layout(MAPIOFFLINE_NOTIFY, ulClientToken, 8, 8);
    check_layout(MAPIOFFLINE_NOTIFY, Info.StateChange.ulMask, 12, 12);
    check_layout(MAPIOFFLINE_NOTIFY, Info.StateChange.ulStateOld, 16, 16);
    check_layout(MAPIOFFLINE_NOTIFY, Info.StateChange.ulStateNew, 20, 20);

    check_eq(sizeof(MAPIOFFLINE_CREATEINFO), NARROW ? 40 : 72);
    check_layout(MAPIOFFLINE_CREATEINFO, ulSize, 0, 0);
    check_layout(MAPIOFFLINE_CREATEINFO, ulCreateFlags, 4, 4);
    check_layout(MAPIOFFLINE_CREATEINFO, pwszProfileName, 8, 8);
    check_layout(MAPIOFFLINE_CREATEINFO, ulCapabilities, 16, 12);
    check_layout(MAPIOFFLINE_CREATEINFO, pGUID, 24, 16);
    check_layout(MAPIOFFLINE_CREATEINFO, pInstance, 32, 20);
    check_layout(MAPIOFFLINE_CREATEINFO, pParent, 40, 24);
    check_layout(MAPIOFFLINE_CREATEINFO, pMAPISupport, 48, 28);
    check_layout(MAPIOFFLINE_CREATEINFO, pAggregateInfo, 56, 32);
    check_layout(MAPIOFFLINE_CREATEINFO, pConnectInfo, 64, 36);

    check_eq(sizeof(MAPIOFFLINE_AGGREGATEINFO), NARROW ? 12 : 24);
    check_layout(MAPIOFFLINE_AGGREGATEINFO, ulSize, 0, 0);
    check_layout(MAPIOFFLINE_AGGREGATEINFO, pOuterObj, 8, 4);
    check_layout(MAPIOFFLINE_AGGREGATEINFO, pRefTrackRoot, 16, 8);
}

/* ---- an object whose slots return their numbers, called through this language's view ------------------------------- */

#ifdef __cplusplus
#define CALL(object, method) (object)->method()
#else
#define CALL(object, method) (object)->lpVtbl->method(object)
#endif

CASE(vtable_slots, reference, "imapiofflineiunknown, imapiofflinemgrimapioffline, imapiofflinenotifyiunknown") {
    IMAPIOfflineMgr *manager = (IMAPIOfflineMgr *)(void *)&echo_manager;
    IMAPIOffline *offline = (IMAPIOffline *)(void *)&echo_manager;
    IMAPIOfflineNotify *notify = (IMAPIOfflineNotify *)(void *)&echo_sink;
    IUnknown *unknown = (IUnknown *)(void *)&echo_manager;
    check_eq(IMAPIOfflineMgr_QueryInterface(manager, REF(IID_IUnknown), NULL), 0);
    check_eq(CALL(manager, AddRef), 1);
    check_eq(CALL(manager, Release), 2);
    check_eq(IMAPIOfflineMgr_SetCurrentState(manager, 0, 0, 0, NULL), 3);
    check_eq(IMAPIOfflineMgr_GetCapabilities(manager, NULL), 4);
    check_eq(IMAPIOfflineMgr_GetCurrentState(manager, NULL), 5);
    check_eq(CALL(manager, Placeholder1), 6);
    check_eq(IMAPIOfflineMgr_Advise(manager, 0, NULL, NULL), 7);
    check_eq(IMAPIOfflineMgr_Unadvise(manager, 0, 0), 8);
    check_eq(CALL(manager, Placeholder2), 9);
    check_eq(CALL(manager, Placeholder3), 10);
    check_eq(CALL(manager, Placeholder4), 11);
    check_eq(CALL(manager, Placeholder5), 12);
    check_eq(CALL(manager, Placeholder6), 13);
    check_eq(CALL(manager, Placeholder7), 14);
    check_eq(CALL(manager, Placeholder8), 15);
    check_eq(IMAPIOffline_QueryInterface(offline, REF(IID_IUnknown), NULL), 0);
    check_eq(CALL(offline, AddRef), 1);
    check_eq(CALL(offline, Release), 2);
    check_eq(IMAPIOffline_SetCurrentState(offline, 0, 0, 0, NULL), 3);
    check_eq(IMAPIOffline_GetCapabilities(offline, NULL), 4);
    check_eq(IMAPIOffline_GetCurrentState(offline, NULL), 5);
    check_eq(CALL(offline, Placeholder1), 6);
    check_eq(IMAPIOfflineNotify_QueryInterface(notify, REF(IID_IUnknown), NULL), 0);
    check_eq(CALL(notify, AddRef), 1);
    check_eq(CALL(notify, Release), 2);
    IMAPIOfflineNotify_Notify(notify, NULL);
    check_eq(echo_last, 3);
    check_eq(CALL(unknown, AddRef), 1);
    check_eq(CALL(unknown, Release), 2);
}

/* Compilers of C++ keep the type information of a class before its vtable. A COM object has none. */
CASE(nothing_before_the_vtables, decision, "D 56") {
    IMAPIOfflineMgr *object = open_global(profile());
    const size_t *vtable = *(const size_t *const *)(const void *)object;
    check(vtable[-1] == 0);
    check(vtable[-2] == 0);
    release_last(object);
}
