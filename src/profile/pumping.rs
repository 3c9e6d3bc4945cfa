//! Pumped delivery, for hosts that want Notify on a thread of their own.
#![forbid(unsafe_code)]

use std::io;
use std::time::Duration;

use super::fork::install_fork_handlers;
use super::run::EXECUTORS;
use super::waiting::refuse_in_callback;
use crate::error::ErrorKind;
use crate::sys::RawHandle;

/// Which executor runs what is accepted from now on.
pub(crate) fn set_pumped(pumped: bool) {
    EXECUTORS.set_pumped(pumped);
}

/// Runs at most `most` of the transitions that wait for the host, on this thread. See `Pump::dispatch`. `Pending` on a thread
/// that delivers notifications and would wait: it could wait for itself.
pub(crate) fn dispatch(most: usize, timeout: Duration) -> Result<usize, ErrorKind> {
    if !timeout.is_zero() {
        refuse_in_callback()?;
    }
    install_fork_handlers();
    Ok(EXECUTORS.pump().dispatch(most, timeout))
}

/// The handle that is ready while transitions wait.
pub(crate) fn dispatch_handle() -> io::Result<RawHandle> {
    install_fork_handlers();
    EXECUTORS.pump().handle()
}
