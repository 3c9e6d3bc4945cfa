//! The contract of a store.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::name::Name;
use crate::state::{Capabilities, State};
use crate::sys::{Filter, FolderId, Waker, Watch};

/// Where the records of profiles are kept. Every method may block on I/O, so none is called under a lock.
pub(crate) trait Backend: Sync {
    /// Whether other processes read and write the same records. If not, `update` keeps nothing: the profile's own copy of
    /// its record is the only one.
    fn is_shared(&self) -> bool;

    /// Reads what is stored of a profile. With `look_for_damage`, a missing record of which a damaged one was set aside is
    /// [`Stored::SetAside`].
    fn read(&self, profile: &Name, look_for_damage: bool) -> Stored;

    /// The record of a profile, if there is one that can be read without waiting. Logs nothing.
    fn read_at_once(&self, profile: &Name) -> Option<Record>;

    /// Replaces a record. Excludes other writers while it reads the record, passes it to `change`, and writes what that
    /// returns. A damaged record is set aside first, and counts as none.
    fn update(&self, profile: &Name, change: Change) -> Updated;

    /// Begins to watch for changes of other processes, which wake the thread that waits.
    fn watch(&self, waker: &Arc<Waker>, filter: Filter) -> io::Result<Watch>;

    /// The folder that processes share.
    fn path(&self) -> Option<&Path>;

    /// Where the records are by now: see [`crate::sys::FolderWatch::id`].
    fn place(&self) -> Option<FolderId>;

    /// Which profile a change of this file concerns.
    fn profile_of(&self, file: &str) -> Option<Name>;

    fn describe(&self) -> Description<'_>;
}

/// Decides on a new record, given the one that is stored. `None` leaves it as it is.
pub(crate) type Change<'a> = &'a mut dyn FnMut(Option<Record>) -> Result<Option<Record>, ErrorKind>;

/// What a store is, for people.
pub(crate) struct Description<'a> {
    /// The folder that processes share.
    pub(crate) folder: Option<&'a Path>,
    /// Something may change it of which this system does not notify.
    pub(crate) may_change_unnoticed: bool,
}

/// What is known of a profile's global object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) state: State,
    pub(crate) capabilities: Capabilities,
    /// `HrCreateOfflineObj` or `HrGetGlobalOffline` made the global object: strict hosting asks for that.
    pub(crate) hosted: bool,
}

impl Record {
    /// A profile that no process has created: online, and able to change both ways.
    pub(crate) const NEW: Self = Self { state: State::Online, capabilities: Capabilities::ALL, hosted: false };
}

/// What a store says of a profile.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Never stored, or removed.
    Nothing,
    Record(Record),
    /// Damaged, or set aside as damaged by another process.
    SetAside,
    /// Written by a later version of this library, in this format.
    LaterFormat(u32),
    /// Cannot be read at the moment.
    Unreadable(io::Error),
}

/// What became of an update.
pub(crate) struct Updated {
    /// The record as it is stored now.
    pub(crate) result: Result<Option<Record>, StoreError>,
    /// A damaged record was set aside.
    pub(crate) set_aside: bool,
}

/// Why a record was not replaced.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// `change` refused.
    Refused(ErrorKind),
    LaterFormat(u32),
    /// Another process held the lock all the time.
    Locked,
    OutOfMemory,
    Io(io::Error),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::OutOfMemory { Self::OutOfMemory } else { Self::Io(error) }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(kind) => kind.into(),
            // The caller keeps such a profile in memory.
            StoreError::LaterFormat(_) => ErrorKind::Unexpected.into(),
            StoreError::Locked => ErrorKind::Timeout.into(),
            StoreError::OutOfMemory => ErrorKind::OutOfMemory.into(),
            StoreError::Io(error) => Self::with_cause(ErrorKind::Disk, error),
        }
    }
}
