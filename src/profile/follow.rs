//! Changes of other processes.
#![forbid(unsafe_code)]

use super::profile::{Profile, ProfileState};
use super::registry::Registry;
use super::run::{NOTIFIERS, start};
use super::update::read_stored;
use crate::deliver::Executor as _;
use crate::error::ErrorKind;
use crate::model::Decision;
use crate::name::Name;
use crate::store::{self, Backend, Changed, Follower};
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
    let concerns = |folded: &Name| Registry::find_folded(folded).is_some();
    store::ensure_watcher(backend, Follower { concerns, follow: follow_changes });
}

/// Follows what other processes changed.
fn follow_changes(changed: Changed) -> bool {
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

/// Goes where the store says, which another process may have changed. False: that has to be tried again.
pub(super) fn follow(profile: &'static Profile) -> bool {
    // A damaged record is restored with no lock held: until then the profile must not become another one.
    let _use = {
        let mut state = profile.lock();
        if !state.invalidate_readings_unless_open() {
            return true;
        }
        profile.use_it()
    };
    let is_idle = |state: &mut ProfileState| {
        let written = state.model.is_global_written();
        // Noted under the lock under which the reading is skipped: the writer looks when it locks again.
        state.follow_after_write |= written;
        state.model.has_global() && !written
    };
    read_stored(profile, is_idle);
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
                match NOTIFIERS.reserve() {
                    Ok(reserved) => executor = Some(reserved),
                    Err(_) => return false,
                }
            }
            Decision::Accepted(plan) => {
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
