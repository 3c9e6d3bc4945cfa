//! Linux: inotify, and an eventfd to wake the thread that waits.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::contract::{FolderWatch, Seen, Wake};
use crate::sys::Descriptor;

pub(crate) struct Waker(OwnedFd);

pub(crate) struct Watch(OwnedFd);

const GONE: ReadFlags =
    ReadFlags::IGNORED.union(ReadFlags::UNMOUNT).union(ReadFlags::DELETE_SELF).union(ReadFlags::MOVE_SELF);

impl Wake for Waker {
    fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn wake(&self) {
        // It fails when the counter is full, and then the thread is awake already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn descriptor(&self) -> Option<Descriptor> {
        Some(Descriptor(self.0.as_raw_fd()))
    }
}

impl Watch {
    fn read(&self, seen: &mut dyn FnMut(Seen)) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        // A file that is written and renamed into place gives two events. One look after both is enough.
        let mut last = [0; 256];
        let mut len = 0;
        loop {
            match reader.next() {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => seen(Seen::Anything),
                Ok(event) if event.events().intersects(GONE) => return seen(Seen::Gone),
                Ok(event) => {
                    let name = event.file_name().map(CStr::to_bytes).unwrap_or_default();
                    if name != &last[..len] {
                        report(&last[..len], seen);
                        len = name.len().min(last.len());
                        last[..len].copy_from_slice(&name[..len]);
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => return seen(Seen::Gone),
            }
            // Later events wake the thread again.
            if reader.is_buffer_empty() {
                break;
            }
        }
        report(&last[..len], seen);
    }
}

/// Names that are not text are not the library's.
fn report(name: &[u8], seen: &mut dyn FnMut(Seen)) {
    if let Ok(name) = std::str::from_utf8(name)
        && !name.is_empty()
    {
        seen(Seen::File(name));
    }
}

impl FolderWatch for Watch {
    type Waker = Waker;

    const SEES_EDITS: bool = true;

    fn new(folder: &Path) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // A file that a person writes is closed in place; the library renames files into place.
        let what = WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        inotify::add_watch(&inotify, folder, what | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW)?;
        Ok(Self(inotify))
    }

    fn descriptor(&self) -> Option<Descriptor> {
        Some(Descriptor(self.0.as_raw_fd()))
    }

    fn wait(
        watch: Option<&Self>,
        waker: &Waker,
        timeout: Option<Duration>,
        seen: &mut dyn FnMut(Seen),
    ) -> io::Result<()> {
        let timeout =
            timeout.map(|timeout| Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ });
        let second = watch.map_or(&waker.0, |watch| &watch.0);
        let mut polled = [PollFd::new(&waker.0, PollFlags::IN), PollFd::new(second, PollFlags::IN)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [woken, changed] = polled.map(|polled| polled.revents());
        if woken.contains(PollFlags::NVAL) || changed.contains(PollFlags::NVAL) {
            // The host closed a descriptor that is not its own.
            return Err(Errno::BADF.into());
        }
        if !woken.is_empty() {
            let _ = rustix::io::read(&waker.0, &mut [0u8; 8]);
        }
        if let Some(watch) = watch.filter(|_| !changed.is_empty()) {
            watch.read(seen);
        }
        Ok(())
    }
}
