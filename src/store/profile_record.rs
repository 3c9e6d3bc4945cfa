//! What a profile knows of its stored record, and what follows from what the store says. No I/O: the profile reads and
//! writes with no lock held, and passes the results in here under its lock.
#![forbid(unsafe_code)]

use std::io;

use super::backend::{Backend, Record, Stored};
use super::memory::MEMORY;
use super::status::warn;
use crate::error::ErrorKind;
use crate::name::Name;
use crate::state::{Capabilities, State};

pub(crate) struct ProfileRecord {
    backend: &'static dyn Backend,
    capabilities: Capabilities,
    hosted: bool,
    /// The global object has existed in this process: only before that may its creation choose the capabilities.
    opened: bool,
    stored: StoredState,
    /// It was stored when it was last readable.
    was_stored: bool,
    /// The last attempt to write the record anew failed, and was logged.
    restore_failed: bool,
    /// Incremented whenever a reading that is under way becomes out of date: see [`ProfileRecord::version`].
    version: u32,
}

/// The stored state of a profile, as it was when the store was last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredState {
    /// Never stored, or removed.
    NotStored,
    Stored,
    /// Damaged. The record has to be written anew.
    SetAside,
    /// Not readable at the moment. The store has to be asked again.
    Unreadable,
}

/// What follows from a reading.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    /// The state that the profile goes to.
    pub(crate) state: Option<State>,
    /// The damaged record has to be set aside, and written anew where this process knows it.
    pub(crate) restore: bool,
    pub(crate) warning: Option<StoreWarning>,
}

/// What the log says of a profile's record.
#[derive(Debug)]
pub(crate) enum StoreWarning {
    SetAside,
    LaterFormat(u32),
    Unreadable(io::Error),
}

impl ProfileRecord {
    pub(crate) fn new(backend: &'static dyn Backend) -> Self {
        Self {
            backend,
            capabilities: Record::NEW.capabilities,
            hosted: Record::NEW.hosted,
            opened: false,
            stored: StoredState::NotStored,
            was_stored: false,
            restore_failed: false,
            version: 0,
        }
    }

    /// The record of another profile from now on. Readings that are under way are out of date.
    pub(crate) fn become_new(&mut self, backend: &'static dyn Backend) {
        *self = Self { version: self.version.wrapping_add(1), ..Self::new(backend) };
    }

    /// Whether this profile, which is in `state`, is as a new one.
    pub(crate) fn is_new(&self, state: State) -> bool {
        self.with_state(state) == Record::NEW
    }

    pub(crate) fn backend(&self) -> &'static dyn Backend {
        self.backend
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.backend.is_shared()
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    pub(crate) fn hosted(&self) -> bool {
        self.hosted
    }

    #[cfg(test)]
    pub(crate) fn stored(&self) -> StoredState {
        self.stored
    }

    /// The record of a profile in `state`.
    pub(crate) fn with_state(&self, state: State) -> Record {
        Record { state, capabilities: self.capabilities, hosted: self.hosted }
    }

    /// A reading is older than what this process knows if this has changed since before the reading.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Has readings that are under way repeated: this process writes, or another one has changed the record.
    pub(crate) fn invalidate_readings(&mut self) {
        self.version = self.version.wrapping_add(1);
    }

    /// Whether a missing record may be one that was set aside as damaged, which this process can write anew.
    pub(crate) fn looks_for_damage(&self, open: bool) -> bool {
        open && self.was_stored
    }

    /// Whether the store has to be asked again without a notification from the system.
    pub(crate) fn needs_retry(&self) -> bool {
        self.is_shared() && matches!(self.stored, StoredState::Unreadable | StoredState::SetAside)
    }

    /// Whether the record is damaged, and was not restored yet.
    pub(crate) fn is_damaged(&self) -> bool {
        self.stored == StoredState::SetAside
    }

    /// The global object has been opened without having been created: it exists, with the capabilities that it has.
    pub(crate) fn note_opened(&mut self) {
        self.opened = true;
    }

