/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One macro for each method, as COBJMACROS defines them; they work in C and in C++. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_CALL_MACROS_H
#define MAPIOFFLINE_CALL_MACROS_H

#if defined(__cplusplus) && !defined(CINTERFACE)
#define IMAPIOffline_QueryInterface(This, riid, ppv) ((This)->QueryInterface((riid), (ppv)))
#define IMAPIOffline_AddRef(This) ((This)->AddRef())
#define IMAPIOffline_Release(This) ((This)->Release())
#define IMAPIOffline_SetCurrentState(This, ulFlags, ulMask, ulState, pReserved)                                        \
    ((This)->SetCurrentState((ulFlags), (ulMask), (ulState), (pReserved)))
#define IMAPIOffline_GetCapabilities(This, pulCapabilities) ((This)->GetCapabilities((pulCapabilities)))
#define IMAPIOffline_GetCurrentState(This, pulState) ((This)->GetCurrentState((pulState)))
#define IMAPIOfflineMgr_Advise(This, ulFlags, pAdviseInfo, pulAdviseToken)                                             \
    ((This)->Advise((ulFlags), (pAdviseInfo), (pulAdviseToken)))
#define IMAPIOfflineMgr_Unadvise(This, ulFlags, ulAdviseToken) ((This)->Unadvise((ulFlags), (ulAdviseToken)))
#define IMAPIOfflineNotify_Notify(This, pNotifyInfo) ((This)->Notify((pNotifyInfo)))
#else
#define IMAPIOffline_QueryInterface(This, riid, ppv) ((This)->lpVtbl->QueryInterface((This), (riid), (ppv)))
#define IMAPIOffline_AddRef(This) ((This)->lpVtbl->AddRef((This)))
#define IMAPIOffline_Release(This) ((This)->lpVtbl->Release((This)))
#define IMAPIOffline_SetCurrentState(This, ulFlags, ulMask, ulState, pReserved)                                        \
    ((This)->lpVtbl->SetCurrentState((This), (ulFlags), (ulMask), (ulState), (pReserved)))
#define IMAPIOffline_GetCapabilities(This, pulCapabilities)                                                            \
    ((This)->lpVtbl->GetCapabilities((This), (pulCapabilities)))
#define IMAPIOffline_GetCurrentState(This, pulState) ((This)->lpVtbl->GetCurrentState((This), (pulState)))
#define IMAPIOfflineMgr_Advise(This, ulFlags, pAdviseInfo, pulAdviseToken)                                             \
    ((This)->lpVtbl->Advise((This), (ulFlags), (pAdviseInfo), (pulAdviseToken)))
#define IMAPIOfflineMgr_Unadvise(This, ulFlags, ulAdviseToken)                                                         \
    ((This)->lpVtbl->Unadvise((This), (ulFlags), (ulAdviseToken)))
#define IMAPIOfflineNotify_Notify(This, pNotifyInfo) ((This)->lpVtbl->Notify((This), (pNotifyInfo)))
#endif

/* The same expansion, for the interfaces that have the same methods. */
#define IMAPIOfflineMgr_QueryInterface(This, riid, ppv) IMAPIOffline_QueryInterface(This, riid, ppv)
#define IMAPIOfflineMgr_AddRef(This) IMAPIOffline_AddRef(This)
#define IMAPIOfflineMgr_Release(This) IMAPIOffline_Release(This)
#define IMAPIOfflineMgr_SetCurrentState(This, ulFlags, ulMask, ulState, pReserved)                                     \
    IMAPIOffline_SetCurrentState(This, ulFlags, ulMask, ulState, pReserved)
#define IMAPIOfflineMgr_GetCapabilities(This, pulCapabilities) IMAPIOffline_GetCapabilities(This, pulCapabilities)
#define IMAPIOfflineMgr_GetCurrentState(This, pulState) IMAPIOffline_GetCurrentState(This, pulState)
#define IMAPIOfflineNotify_QueryInterface(This, riid, ppv) IMAPIOffline_QueryInterface(This, riid, ppv)
#define IMAPIOfflineNotify_AddRef(This) IMAPIOffline_AddRef(This)
#define IMAPIOfflineNotify_Release(This) IMAPIOffline_Release(This)

#endif /* MAPIOFFLINE_CALL_MACROS_H */
