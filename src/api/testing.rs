//! Faults on demand, for tests in C and C++. `cargo xtask generate` generates the C declarations from this file.
#![allow(non_snake_case, reason = "ABI names keep the API's style")]
#![allow(unreachable_pub, reason = "exported to C, and public for the header generator")]
#![allow(clippy::missing_safety_doc, reason = "the documentation is the C header's: pointers are null or as typed")]

use std::ffi::CStr;
use std::time::Duration;

use super::convert::write_if_wanted;
use super::result::{export, unless_shutting_down};
use crate::abi::*;
use crate::error::{Error, ErrorKind};
use crate::fault::{self, Fault};
use crate::profile;
use crate::trace::invalid;

/// Adds a fault, which may happen in this process from now on, until it is removed. pszFault: its text, in UTF-8, such as "set fails
/// E_PENDING times 2 in Outlook"; docs/faults.md has all. pulFault: receives its number, or 0 after a failure; may be null.
///
/// A process that would use the folder that the user's programs share keeps profiles in its memory from now on, as with
/// MAPIOFFLINE_STORE=memory. An object has to be opened after the first call of this, therefore, or MAPIOFFLINE_STATE_DIR names a
/// folder of the test's own.
///
/// Returns S_OK; E_INVALIDARG (the text is null or no fault: a line of the log at level MAPIOFFLINE_LOG_WARN says why);
/// MAPI_E_NO_SUPPORT (this process uses the user's folder already); E_FAIL while a Windows process shuts down. Callable on any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineAddFault(pszFault: *const MAPIOFFLINE_CHAR8, pulFault: *mut ULONG) -> HRESULT {
    export("MapiOfflineAddFault", [pszFault as usize, pulFault as usize], || {
        // SAFETY: C's contract.
        unsafe { write_if_wanted(pulFault, 0) };
        unless_shutting_down()?;
        if pszFault.is_null() {
            return Err(invalid("pszFault is null").into());
        }
        // SAFETY: C's contract, and not null.
        let text = unsafe { CStr::from_ptr(pszFault) }.to_str().map_err(|_| invalid("pszFault is not UTF-8"))?;
        let fault: Fault = text.parse().map_err(|error| {
            log::warn!("{error}: in the fault {}", crate::name::shown(text));
            invalid("pszFault is no fault")
        })?;
        let number = profile::add_fault(fault)?;
        // SAFETY: C's contract.
        unsafe { write_if_wanted(pulFault, number) };
        Ok(())
    })
}

/// Removes a fault of MapiOfflineAddFault. ulFault: its number; 0 is all of them. A delay that is under way ends when no fault is
/// left.
///
/// Returns S_OK; MAPI_E_NOT_FOUND (there is none of this number); E_FAIL while a Windows process shuts down. Callable on any thread,
/// and from Notify.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineRemoveFault(ulFault: ULONG) -> HRESULT {
    export("MapiOfflineRemoveFault", [ulFault as usize], || {
        unless_shutting_down()?;
        Ok(profile::remove_fault((ulFault != 0).then_some(ulFault))?)
    })
}

/// Says what a fault of MapiOfflineAddFault has done. ulFault: its number. pulCalls: receives how many calls, or phases of changes, it
/// concerned. pulTimes: receives at how many of them it happened. Each may be null.
///
/// Returns S_OK; MAPI_E_NOT_FOUND (there is none of this number, and the numbers are 0); E_FAIL while a Windows process shuts down.
/// Callable on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineGetFaultCounts(
    ulFault: ULONG,
    pulCalls: *mut ULONG,
    pulTimes: *mut ULONG,
) -> HRESULT {
    export("MapiOfflineGetFaultCounts", [ulFault as usize, pulCalls as usize, pulTimes as usize], || {
        let write = |counts: fault::Counts| {
            // SAFETY: C's contract.
            unsafe {
                write_if_wanted(pulCalls, counts.calls);
                write_if_wanted(pulTimes, counts.times);
            }
        };
        write(fault::Counts::default());
        unless_shutting_down()?;
        write(fault::counts(ulFault).ok_or(ErrorKind::NotFound)?);
        Ok(())
    })
}

/// Stops the time of faults in this process (fVirtual is not 0), or has it pass as ever: the times of `delayed`, `held` and `for`. The
/// timeouts of MapiOfflineWait and the like are the test's own patience, and pass as ever.
///
/// A delay on the thread that called this last, or MapiOfflineAdvanceClock, advances the clock by itself, as that thread could not do
/// so meanwhile.
///
/// Returns S_OK; E_FAIL while a Windows process shuts down. Callable on any thread.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineSetVirtualClock(fVirtual: BOOL) -> HRESULT {
    export("MapiOfflineSetVirtualClock", [fVirtual as usize], || {
        unless_shutting_down()?;
        fault::set_virtual_clock(fVirtual != 0);
        Ok(())
    })
}

/// Has the time of faults pass. Delays that are over then end within milliseconds, on their threads. ulMilliseconds: how long.
///
/// Returns S_OK; E_UNEXPECTED (MapiOfflineSetVirtualClock has not stopped it); E_FAIL while a Windows process shuts down. Callable on
/// any thread.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineAdvanceClock(ulMilliseconds: ULONG) -> HRESULT {
    export("MapiOfflineAdvanceClock", [ulMilliseconds as usize], || {
        unless_shutting_down()?;
        let is_virtual = fault::advance_clock(Duration::from_millis(ulMilliseconds.into()));
        if is_virtual { Ok(()) } else { Err(Error::from(ErrorKind::Unexpected)) }
    })
}
