//! The folder in which a user's programs share the state of profiles, as tools see it.
#![forbid(unsafe_code)]

pub(crate) mod faults;
pub(crate) mod programs;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::client;
use crate::error::{self, Error};
use crate::name::Name;
use crate::registration::{self, Barrier};
use crate::state::{Capabilities, State};
use crate::store::{self, Content, SharedFolder, StoreError};
use crate::sys;

/// The folder in which a user's programs share the state of profiles: one file a profile.
///
/// This is for tools that look at what is stored without opening objects. Nothing here is cached. See
/// `docs/shared-state.md` for the format.
#[derive(Debug)]
pub struct StateFolder(SharedFolder);

/// A profile's file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredProfile {
    /// The name as it was first spelled. Where the file cannot be read: the folded name.
    pub name: String,
    /// What the file says.
    pub record: Result<ProfileRecord, ReadError>,
}

/// What a profile's file says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileRecord {
    /// The state that programs are in or are changing to.
    pub state: State,
    /// The states that the profile can be changed to.
    pub capabilities: Capabilities,
    /// A program created the global object, or opened it by `HrGetGlobalOffline`: strict hosting asks for that.
    pub hosted: bool,
    /// Counts the changes of the file.
    pub revision: u64,
    /// The id of the process that changed the file last.
    pub changed_by_pid: u32,
    /// The program of that process, without folder and extension.
    pub changed_by_program: String,
    /// When the file was changed last.
    pub changed_at: SystemTime,
}

/// Why a profile's file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// Its format is that of a later version of this library: programs of this version keep the profile to themselves.
    LaterFormat(u32),
    /// It is not a record of this profile. The next program that opens the profile sets the file aside.
    Damaged,
    /// It could not be read.
    Unreadable(String),
}

/// How programs notice changes of other programs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchMode {
    /// The system notifies them.
    Watched,
    /// The system notifies them of changes on this machine. They also look twice a second, for changes of other machines
    /// and of files that are edited in place.
    WatchedAndPolled,
    /// They look twice a second, as the system cannot notify them. Carries the reason.
    Polled(String),
}

impl From<store::WatchMode> for WatchMode {
    fn from(mode: store::WatchMode) -> Self {
        match mode {
            store::WatchMode::Watched => Self::Watched,
            store::WatchMode::WatchedAndPolled => Self::WatchedAndPolled,
            store::WatchMode::Polled(why) => Self::Polled(why),
        }
    }
}

/// Where this process keeps the state of profiles, and how that works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStatus {
    /// `None` until the first open decides.
    pub store: Option<Store>,
    /// How changes of other programs are noticed. `None` while no profile is open, and a moment after the first open.
    pub watch: Option<WatchMode>,
    /// What went wrong last, in words. It may have passed since.
    pub last_error: Option<String>,
    /// Who pays so that no callback begins after its registration has ended.
    pub barrier: Barrier,
}

/// Whether this system has the barrier that [`Barrier::Asymmetric`] needs. A sandbox may refuse it all the same.
#[must_use]
pub fn has_asymmetric_barrier() -> bool {
    sys::has_barrier()
}

/// Where a process keeps the state of profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Store {
    /// In its own memory: it was asked to, or there is no folder that it could use.
    Memory,
    /// In the folder that it shares with the user's other programs.
    Shared(PathBuf),
}

/// Says where this process keeps the state of profiles, how it notices changes of other programs, what went wrong last, and
/// which barrier callbacks use.
///
/// A program that must not work on its own unawares asks this after its first open.
#[must_use]
pub fn store_status() -> StoreStatus {
    let store::Status { watch, last_error } = store::status();
    let store = store::chosen().map(|folder| folder.map_or(Store::Memory, |path| Store::Shared(path.to_owned())));
    let barrier = registration::barrier();
    StoreStatus { store, watch: watch.map(WatchMode::from), last_error, barrier }
}

impl StateFolder {
    /// The folder that programs of this user share, as `MAPIOFFLINE_STATE_DIR` or the system's convention says.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`]: `MAPIOFFLINE_STORE=memory` asks for none. [`ErrorKind::NotFound`]: neither the
    /// environment nor the account names a folder for this user's state.
    pub fn of_user() -> io::Result<Self> {
        store::of_user().map(Self).map_err(|unusable| {
            let kind = match &unusable {
                store::Unusable::Disabled => ErrorKind::Unsupported,
                store::Unusable::NoHome => ErrorKind::NotFound,
                store::Unusable::Folder(_, error) => error.kind(),
            };
            io::Error::new(kind, unusable.to_string())
        })
    }

