//! The exported functions that wait, however the profile's name is spelled.
#![allow(non_snake_case, reason = "ABI names keep the API's style")]

use std::time::Duration;

use super::convert::{Text, write_if_wanted};
use super::result::unless_shutting_down;
use crate::abi::ULONG;
use crate::error::{Error, ErrorKind};
use crate::profile;
use crate::state::State;
use crate::trace::invalid;

/// `MapiOfflineWait`, however the name is spelled.
///
/// # Safety
/// C's contract for the name.
pub(super) unsafe fn for_state(text: Text, ulState: ULONG, ulMilliseconds: ULONG) -> Result<(), Error> {
    unless_shutting_down()?;
    // SAFETY: C's contract.
    let name = unsafe { text.name() }?;
    let state = State::from_bits(ulState).ok_or_else(|| invalid("ulState is neither ONLINE nor OFFLINE"))?;
    profile::wait_for_state(&name, state, duration(ulMilliseconds))
}

/// `MapiOfflineSettle`, however the name is spelled.
///
/// # Safety
/// C's contract for both pointers.
pub(super) unsafe fn settle(text: Text, ulMilliseconds: ULONG, pulPrograms: *mut ULONG) -> Result<(), Error> {
    // SAFETY: C's contract.
    unsafe { write_if_wanted(pulPrograms, 0) };
    unless_shutting_down()?;
    // SAFETY: C's contract.
    let name = unsafe { text.name() }?;
    let late = profile::settle(&name, duration(ulMilliseconds))?.len();
    // SAFETY: C's contract.
    unsafe { write_if_wanted(pulPrograms, late as ULONG) };
    if late == 0 { Ok(()) } else { Err(ErrorKind::Timeout.into()) }
}

/// The largest number is for ever.
pub(super) fn duration(ulMilliseconds: ULONG) -> Duration {
    if ulMilliseconds == ULONG::MAX { Duration::MAX } else { Duration::from_millis(ulMilliseconds.into()) }
}
