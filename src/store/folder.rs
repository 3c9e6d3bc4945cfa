//! The folder that a user's processes share: one file a profile, one lock for all writers.
#![forbid(unsafe_code)]

use std::fs::TryLockError;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::backend::{Backend, Change, Description, Record, StoreError, Stored, Updated};
use super::file_name::{FileName, profile_of};
use super::last_written::{Current, LastWritten};
use super::queue::{LONGEST_QUEUE, Queue};
use super::record::{Content, LARGEST, StoredRecord};
use super::status::warn;
use super::watch::{note_own_change, note_place};
use crate::name::Name;
use crate::sys::{self, Filter, FolderId, FolderWatch as _, Found, SET_ASIDE, Waker, Watch};

const LOCK: &str = "lock";
/// The name of a new file until it replaces the old one, in a folder that is not watched.
const SPARE: &str = "new";
const SPARES_FOLDER: &str = "pending";
/// How long a file may look damaged because a person or a script is writing it in place.
const WRITING: Duration = Duration::from_millis(500);

/// The shared store's folder.
#[derive(Debug)]
pub(crate) struct SharedFolder {
    place: sys::Place,
    last_written: LastWritten,
}

/// The folder, open.
pub(crate) struct Opened(pub(super) sys::Folder);

/// The folder, open and locked against other writers.
pub(super) struct Locked {
    folder: Opened,
    lock: sys::LockFile,
}

/// What was read of a profile.
pub(crate) enum Reading {
    Nothing,
    Text(Vec<u8>, SystemTime),
    /// Not a file of this library's: a link, a pipe, another user's file, a gigabyte.
    NotOurs,
}

impl SharedFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { place: sys::Place::new(path), last_written: LastWritten::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn open(&self) -> io::Result<Opened> {
        self.place.open().map(Self::opened)
    }

    pub(crate) fn open_or_create(&self) -> io::Result<Opened> {
        self.place.open_or_create().map(Self::opened)
    }

    /// Whether the folder is there. An error: it cannot be used, or could not be created.
    pub(crate) fn check(&self) -> io::Result<bool> {
        match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => self.place.check_creation().map(|()| false),
            opened => opened.map(|_| true),
        }
    }

    fn opened(folder: sys::Folder) -> Opened {
        note_place(folder.id());
        Opened(folder)
    }

    /// Removes a profile. Whether it was there.
    pub(crate) fn remove(&self, profile: &Name) -> Result<bool, StoreError> {
        Ok(self.lock()?.remove(profile)?)
    }

    /// Tries whether a change could be written.
    pub(crate) fn try_write(&self) -> Result<(), StoreError> {
        self.lock()?.try_write()
    }

    /// Writes a file that is no profile's.
    pub(super) fn put(&self, name: &str, text: &[u8]) -> Result<(), StoreError> {
        Ok(self.lock()?.put(name, text)?)
    }

    /// Takes the lock, in the folder as it is now: it may have been removed and made again.
    ///
    /// Gives up when one process holds the lock for `PATIENCE`. A queue is another matter: while the lock changes hands,
    /// which the folder's modification time shows, the wait begins anew, up to `LONGEST_QUEUE`.
    pub(super) fn lock(&self) -> Result<Locked, StoreError> {
        let start = Instant::now();
        let mut for_writing = false;
        let mut queue = Queue::new(start);
        loop {
            let folder = self.open_or_create()?;
            let lock = folder.0.open_lock(LOCK, for_writing)?;
            loop {
                match lock.try_lock() {
                    Ok(()) if folder.0.is_still(LOCK, &lock) => return Ok(Locked { folder, lock }),
                    // Another process removed the file meanwhile: this is the lock of nothing.
                    Ok(()) => {
                        queue.wait(|| folder.0.modified())?;
                        break;
                    }
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
                    // On network file systems, such as NFS, only those who may write can lock.
                    Err(TryLockError::Error(_)) if !for_writing => {
                        for_writing = true;
                        break;
                    }
                    Err(TryLockError::Error(error)) => return Err(error.into()),
                }
                queue.wait(|| folder.0.modified())?;
                if !folder.0.is_still(LOCK, &lock) {
                    break;
                }
            }
            if start.elapsed() >= LONGEST_QUEUE {
                return Err(StoreError::Locked);
            }
        }
    }
}

impl Drop for Opened {
    /// Behind the unlocking, where it was locked.
    fn drop(&mut self) {
        if let Some(line) = self.0.take_warning() {
            warn(line);
        }
    }
}

impl Opened {
    pub(crate) fn read(&self, profile: &Name) -> io::Result<Reading> {
        Ok(match self.0.read(FileName::of(profile).as_str(), LARGEST)? {
            Found::Nothing => Reading::Nothing,
            Found::Bytes(text, modified) => Reading::Text(text, modified),
            Found::NotOurs => Reading::NotOurs,
        })
    }

