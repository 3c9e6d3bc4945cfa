//! Pumped delivery in Rust.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::profile;
use crate::sys::{self, RawHandle};

/// Where the callbacks of a change run that [`set_state`](crate::OfflineObject::set_state) or another program asked for.
/// [`set_state_and_wait`](crate::OfflineObject::set_state_and_wait) runs its own on the calling thread, in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// On a notifier thread of the library's.
    #[default]
    Notifiers,
    /// On a thread that calls [`dispatch`]. Until one does, the state is the old one, the object's tree is busy, and who
    /// subscribes gets nothing of the change.
    Pumped,
}

/// Chooses the delivery of changes that are accepted from now on, for the whole process. Changes that were accepted before stay
/// where they were: whoever goes back to notifiers calls [`dispatch`] until nothing waits any more.
///
/// ```
/// use std::time::Duration;
///
/// use mapioffline::{Delivery, OfflineObject, State, dispatch, set_delivery};
///
/// # mapioffline::keep_state_in_memory();
/// set_delivery(Delivery::Pumped);
/// let outlook = OfflineObject::open("Outlook")?;
/// outlook.set_state(State::Offline)?;
/// assert_eq!(outlook.state(), State::Online, "nothing was dispatched yet");
/// assert_eq!(dispatch(usize::MAX, Duration::ZERO)?, 1);
/// assert_eq!(outlook.state(), State::Offline);
/// # Ok::<(), mapioffline::Error>(())
/// ```
pub fn set_delivery(delivery: Delivery) {
    profile::set_pumped(delivery == Delivery::Pumped);
}

/// Runs the changes that wait now on this thread, with all of their callbacks; at most `most` of them, each with its three
/// phases. Where none waits, waits for the first one for `timeout`. Returns how many it ran.
///
/// A change that is asked for in a callback waits for the next call. Any thread may call this, several at once too, and a
/// callback: changes of other trees then run in the middle of that callback.
///
/// # Errors
/// [`ErrorKind::Pending`]: a callback called this with a timeout, and could wait for itself.
pub fn dispatch(most: usize, timeout: Duration) -> Result<usize, Error> {
    Ok(profile::dispatch(most, timeout)?)
}

/// Returns what becomes ready when [`dispatch`] has something to run, and stays so until nothing waits any more: for `poll`,
/// `epoll`, `WaitForMultipleObjects`, or an event loop on top of them. A forked child asks for its own.
///
/// # Errors
/// [`ErrorKind::Failed`], with the system's error as the cause: there is no descriptor left.
pub fn dispatch_handle() -> Result<DispatchHandle, Error> {
    let handle = profile::dispatch_handle().map_err(|error| Error::with_cause(ErrorKind::Failed, error))?;
    Ok(DispatchHandle(handle))
}

/// A descriptor that can be read from, on Unix; an event, on Windows. It is the library's: it is neither read, written, reset
/// nor closed, and stays open until the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DispatchHandle(RawHandle);

#[cfg(unix)]
impl std::os::fd::AsRawFd for DispatchHandle {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0 as std::os::fd::RawFd
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for DispatchHandle {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        sys::borrow(self.0)
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsHandle for DispatchHandle {
    fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
        sys::borrow(self.0)
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawHandle for DispatchHandle {
    fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
        self.0 as std::os::windows::io::RawHandle
    }
}