    /// Takes a reading. `open`: this process has the global object open.
    pub(crate) fn adopt(&mut self, stored: Stored, open: bool) -> Adopted {
        let mut adopted = Adopted::default();
        if !self.is_shared() {
            return adopted;
        }
        self.version = self.version.wrapping_add(1);
        match stored {
            Stored::Record(record) => {
                self.take(record);
                adopted.state = Some(record.state);
            }
            Stored::Nothing => {
                // What a process knew of a profile that was removed and that it does not hold is worth nothing.
                if !open {
                    adopted.state = Some(self.forget());
                }
                self.stored = StoredState::NotStored;
                self.was_stored = false;
            }
            Stored::SetAside => {
                if !open {
                    adopted.state = Some(self.forget());
                }
                self.stored = StoredState::SetAside;
                self.was_stored = true;
                adopted.restore = true;
            }
            Stored::LaterFormat(format) => adopted.warning = Some(self.keep_in_memory(format)),
            Stored::Unreadable(error) => {
                if self.stored != StoredState::Unreadable {
                    adopted.warning = Some(StoreWarning::Unreadable(error));
                }
                self.stored = StoredState::Unreadable;
            }
        }
        adopted
    }

    /// Takes the record that an update left in the store.
    pub(crate) fn updated(&mut self, record: Option<Record>) {
        self.version = self.version.wrapping_add(1);
        self.restore_failed = false;
        match record {
            Some(record) => self.take(record),
            None => {
                self.stored = StoredState::NotStored;
                self.was_stored = false;
            }
        }
    }

    /// A damaged record was set aside, and no other could be written.
    pub(crate) fn note_set_aside(&mut self) {
        self.stored = StoredState::SetAside;
    }

    /// The record could not be written anew, which is logged once.
    pub(crate) fn note_restore_failed(&mut self) {
        self.restore_failed = true;
    }

    pub(crate) fn restore_failed(&self) -> bool {
        self.restore_failed
    }

    /// The file's format is a later one: it is left as it is, and this process keeps the profile to itself.
    pub(crate) fn keep_in_memory(&mut self, format: u32) -> StoreWarning {
        self.version = self.version.wrapping_add(1);
        self.backend = &MEMORY;
        StoreWarning::LaterFormat(format)
    }

    fn take(&mut self, record: Record) {
        self.stored = StoredState::Stored;
        self.was_stored = true;
        self.capabilities = record.capabilities;
        self.hosted = record.hosted;
    }

    /// The profile is a new one. The state that such a profile has.
    fn forget(&mut self) -> State {
        self.capabilities = Record::NEW.capabilities;
        self.hosted = Record::NEW.hosted;
        self.opened = false;
        Record::NEW.state
    }

    // ---- changes: see `Backend::update` ----------------------------------------------------------------------------

    /// The accepted change to the state of `record`, which this process knows.
    pub(crate) fn change_state(record: Record, stored: Option<Record>) -> Result<Option<Record>, ErrorKind> {
        let to = record.state;
        let record = Record { state: to, ..stored.unwrap_or(record) };
        if !record.capabilities.allow(to) {
            return Err(ErrorKind::NoSupport);
        }
        Ok((stored != Some(record)).then_some(record))
    }

    /// What `host` writes where nothing is stored. The first creation chooses the capabilities.
    pub(crate) fn hosting(&self, state: State, capabilities: Capabilities) -> Record {
        let capabilities = if self.opened { self.capabilities } else { capabilities };
        Record { state, capabilities, hosted: true }
    }

    /// Makes the profile hosted.
    pub(crate) fn host(new: Record, stored: Option<Record>) -> Option<Record> {
        let record = stored.map_or(new, |stored| Record { hosted: true, ..stored });
        (stored != Some(record)).then_some(record)
    }

    /// The record that takes the place of a damaged one, if this process knows what that said.
    pub(crate) fn restorable(&self, state: State, open: bool) -> Option<Record> {
        (open && self.opened).then(|| self.with_state(state))
    }
}

impl StoreWarning {
    /// Logs it. Never called under a lock.
    pub(crate) fn log(&self, profile: &Name) {
        let profile = profile.shown();
        warn(match self {
            Self::SetAside => format!("profile {profile}: its file was damaged, and is set aside as .damaged"),
            Self::LaterFormat(format) => format!(
                "profile {profile}: its file has format {format}, of a later version; the profile is kept in this process only"
            ),
            Self::Unreadable(error) => format!("profile {profile}: its file cannot be read: {error}"),
        });
    }
}

#[cfg(test)]
mod tests;
