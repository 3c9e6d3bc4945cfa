/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compiled as C and as C++ for platforms that cannot run here. `cargo xtask platforms proofs` reads the layouts, the vtables
 * and the calls of each slot and each export from the compiler's output. */
#include <mapioffline.h>
#include <mapioffline/testing.h>

#ifdef __cplusplus
#define CALL(object, method) (object)->method
#define ARGUMENTS(...) (__VA_ARGS__)
#define REF(iid) iid

/* The compiler emits the vtable of a class of pure virtual methods only where code constructs an object. */
struct offline_probe : IMAPIOffline {
    offline_probe();
};
offline_probe::offline_probe() {}
struct manager_probe : IMAPIOfflineMgr {
    manager_probe();
};
manager_probe::manager_probe() {}
struct notify_probe : IMAPIOfflineNotify {
    notify_probe();
};
notify_probe::notify_probe() {}

extern "C" {
#else
#define CALL(object, method) (object)->lpVtbl->method
#define ARGUMENTS(...) (object, __VA_ARGS__)
#define REF(iid) &iid
#endif

/* One function a slot, named after it. The golden file has the call in it. */
#define SLOT(interface, method, result, arguments)                                                                     \
    result call_##interface##_##method(interface *object);                                                             \
    result call_##interface##_##method(interface *object) {                                                            \
        return CALL(object, method) arguments;                                                                         \
    }
#ifdef __cplusplus
#define NONE ()
#else
#define NONE (object)
#endif

#define UNKNOWN(interface)                                                                                             \
    SLOT(interface, QueryInterface, HRESULT, ARGUMENTS(REF(IID_IUnknown), 0))                                          \
    SLOT(interface, AddRef, ULONG, NONE)                                                                               \
    SLOT(interface, Release, ULONG, NONE)
#define OFFLINE(interface)                                                                                             \
    UNKNOWN(interface)                                                                                                 \
    SLOT(interface, SetCurrentState, HRESULT, ARGUMENTS(0, 0, 0, 0))                                                   \
    SLOT(interface, GetCapabilities, HRESULT, ARGUMENTS(0))                                                            \
    SLOT(interface, GetCurrentState, HRESULT, ARGUMENTS(0))                                                            \
    SLOT(interface, Placeholder1, HRESULT, NONE)

OFFLINE(IMAPIOffline)
OFFLINE(IMAPIOfflineMgr)
SLOT(IMAPIOfflineMgr, Advise, HRESULT, ARGUMENTS(0, 0, 0))
SLOT(IMAPIOfflineMgr, Unadvise, HRESULT, ARGUMENTS(0, 0))
SLOT(IMAPIOfflineMgr, Placeholder2, HRESULT, NONE)
SLOT(IMAPIOfflineMgr, Placeholder3, HRESULT, NONE)
SLOT(IMAPIOfflineMgr, Placeholder4, HRESULT, NONE)
SLOT(IMAPIOfflineMgr, Placeholder5, HRESULT, NONE)
SLOT(IMAPIOfflineMgr, Placeholder6, HRESULT, NONE)
SLOT(IMAPIOfflineMgr, Placeholder7, HRESULT, NONE)
SLOT(IMAPIOfflineMgr, Placeholder8, HRESULT, NONE)
UNKNOWN(IMAPIOfflineNotify)
SLOT(IMAPIOfflineNotify, Notify, void, ARGUMENTS(0))

/* Calls every export, and copies every structure by value, so that the compiler emits its layout. */
HRESULT call_exports(MAPIOFFLINE_CREATEINFO *create, MAPIOFFLINE_ADVISEINFO *advise, MAPIOFFLINE_NOTIFY *notify,
                     MAPIOFFLINE_AGGREGATEINFO *aggregate, IMAPIOfflineMgr **object);
HRESULT call_exports(MAPIOFFLINE_CREATEINFO *create, MAPIOFFLINE_ADVISEINFO *advise, MAPIOFFLINE_NOTIFY *notify,
                     MAPIOFFLINE_AGGREGATEINFO *aggregate, IMAPIOfflineMgr **object) {
    MAPIOFFLINE_CREATEINFO a = *create;
    MAPIOFFLINE_ADVISEINFO b = *advise;
    MAPIOFFLINE_NOTIFY c = *notify;
    MAPIOFFLINE_AGGREGATEINFO d = *aggregate;
    a.ulSize = b.ulSize + c.ulSize + d.ulSize;
    MapiOfflineSetStrictHosting((BOOL)(MapiOfflineVersion() + MapiOfflineLiveObjects() + (ULONG)*MapiOfflineVersionString()));
    return HrOpenOfflineObj(0, L"", &GUID_GlobalState, 0, object) | HrCreateOfflineObj(0, &a, object) |
           HrGetGlobalOffline(L"", object) | MapiOfflineOpenUtf16(0, 0, 0, 0, object) |
           MapiOfflineOpenUtf8(0, 0, 0, 0, object) | MapiOfflineCreateUtf16(0, &a, 0, object) |
           MapiOfflineCreateUtf8(0, &a, 0, object) | MapiOfflineGetGlobalUtf16(0, object) |
           MapiOfflineGetGlobalUtf8(0, object) | MapiOfflineSetLogCallback(0, 0, 0) |
           MapiOfflineGetStoreStatus(0, 0, 0, 0, 0, 0, 0) | MapiOfflineWaitUtf8(0, 1, 0) | MapiOfflineWaitUtf16(0, 1, 0) |
           MapiOfflineSettleUtf8(0, 0, 0) | MapiOfflineSettleUtf16(0, 0, 0) |
           MapiOfflineSetDelivery(0) | MapiOfflineDispatch(0, 0, 0) | MapiOfflineGetDispatchHandle(0) |
           MapiOfflineAddFault(0, 0) | MapiOfflineRemoveFault(0) | MapiOfflineGetFaultCounts(0, 0, 0) |
           MapiOfflineSetVirtualClock(0) | MapiOfflineAdvanceClock(0);
}

/* The call that the library makes. */
void through_log_callback(MAPIOFFLINE_LOG_CALLBACK callback);
void through_log_callback(MAPIOFFLINE_LOG_CALLBACK callback) {
    callback(0, MAPIOFFLINE_LOG_ERROR, "");
}

#ifdef __cplusplus
} /* extern "C" */

#ifdef _MSC_VER
/* Without linking a library of identifiers. */
const GUID *uuid_of_offline() {
    return &__uuidof(IMAPIOffline);
}
const GUID *uuid_of_manager() {
    return &__uuidof(IMAPIOfflineMgr);
}
const GUID *uuid_of_notify() {
    return &__uuidof(IMAPIOfflineNotify);
}
#endif
#endif
