//! The exported functions that open and create objects, however the profile's name is spelled.
//!
//! The SAFETY lines say "C's contract" as in `convert`.
#![allow(non_snake_case, reason = "ABI names keep Microsoft's spelling")]

use super::convert::{Out, Text, guid, sized};
use super::methods;
use super::result::unless_shutting_down;
use crate::abi::*;
use crate::com::{InternalRef, ObjectBox, Outer, Unknown};
use crate::error::{Error, ErrorKind};
use crate::profile::{self, Creation, Identity, Offline};
use crate::state::Capabilities;
use crate::trace::invalid;

/// `HrOpenOfflineObj`, however the name is spelled.
///
/// # Safety
/// C's contract for all pointers.
pub(super) unsafe fn open(
    ulReserved: ULONG,
    text: Text,
    pGUID: *const GUID,
    pInstance: *const GUID,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe {
        let out = Out::new(ppOffline)?;
        unless_shutting_down()?;
        if ulReserved != 0 {
            return Err(ErrorKind::UnknownFlags.into());
        }
        let name = text.name()?;
        let kind = guid(pGUID).ok_or_else(|| invalid("pGUID is null"))?;
        let identity = Identity { kind, instance: guid(pInstance) };
        out.hand(profile::open(&name, &identity)?, Unknown::Delegating);
    }
    Ok(())
}

/// `HrGetGlobalOffline`, however the name is spelled.
///
/// # Safety
/// C's contract for all pointers.
pub(super) unsafe fn global(text: Text, ppOffline: *mut *mut IMAPIOfflineMgr) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe {
        let out = Out::new(ppOffline)?;
        unless_shutting_down()?;
        let name = text.name()?;
        out.hand(profile::global(&name)?, Unknown::Delegating);
    }
    Ok(())
}

/// `HrCreateOfflineObj`. `text`, if there is one, takes the place of the name in the structure.
///
/// # Safety
/// C's contract for all pointers.
pub(super) unsafe fn create(
    ulFlags: ULONG,
    pInfo: *const MAPIOFFLINE_CREATEINFO,
    text: Option<Text>,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe {
        let out = Out::new(ppOffline)?;
        unless_shutting_down()?;
        let info = sized(pInfo)?;
        if ulFlags != 0 || info.ulCreateFlags != 0 {
            return Err(ErrorKind::UnknownFlags.into());
        }
        let name = text.unwrap_or(Text::Wide(info.pwszProfileName)).name()?;
        if !info.pConnectInfo.is_null() {
            return Err(invalid("pConnectInfo is not null").into());
        }
        let capabilities = Capabilities::from_bits(info.ulCapabilities)
            .ok_or_else(|| invalid("ulCapabilities has bits that are no capability"))?;
        let identity = match (guid(info.pGUID), guid(info.pInstance)) {
            (None, Some(_)) => return Err(invalid("pInstance is not null, and pGUID is").into()),
            (kind, instance) => kind.map(|kind| Identity { kind, instance }),
        };
        let parent = parent(info.pParent)?;
        let outer = outer(info.pAggregateInfo)?;
        let creation = Creation { identity, capabilities, parent: parent.as_ref(), outer };
        let which = if outer.is_some() { Unknown::NonDelegating } else { Unknown::Delegating };
        out.hand(profile::create(&name, &creation)?, which);
    }
    Ok(())
}

/// The parent, recognised by its vtable's address: another library's object is never called.
///
/// # Safety
/// C's contract for `object`.
unsafe fn parent(object: *mut IMAPIOfflineMgr) -> Result<Option<InternalRef<Offline>>, ErrorKind> {
    if object.is_null() {
        return Ok(None);
    }
    // SAFETY: a COM object begins with its vtable pointer.
    let vtable = unsafe { object.cast::<*const IMAPIOfflineMgrVtbl>().read_unaligned() };
    let which = methods::unknown_of(vtable).ok_or_else(|| invalid("pParent is no object of this library"))?;
    // SAFETY: only objects of this library have this vtable, and the caller holds a reference.
    Ok(Some(unsafe { ObjectBox::from_unknown(object.cast(), which) }.internal()))
}

/// The outer object, if there is to be an aggregate.
///
/// # Safety
/// C's contract for `info`.
unsafe fn outer(info: *const MAPIOFFLINE_AGGREGATEINFO) -> Result<Option<Outer>, ErrorKind> {
    if info.is_null() {
        return Ok(None);
    }
    // SAFETY: C's contract.
    let info = unsafe { sized(info) }?;
    if !info.pRefTrackRoot.is_null() {
        return Err(invalid("pRefTrackRoot is not null"));
    }
    Outer::new(info.pOuterObj).map(Some).ok_or_else(|| invalid("pOuterObj is null"))
}
