//! The folder that a user's processes share: one file a profile, one lock for all writers.
#![forbid(unsafe_code)]

use std::fs::TryLockError;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::file_name::FileName;
use super::record::{Content, LARGEST, Stored};
use crate::error::Error;
use crate::name::Name;
use crate::sys::{self, Found};

const LOCK: &str = "lock";
/// What a new file is called until it takes the place of the old one: in a folder that nobody watches.
const SPARE: &str = "pending/new";
const SPARES_FOLDER: &str = "pending";
const SET_ASIDE: &str = ".damaged-";
/// How long the lock is asked for.
const PATIENCE: Duration = Duration::from_millis(250);

/// The shared store's folder.
#[derive(Debug)]
pub(crate) struct Shared {
    place: sys::Place,
}

/// The folder, open.
pub(crate) struct Opened(pub(super) sys::Folder);

/// The folder, open and locked: nobody else writes.
pub(super) struct Locked {
    folder: Opened,
    lock: sys::LockFile,
}

/// What was read of a profile.
pub(crate) enum Reading {
    Nothing,
    Text(Vec<u8>),
    /// Something that nobody here wrote: a link, a pipe, another user's file, a gigabyte.
    NotOurs,
}

/// Why the folder could not be used for a change.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Another process had the lock all the time.
    Held,
    OutOfMemory,
    Io(io::Error),
}

impl Shared {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { place: sys::Place::new(path) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn open(&self) -> io::Result<Opened> {
        self.place.open().map(Opened)
    }

    pub(crate) fn open_or_create(&self) -> io::Result<Opened> {
        self.place.open_or_create().map(Opened)
    }

    /// Takes the lock, in the folder as it is now: it may have vanished and come back.
    pub(super) fn lock(&self) -> Result<Locked, Trouble> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_micros(50);
        let mut for_writing = false;
        loop {
            let folder = self.open_or_create()?;
            let lock = folder.0.open_lock(LOCK, for_writing)?;
            match lock.file.try_lock() {
                Ok(()) if folder.0.is_still(LOCK, &lock) => return Ok(Locked { folder, lock }),
                // Somebody removed it meanwhile: this is the lock of nothing.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
                // On network file systems, such as NFS, locks are for those who may write.
                Err(TryLockError::Error(_)) if !for_writing => {
                    for_writing = true;
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Trouble::Held);
            }
            sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(4));
        }
    }
}

impl Opened {
    pub(crate) fn read(&self, profile: &Name) -> io::Result<Reading> {
        Ok(match self.0.read(FileName::of(profile).as_str(), LARGEST)? {
            Found::Nothing => Reading::Nothing,
            Found::Bytes(text) => Reading::Text(text),
            Found::NotOurs => Reading::NotOurs,
        })
    }

    /// Whether a damaged file of this profile was set aside.
    pub(super) fn has_set_aside(&self, profile: &Name) -> io::Result<bool> {
        Ok(self.set_aside(profile)?.next().is_some())
    }

    fn set_aside(&self, profile: &Name) -> io::Result<impl Iterator<Item = String>> {
        let file = FileName::of(profile);
        let names = self.0.names()?.into_iter();
        Ok(names.filter(move |name| profile_of_set_aside(name) == Some(file.as_str())))
    }

    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    pub(crate) fn permissions(&self) -> io::Result<String> {
        self.0.permissions()
    }

    pub(crate) fn is_remote(&self) -> bool {
        self.0.is_remote()
    }
}

/// The profile's file of which this one was set aside.
pub(crate) fn profile_of_set_aside(name: &str) -> Option<&str> {
    name.split_once(SET_ASIDE).map(|(file, _)| file)
}

impl Locked {
    pub(super) fn read(&self, profile: &Name) -> io::Result<Reading> {
        self.folder.read(profile)
    }

    pub(super) fn write(&self, stored: &Stored) -> Result<(), Trouble> {
        let text = stored.to_text().map_err(|_| Trouble::OutOfMemory)?;
        Ok(self.folder.0.replace(FileName::of(&stored.profile).as_str(), SPARES_FOLDER, SPARE, &text)?)
    }

    /// Writes as a change would, but to no profile.
    pub(super) fn try_write(&self) -> Result<(), Trouble> {
        const TRIAL: &str = "trial";
        self.folder.0.replace(TRIAL, SPARES_FOLDER, SPARE, b"a trial of mapioffline doctor's\n")?;
        Ok(self.folder.0.remove(TRIAL)?)
    }

    /// Gives a damaged file a name of its own.
    pub(super) fn set_aside(&self, profile: &Name) -> io::Result<()> {
        let file = FileName::of(profile);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let free = (now..).map(|stamp| format!("{}{SET_ASIDE}{stamp:013}", file.as_str()));
        match free.take(100_000).find(|name| !self.folder.0.exists(name)) {
            Some(name) => self.folder.0.rename(file.as_str(), &name),
            None => Err(ErrorKind::AlreadyExists.into()),
        }
    }

    /// Removes a profile's file, and those of it that were set aside. Whether there were any.
    pub(super) fn remove(&self, profile: &Name) -> io::Result<bool> {
        let file = FileName::of(profile);
        let mut removed = false;
        // First what was set aside: who finds the file gone, and those there, writes it anew.
        for name in self.folder.set_aside(profile)?.chain([file.as_str().to_owned()]) {
            match self.folder.0.remove(&name) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // A folder that was in the profile's place is somebody's to look at.
                Err(_) if name != file.as_str() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Not by closing alone: a child that another thread just forked still has the descriptor.
        let _ = self.lock.file.unlock();
    }
}

impl Reading {
    pub(crate) fn content(&self, profile: &Name) -> Option<Content<'_>> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(Stored::parse(text, profile)),
            Self::NotOurs => Some(Content::Damaged),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::OutOfMemory { Self::OutOfMemory } else { Self::Io(error) }
    }
}

impl From<&Trouble> for Error {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Held => Self::Timeout,
            Trouble::OutOfMemory => Self::OutOfMemory,
            Trouble::Io(_) => Self::Disk,
        }
    }
}
