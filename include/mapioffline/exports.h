/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The functions under Outlook's export names.
 * Written by `cargo xtask header` from src/api/exports.rs: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_EXPORTS_H
#define MAPIOFFLINE_EXPORTS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Opens an offline object: a profile's global object (GUID_GlobalState and no instance), or one that was made by
 * HrCreateOfflineObj and is still alive. Opening the same object again gives the same pointer with one more reference.
 *
 * ulReserved: 0. pwszProfileName: the profile, 1 to 64 UTF-16 units. pGUID: the type. pInstance: the instance, or null.
 * ppOffline: receives the object with a reference for the caller; null after every failure.
 *
 * Returns S_OK; E_INVALIDARG (a null pointer, an empty or malformed name); MAPI_E_UNKNOWN_FLAGS (ulReserved is not 0);
 * MAPI_E_NOT_FOUND (no such object, or the name is too long); E_OUTOFMEMORY. Any thread. (Reference: hropenofflineobj.) */
HRESULT STDMETHODCALLTYPE HrOpenOfflineObj(ULONG ulReserved,
                                           LPCWSTR pwszProfileName,
                                           const GUID *pGUID,
                                           const GUID *pInstance,
                                           IMAPIOfflineMgr **ppOffline);

/* Makes an offline object, or opens the one that stands under the same type and instance; its parent and capabilities
 * then stay as they are. Without a type the object is anonymous: HrOpenOfflineObj never finds it.
 *
 * ulFlags: MAPIOFFLINE_FLAG_DEFAULT. pCreateInfo: what to make; nothing of it is kept. ppOffline: receives the object
 * with a reference for the caller (for an aggregate its non-delegating face); null after every failure.
 *
 * Returns S_OK; E_INVALIDARG (a null pointer, ulSize too small, a bad name, capability bits outside 0x3, a parent that
 * is not an object of this library or is of another profile, members that contradict each other);
 * MAPI_E_UNKNOWN_FLAGS; MAPI_E_NOT_FOUND (the name is too long); E_OUTOFMEMORY; for a global object that is not stored
 * yet, with the shared store, MAPI_E_DISK_ERROR and MAPI_E_TIMEOUT, as SetCurrentState. Any thread.
 * (Reference: hrcreateofflineobj.) */
HRESULT STDMETHODCALLTYPE HrCreateOfflineObj(ULONG ulFlags, MAPIOFFLINE_CREATEINFO *pCreateInfo, IMAPIOfflineMgr **ppOffline);

/* Opens a profile's global object and makes the profile hosted, which strict hosting asks for.
 *
 * pwszProfileName: the profile, 1 to 64 UTF-16 units. ppOffline: receives the object with a reference for the caller;
 * null after every failure.
 *
 * Returns S_OK; E_INVALIDARG; MAPI_E_NOT_FOUND (the name is too long); E_OUTOFMEMORY; MAPI_E_DISK_ERROR and
 * MAPI_E_TIMEOUT, as HrCreateOfflineObj. Any thread. (The reference has no page for it: see docs/decisions.md.) */
HRESULT STDMETHODCALLTYPE HrGetGlobalOffline(LPCWSTR pwszProfileName, IMAPIOfflineMgr **ppOffline);

#ifdef __cplusplus
}
#endif

#endif /* MAPIOFFLINE_EXPORTS_H */
