//! The one watcher of the process: it notices what other processes change while objects are open here.
//!
//! It is a thread that ends a few seconds after the last object did, and begins again with the next.
#![forbid(unsafe_code)]

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::{Shared, profile_of};
use crate::com::guard;
use crate::name::Name;
use crate::sys::{self, Descriptor, Seen, Waker, Watch, lock};

/// How long it stays when nobody has an object open.
const IDLE: Duration = Duration::from_secs(5);
/// How often it looks where it is not told.
const POLL: Duration = Duration::from_millis(500);
/// How long it lets others go first.
const COURTESY: Duration = Duration::from_micros(100);
const STACK: usize = 512 * 1024;

/// What may have changed.
#[derive(Clone, Copy)]
pub(crate) enum Hint<'a> {
    /// The profile of this folded name.
    Profile(&'a Name),
    /// Any that is open.
    Anything,
}

/// Takes a hint, and says whether it could be followed: if not, it comes again.
type Hear = fn(Hint) -> bool;

struct Watcher {
    running: bool,
    interests: usize,
    /// Somebody could not see what a file says: it has to be looked at again.
    look_again: bool,
    waker: Option<Arc<Waker>>,
    /// What a forked child has to close.
    descriptors: [Option<Descriptor>; 2],
}

static WATCHER: Mutex<Watcher> =
    Mutex::new(Watcher { running: false, interests: 0, look_again: false, waker: None, descriptors: [None; 2] });

/// The next event is likely to be this process's own.
static OWN_CHANGE: AtomicBool = AtomicBool::new(false);

/// While it lives, what others change is noticed.
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
            // From now on it counts the seconds.
            waker.wake();
        }
    }
}

/// Starts the watcher where it does not run. Never under a lock: it may wait for the loader. A thread that cannot be
/// had is asked for again next time.
pub(crate) fn keep_watching(folder: &'static Shared, hear: Hear) {
    if mem::replace(&mut lock(&WATCHER).running, true) {
        return;
    }
    let builder = std::thread::Builder::new().name("mapioffline-see".into()).stack_size(STACK);
    if let Err(error) = sys::spawn_with_signals_blocked(builder, move || serve(folder, hear)) {
        lock(&WATCHER).running = false;
        log::warn!("what other programs change is not noticed: no thread could be started: {error}");
    }
}

/// This process is about to change a file itself. See `watch`.
pub(crate) fn note_own_change() {
    OWN_CHANGE.store(true, Ordering::Relaxed);
}

/// Has all profiles looked at again, soon.
pub(crate) fn look_again() {
    let mut watcher = lock(&WATCHER);
    watcher.look_again = true;
    if let Some(waker) = &watcher.waker {
        waker.wake();
    }
}

/// How changes are noticed in a folder.
pub(crate) enum Noticing {
    Watched,
    Polled(io::Error),
    /// Watched, for changes on this machine, and polled.
    Remote,
}

/// Tries how changes would be noticed.
pub(crate) fn how_noticed(folder: &Shared) -> Noticing {
    match Watch::new(folder.path()) {
        Err(error) => Noticing::Polled(error),
        Ok(_) if is_remote(folder) => Noticing::Remote,
        Ok(_) => Noticing::Watched,
    }
}

fn is_remote(folder: &Shared) -> bool {
    folder.open().is_ok_and(|folder| folder.is_remote())
}

/// Says a thing once, until it is over.
#[derive(Default)]
struct Said(bool);

impl Said {
    fn say(&mut self, what: impl FnOnce() -> String) {
        if !mem::replace(&mut self.0, true) {
            log::warn!("{}", what());
        }
    }
}

/// The life of the watcher's thread. A fault in it must not be the end of noticing.
fn serve(folder: &'static Shared, hear: Hear) {
    if guard("watcher", || watch(folder, hear)).is_none() {
        let mut watcher = lock(&WATCHER);
        forget(&mut watcher);
        watcher.running = false;
    }
}

/// The life of the watcher.
fn watch(folder: &'static Shared, hear: Hear) {
    let Some(mut waker) = make_waker() else { return };
    let mut watch = None;
    let mut remote = false;
    let mut said = Said::default();
    // What could not be followed: somebody has to look again.
    let mut owed = false;
    let mut last_look = Instant::now();
    let mut alone_since = None;
    loop {
        if watch.is_none() {
            match begin(folder) {
                Ok(begun) => {
                    watch = Some(begun);
                    remote = is_remote(folder);
                    said = Said::default();
                    // What changed before it was watched.
                    owed = !hear(Hint::Anything);
                    last_look = Instant::now();
                }
                Err(error) => said.say(|| {
                    let folder = folder.path().display();
                    format!("{folder} is looked at every {} ms, as it cannot be watched: {error}", POLL.as_millis())
                }),
            }
        }
        let (alone, asked) = {
            let mut watcher = lock(&WATCHER);
            (watcher.interests == 0, mem::take(&mut watcher.look_again))
        };
        owed |= asked;
        let polled = watch.is_none() || remote || owed;
        // Whatever else is seen meanwhile: others may be busy all the time.
        if polled && last_look.elapsed() >= POLL {
            owed = !hear(Hint::Anything);
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
        let waited = sys::wait(watch.as_ref(), &waker, timeout, &mut |seen| match seen {
            Seen::File(file) => {
                if OWN_CHANGE.swap(false, Ordering::Relaxed) {
                    // Nothing new, most likely: whoever else is told goes first.
                    std::thread::sleep(COURTESY);
                }
                if let Some(profile) = profile_of(file) {
                    owed |= !hear(Hint::Profile(&profile));
                }
            }
            Seen::Anything => owed |= !hear(Hint::Anything),
            Seen::Gone => gone = true,
        });
        if waited.is_err() {
            // Somebody closed descriptors that were not theirs; by now they may be somebody else's.
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
    // Descriptors come and go under the lock, so that a forked child closes what is open and nothing else.
    let mut watcher = lock(&WATCHER);
    match Waker::new() {
        Ok(waker) => {
            let waker = Arc::new(waker);
            watcher.descriptors[0] = Some(waker.descriptor());
            watcher.waker = Some(waker.clone());
            Some(waker)
        }
        Err(error) => {
            watcher.running = false;
            drop(watcher);
            log::warn!("what other programs change is not noticed: {error}");
            None
        }
    }
}

fn begin(folder: &Shared) -> io::Result<Watch> {
    let mut watcher = lock(&WATCHER);
    let watch = Watch::new(folder.path())?;
    watcher.descriptors[1] = Some(watch.descriptor());
    Ok(watch)
}

fn stop(watch: &mut Option<Watch>) {
    let mut watcher = lock(&WATCHER);
    watcher.descriptors[1] = None;
    *watch = None;
}

/// Ends the watcher with all that was its own, or gives it back: somebody has become interested.
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

/// What the watcher had is not touched any more, and not closed either.
fn forget(watcher: &mut Watcher) {
    mem::forget(watcher.waker.take());
    watcher.descriptors = [None; 2];
}

/// Holds the watcher still around a fork.
pub(crate) fn hold() -> HeldWatcher {
    HeldWatcher(lock(&WATCHER))
}

pub(crate) struct HeldWatcher(MutexGuard<'static, Watcher>);

impl HeldWatcher {
    /// In the child there is no watcher: it gets one of its own on first use.
    pub(crate) fn abandon(mut self) {
        let descriptors = self.0.descriptors;
        forget(&mut self.0);
        self.0.running = false;
        for descriptor in descriptors.into_iter().flatten() {
            descriptor.close_inherited();
        }
    }
}
