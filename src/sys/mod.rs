//! Calls to the operating system: staying loaded, exit, fork, threads.

mod fork;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use fork::{ForkGuards, Handlers, install_fork_handlers};
pub(crate) use os::{Thread, at_exit, environment, pin_module, prefer_large_pages, spawn_with_signals_blocked};

/// A panic under a lock is a bug elsewhere; it must not become a second one here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
