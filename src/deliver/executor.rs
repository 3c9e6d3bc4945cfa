//! The contract of an executor.
//!
//! A transition that its caller does not run needs a [`Reservation`] before it is accepted, so that an accepted transition
//! always runs. The calling thread needs none: a job that is executed without a reservation runs at once.
#![forbid(unsafe_code)]

use std::mem;
use std::sync::Arc;

use crate::error::ErrorKind;

/// Runs jobs on threads of its own: the notifier threads, or a host's event loop.
pub(crate) trait Executor<J: 'static> {
    /// Reserves the execution of one job. Never called under a lock, as it may start a thread, which may wait for the
    /// loader.
    fn reserve(&'static self) -> Result<Reservation<J>, ErrorKind>;

    /// The same if no thread has to be started for it.
    fn reserve_idle(&'static self) -> Option<Reservation<J>>;
}

/// Receives the one job of a reservation.
pub(super) trait Receiver<J>: Send + Sync {
    fn execute(&self, job: J);

    /// The reservation was dropped unused.
    fn cancel(&self);
}

/// The reserved execution of one job. Dropping it cancels the reservation.
pub(crate) struct Reservation<J: 'static>(Option<Arc<dyn Receiver<J>>>);

impl<J> Reservation<J> {
    pub(super) fn new(receiver: Arc<dyn Receiver<J>>) -> Self {
        Self(Some(receiver))
    }

    pub(crate) fn execute(mut self, job: J) {
        if let Some(receiver) = self.0.take() {
            receiver.execute(job);
        }
    }

    /// In a forked child: the receiver's thread does not exist there, and its lock may be held for ever.
    pub(crate) fn abandon(mut self) {
        mem::forget(self.0.take());
    }
}

impl<J> Drop for Reservation<J> {
    fn drop(&mut self) {
        if let Some(receiver) = self.0.take() {
            receiver.cancel();
        }
    }
}
