//! The watcher: the one thread of the process that notices what other processes change while objects are open here.
//!
//! It ends a few seconds after the last object did, and begins again with the next.
#![forbid(unsafe_code)]

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::backend::Backend;
use crate::guard::guard;
use crate::name::Name;
use crate::sync::lock;
use crate::sys::{self, Descriptor, FolderWatch as _, Seen, Wake as _, Waker, Watch};

/// How long the watcher stays when the process has no object open.
const IDLE: Duration = Duration::from_secs(5);
/// How often it looks where the system does not notify it.
const POLL: Duration = Duration::from_millis(500);
/// How long it lets other processes go first.
const COURTESY: Duration = Duration::from_micros(100);
const STACK: usize = 512 * 1024;

/// What may have changed.
#[derive(Clone, Copy)]
pub(crate) enum Changed<'a> {
    /// The profile of this folded name.
    Profile(&'a Name),
    /// Any profile that is open.
    Any,
}

/// Follows a change, and says whether it could: if not, it is called again.
type Follow = fn(Changed) -> bool;

struct Watcher {
    running: bool,
    interests: usize,
    /// A profile could not be read or followed: all have to be looked at again.
    look_again: bool,
    waker: Option<Arc<Waker>>,
    /// What a forked child closes.
    descriptors: [Option<Descriptor>; 2],
}

static WATCHER: Mutex<Watcher> =
    Mutex::new(Watcher { running: false, interests: 0, look_again: false, waker: None, descriptors: [None; 2] });

/// The next event is probably of this process's own change.
static OWN_CHANGE: AtomicBool = AtomicBool::new(false);

/// While a value exists, changes of other processes are noticed.
pub(crate) struct Interest(());

impl Interest {
    pub(crate) fn new() -> Self {
        lock(&WATCHER).interests += 1;
        Self(())
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut watcher = lock(&WATCHER);
        watcher.interests -= 1;
        if let Some(waker) = watcher.waker.as_ref().filter(|_| watcher.interests == 0) {
            // It ends after `IDLE`.
            waker.wake();
        }
    }
}

/// Starts the watcher where it does not run. Never under a lock: it may wait for the loader. A thread that cannot be
/// started is tried again by the next call.
pub(crate) fn ensure_watcher(backend: &'static dyn Backend, follow: Follow) {
    if mem::replace(&mut lock(&WATCHER).running, true) {
        return;
    }
    let builder = std::thread::Builder::new().name("mapioffline-watch".into()).stack_size(STACK);
    if let Err(error) = sys::spawn_with_signals_blocked(builder, move || serve(backend, follow)) {
        lock(&WATCHER).running = false;
        log::warn!("changes of other programs are not noticed: no thread could be started: {error}");
    }
}

/// This process is about to change a file itself. See `watch`.
pub(crate) fn note_own_change() {
    OWN_CHANGE.store(true, Ordering::Relaxed);
}

/// Has all open profiles looked at again, soon.
pub(crate) fn look_again() {
    let mut watcher = lock(&WATCHER);
    watcher.look_again = true;
    if let Some(waker) = &watcher.waker {
        waker.wake();
    }
}

/// How changes of other processes are noticed.
pub(crate) enum WatchMode {
    Watched,
    Polled(io::Error),
    /// Watched, for changes on this machine, and polled, for those of others and for what the system does not report.
    WatchedAndPolled,
}

/// Tries how changes would be noticed.
pub(crate) fn watch_mode(backend: &dyn Backend) -> WatchMode {
    match backend.watch() {
        Err(error) => WatchMode::Polled(error),
        Ok(_) if is_polled_too(backend) => WatchMode::WatchedAndPolled,
        Ok(_) => WatchMode::Watched,
    }
}

fn is_polled_too(backend: &dyn Backend) -> bool {
    !Watch::SEES_EDITS || backend.describe().is_remote
}

/// Logs a condition once, until it is over.
#[derive(Default)]
struct LogOnce(bool);

impl LogOnce {
    fn warn(&mut self, line: impl FnOnce() -> String) {
        if !mem::replace(&mut self.0, true) {
            log::warn!("{}", line());
        }
    }
}

/// The body of the thread. After a panic the next open starts another one.
fn serve(backend: &'static dyn Backend, follow: Follow) {
    if guard("watcher", || watch(backend, follow)).is_none() {
        let mut watcher = lock(&WATCHER);
        forget(&mut watcher);
        watcher.running = false;
    }
}

