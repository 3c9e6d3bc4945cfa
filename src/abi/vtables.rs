//! The interfaces, slot by slot. The order is the ABI.

use super::*;

/// Gets and sets the state of an offline object. (Reference: imapiofflineiunknown.)
#[repr(C)]
pub struct IMAPIOffline {
    /// The vtable.
    pub lpVtbl: *const IMAPIOfflineVtbl,
}

/// The slots of IMAPIOffline.
#[repr(C)]
pub struct IMAPIOfflineVtbl {
    pub QueryInterface:
        unsafe extern "system" fn(This: *mut IMAPIOffline, riid: REFIID, ppvObject: *mut *mut c_void) -> HRESULT,
    pub AddRef: unsafe extern "system" fn(This: *mut IMAPIOffline) -> ULONG,
    pub Release: unsafe extern "system" fn(This: *mut IMAPIOffline) -> ULONG,
    /// Requests a state: starts or queues a transition if the object is in the other one.
    ///
    /// ulFlags: MAPIOFFLINE_FLAG_DEFAULT (returns at once; a thread of the library delivers the notifications) or
    /// MAPIOFFLINE_FLAG_BLOCK (delivers them on this thread, then returns). ulMask: MAPIOFFLINE_STATE_OFFLINE_MASK.
    /// ulState: MAPIOFFLINE_STATE_ONLINE or _OFFLINE. pReserved: null.
    ///
    /// Returns, in the order of the checks: MAPI_E_UNKNOWN_FLAGS (ulFlags); E_INVALIDARG (any other argument);
    /// E_UNEXPECTED (the object has ended); MAPI_E_NO_SUPPORT (the object lacks the capability); E_PENDING (a
    /// transition of the tree is under way); S_OK (the object is in that state); E_FAIL (no thread could be started);
    /// E_OUTOFMEMORY; for a global object that programs share, MAPI_E_DISK_ERROR (the change could not be written) and
    /// MAPI_E_TIMEOUT (another process holds the lock of the state folder). After each of these errors nothing has
    /// changed. Then S_OK; or, with BLOCK, E_FAIL in a child process that a callback forked before the change.
    /// (Reference: imapioffline-setcurrentstate; docs/decisions.md, D 27.)
    pub SetCurrentState: unsafe extern "system" fn(
        This: *mut IMAPIOffline,
        ulFlags: ULONG,
        ulMask: ULONG,
        ulState: ULONG,
        pReserved: *mut c_void,
    ) -> HRESULT,
    /// Gets the states that the object can be changed to: MAPIOFFLINE_CAPABILITY_OFFLINE, _ONLINE, both or neither.
    /// Returns E_INVALIDARG (null pointer); S_OK. One atomic load. (Reference: imapioffline-getcapabilities.)
    pub GetCapabilities: unsafe extern "system" fn(This: *mut IMAPIOffline, pulCapabilities: *mut ULONG) -> HRESULT,
    /// Gets the state: MAPIOFFLINE_STATE_ONLINE or _OFFLINE. Returns E_INVALIDARG (null pointer); S_OK. One atomic
    /// load. (Reference: imapioffline-getcurrentstate.)
    pub GetCurrentState: unsafe extern "system" fn(This: *mut IMAPIOffline, pulState: *mut ULONG) -> HRESULT,
    /// Not supported: returns MAPI_E_NO_SUPPORT, as do the other placeholders.
    pub Placeholder1: unsafe extern "system" fn(This: *mut IMAPIOffline) -> HRESULT,
}

/// An IMAPIOffline that also registers sinks for notifications. (Reference: imapiofflinemgrimapioffline.)
#[repr(C)]
pub struct IMAPIOfflineMgr {
    /// The vtable.
    pub lpVtbl: *const IMAPIOfflineMgrVtbl,
}

/// The slots of IMAPIOfflineMgr. The first seven are those of IMAPIOffline.
#[repr(C)]
pub struct IMAPIOfflineMgrVtbl {
    pub QueryInterface:
        unsafe extern "system" fn(This: *mut IMAPIOfflineMgr, riid: REFIID, ppvObject: *mut *mut c_void) -> HRESULT,
    pub AddRef: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> ULONG,
    pub Release: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> ULONG,
    pub SetCurrentState: unsafe extern "system" fn(
        This: *mut IMAPIOfflineMgr,
        ulFlags: ULONG,
        ulMask: ULONG,
        ulState: ULONG,
        pReserved: *mut c_void,
    ) -> HRESULT,
    pub GetCapabilities: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr, pulCapabilities: *mut ULONG) -> HRESULT,
    pub GetCurrentState: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr, pulState: *mut ULONG) -> HRESULT,
    pub Placeholder1: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
    /// Registers a sink; see "Registrations" in the manual.
    ///
    /// ulFlags: MAPIOFFLINE_ADVISE_DEFAULT. pAdviseInfo: see there. pulAdviseToken: receives the token, which is never
    /// 0; 0 after a failure.
    ///
    /// Returns, in the order of the checks: E_INVALIDARG (a null pointer, ulFlags, a member of the structure);
    /// E_OUTOFMEMORY (checked before the sink is queried, except as in docs/decisions.md, D 30); E_NOINTERFACE
    /// (pCallback does not give an IMAPIOfflineNotify); E_UNEXPECTED (the object ended while the sink was queried; its
    /// interface is released); S_OK. (Reference: imapiofflinemgr-advise.)
    pub Advise: unsafe extern "system" fn(
        This: *mut IMAPIOfflineMgr,
        ulFlags: ULONG,
        pAdviseInfo: *mut MAPIOFFLINE_ADVISEINFO,
        pulAdviseToken: *mut ULONG,
    ) -> HRESULT,
    /// Ends a registration; see "Registrations" in the manual. ulFlags is ignored. Always returns S_OK, also for a
    /// token that is unknown, stale or another object's. (Reference: imapiofflinemgr-unadvise.)
    pub Unadvise:
        unsafe extern "system" fn(This: *mut IMAPIOfflineMgr, ulFlags: ULONG, ulAdviseToken: ULONG) -> HRESULT,
    pub Placeholder2: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
    pub Placeholder3: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
    pub Placeholder4: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
    pub Placeholder5: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
    pub Placeholder6: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
    pub Placeholder7: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
    pub Placeholder8: unsafe extern "system" fn(This: *mut IMAPIOfflineMgr) -> HRESULT,
}

/// The sink, which the client implements: receives notifications of changes. (Reference: imapiofflinenotifyiunknown.)
#[repr(C)]
pub struct IMAPIOfflineNotify {
    /// The vtable.
    pub lpVtbl: *const IMAPIOfflineNotifyVtbl,
}

/// The slots of IMAPIOfflineNotify.
#[repr(C)]
pub struct IMAPIOfflineNotifyVtbl {
    pub QueryInterface: unsafe extern "system-unwind" fn(
        This: *mut IMAPIOfflineNotify,
        riid: REFIID,
        ppvObject: *mut *mut c_void,
    ) -> HRESULT,
    pub AddRef: unsafe extern "system-unwind" fn(This: *mut IMAPIOfflineNotify) -> ULONG,
    pub Release: unsafe extern "system-unwind" fn(This: *mut IMAPIOfflineNotify) -> ULONG,
    /// Receives the notification of one phase of a transition. Called with no lock of the library held, and for one
    /// registration never on two threads at once. It may call any method, also the last Release. No exception may leave
    /// it. (Reference: imapiofflinenotify-notify.)
    pub Notify: unsafe extern "system-unwind" fn(This: *mut IMAPIOfflineNotify, pNotifyInfo: *const MAPIOFFLINE_NOTIFY),
}
