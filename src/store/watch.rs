//! The watcher: the one thread of the process that notices what other processes change while objects are open here.
//!
//! It ends a few seconds after the last object did, and begins again with the next.
#![forbid(unsafe_code)]

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::backend::Backend;
use super::file_name::FAULTS;
use super::programs::{Announcement, Answers, ProfileUse, is_question, lock_announcement_for_fork};
use super::status::{self, Status, WatchMode, note_watch, warn};
use crate::guard::guard;
use crate::name::{Name, shown_os};
use crate::sync::lock;
use crate::sys::{self, Filter, FolderId, FolderWatch as _, Seen, Wake as _, Waker, Watch};

/// How long the watcher stays when the process has no object open.
const IDLE: Duration = Duration::from_secs(5);
/// How often it looks where the system does not notify it.
const POLL: Duration = Duration::from_millis(500);
/// How long it lets other processes go first.
const COURTESY: Duration = Duration::from_micros(100);
/// How often it looks whether the path still leads to the folder that it watches, and tries again what cannot be watched.
const CHECK: Duration = Duration::from_secs(2);
const STACK: usize = 512 * 1024;

/// What may have changed.
#[derive(Clone, Copy)]
pub(crate) enum Changed<'a> {
    /// The profile of this folded name.
    Profile(&'a Name),
    /// Any profile that is open.
    Any,
}

/// What the watcher does about changes.
#[derive(Clone, Copy)]
pub(crate) struct Follower {
    /// Follows a change of the profile of this folded name, on a thread that can do nothing but read the store, if that is
    /// enough. False: `follow` has to. True too for a profile that is of no interest.
    pub(crate) follow_at_once: fn(&Name) -> bool,
    /// Follows a change, and says whether it could: if not, it is called again.
    pub(crate) follow: fn(Changed) -> bool,
    /// The same, and false too if the store was not read, as this process writes to it.
    pub(crate) follow_surely: fn(Changed) -> bool,
    /// What this process does with the profile of this folded name, or with all, if it has them open.
    pub(crate) uses: fn(Option<&Name>) -> Vec<ProfileUse>,
    /// The file of faults may have changed. False: it cannot be read now.
    pub(crate) load_faults: fn() -> bool,
}

struct Watcher {
    running: bool,
    interests: usize,
    /// A profile could not be read or followed: all have to be looked at again.
    look_again: bool,
    waker: Option<Arc<Waker>>,
    /// The folder that is watched.
    watched: Option<FolderId>,
}

static WATCHER: Mutex<Watcher> =
    Mutex::new(Watcher { running: false, interests: 0, look_again: false, waker: None, watched: None });

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
pub(crate) fn ensure_watcher(backend: &'static dyn Backend, follower: Follower) {
    if lock(&WATCHER).running {
        return;
    }
    // Before any open returns: who asks for programs from then on finds this one. Another thread may be here as well.
    let announcement = backend.path().map(Announcement::new);
    if mem::replace(&mut lock(&WATCHER).running, true) {
        return;
    }
    announcement.iter().for_each(Announcement::is_removed_at_exit);
    let builder = std::thread::Builder::new().name("mapioffline-watch".into()).stack_size(STACK);
    if let Err(error) = sys::start_thread(builder, move || serve(backend, follower, announcement)) {
        lock(&WATCHER).running = false;
        warn(format!("changes of other programs are not noticed: no thread could be started: {error}"));
    }
}

/// This process is about to change a file itself. See `filter`.
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

/// A process uses the records here. If that is not the watched folder, another one has come to its path.
pub(crate) fn note_place(place: FolderId) {
    let watched = lock(&WATCHER).watched;
    if watched.is_some_and(|watched| watched != place) {
        look_again();
    }
}

/// Whether the watcher is notified of changes in the folder.
pub(crate) fn is_watched() -> bool {
    lock(&WATCHER).watched.is_some()
}

