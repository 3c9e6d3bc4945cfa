//! Errors of the operating system that pass.
#![forbid(unsafe_code)]

use std::io;

#[cfg(unix)]
use super::unix as os;
#[cfg(windows)]
use super::windows as os;

/// Whether an error may be gone at the next attempt: no descriptors, no memory, a device or a server that does not answer.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory || error.raw_os_error().is_some_and(os::is_transient)
}
