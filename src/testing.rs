//! Faults on demand, for tests inside one process: calls that fail, phases that are late, notifications that a client has to
//! ignore. `docs/faults.md` describes them all.
//!
//! ```
//! use mapioffline::testing::add_fault;
//! use mapioffline::{ErrorKind, OfflineObject, State};
//!
//! # mapioffline::keep_state_in_memory();
//! let outlook = OfflineObject::open("Outlook")?;
//! let fault = add_fault("set fails E_PENDING times 2 in Outlook")?;
//! assert_eq!(outlook.set_state(State::Offline).unwrap_err().kind(), ErrorKind::Pending);
//! assert_eq!(outlook.set_state(State::Offline).unwrap_err().kind(), ErrorKind::Pending);
//! outlook.set_state_and_wait(State::Offline)?;
//! assert_eq!((fault.calls(), fault.times()), (3, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::fault;
use crate::profile;

pub use crate::fault::{Fault, InvalidFault};
pub use crate::state_folder::faults::{FaultCount, StoredFault};

/// A fault that may happen in this process, to C's clients too, until this is dropped.
#[must_use = "a fault that is dropped at once does not happen"]
#[derive(Debug)]
pub struct AddedFault(u32);

/// Why a fault was not added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddError {
    /// Its text is none.
    Invalid(InvalidFault),
    /// This process uses the folder that the user's programs share: faults are not for that.
    UsersFolder,
}

/// Adds a fault, given by its text. A process that would use the folder that the user's programs share keeps profiles in its memory
/// from now on, as [`keep_state_in_memory`](crate::keep_state_in_memory) does.
///
/// # Errors
/// See [`AddError`].
pub fn add_fault(text: &str) -> Result<AddedFault, AddError> {
    let fault = text.parse().map_err(AddError::Invalid)?;
    profile::add_fault(fault).map(AddedFault).map_err(|_| AddError::UsersFolder)
}

impl AddedFault {
    /// How many calls it concerned: those of its method in its profile, or the phases.
    #[must_use]
    pub fn calls(&self) -> u32 {
        fault::counts(self.0).unwrap_or_default().calls
    }

    /// At how many of them it happened.
    #[must_use]
    pub fn times(&self) -> u32 {
        fault::counts(self.0).unwrap_or_default().times
    }
}

impl Drop for AddedFault {
    fn drop(&mut self) {
        let _ = profile::remove_fault(Some(self.0));
    }
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::UsersFolder => f.write_str(
                "this process uses the folder that the user's programs share: faults need another one, or a process that keeps profiles in memory",
            ),
        }
    }
}

impl std::error::Error for AddError {}

/// While this exists, times in faults pass as a test says: `delayed`, `held`, and `for`. The timeouts of waits are the test's own
/// patience, and pass as ever.
///
/// A delay on the thread that began or last advanced the clock advances it by itself, as that thread could not do so meanwhile.
///
/// ```
/// use std::time::Duration;
///
/// use mapioffline::testing::{VirtualClock, add_fault};
/// use mapioffline::{ErrorKind, OfflineObject, State};
///
/// # mapioffline::keep_state_in_memory();
/// let outlook = OfflineObject::open("Virtual")?;
/// let clock = VirtualClock::begin();
/// let _busy = add_fault("set fails E_PENDING for 1m")?;
/// assert_eq!(outlook.set_state(State::Offline).unwrap_err().kind(), ErrorKind::Pending);
/// clock.advance(Duration::from_secs(60));
/// outlook.set_state(State::Offline)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the clock is virtual until this is dropped"]
#[derive(Debug)]
pub struct VirtualClock(());

impl VirtualClock {
    /// Stops the time of faults, for the whole process.
    pub fn begin() -> Self {
        fault::set_virtual_clock(true);
        Self(())
    }

    /// Has that time pass. Delays that are over then end within milliseconds, on their threads.
    pub fn advance(&self, by: Duration) {
        fault::advance_clock(by);
    }
}

impl Drop for VirtualClock {
    /// Time passes as ever; a delay that is under way lasts for as long as it would have without the clock.
    fn drop(&mut self) {
        fault::set_virtual_clock(false);
    }
}

/// Whether an error is one that a fault gave, and not the library's own.
#[must_use]
pub fn is_of_fault(error: &Error) -> bool {
    fault::is_reason(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, OfflineObject, State};

    #[test]
    fn an_error_says_by_which_fault_it_is() {
        crate::keep_state_in_memory();
        let object = OfflineObject::open("Of fault").unwrap();
        let fault = add_fault("set fails MAPI_E_NETWORK_ERROR in \"of FAULT\"").unwrap();
        let error = object.set_state(State::Offline).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Hresult(0x8004_0115_u32.cast_signed()));
        assert!(is_of_fault(&error));
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "fault: set fails MAPI_E_NETWORK_ERROR in \"of FAULT\"");
        drop(fault);
        let created = OfflineObject::builder("Of fault").capabilities(crate::Capabilities::NONE).create().unwrap();
        assert!(!is_of_fault(&created.set_state(State::Offline).unwrap_err()));
        assert!(matches!(add_fault("set fails"), Err(AddError::Invalid(_))));
    }
}