/// Tries how changes would be noticed.
pub(crate) fn watch_mode(backend: &dyn Backend) -> WatchMode {
    match Waker::new().and_then(|waker| backend.watch(&Arc::new(waker), Box::new(|_| true))) {
        Err(error) => WatchMode::Polled(error.to_string()),
        Ok(_) if is_polled_too(backend) => WatchMode::WatchedAndPolled,
        Ok(_) => WatchMode::Watched,
    }
}

fn is_polled_too(backend: &dyn Backend) -> bool {
    !Watch::SEES_EDITS || backend.describe().may_change_unnoticed
}

/// Logs a condition once, until it is over.
#[derive(Default)]
struct LogOnce(bool);

impl LogOnce {
    fn warn(&mut self, line: impl FnOnce() -> String) {
        if !mem::replace(&mut self.0, true) {
            warn(line());
        }
    }
}

/// The body of the thread. After a panic the next open starts another one.
fn serve(backend: &'static dyn Backend, follower: Follower, announcement: Option<Announcement>) {
    let answers = Answers::new(backend.path().unwrap_or(Path::new("")), announcement);
    if guard("watcher", || watch(backend, follower, answers)).is_none() {
        let mut watcher = lock(&WATCHER);
        forget(&mut watcher);
        watcher.running = false;
    }
}

