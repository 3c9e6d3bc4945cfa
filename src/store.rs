//! Where profile state lives. The memory store keeps it in the process; one that a user's processes share would be a
//! second implementation of these two traits.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::name::Name;
use crate::state::{Capabilities, State};

/// What a store knows of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) state: State,
    pub(crate) capabilities: Capabilities,
    /// `HrCreateOfflineObj` or `HrGetGlobalOffline` made the global object: strict hosting asks for that.
    pub(crate) hosted: bool,
}

impl Record {
    /// A profile that nobody has created: online, and able to change both ways.
    pub(crate) const NEW: Self = Self { state: State::Online, capabilities: Capabilities::ALL, hosted: false };
}

/// A place for profiles.
pub(crate) trait Store {
    type Entry: Entry + Clone;

    /// The entry of a profile. Opening makes nothing that outlives the process.
    fn open(&self, profile: &Name) -> Result<Self::Entry, Error>;
}

/// One profile in a store. Always called under the profile's lock, never with a callback running under it.
pub(crate) trait Entry: Send {
    fn record(&self) -> Record;

    /// The global object is opened without having been created: it exists from now on, with the capabilities it has.
    fn note_seen(&mut self);

    /// Makes the global object's record, unless it stands already.
    fn host(&mut self, capabilities: Capabilities) -> Result<(), Error>;

    /// Takes an accepted change. A failure means that nothing was accepted.
    fn write(&mut self, state: State) -> Result<(), Error>;

    /// In a forked child: the state is what it was when no transition is under way.
    fn restore(&mut self, state: State);
}

/// The store that this build uses.
pub(crate) type Chosen = Memory;

/// Profile state in the memory of this process.
pub(crate) struct Memory;

#[derive(Clone)]
pub(crate) struct MemoryEntry {
    record: Record,
    /// The global object exists from its first open on; only before that may creation choose its capabilities.
    seen: bool,
}

impl Store for Memory {
    type Entry = MemoryEntry;

    fn open(&self, _profile: &Name) -> Result<MemoryEntry, Error> {
        Ok(MemoryEntry { record: Record::NEW, seen: false })
    }
}

impl Entry for MemoryEntry {
    fn record(&self) -> Record {
        self.record
    }

    fn note_seen(&mut self) {
        self.seen = true;
    }

    fn host(&mut self, capabilities: Capabilities) -> Result<(), Error> {
        if !self.seen {
            self.seen = true;
            self.record.capabilities = capabilities;
        }
        self.record.hosted = true;
        Ok(())
    }

    fn write(&mut self, state: State) -> Result<(), Error> {
        self.record.state = state;
        Ok(())
    }

    fn restore(&mut self, state: State) {
        self.record.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_creation_settles_capabilities() {
        let mut entry = Memory.open(&Name::from_utf8(*b"A").unwrap()).unwrap();
        assert_eq!(entry.record(), Record::NEW);
        entry.host(Capabilities::OFFLINE).unwrap();
        entry.host(Capabilities::ALL).unwrap();
        entry.write(State::Offline).unwrap();
        let record = Record { state: State::Offline, capabilities: Capabilities::OFFLINE, hosted: true };
        assert_eq!(entry.record(), record);
    }

    #[test]
    fn a_global_object_that_was_opened_keeps_both() {
        let mut entry = Memory.open(&Name::from_utf8(*b"A").unwrap()).unwrap();
        entry.note_seen();
        entry.host(Capabilities::NONE).unwrap();
        assert_eq!(entry.record().capabilities, Capabilities::ALL);
        assert!(entry.record().hosted);
    }
}
