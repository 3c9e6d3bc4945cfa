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
    /* Asks for a state. ulFlags: MAPIOFFLINE_FLAG_DEFAULT (returns at once, another thread tells) or MAPIOFFLINE_FLAG_BLOCK
     * (tells on this thread and returns afterwards). ulMask: MAPIOFFLINE_STATE_OFFLINE_MASK. ulState: MAPIOFFLINE_STATE_ONLINE
     * or _OFFLINE. pReserved: null. Returns, in the order in which it asks: MAPI_E_UNKNOWN_FLAGS; E_INVALIDARG;
     * MAPI_E_NO_SUPPORT (the capability is lacking); E_PENDING (a transition of the tree is under way); S_OK (also when it is
     * in that state); E_OUTOFMEMORY; E_FAIL (no thread could be started; or, with BLOCK, this is a child that was forked from
     * a callback before the change); E_UNEXPECTED (the object is ending). Of a global object, with the shared store, also
     * MAPI_E_DISK_ERROR (the change could not be written) and MAPI_E_TIMEOUT (another process holds the state folder): nothing
     * is changed then. (Reference: imapioffline-setcurrentstate; docs/decisions.md, D 27.) */
    HRESULT (STDMETHODCALLTYPE *SetCurrentState)(struct IMAPIOffline *This, ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved);
    /* Gives the states that the object can be changed to: MAPIOFFLINE_CAPABILITY_OFFLINE and _ONLINE, each or none. Returns S_OK;
     * E_INVALIDARG (null pointer). One atomic load. (Reference: imapioffline-getcapabilities.) */
    HRESULT (STDMETHODCALLTYPE *GetCapabilities)(struct IMAPIOffline *This, ULONG *pulCapabilities);
    /* Gives MAPIOFFLINE_STATE_ONLINE or _OFFLINE. Returns S_OK; E_INVALIDARG (null pointer). One atomic load. (Reference:
     * imapioffline-getcurrentstate.) */
    HRESULT (STDMETHODCALLTYPE *GetCurrentState)(struct IMAPIOffline *This, ULONG *pulState);
    /* Not supported: MAPI_E_NO_SUPPORT. */
    HRESULT (STDMETHODCALLTYPE *Placeholder1)(struct IMAPIOffline *This);
};

/* Registers for notifications, and is an IMAPIOffline. (Reference: imapiofflinemgrimapioffline.) */
struct IMAPIOfflineMgr {
    /* The vtable. */
    const struct IMAPIOfflineMgrVtbl *lpVtbl;
};

/* The slots of IMAPIOfflineMgr. The first seven are as in IMAPIOffline. */
struct IMAPIOfflineMgrVtbl {
    HRESULT (STDMETHODCALLTYPE *QueryInterface)(struct IMAPIOfflineMgr *This, REFIID riid, void **ppvObject);
    ULONG (STDMETHODCALLTYPE *AddRef)(struct IMAPIOfflineMgr *This);
    ULONG (STDMETHODCALLTYPE *Release)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *SetCurrentState)(struct IMAPIOfflineMgr *This, ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved);
    HRESULT (STDMETHODCALLTYPE *GetCapabilities)(struct IMAPIOfflineMgr *This, ULONG *pulCapabilities);
    HRESULT (STDMETHODCALLTYPE *GetCurrentState)(struct IMAPIOfflineMgr *This, ULONG *pulState);
    HRESULT (STDMETHODCALLTYPE *Placeholder1)(struct IMAPIOfflineMgr *This);
    /* Registers a sink. ulFlags: MAPIOFFLINE_ADVISE_DEFAULT. pulAdviseToken: receives the token, never 0; 0 after a failure. Returns
     * S_OK; E_INVALIDARG (flags, a null pointer, a structure that is not right); E_NOINTERFACE (pCallback does not give an
     * IMAPIOfflineNotify); E_OUTOFMEMORY (the sink was not asked, but for docs/decisions.md, D 30); E_UNEXPECTED (the object ended while
     * the sink was asked). (Reference: imapiofflinemgr-advise.) */
    HRESULT (STDMETHODCALLTYPE *Advise)(struct IMAPIOfflineMgr *This,
                                        ULONG ulFlags,
                                        MAPIOFFLINE_ADVISEINFO *pAdviseInfo,
                                        ULONG *pulAdviseToken);
    /* Ends a registration; see "Registrations" in the manual. Returns S_OK, always. ulFlags is ignored. (Reference:
     * imapiofflinemgr-unadvise.) */
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
    /* Hears of one phase of a transition. Called with no lock of the library held; any method may be called from it, the last
     * Release included. No exception may leave it. (Reference: imapiofflinenotify-notify.) */
    void (STDMETHODCALLTYPE *Notify)(struct IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo);
};

#endif /* MAPIOFFLINE_C_VIEW_H */