fn watch(backend: &'static dyn Backend, follow: Follow) {
    let Some(mut waker) = make_waker() else { return };
    let mut watch = None;
    let mut also_polled = false;
    let mut not_watched = LogOnce::default();
    // A change could not be followed.
    let mut retry = false;
    let mut last_look = Instant::now();
    let mut alone_since = None;
    loop {
        if watch.is_none() {
            match begin(backend) {
                Ok(begun) => {
                    watch = Some(begun);
                    also_polled = is_polled_too(backend);
                    not_watched = LogOnce::default();
                    // What changed before the watch began.
                    retry = !follow(Changed::Any);
                    last_look = Instant::now();
                }
                Err(error) => not_watched.warn(|| {
                    let folder = backend.describe().folder.unwrap_or(std::path::Path::new("")).display();
                    format!("{folder} is looked at every {} ms, as it cannot be watched: {error}", POLL.as_millis())
                }),
            }
        }
        let (alone, asked) = {
            let mut watcher = lock(&WATCHER);
            (watcher.interests == 0, mem::take(&mut watcher.look_again))
        };
        retry |= asked;
        let polled = watch.is_none() || also_polled || retry;
        // Whatever else is seen meanwhile: other processes may change profiles all the time.
        if polled && last_look.elapsed() >= POLL {
            retry = !follow(Changed::Any);
            last_look = Instant::now();
            continue;
        }
        let since = *alone_since.get_or_insert_with(Instant::now);
        if !alone {
            alone_since = None;
        } else if since.elapsed() >= IDLE {
            match end(watch, waker) {
                Some(still) => (watch, waker) = still,
                None => return,
            }
            continue;
        }
        let timeout = match (polled, alone) {
            (true, _) => Some(POLL.saturating_sub(last_look.elapsed())),
            (false, true) => Some(IDLE.saturating_sub(since.elapsed())),
            (false, false) => None,
        };
        let mut gone = false;
        let waited = Watch::wait(watch.as_ref(), &waker, timeout, &mut |seen| match seen {
            Seen::File(file) => {
                if OWN_CHANGE.swap(false, Ordering::Relaxed) {
                    // Probably nothing new: other processes that are notified go first.
                    std::thread::sleep(COURTESY);
                }
                if let Some(profile) = backend.profile_of(file) {
                    retry |= !follow(Changed::Profile(&profile));
                }
            }
            Seen::Anything => retry |= !follow(Changed::Any),
            Seen::Gone => gone = true,
        });
        if waited.is_err() {
            // The host closed descriptors of the watcher's. By now their numbers may be the host's own.
            forget(&mut lock(&WATCHER));
            mem::forget((waker, watch.take()));
            std::thread::sleep(POLL);
            let Some(another) = make_waker() else { return };
            waker = another;
        } else if gone {
            stop(&mut watch);
        }
    }
}

fn make_waker() -> Option<Arc<Waker>> {
    // Descriptors are opened and closed under the lock, so that a forked child closes what is open and nothing else.
    let mut watcher = lock(&WATCHER);
    match Waker::new() {
        Ok(waker) => {
            let waker = Arc::new(waker);
            watcher.descriptors[0] = waker.descriptor();
            watcher.waker = Some(waker.clone());
            Some(waker)
        }
        Err(error) => {
            watcher.running = false;
            drop(watcher);
            log::warn!("changes of other programs are not noticed: {error}");
            None
        }
    }
}

/// Not under the lock, which a fork and every open need: a file system may hang. A child that is forked between the two
/// lines keeps a descriptor that it does not use.
fn begin(backend: &dyn Backend) -> io::Result<Watch> {
    let watch = backend.watch()?;
    lock(&WATCHER).descriptors[1] = watch.descriptor();
    Ok(watch)
}

fn stop(watch: &mut Option<Watch>) {
    let mut watcher = lock(&WATCHER);
    watcher.descriptors[1] = None;
    *watch = None;
}

/// Ends the watcher and closes what it owns, or gives that back: an object has been opened.
fn end(watch: Option<Watch>, waker: Arc<Waker>) -> Option<(Option<Watch>, Arc<Waker>)> {
    let mut watcher = lock(&WATCHER);
    if watcher.interests > 0 {
        drop(watcher);
        return Some((watch, waker));
    }
    drop((watch, waker));
    watcher.waker = None;
    watcher.descriptors = [None; 2];
    watcher.running = false;
    None
}

/// Neither uses nor closes what the watcher had.
fn forget(watcher: &mut Watcher) {
    mem::forget(watcher.waker.take());
    watcher.descriptors = [None; 2];
}

/// Locks the watcher around a fork.
pub(crate) fn lock_for_fork() -> WatcherForkGuard {
    WatcherForkGuard(lock(&WATCHER))
}

pub(crate) struct WatcherForkGuard(MutexGuard<'static, Watcher>);

impl WatcherForkGuard {
    /// In the child there is no watcher. It gets its own on first use.
    pub(crate) fn abandon(mut self) {
        let descriptors = self.0.descriptors;
        forget(&mut self.0);
        self.0.running = false;
        for descriptor in descriptors.into_iter().flatten() {
            descriptor.close_inherited();
        }
    }
}
