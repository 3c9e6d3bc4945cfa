/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C view of the interfaces: structures with an lpVtbl, whose order of slots is the ABI.
 * Written by `cargo xtask header` from src/abi/vtables.rs: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_C_VIEW_H
#define MAPIOFFLINE_C_VIEW_H

/* Shows and sets the state of an offline object. (Reference: imapiofflineiunknown.) */
struct IMAPIOffline {
    /* The vtable. */
    const struct IMAPIOfflineVtbl *lpVtbl;
};

/* The slots of IMAPIOffline. */
struct IMAPIOfflineVtbl {
    HRESULT (STDMETHODCALLTYPE *QueryInterface)(struct IMAPIOffline *This, REFIID riid, void **ppvObject);
    ULONG (STDMETHODCALLTYPE *AddRef)(struct IMAPIOffline *This);
    ULONG (STDMETHODCALLTYPE *Release)(struct IMAPIOffline *This);
    HRESULT (STDMETHODCALLTYPE *SetCurrentState)(struct IMAPIOffline *This, ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved);
    HRESULT (STDMETHODCALLTYPE *GetCapabilities)(struct IMAPIOffline *This, ULONG *pulCapabilities);
    HRESULT (STDMETHODCALLTYPE *GetCurrentState)(struct IMAPIOffline *This, ULONG *pulState);
    HRESULT (STDMETHODCALLTYPE *Placeholder1)(struct IMAPIOffline *This);
};

/* Registers for notifications, and is an IMAPIOffline. (Reference: imapiofflinemgrimapioffline.) */
struct IMAPIOfflineMgr {
    /* The vtable. */
    const struct IMAPIOfflineMgrVtbl *lpVtbl;
};

/* The slots of IMAPIOfflineMgr. */
struct IMAPIOfflineMgrVtbl {
    HRESULT (STDMETHODCALLTYPE *QueryInterface)(struct IMAPIOfflineMgr *This, REFIID riid, void **ppvObject);
    ULONG (STDMETHODCALLTYPE *AddRef)(struct IMAPIOfflineMgr *This);
    ULONG (STDMETHODCALLTYPE *Release)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *SetCurrentState)(struct IMAPIOfflineMgr *This, ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved);
    HRESULT (STDMETHODCALLTYPE *GetCapabilities)(struct IMAPIOfflineMgr *This, ULONG *pulCapabilities);
    HRESULT (STDMETHODCALLTYPE *GetCurrentState)(struct IMAPIOfflineMgr *This, ULONG *pulState);
    HRESULT (STDMETHODCALLTYPE *Placeholder1)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Advise)(struct IMAPIOfflineMgr *This,
                                        ULONG ulFlags,
                                        MAPIOFFLINE_ADVISEINFO *pAdviseInfo,
                                        ULONG *pulAdviseToken);
    HRESULT (STDMETHODCALLTYPE *Unadvise)(struct IMAPIOfflineMgr *This, ULONG ulFlags, ULONG ulAdviseToken);
    HRESULT (STDMETHODCALLTYPE *Placeholder2)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder3)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder4)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder5)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder6)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder7)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder8)(struct IMAPIOfflineMgr *This);
};

/* Implemented by the client: hears of changes. (Reference: imapiofflinenotifyiunknown.) */
struct IMAPIOfflineNotify {
    /* The vtable. */
    const struct IMAPIOfflineNotifyVtbl *lpVtbl;
};

/* The slots of IMAPIOfflineNotify. */
struct IMAPIOfflineNotifyVtbl {
    HRESULT (STDMETHODCALLTYPE *QueryInterface)(struct IMAPIOfflineNotify *This, REFIID riid, void **ppvObject);
    ULONG (STDMETHODCALLTYPE *AddRef)(struct IMAPIOfflineNotify *This);
    ULONG (STDMETHODCALLTYPE *Release)(struct IMAPIOfflineNotify *This);
    void (STDMETHODCALLTYPE *Notify)(struct IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo);
};

#endif /* MAPIOFFLINE_C_VIEW_H */
