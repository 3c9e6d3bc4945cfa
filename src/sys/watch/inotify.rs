//! Linux: inotify, read by a thread of its own.
//!
//! That thread has a descriptor table of its own: the host can neither close the inotify descriptor nor have its number for
//! another file, and a forked child does not inherit it. The thread runs no client code and logs nothing, as neither would
//! find its descriptors there. A change that can be followed without either it follows at once (see `Filter`): the watcher then sleeps on.

use std::ffi::CStr;
use std::io;
use std::mem;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::contract::{Filter, FolderWatch, Seen, Wake};
use crate::sync::lock;
use crate::sys::{self, FolderId};

/// How soon the reading thread notices that its watch was dropped.
const TICK: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };
/// How many names are kept for the waiting thread. With more it has to look at all files.
const MOST_NAMES: usize = 64;
/// How long the thread may take to begin: a file system may hang.
const PATIENCE: Duration = Duration::from_secs(5);
const STACK: usize = 256 * 1024;

pub(crate) struct Waker {
    state: Mutex<State>,
    changed: Condvar,
}

/// What the waiting thread has to know.
#[derive(Default)]
struct State {
    woken: bool,
    files: Vec<String>,
    anything: bool,
    gone: bool,
}

pub(crate) struct Watch {
    id: FolderId,
    /// The reading thread ends.
    dropped: Arc<AtomicBool>,
}

/// What the reading thread says when it has begun.
type Begun = (Mutex<Option<io::Result<FolderId>>>, Condvar);

const GONE: ReadFlags =
    ReadFlags::IGNORED.union(ReadFlags::UNMOUNT).union(ReadFlags::DELETE_SELF).union(ReadFlags::MOVE_SELF);

impl Wake for Waker {
    fn new() -> io::Result<Self> {
        Ok(Self { state: Mutex::default(), changed: Condvar::new() })
    }

    fn wake(&self) {
        self.note(|state| state.woken = true);
    }
}

impl Waker {
    fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.changed.notify_one();
    }
}

impl State {
    fn is_empty(&self) -> bool {
        !self.woken && self.files.is_empty() && !self.anything && !self.gone
    }

    /// Reads what has happened. Later events are left for the next call.
    fn read(inotify: &OwnedFd, filter: &Filter) -> Self {
        let mut read = Self::default();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(inotify, &mut buffer);
        while !read.gone {
            match reader.next() {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => read.anything = true,
                Ok(event) if event.events().intersects(GONE) => read.gone = true,
                // Names that are not text are not the library's.
                Ok(event) => {
                    if let Some(Ok(name)) = event.file_name().map(CStr::to_str) {
                        read.add_file(name);
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => read.gone = true,
            }
            if reader.is_buffer_empty() {
                break;
            }
        }
        // Behind all that was read: a file's events that came before the filter looks at it are one.
        read.files.retain(|file| filter(file));
        read
    }

    /// A file that exchanges its name with another one gives two events.
    fn add_file(&mut self, name: &str) {
        if self.anything || self.files.iter().any(|file| file == name) {
            return;
        }
        if self.files.len() < MOST_NAMES {
            self.files.push(name.to_owned());
        } else {
            self.anything = true;
        }
    }

    fn add(&mut self, more: &Self) {
        more.files.iter().for_each(|file| self.add_file(file));
        self.anything |= more.anything;
        self.gone |= more.gone;
    }
}

fn begin(folder: &Path) -> io::Result<(OwnedFd, FolderId)> {
    sys::os::leave_descriptor_table()?;
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    // A file that a person writes is closed in place; the library renames files into place.
    let what = WatchFlags::MOVED_TO
        | WatchFlags::MOVED_FROM
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF;
    let before = FolderId::of(folder)?;
    inotify::add_watch(&inotify, folder, what | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW)?;
    // Another folder may have come to this path meanwhile: then neither is surely the watched one.
    let id = FolderId::of(folder)?;
    if id == before { Ok((inotify, id)) } else { Err(Errno::AGAIN.into()) }
}

/// The body of the reading thread.
fn read_events(folder: &Path, waker: &Waker, filter: &Filter, dropped: &AtomicBool, begun: &Begun) {
    let (inotify, result) = match begin(folder) {
        Ok((inotify, id)) => (Some(inotify), Ok(id)),
        Err(error) => (None, Err(error)),
    };
    *lock(&begun.0) = Some(result);
    begun.1.notify_one();
    let Some(inotify) = inotify else { return };
    loop {
        let seen = match poll(&mut [PollFd::new(&inotify, PollFlags::IN)], Some(&TICK)) {
            Ok(0) | Err(Errno::INTR) => State::default(),
            Ok(_) => State::read(&inotify, filter),
            Err(_) => State { gone: true, ..State::default() },
        };
        let mut state = lock(&waker.state);
        // Looked at under the lock: the next watch begins with an empty state.
        if dropped.load(Ordering::Relaxed) {
            return;
        }
        if !seen.is_empty() {
            state.add(&seen);
            drop(state);
            waker.changed.notify_one();
        }
        if seen.gone {
            return;
        }
    }
}

impl FolderWatch for Watch {
    type Waker = Waker;

    const SEES_EDITS: bool = true;

    fn new(folder: &Path, waker: &Arc<Waker>, filter: Filter) -> io::Result<Self> {
        // What an earlier watch saw.
        *lock(&waker.state) = State::default();
        let dropped = Arc::new(AtomicBool::new(false));
        let begun = Arc::new((Mutex::new(None), Condvar::new()));
        // `mapioffline doctor --pid` finds the thread by this name.
        let builder = std::thread::Builder::new().name("mapioffline-inotify".into()).stack_size(STACK);
        let body = {
            let (folder, waker): (PathBuf, _) = (folder.into(), waker.clone());
            let (dropped, begun) = (dropped.clone(), begun.clone());
            move || {
                let read = AssertUnwindSafe(|| read_events(&folder, &waker, &filter, &dropped, &begun));
                if catch_unwind(read).is_err() {
                    // `new` still waits, or the watcher has to begin again.
                    lock(&begun.0).get_or_insert_with(|| Err(io::ErrorKind::Other.into()));
                    begun.1.notify_one();
                    waker.note(|state| state.gone |= !dropped.load(Ordering::Relaxed));
                }
            }
        };
        sys::start_thread(builder, body)?;
        let watch = |id| Self { id, dropped: dropped.clone() };
        let began = begun.1.wait_timeout_while(lock(&begun.0), PATIENCE, |begun: &mut Option<_>| begun.is_none());
        let began = began.unwrap_or_else(PoisonError::into_inner).0.take();
        began.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map(watch).inspect_err(|_| {
            // If the thread begins after all, it ends again.
            dropped.store(true, Ordering::Relaxed);
        })
    }

    fn id(&self) -> FolderId {
        self.id
    }

    fn wait(_: Option<&Self>, waker: &Waker, timeout: Option<Duration>, seen: &mut dyn FnMut(Seen)) -> io::Result<()> {
        let state = lock(&waker.state);
        let mut state = match timeout {
            None => waker.changed.wait_while(state, |state| state.is_empty()).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = waker.changed.wait_timeout_while(state, timeout, |state| state.is_empty());
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        let State { files, anything, gone, .. } = mem::take(&mut *state);
        drop(state);
        match anything {
            true => seen(Seen::Anything),
            false => files.iter().for_each(|file| seen(Seen::File(file))),
        }
        if gone {
            seen(Seen::Gone);
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}