    /// What the file says. Waits for a moment while it looks as if a program were writing it in place.
    fn read_whole(&self, profile: &Name) -> io::Result<Current> {
        let start = Instant::now();
        loop {
            let reading = self.read(profile)?;
            let current = Current::from(reading.content(profile));
            if current != Current::Damaged || !reading.is_recent() || start.elapsed() >= WRITING {
                return Ok(current);
            }
            sleep(Duration::from_millis(10));
        }
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

    pub(crate) fn may_change_unnoticed(&self) -> bool {
        self.0.may_change_unnoticed()
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

    /// Writes a record, and returns its text.
    pub(super) fn write(&self, stored: &StoredRecord) -> Result<Vec<u8>, StoreError> {
        let text = stored.to_text().map_err(|_| StoreError::OutOfMemory)?;
        self.folder.0.replace(FileName::of(&stored.profile).as_str(), SPARES_FOLDER, SPARE, &text)?;
        Ok(text)
    }

    /// Writes a file that is no profile's.
    pub(super) fn put(&self, name: &str, text: &[u8]) -> io::Result<()> {
        self.folder.0.replace(name, SPARES_FOLDER, SPARE, text)
    }

    /// Removes a file that is no profile's, if it is there.
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        match self.folder.0.remove(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes as a change would, but to no profile.
    pub(super) fn try_write(&self) -> Result<(), StoreError> {
        const TRIAL: &str = "trial";
        self.put(TRIAL, b"a trial of mapioffline doctor's\n")?;
        Ok(self.folder.0.remove(TRIAL)?)
    }

    /// Gives a damaged file a name of its own.
    pub(super) fn set_aside(&self, profile: &Name) -> io::Result<()> {
        self.folder.0.set_aside(FileName::of(profile).as_str()).map(drop)
    }

    /// Removes a profile's file, and those of it that were set aside. Whether there were any.
    pub(super) fn remove(&self, profile: &Name) -> io::Result<bool> {
        let file = FileName::of(profile);
        let mut removed = false;
        // First what was set aside: a process that finds the file gone and those there writes the file anew.
        for name in self.folder.set_aside(profile)?.chain([file.as_str().to_owned()]) {
            match self.folder.0.remove(&name) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // A folder that had the profile's name is left for the user to look at.
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
        self.lock.unlock();
    }
}

impl Reading {
    pub(crate) fn content(&self, profile: &Name) -> Option<Content<'_>> {
        match self {
            Self::Nothing => None,
            Self::Text(text, _) => Some(StoredRecord::parse(text, profile)),
            Self::NotOurs => Some(Content::Damaged),
        }
    }

    /// Whether a program may still be writing it.
    fn is_recent(&self) -> bool {
        // A time that has not come yet is a recent one: clocks differ between machines.
        matches!(self, Self::Text(_, modified) if modified.elapsed().map_or(true, |age| age < WRITING))
    }
}

impl SharedFolder {
    fn current(&self, profile: &Name, reading: &Reading) -> Current {
        let known = match reading {
            Reading::Text(text, _) => self.last_written.find(profile, text),
            Reading::Nothing | Reading::NotOurs => None,
        };
        known.unwrap_or_else(|| reading.content(profile).into())
    }
}

impl Backend for SharedFolder {
    fn is_shared(&self) -> bool {
        true
    }

    fn read(&self, profile: &Name, look_for_damage: bool) -> Stored {
        let read = || -> io::Result<Stored> {
            let folder = self.open()?;
            Ok(match folder.read_whole(profile)? {
                Current::Record { record, .. } => Stored::Record(record),
                Current::LaterFormat(format) => Stored::LaterFormat(format),
                Current::Damaged => Stored::SetAside,
                Current::Nothing if look_for_damage && folder.has_set_aside(profile)? => Stored::SetAside,
                Current::Nothing => Stored::Nothing,
            })
        };
        match read() {
            Ok(stored) => stored,
            // The whole folder was removed. The next change makes it again.
            Err(error) if error.kind() == ErrorKind::NotFound => Stored::Nothing,
            Err(error) => Stored::Unreadable(error),
        }
    }

    fn read_at_once(&self, profile: &Name) -> Option<Record> {
        match self.open().ok()?.read(profile).ok()?.content(profile)? {
            Content::Record(stored) => Some(stored.record()),
            Content::LaterFormat(_) | Content::Damaged => None,
        }
    }

    fn update(&self, profile: &Name, change: Change) -> Updated {
        let mut set_aside = false;
        let mut update = || {
            let mut locked = self.lock()?;
            let reading = locked.read(profile)?;
            let mut current = self.current(profile, &reading);
            if current == Current::Damaged && reading.is_recent() {
                // Without the lock, for which others wait.
                drop(locked);
                self.open()?.read_whole(profile)?;
                locked = self.lock()?;
                current = self.current(profile, &locked.read(profile)?);
            }
            let (mut spelled, mut revision, mut before) = (*profile, 0, None);
            match current {
                Current::Nothing => {}
                Current::Record { spelled: first, revision: last, record } => {
                    (spelled, revision, before) = (first, last, Some(record));
                }
                Current::LaterFormat(format) => return Err(StoreError::LaterFormat(format)),
                Current::Damaged => {
                    locked.set_aside(profile)?;
                    set_aside = true;
                }
            }
            let Some(record) = change(before).map_err(StoreError::Refused)? else { return Ok(before) };
            note_own_change();
            let stored = StoredRecord::new(spelled, record, revision.wrapping_add(1));
            let text = locked.write(&stored)?;
            drop(locked);
            self.last_written.note(profile, &stored, text);
            Ok(Some(record))
        };
        let result = update();
        Updated { result, set_aside }
    }

    fn watch(&self, waker: &Arc<Waker>, filter: Filter) -> io::Result<Watch> {
        Watch::new(self.path(), waker, filter)
    }

    fn path(&self) -> Option<&Path> {
        Some(self.path())
    }

    fn place(&self) -> Option<FolderId> {
        FolderId::of(self.path()).ok()
    }

    fn profile_of(&self, file: &str) -> Option<Name> {
        profile_of(file)
    }

    fn describe(&self) -> Description<'_> {
        Description {
            folder: Some(self.path()),
            may_change_unnoticed: self.open().is_ok_and(|folder| folder.may_change_unnoticed()),
        }
    }
}
