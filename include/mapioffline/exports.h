/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The functions under Outlook's export names.
 * Written by `cargo xtask generate` from src/api/exports.rs: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_EXPORTS_H
#define MAPIOFFLINE_EXPORTS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Opens an offline object: a profile's global object (GUID_GlobalState and no instance), or one that HrCreateOfflineObj
 * created and that is alive. Opening the same object again gives the same pointer with one more reference.
 *
 * ulReserved: 0. pwszProfileName: the profile, 1 to 64 UTF-16 units. pGUID: the type. pInstance: the instance, or null.
 * ppOffline: receives the object with a reference for the caller; null after every failure.
 *
 * Returns, in the order of the checks: E_INVALIDARG (ppOffline is null); MAPI_E_UNKNOWN_FLAGS (ulReserved is not 0);
 * E_INVALIDARG (the name is null, empty or malformed) or MAPI_E_NOT_FOUND (it is too long), whichever comes first in the
 * name; E_INVALIDARG (pGUID is null); MAPI_E_NOT_FOUND (no such object); E_OUTOFMEMORY; S_OK. Callable on any thread.
 * (Reference: hropenofflineobj.) */
HRESULT STDMETHODCALLTYPE HrOpenOfflineObj(ULONG ulReserved,
                                           LPCWSTR pwszProfileName,
                                           const GUID *pGUID,
                                           const GUID *pInstance,
                                           IMAPIOfflineMgr **ppOffline);

/* Creates an offline object, or opens the existing one of the same type and instance, whose parent and capabilities then
 * stay as they are. Without a type the object is anonymous: HrOpenOfflineObj never finds it.
 *
 * ulFlags: MAPIOFFLINE_FLAG_DEFAULT. pCreateInfo: what to create; nothing of it is kept. ppOffline: receives the object
 * with a reference for the caller (an aggregate's inner object by its non-delegating unknown); null after every failure.
 *
 * Returns, in the order of the checks, also if the object exists already: E_INVALIDARG (a null pointer, ulSize too
 * small); MAPI_E_UNKNOWN_FLAGS (ulFlags or ulCreateFlags); E_INVALIDARG or MAPI_E_NOT_FOUND for the name, as
 * HrOpenOfflineObj; E_INVALIDARG (capability bits outside 0x3, a parent that is not an object of this library or is of
 * another profile, members that are invalid or contradict each other); E_OUTOFMEMORY; for a global object that programs
 * share and that is not stored yet, MAPI_E_DISK_ERROR and MAPI_E_TIMEOUT, as SetCurrentState; S_OK. Callable on any
 * thread. (Reference: hrcreateofflineobj.) */
HRESULT STDMETHODCALLTYPE HrCreateOfflineObj(ULONG ulFlags,
                                             MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                             IMAPIOfflineMgr **ppOffline);

/* Creates or opens a profile's global object and makes the profile hosted, which strict hosting requires.
 *
 * pwszProfileName: the profile, 1 to 64 UTF-16 units. ppOffline: receives the object with a reference for the caller;
 * null after every failure.
 *
 * Returns, in the order of the checks: E_INVALIDARG (ppOffline is null); E_INVALIDARG or MAPI_E_NOT_FOUND for the name,
 * as HrOpenOfflineObj; E_OUTOFMEMORY; MAPI_E_DISK_ERROR and MAPI_E_TIMEOUT, as HrCreateOfflineObj; S_OK. Callable on any
 * thread. (The reference has no page for it: see docs/decisions.md, D 4.) */
HRESULT STDMETHODCALLTYPE HrGetGlobalOffline(LPCWSTR pwszProfileName,
                                             IMAPIOfflineMgr **ppOffline);

#ifdef __cplusplus
}
#endif

#endif /* MAPIOFFLINE_EXPORTS_H */
