/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * mapioffline - the Offline State API of Microsoft Outlook, without Outlook.
 *
 * Not affiliated with or endorsed by Microsoft. Its names say what this library is compatible with.
 *
 *
 * THE MANUAL
 *
 * What it is.  A profile (a user's account set, known by name) is online or offline. A program opens the profile's
 * offline object, gets its state, changes it, and registers for notifications of changes:
 *
 *     IMAPIOfflineMgr *pMgr = NULL;
 *     ULONG ulState = 0;
 *     HRESULT hr = HrOpenOfflineObj(0, L"Outlook", &GUID_GlobalState, NULL, &pMgr);
 *     if (SUCCEEDED(hr)) {
 *         hr = IMAPIOfflineMgr_GetCurrentState(pMgr, &ulState);          (C++: pMgr->GetCurrentState(&ulState))
 *         IMAPIOfflineMgr_Release(pMgr);
 *     }
 *
 * Interfaces.  IMAPIOffline has SetCurrentState, GetCapabilities and GetCurrentState. IMAPIOfflineMgr derives from it and
 * adds Advise and Unadvise, so one pointer serves for both. The client implements IMAPIOfflineNotify. In C the interfaces
 * are structures with an lpVtbl, in C++ abstract structures; the call macros (IMAPIOffline_..., and so on) work in both.
 * A riid is &IID_... in C and IID_... in C++.
 *
 * Calling convention.  STDMETHODCALLTYPE on every method, export and callback: __stdcall on 32-bit Windows, the
 * platform's C convention elsewhere.
 *
 * Ownership.  A call that returns an object gives the caller a reference on it, to be released with Release. The last
 * Release returns 0 and ends the object's registrations. Structures and strings that a caller passes in remain the
 * caller's; the library keeps none of them. A notification is valid until Notify returns.
 *
 * Registrations.  Advise queries pCallback once for IID_IMAPIOfflineNotify and keeps that interface until Unadvise or the
 * object's last Release. Unadvise always returns S_OK; Unadvise(0, 0) is allowed. Once it has returned, no Notify of that
 * registration begins any more. It does not wait for a Notify that is running on another thread, and may be called from
 * Notify itself. It releases the interface, unless that registration's Notify is running on another thread: then the
 * interface is released when that Notify returns.
 *
 * Transitions.  With MAPIOFFLINE_FLAG_BLOCK, SetCurrentState delivers all notifications on the calling thread and then
 * returns. Without it, SetCurrentState returns S_OK at once and a thread of the library delivers them. Each registration
 * gets three notifications, each once and in this order: STATECHANGE_START (the state is still the old one), STATECHANGE
 * and STATECHANGE_DONE (the state is the new one). An object without a parent and its descendants form a tree; an object
 * changes in one transition with its descendants. While a transition of the tree is under way, a second request returns
 * E_PENDING. During DONE the first request without BLOCK is accepted and queued; later ones return E_PENDING.
 *
 * Other processes.  All programs of a user share the state of a profile. When one of them changes it, each of the others
 * runs a transition of its own. The state is stored in a folder of the user (docs/shared-state.md); the program mapioffline
 * shows and sets it. In the environment, MAPIOFFLINE_STATE_DIR names another folder, and MAPIOFFLINE_STORE=memory keeps the
 * state in the process. Only global objects are shared.
 *
 * Threads.  Every function and method may be called on any thread, and from Notify. Notify is called on a thread of the
 * library or on the one that called SetCurrentState with BLOCK, with no lock of the library held, and for one
 * registration never on two threads at once. No C++ exception may leave a client's method: it ends the process.
 * A host that wants Notify on a thread of its own, such as that of a window, calls MapiOfflineSetDelivery, and dispatches changes
 * by MapiOfflineDispatch when MapiOfflineGetDispatchHandle's handle is ready (docs/event-loops.md).
 * A thread of the library blocks asynchronous signals; SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS and SIGABRT stay
 * as the program has them. A program that is started from Notify on such a thread inherits that mask, and would ignore
 * SIGTERM: start it with an empty mask (posix_spawnattr_setsigmask and POSIX_SPAWN_SETSIGMASK, or sigprocmask between
 * fork and exec).
 *
 * Loader.  While a constructor or DllMain runs, the loader's lock is held, and a thread that is started then does not begin:
 * a request without MAPIOFFLINE_FLAG_BLOCK is accepted there, but do not wait there for its DONE.
 *
 * Unloading, exit, fork.  From the first open on, the library stays loaded, even if its handle is closed. Once exit
 * handlers run, no notification is delivered any more. In a forked child no transition is under way.
 *
 * Loading.  A client that loads the library at run time looks up MAPIOFFLINE_OPEN_NAME, MAPIOFFLINE_CREATE_NAME and
 * MAPIOFFLINE_GLOBAL_NAME: on 32-bit Windows the decorated names (HrOpenOfflineObj@20), elsewhere the plain ones, for a
 * WCHAR of 16 bits off Windows the UTF-16 extensions.
 *
 * Errors.  Functions and methods return HRESULTs. Each declaration lists them, in the order in which they are checked.
 * After a failure every out pointer is null.
 *
 *
 * MACROS TO DEFINE BEFORE INCLUDING THIS HEADER
 *
 * MAPIOFFLINE_NO_PLATFORM_TYPES     another header declares ULONG, HRESULT, BOOL, WCHAR, LPCWSTR, GUID, IID, REFIID and
 *                                   IUnknown. (GUID and IUnknown alone are detected by GUID_DEFINED and
 *                                   __IUnknown_INTERFACE_DEFINED__, and BOOL if it is a macro.)
 * GUID_DEFINED                      another header declares GUID alone, without that macro, as gromox does, and Samba and
 *                                   OpenChange for C++. The names of its members do not matter.
 * MAPIOFFLINE_FOREIGN_IUNKNOWN      the IUnknown of another header is not COM's (another order of slots, a virtual
 *                                   destructor). The interfaces then begin with MAPIOFFLINE_UNKNOWN, which has COM's slots.
 *                                   Off Windows only. It says nothing of the other types: a header that declares them
 *                                   too needs MAPIOFFLINE_NO_PLATFORM_TYPES as well. Kopano's headers (8.0.0 and later)
 *                                   are detected, and need neither.
 * MAPIOFFLINE_WCHAR_BITS            16 off Windows makes WCHAR a UTF-16 unit, as -fshort-wchar does by itself; calls of
 *                                   the exports that take LPCWSTR then go to the UTF-16 extensions.
 * MAPIOFFLINE_WINELIB               winegcc or wineg++ compiles a program that loads mapioffline.dll; it calls no export
 *                                   directly.
 * MAPIOFFLINE_OWN_NAMES             calls of HrOpenOfflineObj, HrCreateOfflineObj and HrGetGlobalOffline go to exports with
 *                                   the prefix MapiOffline, for a program that also links Microsoft's MAPIStubLibrary, which
 *                                   defines the first two. For a WCHAR of 16 bits.
 * MAPIOFFLINE_NO_MAPI_CODES         another header declares MAPI_E_..., perhaps as enumerators.
 * MAPIOFFLINE_NO_IIDS               IID_... and GUID_GlobalState are only declared; the program defines them. On Windows,
 *                                   a unit with INITGUID does not declare them here either: DEFINE_GUID does that.
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
#include "mapioffline/lookup.h"
#include "mapioffline/winelib.h"

/* Fails to compile where an option (-fshort-enums) or an open #pragma pack changes the layout of the ABI. */
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
