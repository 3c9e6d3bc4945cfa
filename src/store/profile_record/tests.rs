//! The contract's sentences of section 8, on the record alone.

use std::io;
use std::sync::Arc;

use super::super::backend::{Change, Description, Updated};
use super::*;
use crate::name::Name;
use crate::sys::{Filter, FolderId, Waker, Watch};

/// Says that it is shared; never asked.
struct Shared;

impl Backend for Shared {
    fn is_shared(&self) -> bool {
        true
    }
    fn read(&self, _: &Name, _: bool) -> Stored {
        unreachable!("no I/O")
    }
    fn read_at_once(&self, _: &Name) -> Option<Record> {
        unreachable!("no I/O")
    }
    fn update(&self, _: &Name, _: Change) -> Updated {
        unreachable!("no I/O")
    }
    fn path(&self) -> Option<&std::path::Path> {
        None
    }

    fn watch(&self, _: &Arc<Waker>, _: Filter) -> io::Result<Watch> {
        unreachable!("no I/O")
    }
    fn place(&self) -> Option<FolderId> {
        unreachable!("no I/O")
    }
    fn profile_of(&self, _: &str) -> Option<Name> {
        None
    }
    fn describe(&self) -> Description<'_> {
        Description { folder: None, may_change_unnoticed: false }
    }
}

const OFFLINE: Record = Record { state: State::Offline, capabilities: Capabilities::OFFLINE, hosted: true };

fn shared() -> ProfileRecord {
    ProfileRecord::new(&Shared)
}

/// A record that was stored, of a profile that was opened.
fn known() -> ProfileRecord {
    let mut record = shared();
    record.adopt(Stored::Record(OFFLINE), false);
    record.note_opened();
    record
}

fn unreadable() -> Stored {
    Stored::Unreadable(io::ErrorKind::Other.into())
}

#[test]
fn a_stored_record_is_taken() {
    let mut record = shared();
    let adopted = record.adopt(Stored::Record(OFFLINE), true);
    assert_eq!((adopted.state, adopted.restore), (Some(State::Offline), false));
    assert_eq!((record.with_state(State::Offline), record.stored()), (OFFLINE, StoredState::Stored));
}

#[test]
fn a_removed_profile_is_new_unless_this_process_has_it_open() {
    let mut record = known();
    assert_eq!(record.adopt(Stored::Nothing, true).state, None, "a holder keeps its state");
    assert_eq!((record.hosted(), record.stored()), (true, StoredState::NotStored));
    let mut record = known();
    assert_eq!(record.adopt(Stored::Nothing, false).state, Some(State::Online));
    assert_eq!(record.with_state(State::Online), Record::NEW);
    // Also if it was removed while it was open.
    let mut record = known();
    record.adopt(Stored::Nothing, true);
    assert_eq!(record.adopt(Stored::Nothing, false).state, Some(State::Online));
    assert!(!record.hosted());
    // Also behind a time in which it could not be read.
    let mut record = known();
    record.adopt(unreadable(), false);
    assert_eq!(record.adopt(Stored::Nothing, false).state, Some(State::Online));
    assert!(!record.hosted());
}

#[test]
fn damage_is_restored_by_those_who_hold_the_profile_and_a_fresh_opener_starts_online() {
    let mut record = known();
    let adopted = record.adopt(Stored::SetAside, true);
    assert_eq!((adopted.state, adopted.restore), (None, true));
    assert_eq!(record.restorable(State::Offline, true), Some(OFFLINE));
    assert!(record.needs_retry(), "until it is restored");
    record.updated(Some(OFFLINE));
    assert!(!record.needs_retry());
    let mut record = known();
    let adopted = record.adopt(Stored::SetAside, false);
    assert_eq!((adopted.state, adopted.restore), (Some(State::Online), true), "set aside all the same");
    assert_eq!(record.restorable(State::Online, false), None);
}

#[test]
fn what_cannot_be_read_changes_nothing_and_is_tried_again() {
    let mut record = known();
    let adopted = record.adopt(unreadable(), false);
    assert!(adopted.state.is_none() && !adopted.restore);
    assert!(matches!(adopted.warning, Some(StoreWarning::Unreadable(_))));
    assert!(record.adopt(unreadable(), true).warning.is_none(), "logged once");
    assert!(record.needs_retry());
    assert_eq!(record.with_state(State::Offline), OFFLINE);
}

#[test]
fn a_later_format_keeps_the_profile_in_memory() {
    let mut record = known();
    let adopted = record.adopt(Stored::LaterFormat(7), true);
    assert!(matches!(adopted.warning, Some(StoreWarning::LaterFormat(7))));
    assert!(!record.is_shared() && !record.needs_retry());
    assert!(record.adopt(Stored::Nothing, false).state.is_none(), "the store is not asked any more");
    assert_eq!(record.with_state(State::Offline), OFFLINE);
}

#[test]
fn damage_is_looked_for_only_of_what_was_stored() {
    let mut record = shared();
    assert!(!record.looks_for_damage(true));
    record.adopt(unreadable(), true);
    assert!(!record.looks_for_damage(true), "never stored, as far as is known");
    let mut record = known();
    record.adopt(unreadable(), true);
    assert!(record.looks_for_damage(true) && !record.looks_for_damage(false));
}

#[test]
fn readings_and_writes_invalidate_readings_that_are_under_way() {
    let mut record = shared();
    let mut versions = vec![record.version()];
    record.invalidate_readings();
    versions.push(record.version());
    record.updated(Some(OFFLINE));
    versions.push(record.version());
    record.adopt(unreadable(), true);
    versions.push(record.version());
    versions.dedup();
    assert_eq!(versions.len(), 4);
}

#[test]
fn the_first_creation_chooses_the_capabilities() {
    let record = shared();
    let new = record.hosting(State::Online, Capabilities::OFFLINE);
    assert_eq!(ProfileRecord::host(new, None), Some(new));
    assert_eq!(new.capabilities, Capabilities::OFFLINE);
    // Not where the profile is stored already, or was opened.
    let stored = Record { hosted: false, ..OFFLINE };
    let other = record.hosting(State::Online, Capabilities::NONE);
    assert_eq!(ProfileRecord::host(other, Some(stored)), Some(OFFLINE));
    assert_eq!(ProfileRecord::host(other, Some(OFFLINE)), None, "nothing to write");
    let mut record = shared();
    record.note_opened();
    assert_eq!(record.hosting(State::Online, Capabilities::NONE).capabilities, Capabilities::ALL);
}

#[test]
fn a_change_is_written_unless_the_store_says_the_same() {
    let change = Record { state: State::Offline, ..Record::NEW };
    assert_eq!(ProfileRecord::change_state(change, None), Ok(Some(change)), "not stored is written");
    assert_eq!(ProfileRecord::change_state(change, Some(OFFLINE)), Ok(None), "another process wrote it already");
    let limited = Record { state: State::Online, capabilities: Capabilities::ONLINE, hosted: false };
    assert_eq!(ProfileRecord::change_state(change, Some(limited)), Err(ErrorKind::NoSupport), "as it is stored");
}
