//! A handle that a host's event loop waits for: a descriptor on Unix, an event on Windows.
//!
//! - [`Readiness::set`] makes the handle ready, and it stays so until [`Readiness::clear`]. Neither waits. One thread at a time
//!   calls them.
//! - The host knows the handle's number, and may close it all the same. On Unix `set` and `clear` then leave whatever has the
//!   number by now alone, and say so by false.
//! - A forked child must neither use nor close it: it would wake its parent.

use std::io;

#[cfg(unix)]
pub(crate) use unix::Readiness;
#[cfg(windows)]
pub(crate) use windows::Readiness;

/// What a host passes to its event loop.
pub(crate) type RawHandle = isize;

/// The same for Rust's event loops.
#[cfg(unix)]
pub(crate) fn borrow(handle: RawHandle) -> std::os::fd::BorrowedFd<'static> {
    // SAFETY: a readiness whose handle was given out is never closed, in a forked child neither.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(handle as std::os::fd::RawFd) }
}

/// The same for Rust's event loops.
#[cfg(windows)]
pub(crate) fn borrow(handle: RawHandle) -> std::os::windows::io::BorrowedHandle<'static> {
    // SAFETY: a readiness whose handle was given out is never closed.
    unsafe { std::os::windows::io::BorrowedHandle::borrow_raw(handle as std::os::windows::io::RawHandle) }
}

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

    use rustix::fs::{FileType, fstat};
    use rustix::io::Errno;
    use rustix::pipe;

    use super::{RawHandle, io};
    use crate::sys::FolderId;

    /// A pipe with one byte in it, or none: unlike an eventfd, each pipe has a number of its own.
    #[derive(Debug)]
    pub(crate) struct Readiness {
        read: OwnedFd,
        write: OwnedFd,
        /// Of each end: on macOS they differ.
        ids: [FolderId; 2],
    }

    impl Readiness {
        pub(crate) fn new() -> io::Result<Self> {
            let (read, write) = open_pipe()?;
            let ids = [FolderId::from_stat(&fstat(&read)?), FolderId::from_stat(&fstat(&write)?)];
            Ok(Self { read, write, ids })
        }

        pub(crate) fn raw(&self) -> RawHandle {
            self.read.as_raw_fd() as RawHandle
        }

        #[cfg(test)]
        pub(super) fn ends(&self) -> [std::os::fd::RawFd; 2] {
            [self.read.as_raw_fd(), self.write.as_raw_fd()]
        }

        /// Whether both ends are still the pipe's. Writing to a pipe that has no reader would raise a signal.
        pub(crate) fn is_whole(&self) -> bool {
            let is_it = |end: &OwnedFd, id: FolderId| {
                fstat(end.as_fd()).is_ok_and(|stat| {
                    FileType::from_raw_mode(stat.st_mode) == FileType::Fifo && FolderId::from_stat(&stat) == id
                })
            };
            is_it(&self.read, self.ids[0]) && is_it(&self.write, self.ids[1])
        }

        pub(crate) fn set(&self) -> bool {
            self.is_whole() && matches!(rustix::io::write(&self.write, b"!"), Ok(_) | Err(Errno::AGAIN))
        }

        pub(crate) fn clear(&self) -> bool {
            self.is_whole() && matches!(rustix::io::read(&self.read, &mut [0; 8]), Ok(_) | Err(Errno::AGAIN))
        }
    }

    #[cfg(not(target_vendor = "apple"))]
    fn open_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
        Ok(pipe::pipe_with(pipe::PipeFlags::CLOEXEC | pipe::PipeFlags::NONBLOCK)?)
    }

    #[cfg(target_vendor = "apple")]
    fn open_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
        let ends = pipe::pipe()?;
        for end in [&ends.0, &ends.1] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok(ends)
    }
}

#[cfg(windows)]
mod windows {
    use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
    use std::ptr;

    use windows_sys::Win32::System::Threading::{CreateEventW, ResetEvent, SetEvent};

    use super::{RawHandle, io};

    /// An event that is reset by `clear` alone.
    #[derive(Debug)]
    pub(crate) struct Readiness(OwnedHandle);

    impl Readiness {
        pub(crate) fn new() -> io::Result<Self> {
            // SAFETY: a nameless event, not inherited, with the default access; reset by hand, not set.
            let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
            if event.is_null() {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the handle was just created, and has no other owner.
            Ok(Self(unsafe { OwnedHandle::from_raw_handle(event) }))
        }

        pub(crate) fn raw(&self) -> RawHandle {
            self.0.as_raw_handle() as RawHandle
        }

        /// A handle has nothing by which another one with its value could be distinguished from it.
        pub(crate) fn is_whole(&self) -> bool {
            true
        }

        pub(crate) fn set(&self) -> bool {
            // SAFETY: the event is open.
            unsafe { SetEvent(self.0.as_raw_handle()) != 0 }
        }

        pub(crate) fn clear(&self) -> bool {
            // SAFETY: the event is open.
            unsafe { ResetEvent(self.0.as_raw_handle()) != 0 }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::{BorrowedFd, RawFd};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_ready(handle: RawHandle) -> bool {
        // SAFETY: the test keeps the handle open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(handle as RawFd) };
        let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    #[test]
    fn it_is_ready_from_set_until_clear() {
        let readiness = Readiness::new().unwrap();
        assert!(!is_ready(readiness.raw()));
        assert!(readiness.set() && readiness.set() && is_ready(readiness.raw()));
        assert!(readiness.clear() && !is_ready(readiness.raw()));
        assert!(readiness.clear());
    }

    #[test]
    fn a_file_that_has_the_number_is_left_alone() {
        use std::io::Read as _;
        use std::os::fd::{AsRawFd as _, OwnedFd};
        let readiness = std::mem::ManuallyDrop::new(Readiness::new().unwrap());
        // What a host does that closes descriptors and goes on.
        let (mut other, its_end) = std::os::unix::net::UnixStream::pair().unwrap();
        let ends = readiness.ends();
        for end in ends {
            // SAFETY: the number is the pipe's, which nothing closes any more.
            unsafe { libc::dup2(its_end.as_raw_fd(), end) };
        }
        assert!(!readiness.set() && !readiness.clear() && !readiness.is_whole());
        for end in ends {
            // SAFETY: `dup2` has opened it.
            drop(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(end) });
        }
        other.set_nonblocking(true).unwrap();
        assert!(other.read(&mut [0; 8]).is_err(), "nothing was written to it");
    }
}
