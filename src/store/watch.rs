//! The one watcher of the process: it notices what other processes change while objects are open here.
//!
//! It is a thread that ends a few seconds after the last object did, and begins again with the next.
#![forbid(unsafe_code)]

use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::{Shared, profile_of};
use crate::name::Name;
use crate::sys::{self, Descriptor, Seen, Waker, Watch, lock};

/// How long it stays when nobody has an object open.
const IDLE: Duration = Duration::from_secs(5);
/// How often it looks where it is not told.
const POLL: Duration = Duration::from_millis(500);
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
    waker: Option<Arc<Waker>>,
    /// What a forked child has to close.
    descriptors: [Option<Descriptor>; 2],
}

static WATCHER: Mutex<Watcher> =
    Mutex::new(Watcher { running: false, interests: 0, waker: None, descriptors: [None; 2] });

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
    if let Err(error) = sys::spawn_with_signals_blocked(builder, move || watch(folder, hear)) {
        lock(&WATCHER).running = false;
        log::warn!("what other programs change is not noticed: no thread could be started: {error}");
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

/// The life of the watcher.
fn watch(folder: &'static Shared, hear: Hear) {
    let Some(mut waker) = waker() else { return };
    let mut watch = None;
    let mut remote = false;
    let mut said = Said::default();
    // What could not be followed: somebody has to look again.
    let mut owed = false;
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
                }
                Err(error) => said.say(|| {
                    format!(
                        "{} is looked at every {} ms, as it cannot be watched: {error}",
                        folder.path().display(),
                        POLL.as_millis()
                    )
                }),
            }
        }
        let polled = watch.is_none() || remote || owed;
        let alone = lock(&WATCHER).interests == 0;
        let since = *alone_since.get_or_insert_with(Instant::now);
        if !alone {
            alone_since = None;
        } else if since.elapsed() >= IDLE {
            if end(&mut watch) {
                return;
            }
            continue;
        }
        let timeout = match (polled, alone) {
            (true, _) => Some(POLL),
            (false, true) => Some(IDLE.saturating_sub(since.elapsed())),
            (false, false) => None,
        };
        let mut gone = false;
        let mut quiet = true;
        let waited = sys::wait(watch.as_ref(), &waker, timeout, &mut |seen| {
            quiet = false;
            match seen {
                Seen::File(file) => {
                    if let Some(profile) = profile_of(file) {
                        owed |= !hear(Hint::Profile(&profile));
                    }
                }
                Seen::Anything => owed |= !hear(Hint::Anything),
                Seen::Gone => gone = true,
            }
        });
        if waited.is_err() {
            // Somebody closed descriptors that were not theirs; by now they may be somebody else's.
            mem::forget((waker, watch.take()));
            std::thread::sleep(POLL);
            let Some(another) = self::waker() else { return };
            waker = another;
        } else if gone {
            stop(&mut watch);
        }
        if polled && quiet {
            owed = !hear(Hint::Anything);
        }
    }
}

fn waker() -> Option<Arc<Waker>> {
    match Waker::new() {
        Ok(waker) => {
            let waker = Arc::new(waker);
            let mut watcher = lock(&WATCHER);
            watcher.descriptors[0] = Some(waker.descriptor());
            watcher.waker = Some(waker.clone());
            Some(waker)
        }
        Err(error) => {
            lock(&WATCHER).running = false;
            log::warn!("what other programs change is not noticed: {error}");
            None
        }
    }
}

/// Descriptors come and go under the lock, so that a forked child closes what is open and nothing else.
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

/// Whether the watcher may end now. If so, all that was its own is gone.
fn end(watch: &mut Option<Watch>) -> bool {
    let mut watcher = lock(&WATCHER);
    if watcher.interests > 0 {
        return false;
    }
    *watch = None;
    watcher.waker = None;
    watcher.descriptors = [None; 2];
    watcher.running = false;
    true
}

/// Holds the watcher still around a fork.
pub(crate) fn hold() -> Held {
    Held(lock(&WATCHER))
}

pub(crate) struct Held(MutexGuard<'static, Watcher>);

impl Held {
    /// In the child there is no watcher: it gets one of its own on first use.
    pub(crate) fn abandon(&mut self) {
        self.0.running = false;
        mem::forget(self.0.waker.take());
        for descriptor in mem::take(&mut self.0.descriptors).into_iter().flatten() {
            descriptor.close_inherited();
        }
    }
}
