//! A folder of the user's own: the contract that every system's implementation keeps.
//!
//! - [`Place`] is a path. It holds nothing open: a host closes descriptors that it does not know, and a folder may be removed
//!   and made again. `Place::open` opens the folder anew for each use, and fails if there is none;
//!   `Place::open_or_create` makes it, for its owner only, with what is missing on the way to it.
//! - [`Folder`] is the open folder. Opening refuses a link, a folder of another user, and one to which another user may
//!   write; this is checked on the open descriptor or handle. Names are relative to that, so that the folder cannot be
//!   exchanged between the check and the use.
//! - `Folder::read` gives a whole file up to a limit. Whatever is not a regular file of the owner's is [`Found::NotOurs`]: it
//!   is neither followed nor waited for.
//! - `Folder::replace` is atomic: a reader, and a process that is killed at any instant, finds the old file or the new one.
//!   One writer at a time, which the lock sees to.
//! - `Folder::create` writes a new file, which a reader may find unfinished. It needs no lock, and the name must be free.
//!   `Folder::create_for_process` does the same for a file that is of no use when this process has ended: Windows removes it
//!   then. What it returns has to be kept until the file may go.
//! - [`LockFile`] is opened by `Folder::open_lock`. Its lock keeps out other processes, on Linux also those in Wine, and other
//!   opens of the same process. `Folder::is_still` says whether it is still the folder's lock file.
//! - `Folder::modified` changes whenever an entry is made, replaced or removed.
//! - Everything is opened close-on-exec. A forked child inherits the descriptors of a use that is under way in another
//!   thread, does not use them, and keeps them until it ends or executes a program. The lock is released explicitly, so
//!   that this copy does not hold it.
//!
//! [`Found::NotOurs`]: super::Found::NotOurs

use std::io::{self, ErrorKind};
use std::time::SystemTime;

#[cfg(windows)]
mod access;
#[cfg(any(windows, test))]
mod entries;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod file_systems;
#[cfg(unix)]
mod id;
#[cfg(unix)]
mod lock;
#[cfg(unix)]
mod private;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(crate) use system::{Folder, Place};
#[cfg(windows)]
pub(crate) use windows::{FolderId, LockFile, UserStateFolder};
#[cfg(unix)]
pub(crate) use {id::FolderId, lock::LockFile, private::UserStateFolder};

/// What the name of something that was set aside has behind its old name, before the time.
pub(crate) const SET_ASIDE: &str = ".damaged-";

impl Folder {
    pub(crate) fn id(&self) -> FolderId {
        self.id
    }

    /// Gives an entry a name of its own, which is returned. The caller ensures that there is one writer at a time.
    pub(crate) fn set_aside(&self, name: &str) -> io::Result<String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let free = (now..).map(|stamp| format!("{name}{SET_ASIDE}{stamp:013}"));
        let aside = free.take(100_000).find(|aside| !self.exists(aside)).ok_or(ErrorKind::AlreadyExists)?;
        self.rename(name, &aside)?;
        Ok(aside)
    }

    /// Sets aside what has the name of a file of the library's, and notes that for the log.
    fn clear_the_way(&self, name: &str) -> io::Result<()> {
        let aside = self.set_aside(name)?;
        self.warning.set(Some(format!("{name} in the state folder was not the library's; it is {aside} now")));
        Ok(())
    }

    /// What was set aside, once. To be logged with no lock held, that of the folder included.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.warning.take()
    }
}