fn watch(backend: &'static dyn Backend, follower: Follower, mut answers: Answers) {
    let Some(mut waker) = make_waker() else { return };
    let mut watch = None;
    let mut also_polled = false;
    let mut not_watched = LogOnce::default();
    // A change could not be followed.
    let mut retry = false;
    let mut last_look = Instant::now();
    let mut last_check = Instant::now();
    let mut last_attempt: Option<Instant> = None;
    let mut watched_before = false;
    let mut alone_since = None;
    loop {
        if watch.is_none() && last_attempt.is_none_or(|last| last.elapsed() >= CHECK) {
            last_attempt = Some(Instant::now());
            match backend.watch(&waker, filter(backend, follower)) {
                Ok(begun) => {
                    // Not in the first folder, where the announcement was made just now.
                    if mem::replace(&mut watched_before, true) {
                        answers.announce();
                    }
                    lock(&WATCHER).watched = Some(begun.id());
                    watch = Some(begun);
                    last_check = Instant::now();
                    also_polled = is_polled_too(backend);
                    note_watch(Some(if also_polled { WatchMode::WatchedAndPolled } else { WatchMode::Watched }));
                    not_watched = LogOnce::default();
                    // What changed before the watch began.
                    retry = !look(follower, &mut answers);
                    last_look = Instant::now();
                }
                Err(error) => {
                    note_watch(Some(WatchMode::Polled(error.to_string())));
                    not_watched.warn(|| {
                        let folder = shown_os(backend.describe().folder.unwrap_or(std::path::Path::new("")));
                        format!("{folder} is looked at every {} ms, as it cannot be watched: {error}", POLL.as_millis())
                    });
                }
            }
        }
        let (alone, asked) = {
            let mut watcher = lock(&WATCHER);
            (watcher.interests == 0, mem::take(&mut watcher.look_again))
        };
        retry |= asked;
        if let Some(watched) = watch.as_ref().filter(|_| asked || last_check.elapsed() >= CHECK) {
            last_check = Instant::now();
            answers.check_announcement();
            if backend.place() != Some(watched.id()) {
                // Another folder has come to the path, or will.
                stop(&mut watch);
                last_attempt = None;
                continue;
            }
        }
        let polled = watch.is_none() || also_polled || retry;
        // Whatever else is seen meanwhile: other processes may change profiles all the time.
        if polled && last_look.elapsed() >= POLL {
            retry = !look(follower, &mut answers);
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
        let follow_one =
            |profile: Option<&Name>| (follower.follow_surely)(profile.map_or(Changed::Any, Changed::Profile));
        let unanswered = answers.give(follow_one, follower.uses);
        let timeout = match (polled, alone) {
            (true, _) => Some(POLL.saturating_sub(last_look.elapsed())),
            (false, true) => Some(IDLE.saturating_sub(since.elapsed())),
            (false, false) => Some(CHECK.saturating_sub(last_check.elapsed())),
        };
        let timeout = timeout.into_iter().chain(unanswered).min();
        let mut gone = false;
        let waited = Watch::wait(watch.as_ref(), &waker, timeout, &mut |seen| match seen {
            Seen::File(file) => match backend.profile_of(file) {
                Some(profile) => retry |= !(follower.follow)(Changed::Profile(&profile)),
                None if file == FAULTS => retry |= !load_faults(follower, &mut answers),
                None => answers.note(file),
            },
            Seen::Anything => retry |= !look(follower, &mut answers),
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
            // Tried again at once if it lasted, and otherwise after `CHECK`.
            stop(&mut watch);
        }
    }
}

/// Looks at everything in the folder. Whether all profiles could be followed, and the faults read.
fn look(follower: Follower, answers: &mut Answers) -> bool {
    answers.look();
    // Behind the questions: who asks has changed the faults before, and an answer says that this process has them.
    let has_faults = load_faults(follower, answers);
    (follower.follow)(Changed::Any) && has_faults
}

/// Takes the faults if they have changed. Whether they could be read.
fn load_faults(follower: Follower, answers: &mut Answers) -> bool {
    let has_faults = (follower.load_faults)();
    answers.note_faults(has_faults);
    has_faults
}

/// The files of profiles whose changes are not followed at once.
fn filter(backend: &'static dyn Backend, follower: Follower) -> Filter {
    Box::new(move |file| {
        let Some(profile) = backend.profile_of(file) else { return is_question(file) || file == FAULTS };
        if OWN_CHANGE.swap(false, Ordering::Relaxed) {
            // Probably nothing new: other processes that are notified go first.
            std::thread::sleep(COURTESY);
        }
        !(follower.follow_at_once)(&profile)
    })
}

fn make_waker() -> Option<Arc<Waker>> {
    match Waker::new() {
        Ok(waker) => {
            let waker = Arc::new(waker);
            lock(&WATCHER).waker = Some(waker.clone());
            Some(waker)
        }
        Err(error) => {
            lock(&WATCHER).running = false;
            warn(format!("changes of other programs are not noticed: {error}"));
            None
        }
    }
}

fn stop(watch: &mut Option<Watch>) {
    lock(&WATCHER).watched = None;
    *watch = None;
}

/// Ends the watcher and closes what it owns, or gives that back: an object has been opened.
fn end(watch: Option<Watch>, waker: Arc<Waker>) -> Option<(Option<Watch>, Arc<Waker>)> {
    let mut watcher = lock(&WATCHER);
    if watcher.interests > 0 {
        drop(watcher);
        return Some((watch, waker));
    }
    watcher.waker = None;
    watcher.watched = None;
    watcher.running = false;
    note_watch(None);
    drop(watcher);
    drop((watch, waker));
    None
}

/// Neither uses nor closes what the watcher had.
fn forget(watcher: &mut Watcher) {
    mem::forget(watcher.waker.take());
    watcher.watched = None;
}

/// Locks the watcher around a fork.
pub(crate) fn lock_for_fork() -> WatcherForkGuard {
    WatcherForkGuard(lock(&WATCHER), status::lock_for_fork(), lock_announcement_for_fork())
}

pub(crate) struct WatcherForkGuard(
    MutexGuard<'static, Watcher>,
    MutexGuard<'static, Status>,
    MutexGuard<'static, Option<(u32, PathBuf)>>,
);

impl WatcherForkGuard {
    /// In the child there is no watcher. It gets its own on first use.
    pub(crate) fn abandon(mut self) {
        forget(&mut self.0);
        self.0.running = false;
        self.1.watch = None;
        *self.2 = None;
    }
}
