//! The functions under Outlook's export names. `cargo xtask header` makes their C declarations from this file.
#![allow(non_snake_case, reason = "ABI names keep Microsoft's spelling")]
#![allow(unreachable_pub, reason = "exported to C, and public for the header generator")]
#![allow(clippy::missing_safety_doc, reason = "the documentation is the C header's: pointers are null or as typed")]

use super::convert::{self, Text};
use super::result::export;
use crate::abi::*;

/// Opens an offline object: a profile's global object (GUID_GlobalState and no instance), or one that was made by
/// HrCreateOfflineObj and is still alive. Opening the same object again gives the same pointer with one more reference.
///
/// ulReserved: 0. pwszProfileName: the profile, 1 to 64 UTF-16 units. pGUID: the type. pInstance: the instance, or null.
/// ppOffline: receives the object with a reference for the caller; null after every failure.
///
/// Returns S_OK; E_INVALIDARG (a null pointer, an empty or malformed name); MAPI_E_UNKNOWN_FLAGS (ulReserved is not 0);
/// MAPI_E_NOT_FOUND (no such object, or the name is too long); E_OUTOFMEMORY. Any thread. (Reference: hropenofflineobj.)
#[unsafe(no_mangle)]
pub unsafe extern "system" fn HrOpenOfflineObj(
    ulReserved: ULONG,
    pwszProfileName: LPCWSTR,
    pGUID: *const GUID,
    pInstance: *const GUID,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments =
        [ulReserved as usize, pwszProfileName as usize, pGUID as usize, pInstance as usize, ppOffline as usize];
    // SAFETY: C's contract.
    let body = || unsafe { convert::open(ulReserved, Text::Wide(pwszProfileName), pGUID, pInstance, ppOffline) };
    export("HrOpenOfflineObj", arguments, body)
}

/// Makes an offline object, or opens the one that stands under the same type and instance; its parent and capabilities
/// then stay as they are. Without a type the object is anonymous: HrOpenOfflineObj never finds it.
///
/// ulFlags: MAPIOFFLINE_FLAG_DEFAULT. pCreateInfo: what to make; nothing of it is kept. ppOffline: receives the object
/// with a reference for the caller (for an aggregate its non-delegating face); null after every failure.
///
/// Returns S_OK; E_INVALIDARG (a null pointer, ulSize too small, a bad name, capability bits outside 0x3, a parent that
/// is not an object of this library or is of another profile, members that contradict each other);
/// MAPI_E_UNKNOWN_FLAGS; MAPI_E_NOT_FOUND (the name is too long); E_OUTOFMEMORY; for a global object that is not stored
/// yet, with the shared store, MAPI_E_DISK_ERROR and MAPI_E_TIMEOUT, as SetCurrentState. Any thread.
/// (Reference: hrcreateofflineobj.)
#[unsafe(no_mangle)]
pub unsafe extern "system" fn HrCreateOfflineObj(
    ulFlags: ULONG,
    pCreateInfo: *mut MAPIOFFLINE_CREATEINFO,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments = [ulFlags as usize, pCreateInfo as usize, ppOffline as usize];
    // SAFETY: C's contract.
    export("HrCreateOfflineObj", arguments, || unsafe { convert::create(ulFlags, pCreateInfo, None, ppOffline) })
}

/// Opens a profile's global object and makes the profile hosted, which strict hosting asks for.
///
/// pwszProfileName: the profile, 1 to 64 UTF-16 units. ppOffline: receives the object with a reference for the caller;
/// null after every failure.
///
/// Returns S_OK; E_INVALIDARG; MAPI_E_NOT_FOUND (the name is too long); E_OUTOFMEMORY; MAPI_E_DISK_ERROR and
/// MAPI_E_TIMEOUT, as HrCreateOfflineObj. Any thread. (The reference has no page for it: see docs/decisions.md.)
#[unsafe(no_mangle)]
pub unsafe extern "system" fn HrGetGlobalOffline(
    pwszProfileName: LPCWSTR,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments = [pwszProfileName as usize, ppOffline as usize];
    // SAFETY: C's contract.
    export("HrGetGlobalOffline", arguments, || unsafe { convert::global(Text::Wide(pwszProfileName), ppOffline) })
}
