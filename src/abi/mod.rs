//! What C sees: types, layouts, vtables and numbers, without behaviour.
//!
//! `cargo xtask generate` generates the C view from `structs.rs` and `vtables.rs`. The names are Microsoft's.
#![forbid(unsafe_code)]
#![allow(unreachable_pub, reason = "public for the header generator")]
#![allow(dead_code, reason = "C's view is declared in full, whether Rust uses it or not")]
#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    non_snake_case,
    clippy::upper_case_acronyms,
    reason = "ABI names keep Microsoft's spelling"
)]

mod layout;
mod structs;
mod vtables;

use std::ffi::c_void;

pub(crate) use structs::*;
pub(crate) use vtables::*;

/// 32 bits, unsigned, on every platform.
pub type ULONG = u32;
/// 32 bits, signed, on every platform.
pub type HRESULT = i32;
/// `int` in C.
pub type BOOL = i32;
/// An enum of C with the size of `int`.
pub type MAPIOFFLINE_CALLBACK_TYPE = u32;
/// An enum of C with the size of `int`.
pub type MAPIOFFLINE_NOTIFY_TYPE = u32;
/// The platform's `wchar_t`: 16 bits on Windows, 32 elsewhere.
#[cfg(windows)]
pub type WCHAR = u16;
/// The platform's `wchar_t`: 16 bits on Windows, 32 elsewhere.
#[cfg(not(windows))]
pub type WCHAR = u32;
/// A string of `wchar_t`, ended by zero.
pub type LPCWSTR = *const WCHAR;
/// A UTF-16 unit, whatever `wchar_t` is.
pub type MAPIOFFLINE_CHAR16 = u16;
/// A byte of UTF-8.
pub type MAPIOFFLINE_CHAR8 = std::ffi::c_char;
/// An interface identifier by reference.
pub type REFIID = *const GUID;

/// A globally unique identifier, laid out as in C.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GUID {
    /// The first group, as a number.
    pub Data1: u32,
    /// The second group, as a number.
    pub Data2: u16,
    /// The third group, as a number.
    pub Data3: u16,
    /// The last two groups, byte by byte.
    pub Data4: [u8; 8],
}

const fn guid(Data1: u32, Data2: u16, Data3: u16, Data4: [u8; 8]) -> GUID {
    GUID { Data1, Data2, Data3, Data4 }
}

pub(crate) const IID_IUnknown: GUID = guid(0, 0, 0, [0xC0, 0, 0, 0, 0, 0, 0, 0x46]);
pub(crate) const IID_IMAPIOffline: GUID = guid(0x0006_72B5, 0, 0, [0xC0, 0, 0, 0, 0, 0, 0, 0x46]);
pub(crate) const IID_IMAPIOfflineMgr: GUID =
    guid(0x4217_5607, 0xFF3E, 0x4790, [0xBC, 0x18, 0x66, 0xC8, 0x64, 0x3E, 0x64, 0x24]);
pub(crate) const IID_IMAPIOfflineNotify: GUID =
    guid(0x0317_BDE5, 0xFC29, 0x44CD, [0x8D, 0xCD, 0x36, 0x12, 0x5A, 0x3B, 0xE9, 0xEC]);
/// The type of a profile's global object.
pub const GUID_GlobalState: GUID = guid(0xFBEF_FD93, 0xB11F, 0x4094, [0x84, 0x2B, 0x96, 0xDC, 0xD3, 0x1E, 0x63, 0xD1]);

// Keep in sync with include/mapioffline/codes.h; c-tests/suite/abi.c compares each value with a C compiler's.
pub(crate) const S_OK: HRESULT = 0;
pub(crate) const E_NOINTERFACE: HRESULT = 0x8000_4002_u32 as HRESULT;
pub(crate) const E_PENDING: HRESULT = 0x8000_000A_u32 as HRESULT;
pub(crate) const E_FAIL: HRESULT = 0x8000_4005_u32 as HRESULT;
pub(crate) const E_UNEXPECTED: HRESULT = 0x8000_FFFF_u32 as HRESULT;
pub(crate) const E_INVALIDARG: HRESULT = 0x8007_0057_u32 as HRESULT;
pub(crate) const E_OUTOFMEMORY: HRESULT = 0x8007_000E_u32 as HRESULT;
pub(crate) const MAPI_E_NOT_FOUND: HRESULT = 0x8004_010F_u32 as HRESULT;
pub(crate) const MAPI_E_UNKNOWN_FLAGS: HRESULT = 0x8004_0106_u32 as HRESULT;
pub(crate) const MAPI_E_DISK_ERROR: HRESULT = 0x8004_0116_u32 as HRESULT;
pub(crate) const MAPI_E_TIMEOUT: HRESULT = 0x8004_0401_u32 as HRESULT;
pub(crate) const MAPI_E_NO_SUPPORT: HRESULT = 0x8004_0102_u32 as HRESULT;

