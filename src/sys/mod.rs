//! Calls to the operating system: staying loaded, exit, fork, threads.

mod fork;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as os;

pub(crate) use fork::{ForkGuards, Handlers, install_fork_handlers};
pub(crate) use os::{Thread, at_exit, environment, pin_module, prefer_large_pages, spawn_with_signals_blocked};
