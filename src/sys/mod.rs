//! Calls to the operating system: staying loaded, exit, fork, threads, files opened safely, folders that are watched.

#[cfg_attr(unix, path = "folder_unix.rs")]
#[cfg_attr(windows, path = "folder_windows.rs")]
mod folder;
mod fork;
#[cfg(unix)]
mod unix;
#[cfg_attr(target_os = "linux", path = "watch_linux.rs")]
#[cfg_attr(windows, path = "watch_windows.rs")]
#[cfg_attr(not(any(target_os = "linux", windows)), path = "watch_polled.rs")]
mod watch;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use folder::{Folder, LockFile, Place, user_state_folder};
pub(crate) use fork::{ForkGuards, Handlers, install_fork_handlers};
pub(crate) use os::{
    Descriptor, Thread, at_exit, environment, pin_module, prefer_large_pages, spawn_with_signals_blocked,
};
pub(crate) use watch::{Waker, Watch, wait};

/// What stands under a name.
pub(crate) enum Found {
    Nothing,
    Bytes(Vec<u8>),
    /// Not a file of this user's, or too large.
    NotOurs,
}

/// What is seen of a watched folder.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux tells all of these"))]
pub(crate) enum Seen<'a> {
    /// Something became of the file of this name.
    File(&'a str),
    /// There was more than could be told.
    Anything,
    /// The folder is not watched any more.
    Gone,
}

/// A panic under a lock is a bug elsewhere; it must not become a second one here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
