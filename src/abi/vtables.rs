//! The interfaces, slot by slot. The order is the ABI.

use super::*;

/// Shows and sets the state of an offline object. (Reference: imapiofflineiunknown.)
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
    /// Asks for a state. ulFlags: MAPIOFFLINE_FLAG_DEFAULT (returns at once, another thread tells) or MAPIOFFLINE_FLAG_BLOCK
    /// (tells on this thread and returns afterwards). ulMask: MAPIOFFLINE_STATE_OFFLINE_MASK. ulState: MAPIOFFLINE_STATE_ONLINE
    /// or _OFFLINE. pReserved: null. Returns, in the order in which it asks: MAPI_E_UNKNOWN_FLAGS; E_INVALIDARG;
    /// MAPI_E_NO_SUPPORT (the capability is lacking); E_PENDING (a transition of the tree is under way); S_OK (also when it is
    /// in that state); E_OUTOFMEMORY; E_FAIL (no thread could be started; or, with BLOCK, this is a child that was forked from
    /// a callback before the change); E_UNEXPECTED (the object is ending). Of a global object, with the shared store, also
    /// MAPI_E_DISK_ERROR (the change could not be written) and MAPI_E_TIMEOUT (another process holds the state folder): nothing
    /// is changed then. (Reference: imapioffline-setcurrentstate; docs/decisions.md, D 27.)
    pub SetCurrentState: unsafe extern "system" fn(
        This: *mut IMAPIOffline,
        ulFlags: ULONG,
        ulMask: ULONG,
        ulState: ULONG,
        pReserved: *mut c_void,
    ) -> HRESULT,
    /// Gives the states that the object can be changed to: MAPIOFFLINE_CAPABILITY_OFFLINE and _ONLINE, each or none. Returns S_OK;
    /// E_INVALIDARG (null pointer). One atomic load. (Reference: imapioffline-getcapabilities.)
    pub GetCapabilities: unsafe extern "system" fn(This: *mut IMAPIOffline, pulCapabilities: *mut ULONG) -> HRESULT,
    /// Gives MAPIOFFLINE_STATE_ONLINE or _OFFLINE. Returns S_OK; E_INVALIDARG (null pointer). One atomic load. (Reference:
    /// imapioffline-getcurrentstate.)
    pub GetCurrentState: unsafe extern "system" fn(This: *mut IMAPIOffline, pulState: *mut ULONG) -> HRESULT,
    /// Not supported: MAPI_E_NO_SUPPORT.
    pub Placeholder1: unsafe extern "system" fn(This: *mut IMAPIOffline) -> HRESULT,
}

/// Registers for notifications, and is an IMAPIOffline. (Reference: imapiofflinemgrimapioffline.)
#[repr(C)]
pub struct IMAPIOfflineMgr {
    /// The vtable.
    pub lpVtbl: *const IMAPIOfflineMgrVtbl,
}

/// The slots of IMAPIOfflineMgr. The first seven are as in IMAPIOffline.
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
    /// Registers a sink. ulFlags: MAPIOFFLINE_ADVISE_DEFAULT. pulAdviseToken: receives the token, never 0; 0 after a failure. Returns
    /// S_OK; E_INVALIDARG (flags, a null pointer, a structure that is not right); E_NOINTERFACE (pCallback does not give an
    /// IMAPIOfflineNotify); E_OUTOFMEMORY (the sink was not asked, but for docs/decisions.md, D 30); E_UNEXPECTED (the object ended while
    /// the sink was asked). (Reference: imapiofflinemgr-advise.)
    pub Advise: unsafe extern "system" fn(
        This: *mut IMAPIOfflineMgr,
        ulFlags: ULONG,
        pAdviseInfo: *mut MAPIOFFLINE_ADVISEINFO,
        pulAdviseToken: *mut ULONG,
    ) -> HRESULT,
    /// Ends a registration; see "Registrations" in the manual. Returns S_OK, always. ulFlags is ignored. (Reference:
    /// imapiofflinemgr-unadvise.)
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

/// Implemented by the client: hears of changes. (Reference: imapiofflinenotifyiunknown.)
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
    /// Hears of one phase of a transition. Called with no lock of the library held; any method may be called from it, the last
    /// Release included. No exception may leave it. (Reference: imapiofflinenotify-notify.)
    pub Notify: unsafe extern "system-unwind" fn(This: *mut IMAPIOfflineNotify, pNotifyInfo: *const MAPIOFFLINE_NOTIFY),
}
