//! The exported functions of pumped delivery.
#![allow(non_snake_case, reason = "ABI names keep the API's style")]

use super::convert::write_if_wanted;
use super::result::unless_shutting_down;
use super::waiting::duration;
use crate::abi::ULONG;
use crate::error::{Error, ErrorKind};
use crate::profile;
use crate::trace::invalid;

pub(super) fn set_delivery(ulDelivery: ULONG) -> Result<(), Error> {
    unless_shutting_down()?;
    match ulDelivery {
        0 => profile::set_pumped(false),
        1 => profile::set_pumped(true),
        _ => return Err(invalid("ulDelivery is neither MAPIOFFLINE_DELIVERY_NOTIFIERS nor _PUMPED").into()),
    }
    Ok(())
}

/// # Safety
/// C's contract for the pointer.
pub(super) unsafe fn dispatch(ulMost: ULONG, ulMilliseconds: ULONG, pulDispatched: *mut ULONG) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe { write_if_wanted(pulDispatched, 0) };
    unless_shutting_down()?;
    let dispatched = profile::dispatch(ulMost as usize, duration(ulMilliseconds))?;
    // SAFETY: C's contract.
    unsafe { write_if_wanted(pulDispatched, dispatched as ULONG) };
    Ok(())
}

/// # Safety
/// C's contract for the pointer.
pub(super) unsafe fn handle(pHandle: *mut isize) -> Result<(), Error> {
    if pHandle.is_null() {
        return Err(invalid("pHandle is null").into());
    }
    // SAFETY: C's contract.
    unsafe { pHandle.write_unaligned(-1) };
    unless_shutting_down()?;
    let handle = profile::dispatch_handle().map_err(|error| Error::with_cause(ErrorKind::Failed, error))?;
    // SAFETY: C's contract.
    unsafe { pHandle.write_unaligned(handle) };
    Ok(())
}
