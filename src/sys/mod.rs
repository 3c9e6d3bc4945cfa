//! Calls to the operating system: staying loaded, exit, fork, threads, files opened safely, folders that are watched.

mod barrier;
mod errors;
mod folder;
mod fork;
mod found;
mod prefetch;
mod process;
mod readiness;
mod thread_start;
#[cfg(unix)]
mod unix;
mod watch;
#[cfg(windows)]
mod windows;
#[cfg(all(windows, target_env = "gnu", any(target_arch = "x86_64", target_arch = "x86")))]
mod wine;

#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

pub(crate) use barrier::{barrier_on_all_threads, has_barrier, prepare_barrier};
pub(crate) use errors::is_transient;
pub(crate) use folder::{Folder, FolderId, LockFile, Place, SET_ASIDE, UserStateFolder};
pub(crate) use fork::{ForkGuards, Handlers, install_fork_handlers};
pub(crate) use found::Found;
#[cfg(unix)]
pub(crate) use os::home_of_account;
pub(crate) use os::{
    LastError, Thread, Uncancelled, at_exit, environment, is_shutting_down, pin_module, prefer_large_pages,
    thread_number,
};
pub(crate) use prefetch::prefetch;
pub(crate) use process::{is_stopped, process_space, process_start, threads};
pub(crate) use readiness::{RawHandle, Readiness, borrow};
pub(crate) use thread_start::{forget_thread_starts, hold_thread_starts, release_thread_starts, start_thread};
pub(crate) use watch::{Filter, FolderWatch, Seen, Wake, Waker, Watch};
