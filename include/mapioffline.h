/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * mapioffline - the Offline State API of Microsoft Outlook, without Outlook.
 *
 * Not affiliated with or endorsed by Microsoft. Its names are used to say what this is compatible with.
 *
 *
 * THE MANUAL
 *
 * What it is.  A profile (a user's account set, known by name) is online or offline. A program opens the profile's
 * offline object, asks for its state, changes it, and registers to be told of changes:
 *
 *     IMAPIOfflineMgr *pMgr = NULL;
 *     ULONG ulState = 0;
 *     HRESULT hr = HrOpenOfflineObj(0, L"Outlook", &GUID_GlobalState, NULL, &pMgr);
 *     if (SUCCEEDED(hr)) {
 *         hr = IMAPIOfflineMgr_GetCurrentState(pMgr, &ulState);          (C++: pMgr->GetCurrentState(&ulState))
 *         IMAPIOfflineMgr_Release(pMgr);
 *     }
 *
 * Interfaces.  IMAPIOffline has SetCurrentState, GetCapabilities, GetCurrentState; IMAPIOfflineMgr adds Advise and
 * Unadvise and is an IMAPIOffline, so that one pointer serves for both. IMAPIOfflineNotify is the client's to implement.
 * In C they are structures with an lpVtbl, in C++ abstract structures; the call macros (IMAPIOffline_..., and so on)
 * work in both. A riid is &IID_... in C and IID_... in C++.
 *
 * Calling convention.  STDMETHODCALLTYPE on every method, export and callback: __stdcall on 32-bit Windows, the
 * platform's C convention elsewhere.
 *
 * Ownership.  An object that a call gives carries a reference, which the caller gives back with Release. The last
 * Release returns 0 and ends the object's registrations. Structures and strings that a caller passes in stay the
 * caller's; nothing of them is kept. A notification is valid until Notify returns.
 *
 * Registrations.  Advise asks pCallback once for IID_IMAPIOfflineNotify and keeps that interface until Unadvise, or the
 * object's last Release. Unadvise always returns S_OK, and once it has returned no Notify of that registration begins
 * any more; it does not wait for one that another thread is in, and may be called from Notify itself. The interface is
 * released during the call, or when the running Notify returns. Unadvise(0, 0) is allowed.
 *
 * Transitions.  SetCurrentState with MAPIOFFLINE_FLAG_BLOCK tells everybody on the calling thread and then returns;
 * without, it returns S_OK at once and a thread of the library tells. Each registration hears three notifications, in
 * this order and each once: STATECHANGE_START (the state is still the old one), STATECHANGE and STATECHANGE_DONE (it is
 * the new one). An object with children changes in one transition with them. While a transition is under way a second
 * request gets E_PENDING; during DONE the first request without BLOCK is accepted and queued, later ones get E_PENDING.
 *
 * Other processes.  All programs of a user share the state of a profile: what one of them sets, the others hear of in
 * transitions of their own. It lives in a folder of the user's, of which docs/shared-state.md tells; the program mapioffline
 * shows and sets it. In the environment MAPIOFFLINE_STATE_DIR names another folder, and MAPIOFFLINE_STORE=memory keeps the
 * state in the process. Objects other than a profile's global one are not shared.
 *
 * Threads.  Every function and method may be called on any thread, and from Notify. Notify comes on a thread of the
 * library or on the one that called SetCurrentState with BLOCK, with no lock of the library held, and never on two
 * threads at once for one registration. No C++ exception may leave a client's method: it ends the process.
 *
 * Unloading, exit, fork.  From the first open on the library stays loaded whatever is done with its handle. Once exit
 * handlers run nothing is notified any more. In a forked child no transition is under way.
 *
 * Errors.  HRESULTs, by name where each function and each method is declared. After a failure every out pointer is null.
 *
 *
 * BEFORE INCLUDING IT
 *
 * MAPIOFFLINE_NO_PLATFORM_TYPES     ULONG, HRESULT, BOOL, WCHAR, LPCWSTR, GUID, IID, REFIID and IUnknown are there already.
 *                                   (GUID and IUnknown alone are noticed by GUID_DEFINED and
 *                                   __IUnknown_INTERFACE_DEFINED__; Kopano's headers by their guards.)
 * MAPIOFFLINE_FOREIGN_IUNKNOWN      the IUnknown that is there already is not COM's (another order of slots, a virtual
 *                                   destructor). The interfaces then begin with MAPIOFFLINE_UNKNOWN, which is. Off Windows
 *                                   only; Kopano's is noticed.
 * MAPIOFFLINE_WCHAR_BITS            16 off Windows makes WCHAR a UTF-16 unit, as -fshort-wchar does by itself; the
 *                                   exports that take LPCWSTR then go to the UTF-16 extensions.
 * MAPIOFFLINE_NO_MAPI_CODES         MAPI_E_... come from another header, perhaps as enumerators.
 * MAPIOFFLINE_NO_IIDS               IID_... and GUID_GlobalState are declared only; the program defines them. On Windows,
 *                                   where this unit has INITGUID, they are not declared either: DEFINE_GUID does that.
 * MAPIOFFLINE_NO_CALL_MACROS        no IMAPIOffline_... call macros.
 * MAPIOFFLINE_HROPENOFFLINEOBJ_FUNCTION, MAPIOFFLINE_HROPENOFFLINEOBJ_POINTER
 *                                   define HROPENOFFLINEOBJ, as a function type or as a pointer to one.
 * CINTERFACE                        the C view in C++ too.
 */
#ifndef MAPIOFFLINE_H
#define MAPIOFFLINE_H

#include "mapioffline/version.h"
#include "mapioffline/platform.h"
#include "mapioffline/codes.h"
#include "mapioffline/forward.h"
#include "mapioffline/iids.h"
#include "mapioffline/structs.h"
#if defined(__cplusplus) && !defined(CINTERFACE)
#include "mapioffline/cpp_view.h"
#else
#include "mapioffline/c_view.h"
#endif
#ifndef MAPIOFFLINE_NO_CALL_MACROS
#include "mapioffline/call_macros.h"
#endif
#include "mapioffline/exports.h"
#include "mapioffline/extensions.h"
#include "mapioffline/wide.h"

/* Fails to compile where an option (-fshort-enums) or an open #pragma pack gives another layout than the ABI's. */
typedef char mapioffline_enums_are_ints[sizeof(MAPIOFFLINE_NOTIFY_TYPE) == sizeof(int) &&
                                                sizeof(MAPIOFFLINE_CALLBACK_TYPE) == sizeof(int)
                                            ? 1
                                            : -1];
typedef char mapioffline_structures_are_not_packed[sizeof(MAPIOFFLINE_NOTIFY) == 24 &&
                                                           sizeof(MAPIOFFLINE_ADVISEINFO) ==
                                                               (sizeof(void *) == 8 ? 32 : 24) &&
                                                           sizeof(MAPIOFFLINE_CREATEINFO) ==
                                                               (sizeof(void *) == 8 ? 72 : 40) &&
                                                           sizeof(MAPIOFFLINE_AGGREGATEINFO) ==
                                                               (sizeof(void *) == 8 ? 24 : 12)
                                                       ? 1
                                                       : -1];

#if defined(MAPIOFFLINE_HROPENOFFLINEOBJ_FUNCTION)
typedef HRESULT(STDMETHODCALLTYPE HROPENOFFLINEOBJ)(ULONG ulReserved, LPCWSTR pwszProfileName, const GUID *pGUID,
                                                    const GUID *pInstance, IMAPIOfflineMgr **ppOffline);
#elif defined(MAPIOFFLINE_HROPENOFFLINEOBJ_POINTER)
typedef HRESULT(STDMETHODCALLTYPE *HROPENOFFLINEOBJ)(ULONG ulReserved, LPCWSTR pwszProfileName, const GUID *pGUID,
                                                     const GUID *pInstance, IMAPIOfflineMgr **ppOffline);
#endif

#endif /* MAPIOFFLINE_H */
