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
    pub SetCurrentState: unsafe extern "system" fn(
        This: *mut IMAPIOffline,
        ulFlags: ULONG,
        ulMask: ULONG,
        ulState: ULONG,
        pReserved: *mut c_void,
    ) -> HRESULT,
    pub GetCapabilities: unsafe extern "system" fn(This: *mut IMAPIOffline, pulCapabilities: *mut ULONG) -> HRESULT,
    pub GetCurrentState: unsafe extern "system" fn(This: *mut IMAPIOffline, pulState: *mut ULONG) -> HRESULT,
    pub Placeholder1: unsafe extern "system" fn(This: *mut IMAPIOffline) -> HRESULT,
}

/// Registers for notifications, and is an IMAPIOffline. (Reference: imapiofflinemgrimapioffline.)
#[repr(C)]
pub struct IMAPIOfflineMgr {
    /// The vtable.
    pub lpVtbl: *const IMAPIOfflineMgrVtbl,
}

/// The slots of IMAPIOfflineMgr.
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
    pub Advise: unsafe extern "system" fn(
        This: *mut IMAPIOfflineMgr,
        ulFlags: ULONG,
        pAdviseInfo: *mut MAPIOFFLINE_ADVISEINFO,
        pulAdviseToken: *mut ULONG,
    ) -> HRESULT,
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
    pub Notify: unsafe extern "system-unwind" fn(This: *mut IMAPIOfflineNotify, pNotifyInfo: *const MAPIOFFLINE_NOTIFY),
}
