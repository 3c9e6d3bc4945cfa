//! macOS: a kqueue for the folder, and another one to wake the thread that waits. Type-checked, never run.
//!
//! A kqueue reports that the folder changed, not which file. It does not report a file that is written in place.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::kqueue::{Event, EventFilter, EventFlags, UserDefinedFlags, UserFlags, VnodeEvents, kevent, kqueue};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{self, Mode, OFlags};
use rustix::io::{Errno, FdFlags, fcntl_setfd};

use super::contract::{Filter, FolderWatch, Seen, Wake};
use crate::sys::FolderId;

pub(crate) struct Waker(OwnedFd);

pub(crate) struct Watch {
    queue: OwnedFd,
    /// Keeps the watched folder open.
    _folder: OwnedFd,
    id: FolderId,
}

/// The folder is not what was watched any more.
const GONE: VnodeEvents = VnodeEvents::DELETE.union(VnodeEvents::RENAME).union(VnodeEvents::REVOKE);

fn new_queue(event: Event) -> io::Result<OwnedFd> {
    let queue = kqueue()?;
    fcntl_setfd(&queue, FdFlags::CLOEXEC)?;
    // SAFETY: the event names no descriptor, or one that its watch keeps open as long as the queue.
    unsafe { kevent(&queue, &[event], &mut [MaybeUninit::uninit(); 0][..], None) }?;
    Ok(queue)
}

fn wake_event(flags: EventFlags, user: UserFlags) -> Event {
    Event::new(
        EventFilter::User { ident: 0, flags: user, user_flags: UserDefinedFlags::new(0) },
        flags,
        ptr::null_mut(),
    )
}

/// The events that wait in a queue. They are reported once.
fn drain(queue: &OwnedFd, mut each: impl FnMut(&Event)) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); 8];
    // SAFETY: no event is registered.
    let (events, _) = unsafe { kevent(queue, &[], &mut room[..], Some(Duration::ZERO)) }?;
    events.iter().for_each(&mut each);
    Ok(())
}

impl Wake for Waker {
    fn new() -> io::Result<Self> {
        Ok(Self(new_queue(wake_event(EventFlags::ADD | EventFlags::CLEAR, UserFlags::NOINPUT))?))
    }

    fn wake(&self) {
        let event = wake_event(EventFlags::empty(), UserFlags::TRIGGER);
        // SAFETY: the event names no descriptor. It does not fail for an event that `new` registered.
        let _ = unsafe { kevent(&self.0, &[event], &mut [MaybeUninit::uninit(); 0][..], None) };
    }
}

impl FolderWatch for Watch {
    type Waker = Waker;

    const SEES_EDITS: bool = false;

    fn new(folder: &Path, _: &Arc<Waker>, _: Filter) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = fs::open(folder, flags, Mode::empty())?;
        let filter = EventFilter::Vnode { vnode: folder.as_raw_fd(), flags: VnodeEvents::WRITE | GONE };
        let queue = new_queue(Event::new(filter, EventFlags::ADD | EventFlags::CLEAR, ptr::null_mut()))?;
        Ok(Self { queue, id: FolderId::from_stat(&fs::fstat(&folder)?), _folder: folder })
    }

    fn id(&self) -> FolderId {
        self.id
    }

    fn wait(
        watch: Option<&Self>,
        waker: &Waker,
        timeout: Option<Duration>,
        seen: &mut dyn FnMut(Seen),
    ) -> io::Result<()> {
        let timeout =
            timeout.map(|timeout| Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ });
        let second = watch.map_or(&waker.0, |watch| &watch.queue);
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
            drain(&waker.0, |_| {})?;
        }
        if let Some(watch) = watch.filter(|_| !changed.is_empty()) {
            let (mut gone, mut any) = (false, false);
            drain(&watch.queue, |event| match event.filter() {
                EventFilter::Vnode { flags, .. } if flags.intersects(GONE) => gone = true,
                _ => any = true,
            })?;
            match (gone, any) {
                (true, _) => seen(Seen::Gone),
                (false, true) => seen(Seen::Anything),
                (false, false) => {}
            }
        }
        Ok(())
    }
}
