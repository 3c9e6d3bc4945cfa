//! Changes of other processes.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::time::SystemTime;

use super::faults::load_faults;
use super::profile::{Job, Profile, ProfileState};
use super::registry::Registry;
use super::run::{EXECUTORS, start};
use super::update::read_stored;
use super::uses::uses;
use crate::deliver::{Executor as _, Reservation};
use crate::error::ErrorKind;
use crate::model::Decision;
use crate::name::Name;
use crate::store::{self, Backend, Changed, Follower, Stored};
use crate::sys::Uncancelled;

/// From now on changes of other processes are noticed; after a fork, again.
#[inline(always)]
pub(super) fn ensure_watcher() {
    if let Some(backend) = store::shared_backend() {
        ensure_watcher_of(backend);
    }
}

#[inline(never)]
fn ensure_watcher_of(backend: &'static dyn Backend) {
    // A log line may reach a cancellation point.
    let _uncancelled = Uncancelled::enter();
    store::ensure_watcher(
        backend,
        Follower { follow_at_once, follow: follow_changes, follow_surely, uses, load_faults },
    );
}

/// Follows what other processes changed.
fn follow_changes(changed: Changed) -> bool {
    each_changed(changed, follow)
}

/// The same. False too where the store was not read.
fn follow_surely(changed: Changed) -> bool {
    each_changed(changed, |profile| read_and_go(profile).is_sure())
}

/// Follows each profile that may have changed, and says whether `follow` could every time.
fn each_changed(changed: Changed, follow: fn(&'static Profile) -> bool) -> bool {
    match changed {
        Changed::Profile(folded) => Registry::find_folded(folded).is_none_or(|found| follow(found.profile())),
        Changed::Any => {
            let mut followed = true;
            // Every profile, whatever comes of one.
            Registry::each(|found| followed &= follow(found.profile()));
            followed
        }
    }
}

/// Follows a change on a thread that can neither log nor start a thread, nor call a client. False: it has to be followed as
/// others are.
fn follow_at_once(folded: &Name) -> bool {
    let Some(found) = Registry::find_folded(folded) else { return true };
    let profile = found.profile();
    let (version, backend) = {
        let mut state = profile.lock();
        if !state.invalidate_readings_unless_open() {
            return true;
        }
        if state.model.is_global_written() {
            return false;
        }
        (state.record.version(), state.record.backend())
    };
    let Some(record) = backend.read_at_once(folded) else { return false };
    {
        let mut state = profile.lock();
        if state.record.version() != version {
            return false;
        }
        // Of a record nothing is logged, and nothing restored.
        state.adopt(Stored::Record(record));
    }
    go(profile, || EXECUTORS.reserve_idle().ok_or(ErrorKind::Failed))
}

/// Goes where the store says, which another process may have changed. False: that has to be tried again.
pub(super) fn follow(profile: &'static Profile) -> bool {
    read_and_go(profile).followed
}

/// What came of following.
struct Followed {
    followed: bool,
    /// This process was writing, and follows when it has written.
    skipped: bool,
}

impl Followed {
    fn is_sure(&self) -> bool {
        self.followed && !self.skipped
    }
}

fn read_and_go(profile: &'static Profile) -> Followed {
    let skipped = Cell::new(false);
    // A damaged record is restored with no lock held: until then the profile must not become another one.
    let _use = {
        let mut state = profile.lock();
        if !state.invalidate_readings_unless_open() {
            return Followed { followed: true, skipped: false };
        }
        profile.use_it()
    };
    let is_idle = |state: &mut ProfileState| {
        let written = state.model.is_global_written();
        // Noted under the lock under which the reading is skipped: the writer looks when it locks again.
        state.follow_after_write |= written;
        skipped.set(written);
        state.model.has_global() && !written
    };
    read_stored(profile, is_idle);
    Followed { followed: go(profile, || EXECUTORS.reserve()), skipped: skipped.get() }
}

/// Goes to the state that is known to be stored.
fn go(profile: &'static Profile, reserve: impl Fn() -> Result<Reservation<Job>, ErrorKind>) -> bool {
    let mut executor = None;
    loop {
        let mut state = profile.lock();
        let conditions = state.conditions(executor.is_some());
        match state.model.follow(conditions) {
            // What could not be read or restored has to be looked at again.
            Decision::Unchanged => return !state.record.needs_retry(),
            Decision::Refused(ErrorKind::Pending) => {
                state.follow_after_write = true;
                return true;
            }
            Decision::Refused(_) => return false,
            Decision::NeedsExecutor => {
                drop(state);
                match reserve() {
                    Ok(reserved) => executor = Some(reserved),
                    Err(_) => return false,
                }
            }
            Decision::Accepted(plan) => {
                state.busy_since = SystemTime::now();
                let accepted = state.model.accept(plan, executor);
                drop(state);
                accepted.and_then(|accepted| start(profile, accepted));
                return true;
            }
        }
    }
}

impl ProfileState {
    /// Another process may have changed a profile that is not open here. An open that is reading it has to read again.
    fn invalidate_readings_unless_open(&mut self) -> bool {
        let open = self.model.has_global();
        if !open {
            self.record.invalidate_readings();
        }
        open
    }
}
