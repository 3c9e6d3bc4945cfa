/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C view of the interfaces: structures with an lpVtbl, whose order of slots is the ABI.
 * Written by `cargo xtask generate` from src/abi/vtables.rs: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_C_VIEW_H
#define MAPIOFFLINE_C_VIEW_H

/* Gets and sets the state of an offline object. (Reference: imapiofflineiunknown.) */
struct IMAPIOffline {
    /* The vtable. */
    const struct IMAPIOfflineVtbl *lpVtbl;
};

/* The slots of IMAPIOffline. */
struct IMAPIOfflineVtbl {
    HRESULT (STDMETHODCALLTYPE *QueryInterface)(struct IMAPIOffline *This, REFIID riid, void **ppvObject);
    ULONG (STDMETHODCALLTYPE *AddRef)(struct IMAPIOffline *This);
    ULONG (STDMETHODCALLTYPE *Release)(struct IMAPIOffline *This);
    /* Requests a state: starts or queues a transition if the object is in the other one.
     *
     * ulFlags: MAPIOFFLINE_FLAG_DEFAULT (returns at once; a thread of the library delivers the notifications) or
     * MAPIOFFLINE_FLAG_BLOCK (delivers them on this thread, then returns). ulMask: MAPIOFFLINE_STATE_OFFLINE_MASK.
     * ulState: MAPIOFFLINE_STATE_ONLINE or _OFFLINE. pReserved: null.
     *
     * Returns, in the order of the checks: MAPI_E_UNKNOWN_FLAGS (ulFlags); E_INVALIDARG (any other argument);
     * E_UNEXPECTED (the object has ended); MAPI_E_NO_SUPPORT (the object lacks the capability); E_PENDING (a
     * transition of the tree is under way); S_OK (the object is in that state); E_FAIL (no thread could be started);
     * E_OUTOFMEMORY; for a global object that programs share, MAPI_E_DISK_ERROR (the change could not be written) and
     * MAPI_E_TIMEOUT (another process holds the lock of the state folder). After each of these errors nothing has
     * changed. Then S_OK; or, with BLOCK, E_FAIL in a child process that a callback forked before the change.
     * (Reference: imapioffline-setcurrentstate; docs/decisions.md, D 27.) */
    HRESULT (STDMETHODCALLTYPE *SetCurrentState)(struct IMAPIOffline *This, ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved);
    /* Gets the states that the object can be changed to: MAPIOFFLINE_CAPABILITY_OFFLINE, _ONLINE, both or neither.
     * Returns E_INVALIDARG (null pointer); S_OK. One atomic load. (Reference: imapioffline-getcapabilities.) */
    HRESULT (STDMETHODCALLTYPE *GetCapabilities)(struct IMAPIOffline *This, ULONG *pulCapabilities);
    /* Gets the state: MAPIOFFLINE_STATE_ONLINE or _OFFLINE. Returns E_INVALIDARG (null pointer); S_OK. One atomic
     * load. (Reference: imapioffline-getcurrentstate.) */
    HRESULT (STDMETHODCALLTYPE *GetCurrentState)(struct IMAPIOffline *This, ULONG *pulState);
    /* Not supported: returns MAPI_E_NO_SUPPORT, as do the other placeholders. */
    HRESULT (STDMETHODCALLTYPE *Placeholder1)(struct IMAPIOffline *This);
};

/* An IMAPIOffline that also registers sinks for notifications. (Reference: imapiofflinemgrimapioffline.) */
struct IMAPIOfflineMgr {
    /* The vtable. */
    const struct IMAPIOfflineMgrVtbl *lpVtbl;
};

/* The slots of IMAPIOfflineMgr. The first seven are those of IMAPIOffline. */
struct IMAPIOfflineMgrVtbl {
    HRESULT (STDMETHODCALLTYPE *QueryInterface)(struct IMAPIOfflineMgr *This, REFIID riid, void **ppvObject);
    ULONG (STDMETHODCALLTYPE *AddRef)(struct IMAPIOfflineMgr *This);
    ULONG (STDMETHODCALLTYPE *Release)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *SetCurrentState)(struct IMAPIOfflineMgr *This, ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved);
    HRESULT (STDMETHODCALLTYPE *GetCapabilities)(struct IMAPIOfflineMgr *This, ULONG *pulCapabilities);
    HRESULT (STDMETHODCALLTYPE *GetCurrentState)(struct IMAPIOfflineMgr *This, ULONG *pulState);
    HRESULT (STDMETHODCALLTYPE *Placeholder1)(struct IMAPIOfflineMgr *This);
    /* Registers a sink; see "Registrations" in the manual.
     *
     * ulFlags: MAPIOFFLINE_ADVISE_DEFAULT. pAdviseInfo: see there. pulAdviseToken: receives the token, which is never
     * 0; 0 after a failure.
     *
     * Returns, in the order of the checks: E_INVALIDARG (a null pointer, ulFlags, a member of the structure);
     * E_OUTOFMEMORY (checked before the sink is queried, except as in docs/decisions.md, D 30); E_NOINTERFACE
     * (pCallback does not give an IMAPIOfflineNotify); E_UNEXPECTED (the object ended while the sink was queried; its
     * interface is released); S_OK. (Reference: imapiofflinemgr-advise.) */
    HRESULT (STDMETHODCALLTYPE *Advise)(struct IMAPIOfflineMgr *This,
                                        ULONG ulFlags,
                                        MAPIOFFLINE_ADVISEINFO *pAdviseInfo,
                                        ULONG *pulAdviseToken);
    /* Ends a registration; see "Registrations" in the manual. ulFlags is ignored. Always returns S_OK, also for a
     * token that is unknown, stale or another object's. (Reference: imapiofflinemgr-unadvise.) */
    HRESULT (STDMETHODCALLTYPE *Unadvise)(struct IMAPIOfflineMgr *This, ULONG ulFlags, ULONG ulAdviseToken);
    HRESULT (STDMETHODCALLTYPE *Placeholder2)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder3)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder4)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder5)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder6)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder7)(struct IMAPIOfflineMgr *This);
    HRESULT (STDMETHODCALLTYPE *Placeholder8)(struct IMAPIOfflineMgr *This);
};

/* The sink, which the client implements: receives notifications of changes. (Reference: imapiofflinenotifyiunknown.) */
struct IMAPIOfflineNotify {
    /* The vtable. */
    const struct IMAPIOfflineNotifyVtbl *lpVtbl;
};

/* The slots of IMAPIOfflineNotify. */
struct IMAPIOfflineNotifyVtbl {
    HRESULT (STDMETHODCALLTYPE *QueryInterface)(struct IMAPIOfflineNotify *This, REFIID riid, void **ppvObject);
    ULONG (STDMETHODCALLTYPE *AddRef)(struct IMAPIOfflineNotify *This);
    ULONG (STDMETHODCALLTYPE *Release)(struct IMAPIOfflineNotify *This);
    /* Receives the notification of one phase of a transition. Called with no lock of the library held, and for one
     * registration never on two threads at once. It may call any method, also the last Release. No exception may leave
     * it. (Reference: imapiofflinenotify-notify.) */
    void (STDMETHODCALLTYPE *Notify)(struct IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo);
};

#endif /* MAPIOFFLINE_C_VIEW_H */