/// The names of those, and of others that MAPI's functions return, for texts.
pub(crate) const HRESULTS: [(HRESULT, &str); 23] = [
    (S_OK, "S_OK"),
    (E_INVALIDARG, "E_INVALIDARG"),
    (E_NOINTERFACE, "E_NOINTERFACE"),
    (E_PENDING, "E_PENDING"),
    (E_OUTOFMEMORY, "E_OUTOFMEMORY"),
    (E_FAIL, "E_FAIL"),
    (E_UNEXPECTED, "E_UNEXPECTED"),
    (MAPI_E_UNKNOWN_FLAGS, "MAPI_E_UNKNOWN_FLAGS"),
    (MAPI_E_NOT_FOUND, "MAPI_E_NOT_FOUND"),
    (MAPI_E_NO_SUPPORT, "MAPI_E_NO_SUPPORT"),
    (MAPI_E_DISK_ERROR, "MAPI_E_DISK_ERROR"),
    (MAPI_E_TIMEOUT, "MAPI_E_TIMEOUT"),
    (E_INVALIDARG, "MAPI_E_INVALID_PARAMETER"),
    (E_OUTOFMEMORY, "MAPI_E_NOT_ENOUGH_MEMORY"),
    (E_FAIL, "MAPI_E_CALL_FAILED"),
    (E_NOINTERFACE, "MAPI_E_INTERFACE_NOT_SUPPORTED"),
    (0x8007_0005_u32 as HRESULT, "MAPI_E_NO_ACCESS"),
    (0x8004_010B_u32 as HRESULT, "MAPI_E_BUSY"),
    (0x8004_010E_u32 as HRESULT, "MAPI_E_NOT_ENOUGH_RESOURCES"),
    (0x8004_0111_u32 as HRESULT, "MAPI_E_LOGON_FAILED"),
    (0x8004_0115_u32 as HRESULT, "MAPI_E_NETWORK_ERROR"),
    (0x8004_011C_u32 as HRESULT, "MAPI_E_UNCONFIGURED"),
    (0x8004_011D_u32 as HRESULT, "MAPI_E_FAILONEPROVIDER"),
];

pub(crate) const MAPIOFFLINE_ADVISE_DEFAULT: ULONG = 0;
pub(crate) const MAPIOFFLINE_ADVISE_TYPE_STATECHANGE: ULONG = 1;
pub(crate) const MAPIOFFLINE_CAPABILITY_OFFLINE: ULONG = 1;
pub(crate) const MAPIOFFLINE_CAPABILITY_ONLINE: ULONG = 2;
pub(crate) const MAPIOFFLINE_FLAG_BLOCK: ULONG = 0x2000;
pub(crate) const MAPIOFFLINE_STATE_OFFLINE_MASK: ULONG = 3;
pub(crate) const MAPIOFFLINE_STATE_OFFLINE: ULONG = 1;
pub(crate) const MAPIOFFLINE_STATE_ONLINE: ULONG = 2;
pub(crate) const MAPIOFFLINE_CALLBACK_TYPE_NOTIFY: MAPIOFFLINE_CALLBACK_TYPE = 0;
pub(crate) const MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START: MAPIOFFLINE_NOTIFY_TYPE = 1;
pub(crate) const MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE: MAPIOFFLINE_NOTIFY_TYPE = 2;
pub(crate) const MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE: MAPIOFFLINE_NOTIFY_TYPE = 3;

/// The longest profile name, in UTF-16 units.
pub(crate) const cchProfileNameMax: usize = 64;

/// Only ever a null pointer.
#[repr(C)]
pub struct MAPIOFFLINE_CONNECTINFO {
    _opaque: [u8; 0],
}

/// The interface that every COM object has. Calls through it reach client code, which may unwind: see `com::foreign`.
#[repr(C)]
pub struct IUnknown {
    pub(crate) lpVtbl: *const IUnknownVtbl,
}

#[repr(C)]
pub(crate) struct IUnknownVtbl {
    pub(crate) QueryInterface:
        unsafe extern "system-unwind" fn(This: *mut IUnknown, riid: REFIID, ppvObject: *mut *mut c_void) -> HRESULT,
    pub(crate) AddRef: unsafe extern "system-unwind" fn(This: *mut IUnknown) -> ULONG,
    pub(crate) Release: unsafe extern "system-unwind" fn(This: *mut IUnknown) -> ULONG,
}
