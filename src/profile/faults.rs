//! Faults on demand: which this process has, and what those that last mean for profiles.
#![forbid(unsafe_code)]

use super::fork::install_fork_handlers;
use super::profile::ProfileState;
use super::registry::Registry;
use crate::error::ErrorKind;
use crate::fault::{self, Fault};
use crate::state::Capabilities;
use crate::store::{self, Loaded};

/// Adds a fault of this process's own, and gives its number. A process that would use the folder of its user keeps profiles in its
/// memory from now on; `NoSupport` if it uses that folder already.
pub(crate) fn add_fault(fault: Fault) -> Result<u32, ErrorKind> {
    install_fork_handlers();
    if !store::keep_from_users_folder() {
        return Err(ErrorKind::NoSupport);
    }
    let number = fault::add(fault);
    publish_capabilities();
    Ok(number)
}

/// Removes a fault of this process's own, or all. `NotFound`: there is none of this number.
pub(crate) fn remove_fault(number: Option<u32>) -> Result<(), ErrorKind> {
    install_fork_handlers();
    let found = fault::remove(number);
    publish_capabilities();
    if found { Ok(()) } else { Err(ErrorKind::NotFound) }
}

/// Takes the faults that the state folder asks for, if they have changed and the watcher does not do so.
pub(super) fn load_faults_unless_watched() {
    if store::folder_of_environment().is_some() && !store::is_watched() {
        load_faults();
    }
}

/// Takes the faults that the state folder asks for, if they have changed. False: that has to be tried again.
pub(super) fn load_faults() -> bool {
    let loaded = store::load_faults();
    // Also where a second reading failed, which comes behind a change.
    if !matches!(loaded, Loaded::Same) {
        publish_capabilities();
    }
    !matches!(loaded, Loaded::Unreadable)
}

fn publish_capabilities() {
    Registry::each(|found| found.profile().lock().publish_capabilities());
}

impl ProfileState {
    /// The capabilities of the global object: those that are recorded, unless a fault restricts them.
    pub(super) fn capabilities(&self) -> Capabilities {
        self.record.capabilities().and(fault::capabilities(&self.name()))
    }

    /// The record or the faults may have changed.
    pub(super) fn publish_capabilities(&mut self) {
        let capabilities = self.capabilities();
        self.model.set_global_capabilities(capabilities);
    }
}