    /// A folder of the caller's choice. A relative path is resolved now: what it means does not change with the working
    /// folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self(SharedFolder::new(std::path::absolute(&path).unwrap_or(path)))
    }

    /// Makes this process keep the state of profiles here. Returns false, and changes nothing, if an object was opened or a
    /// store was chosen before.
    pub fn use_in_this_process(&self) -> bool {
        store::choose(Some(self.path()))
    }

    /// The folder's path. The folder need not exist.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The name of a profile's file in the folder, whether there is one or not. All spellings of the profile's name give the same.
    /// For tools that keep something beside it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: this is no valid profile name.
    pub fn file_name(&self, profile: &str) -> io::Result<String> {
        Ok(store::file_name_of(&valid(profile)?))
    }

    /// Creates the folder if there is none, and checks that it is this user's own and that no other user may write to it.
    ///
    /// # Errors
    /// The system's, or [`ErrorKind::PermissionDenied`] with what is wrong.
    pub fn create(&self) -> io::Result<()> {
        self.0.open_or_create().map(drop)
    }

    /// Checks that the folder is this user's own and that no other user may write to it, or that it could be created if
    /// there is none. Creates and changes nothing. Returns whether there is one.
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn check(&self) -> io::Result<bool> {
        self.0.check()
    }

    /// The folder's permissions in octal; on Windows what its access list amounts to.
    ///
    /// # Errors
    /// As for [`check`](Self::check); [`ErrorKind::NotFound`] if there is no folder.
    pub fn permissions(&self) -> io::Result<String> {
        self.0.open()?.permissions()
    }

    /// Tries whether a change could be written: takes the folder's lock, writes a file that is no profile's, and removes
    /// it.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`]: another program holds the lock. Otherwise as for [`check`](Self::check), or the system's.
    pub fn try_write(&self) -> io::Result<()> {
        self.0.try_write().map_err(into_io)
    }

    /// Tries how changes are noticed.
    pub fn watch_mode(&self) -> WatchMode {
        store::watch_mode(&self.0).into()
    }

    /// All profiles that are stored, sorted by name. Empty if there is no folder.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn profiles(&self) -> io::Result<Vec<StoredProfile>> {
        let folder = match self.0.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut profiles = Vec::new();
        for name in folder.names()? {
            if let Some(profile) = store::profile_of(&name) {
                profiles.extend(read(&folder, &profile));
            }
        }
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(profiles)
    }

    /// One profile, if it is stored.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: this is no valid profile name. Otherwise as for [`check`](Self::check).
    pub fn profile(&self, name: &str) -> io::Result<Option<StoredProfile>> {
        let name = valid(name)?;
        match self.0.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => Ok(read(&other?, &name)),
        }
    }

    /// Removes a profile's file and those of it that were set aside. Returns whether there were any. Programs that have the
    /// profile open keep its state, and write it again with the next change.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: this is no valid profile name. [`ErrorKind::TimedOut`]: another program holds the
    /// folder's lock. Otherwise the system's.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        let name = valid(name)?;
        match self.0.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            other => drop(other?),
        }
        self.0.remove(&name).map_err(into_io)
    }

    /// Files of profiles that were found damaged and have been set aside.
    ///
    /// # Errors
    /// As for [`permissions`](Self::permissions).
    pub fn set_aside(&self) -> io::Result<Vec<String>> {
        let mut names = self.0.open()?.names()?;
        names.retain(|name| store::profile_of_set_aside(name).is_some_and(|file| store::profile_of(file).is_some()));
        names.sort();
        Ok(names)
    }
}

/// Makes this process keep the state of profiles to itself, as `MAPIOFFLINE_STORE=memory` does. Meant for tests. Returns
/// false, and changes nothing, if an object was opened or a store was chosen before.
pub fn keep_state_in_memory() -> bool {
    store::choose(None)
}

fn valid(name: &str) -> io::Result<Name> {
    client::name(name).map_err(|error| {
        let why = match error {
            error::ErrorKind::NotFound => "a profile's name has 64 UTF-16 units at most",
            _ => "a profile's name is not empty, and has no zero in it",
        };
        io::Error::new(ErrorKind::InvalidInput, why)
    })
}

fn into_io(error: StoreError) -> io::Error {
    match error {
        StoreError::Locked => io::Error::new(ErrorKind::TimedOut, error::ErrorKind::Timeout),
        StoreError::OutOfMemory => ErrorKind::OutOfMemory.into(),
        StoreError::Io(error) => error,
        other => io::Error::other(Error::from(other)),
    }
}

fn read(folder: &store::Opened, profile: &Name) -> Option<StoredProfile> {
    let failed = |error| StoredProfile { name: profile.to_string(), record: Err(error) };
    let reading = match folder.read(profile) {
        Ok(reading) => reading,
        Err(error) => return Some(failed(ReadError::Unreadable(error.to_string()))),
    };
    Some(match reading.content(profile)? {
        Content::LaterFormat(format) => failed(ReadError::LaterFormat(format)),
        Content::Damaged => failed(ReadError::Damaged),
        Content::Record(stored) => StoredProfile {
            name: stored.profile.to_string(),
            record: Ok(ProfileRecord {
                state: stored.state,
                capabilities: stored.capabilities,
                hosted: stored.hosted,
                revision: stored.revision,
                changed_by_pid: stored.changed_by.pid,
                changed_by_program: stored.changed_by.program.into_owned(),
                changed_at: stored.changed_at,
            }),
        },
    })
}
