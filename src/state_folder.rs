//! The folder in which a user's programs share the state of profiles, as tools see it.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::client;
use crate::error::Error;
use crate::name::Name;
use crate::state::{Capabilities, State};
use crate::store::{self, Content, Shared, Trouble};

/// The folder in which a user's programs share the state of profiles: one file a profile.
///
/// This is for tools that look at what is stored without opening objects. Nothing here is cached. See
/// `docs/shared-state.md` for the format.
#[derive(Debug)]
pub struct StateFolder(Shared);

/// A profile's file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredProfile {
    /// The name as it was first spelled; as it is folded where the file cannot be read.
    pub name: String,
    /// What the file says.
    pub record: Result<ProfileRecord, Unread>,
}

/// What a profile's file says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileRecord {
    /// The state that programs have or are changing to.
    pub state: State,
    /// The states that it can be changed to.
    pub capabilities: Capabilities,
    /// Somebody created the global object, or got it by `HrGetGlobalOffline`: strict hosting asks for that.
    pub hosted: bool,
    /// Counts the changes of the file.
    pub revision: u64,
    /// The process that changed it last.
    pub changed_by_pid: u32,
    /// Its program, without folder and extension.
    pub changed_by_program: String,
    /// When that was.
    pub changed_at: SystemTime,
}

/// Why a profile's file says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unread {
    /// Its format is that of a later version of this library: programs of this version keep the profile to themselves.
    Newer(u32),
    /// It is no record of this profile. The next program that opens the profile sets the file aside.
    Damaged,
    /// It could not be read.
    Unreadable(String),
}

/// How programs notice what others change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Noticing {
    /// The system tells them.
    Watched,
    /// The system tells of changes on this machine; for those of others, they look twice a second.
    WatchedAndPolled,
    /// They look twice a second, as the system cannot tell: why.
    Polled(String),
}

impl StateFolder {
    /// The folder that programs of this user share, as `MAPIOFFLINE_STATE_DIR` or the system's custom says.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`]: `MAPIOFFLINE_STORE=memory` asks for none. [`ErrorKind::NotFound`]: nothing says where
    /// this user's state is kept.
    pub fn of_user() -> io::Result<Self> {
        store::of_user().map(Self).map_err(|unusable| {
            let kind = match &unusable {
                store::Unusable::NotWanted => ErrorKind::Unsupported,
                store::Unusable::NoHome => ErrorKind::NotFound,
                store::Unusable::Folder(_, error) => error.kind(),
            };
            io::Error::new(kind, unusable.to_string())
        })
    }

    /// A folder of the caller's choice.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(Shared::new(path.into()))
    }

    /// Has this process keep the state of profiles here. False, and nothing changes, if an object was opened already, or
    /// a choice was made.
    pub fn use_in_this_process(&self) -> bool {
        store::choose(Some(self.path()))
    }

    /// Where it is. It need not exist.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes the folder if there is none, and checks that it is this user's own, and that nobody else may write to it.
    ///
    /// # Errors
    /// The system's, or [`ErrorKind::PermissionDenied`] with what is wrong.
    pub fn check(&self) -> io::Result<()> {
        self.0.open_or_create().map(drop)
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
        store::try_write(&self.0).map_err(into_io)
    }

    /// Tries how changes are noticed.
    pub fn noticing(&self) -> Noticing {
        match store::how_noticed(&self.0) {
            store::Noticing::Watched => Noticing::Watched,
            store::Noticing::Remote => Noticing::WatchedAndPolled,
            store::Noticing::Polled(error) => Noticing::Polled(error.to_string()),
        }
    }

    /// All profiles that are stored, by name. None, if there is no folder.
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
    /// [`ErrorKind::InvalidInput`]: this can be no profile's name. Otherwise as for [`check`](Self::check).
    pub fn profile(&self, name: &str) -> io::Result<Option<StoredProfile>> {
        let name = valid(name)?;
        match self.0.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => Ok(read(&other?, &name)),
        }
    }

    /// Removes a profile, with what was set aside of it. Whether it was there. Programs that have it open keep its state,
    /// and write it again when it changes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: this can be no profile's name. [`ErrorKind::TimedOut`]: another program holds the
    /// folder's lock. Otherwise the system's.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        let name = valid(name)?;
        match self.0.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            other => drop(other?),
        }
        store::remove(&self.0, &name).map_err(into_io)
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

/// Has this process keep the state of profiles to itself, as `MAPIOFFLINE_STORE=memory` does: for tests. False, and nothing
/// changes, if an object was opened already, or a choice was made.
pub fn keep_state_in_memory() -> bool {
    store::choose(None)
}

fn valid(name: &str) -> io::Result<Name> {
    client::name(name).map_err(|error| {
        let why = match error {
            Error::NotFound => "a profile's name has 64 UTF-16 units at most",
            _ => "a profile's name is not empty, and has no zero in it",
        };
        io::Error::new(ErrorKind::InvalidInput, why)
    })
}

fn into_io(trouble: Trouble) -> io::Error {
    match trouble {
        Trouble::Held => io::Error::new(ErrorKind::TimedOut, Error::Timeout),
        Trouble::OutOfMemory => ErrorKind::OutOfMemory.into(),
        Trouble::Io(error) => error,
    }
}

fn read(folder: &store::Opened, profile: &Name) -> Option<StoredProfile> {
    let unread = |unread| StoredProfile { name: profile.to_string(), record: Err(unread) };
    let reading = match folder.read(profile) {
        Ok(reading) => reading,
        Err(error) => return Some(unread(Unread::Unreadable(error.to_string()))),
    };
    Some(match reading.content(profile)? {
        Content::Newer(format) => unread(Unread::Newer(format)),
        Content::Damaged => unread(Unread::Damaged),
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
