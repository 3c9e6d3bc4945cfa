//! Requests of clients: SetCurrentState.
#![forbid(unsafe_code)]

use std::mem;
use std::time::SystemTime;

use super::follow::{ensure_watcher, follow};
use super::profile::{Job, OfflineTypes, Profile, ProfileState};
use super::run::{EXECUTORS, Outcome, run_alone, start, start_locked};
use super::update::update;
use crate::deliver::{Executor as _, Reservation};
use crate::error::{Error, ErrorKind};
use crate::model::{Accepted, Decision, ObjectKey, Plan, Wait};
use crate::registration::Batch;
use crate::state::State;
use crate::store::{self, ProfileRecord, Record, Stored};
use crate::sys::Thread;

/// SetCurrentState, behind the checks of its arguments.
pub(super) fn set_state(profile: &'static Profile, key: ObjectKey, to: State, wait: Wait) -> Result<(), Error> {
    ensure_watcher();
    let mut executor = None;
    loop {
        let mut state = profile.lock();
        let conditions = state.conditions(executor.is_some());
        if wait == Wait::ForCallbacks && !conditions.shared && !conditions.announce {
            let mut batch = Batch::new();
            if let Some((begun, delivery)) = state.model.begin_alone(key, to, Thread::current(), &mut batch)? {
                drop(state);
                return result(&run_alone(profile, begun, delivery, &mut batch));
            }
        }
        match state.model.request(key, to, wait, conditions) {
            Decision::Refused(kind) => return Err(kind.into()),
            Decision::NeedsExecutor => {
                drop(state);
                executor = Some(EXECUTORS.reserve()?);
            }
            Decision::Accepted(plan) => {
                let outcome = if plan.persist {
                    let record = state.begin_write(&plan);
                    drop(state);
                    start(profile, persist(profile, plan, record, executor)?.ok_or(ErrorKind::Unexpected)?)
                } else {
                    let accepted = state.model.accept(plan, executor).ok_or(ErrorKind::Unexpected)?;
                    start_locked(profile, state, accepted)
                };
                return outcome.as_ref().map_or(Ok(()), result);
            }
            Decision::Unchanged if state.model.is_global(key) && conditions.shared => {
                drop(state);
                if confirm(profile, key, to)? {
                    return Ok(());
                }
            }
            Decision::Unchanged => return Ok(()),
        }
    }
}

/// Nothing has changed where a fork cut a transition short before its second phase.
fn result(outcome: &Outcome) -> Result<(), Error> {
    match outcome {
        Outcome { cut_short: true, changed: false, .. } => Err(ErrorKind::Failed.into()),
        _ => Ok(()),
    }
}

/// Writes an accepted change with no lock held, and then has it begin. Nothing changes if the write fails.
fn persist(
    profile: &'static Profile,
    plan: Plan,
    record: Record,
    executor: Option<Reservation<Job>>,
) -> Result<Option<Accepted<OfflineTypes>>, Error> {
    let change = &mut |stored| ProfileRecord::change_state(record, stored);
    let unfinished = UnfinishedWrite { profile, plan };
    let (accepted, follow_again) = update(profile, true, change, |state, result| {
        state.model.end_write(&plan, result.is_ok());
        let accepted = result.map(|()| state.model.accept(plan, executor));
        state.update_interest();
        (accepted, mem::take(&mut state.follow_after_write))
    });
    mem::forget(unfinished);
    if follow_again && !follow(profile) {
        store::look_again();
    }
    accepted
}

/// The global object is in the requested state already. With a shared store that counts only if the store says so too:
/// another process may have changed the state, or removed the profile. False: the request has to be made again.
fn confirm(profile: &'static Profile, key: ObjectKey, to: State) -> Result<bool, Error> {
    let read = profile.read(
        |_| true,
        |state, stored| {
            // Where that cannot be read, this process knows of nothing else.
            let agrees = match &stored {
                Stored::Record(record) => record.state == to,
                Stored::Unreadable(_) | Stored::LaterFormat(_) => true,
                Stored::Nothing | Stored::SetAside => false,
            };
            let (_, warning) = state.adopt(stored);
            (agrees, warning)
        },
    );
    let Some((agrees, warning)) = read else { return Ok(true) };
    if let Some(warning) = warning {
        warning.log(&profile.name());
    }
    if agrees {
        return Ok(true);
    }
    let (plan, record) = {
        let mut state = profile.lock();
        match state.model.begin_rewrite(key, to) {
            Decision::Accepted(plan) => (plan, state.begin_write(&plan)),
            Decision::Refused(kind) => return Err(kind.into()),
            Decision::Unchanged | Decision::NeedsExecutor => return Ok(false),
        }
    };
    let change = &mut |stored| ProfileRecord::change_state(record, stored);
    let unfinished = UnfinishedWrite { profile, plan };
    let (result, follow_again) = update(profile, true, change, |state, result| {
        state.model.end_write(&plan, false);
        if result.is_ok() {
            state.model.set_recorded(to);
        }
        state.update_interest();
        (result, mem::take(&mut state.follow_after_write))
    });
    mem::forget(unfinished);
    if follow_again && !follow(profile) {
        store::look_again();
    }
    result.map(|()| true)
}

/// Ends a write that a panic cut short, so that the tree is not busy for ever.
struct UnfinishedWrite {
    profile: &'static Profile,
    plan: Plan,
}

impl Drop for UnfinishedWrite {
    fn drop(&mut self) {
        self.profile.lock().model.end_write(&self.plan, false);
    }
}

impl ProfileState {
    /// The plan is about to be written: the record that the store gets.
    fn begin_write(&mut self, plan: &Plan) -> Record {
        self.model.begin_write(plan);
        self.busy_since = SystemTime::now();
        Record { state: plan.to(), ..self.known_record() }
    }
}
