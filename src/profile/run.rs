//! Running a transition: delivery of its three phases.
#![forbid(unsafe_code)]

use std::sync::MutexGuard;
use std::time::Duration;

use super::profile::{Job, OfflineTypes, Profile, ProfileState};
use super::update::read_stored;
use crate::change::{Change, Phase};
use crate::deliver::{Executors, ExecutorsForkGuard};
use crate::exit;
use crate::fault::{self, Delay, Manner};
use crate::guard::guard;
use crate::model::{Accepted, Delivery, Next, Runner, Step, TransitionKey};
use crate::registration::{Batch, InFlight, Recheck};
use crate::sink::{ClientSink, Message};
use crate::sys::Thread;
use crate::{logging, store};

pub(super) static EXECUTORS: Executors<Job> = Executors::new(
    |(profile, key)| {
        run(profile, profile.lock(), key, RunsOn::Notifier);
    },
    |(profile, key)| {
        let outcome = run(profile, profile.lock(), key, RunsOn::Host);
        outcome.next.map(|next| (profile, next))
    },
);

/// Which thread runs a transition.
#[derive(Clone, Copy, PartialEq)]
enum RunsOn {
    Notifier,
    /// The thread that called SetCurrentState.
    Caller,
    /// A thread of the host's that dispatches. What is queued behind the transition waits until the host dispatches again.
    Host,
}

/// How a transition ended for the thread that ran it.
pub(super) struct Outcome {
    pub(super) changed: bool,
    /// This is a child that was forked from inside a callback.
    pub(super) cut_short: bool,
    /// The transition that was queued behind it, which a host dispatches by itself.
    next: Option<TransitionKey>,
}

impl Outcome {
    const CHANGED: Self = Self { changed: true, cut_short: false, next: None };
}

/// Has an accepted transition run. The outcome, if it ran on this thread.
pub(super) fn start(profile: &'static Profile, accepted: Accepted<OfflineTypes>) -> Option<Outcome> {
    start_locked(profile, profile.lock(), accepted)
}

/// The same under the lock under which it was accepted, which this drops.
pub(super) fn start_locked(
    profile: &'static Profile,
    state: MutexGuard<'_, ProfileState>,
    accepted: Accepted<OfflineTypes>,
) -> Option<Outcome> {
    match accepted {
        Accepted::Queued => None,
        Accepted::Begun(key, Some(executor)) => {
            drop(state);
            executor.execute((profile, key));
            None
        }
        Accepted::Begun(key, None) => Some(run(profile, state, key, RunsOn::Caller)),
    }
}

/// Runs a transition, from its first step under the lock `state` on, and those that are queued behind it if this thread may go
/// on with them.
fn run(profile: &'static Profile, mut state: MutexGuard<'_, ProfileState>, key: TransitionKey, on: RunsOn) -> Outcome {
    let mut batch = Batch::new();
    let step = state.step(key, on, &mut batch);
    drop(state);
    go_on(profile, key, on, &mut batch, step, Phase::Start, UnderWay::default())
}

/// The same for a transition that `Model::begin_alone` has begun, with its first delivery.
pub(super) fn run_alone(
    profile: &'static Profile,
    key: TransitionKey,
    mut delivery: Delivery<OfflineTypes>,
    batch: &mut Batch<ClientSink>,
) -> Outcome {
    let mut under_way = UnderWay::default();
    deliver(profile, key, &mut delivery, batch, &mut under_way);
    let mut state = profile.lock();
    if state.model.end_alone(key, &mut delivery, batch) {
        return Outcome::CHANGED;
    }
    let step = state.step(key, RunsOn::Caller, batch);
    drop(state);
    go_on(profile, key, RunsOn::Caller, batch, step, delivery.change.phase, under_way)
}

/// Goes on from `step`. What has been delivered was delivered in `phase`.
fn go_on(
    profile: &'static Profile,
    mut key: TransitionKey,
    on: RunsOn,
    batch: &mut Batch<ClientSink>,
    mut step: Step<OfflineTypes>,
    mut phase: Phase,
    mut under_way: UnderWay,
) -> Outcome {
    loop {
        match step {
            Step::Deliver(mut delivery) => {
                deliver(profile, key, &mut delivery, batch, &mut under_way);
                phase = delivery.change.phase;
            }
            Step::Enter(change) => delay(profile, &change),
            Step::Release(sink) => release(sink),
            Step::ReadStore => {
                read_stored(profile, |_| true);
                if profile.lock().record.needs_retry() {
                    store::look_again();
                }
            }
            Step::Finished(Next::Nothing) => return Outcome::CHANGED,
            Step::Finished(Next::Continue(queued)) if on == RunsOn::Host => {
                return Outcome { next: Some(queued), ..Outcome::CHANGED };
            }
            Step::Finished(Next::Continue(queued)) => {
                (key, phase, under_way) = (queued, Phase::Start, UnderWay::default());
            }
            Step::Finished(Next::Execute(executor, queued)) => {
                executor.execute((profile, queued));
                return Outcome::CHANGED;
            }
            Step::CutShort(sink) => {
                sink.into_iter().for_each(release);
                return Outcome { changed: phase > Phase::Start, cut_short: true, next: None };
            }
        }
        step = profile.lock().step(key, on, batch);
    }
}

impl ProfileState {
    fn step(&mut self, key: TransitionKey, on: RunsOn, batch: &mut Batch<ClientSink>) -> Step<OfflineTypes> {
        let conditions = self.conditions(false);
        let runner = if on == RunsOn::Caller { Runner::Caller } else { Runner::Executor };
        let step = self.model.step(key, runner, Thread::current(), conditions, batch);
        if let Step::Finished(_) = step {
            self.update_interest();
        }
        step
    }
}

/// Notifies the registrations of a batch: of one phase, or of all that need no lock in between.
#[inline(always)]
fn deliver(
    profile: &'static Profile,
    key: TransitionKey,
    delivery: &mut Delivery<OfflineTypes>,
    batch: &Batch<ClientSink>,
    under_way: &mut UnderWay,
) {
    loop {
        let Delivery { in_flight, change, .. } = *delivery;
        if logging::tracing() || fault::may_happen() {
            deliver_observed(profile, key, in_flight, &change, batch, under_way);
        } else {
            let mut message = Message::new(&change);
            let recheck = |node, token| recheck(profile, key, node, token);
            batch.deliver(in_flight, |sink, token| message.send(sink, token), recheck);
        }
        // A phase that faults may concern is announced.
        if fault::may_happen() || !delivery.enter_next(batch) {
            return;
        }
    }
}

/// How the phase under way is delivered, if faults have a say in it: from its first Notify on.
#[derive(Default)]
struct UnderWay(Option<(Phase, Manner, Option<Duration>)>);

/// The phase of this change comes next.
#[cold]
#[inline(never)]
fn delay(profile: &Profile, change: &Change) {
    fault::sleep(fault::delay(&profile.name(), change.phase, change.new), fault::may_happen);
}

/// The same with trace lines, and with the faults that concern the phase.
#[cold]
#[inline(never)]
fn deliver_observed(
    profile: &'static Profile,
    key: TransitionKey,
    in_flight: &InFlight,
    change: &Change,
    batch: &Batch<ClientSink>,
    under_way: &mut UnderWay,
) {
    let name = profile.name();
    let recheck = |node, token| recheck(profile, key, node, token);
    let send = |message: &mut Message, sink, token| {
        if logging::tracing() {
            message.send_traced(sink, token, change, &name);
        } else {
            message.send(sink, token);
        }
    };
    let mut message = Message::new(change);
    if under_way.0.as_ref().is_none_or(|(phase, ..)| *phase != change.phase) {
        under_way.0 = fault::may_happen().then(|| (change.phase, fault::manner(&name, change.phase, change.new), None));
    }
    let Some((_, manner, held)) = &mut under_way.0 else {
        return batch.deliver(in_flight, |sink, token| send(&mut message, sink, token), recheck);
    };
    message.add_to_mask(manner.bits);
    if let Some(kind) = manner.unknown {
        let mut unknown = message.of_type(kind);
        batch.deliver(in_flight, |sink, token| send(&mut unknown, sink, token), recheck);
    }
    batch.deliver(
        in_flight,
        |sink, token| {
            let hold = match *held {
                Some(by) => Delay::from_now(by),
                None => fault::hold(&name, change.phase, change.new),
            };
            *held = Some(hold.by());
            fault::sleep(hold, || fault::may_happen() && !exit::exiting());
            // What was held back does not begin behind the exit handler.
            if hold.by().is_zero() || !exit::exiting() {
                send(&mut message, sink, token);
            }
        },
        recheck,
    );
}

/// A registration has ended since the batch was filled: releases the sink that was left to this thread, and says whether that
/// of a token still exists.
#[cold]
fn recheck(profile: &'static Profile, key: TransitionKey, node: u32, token: u32) -> Recheck {
    loop {
        let (found, deferred) = profile.lock().model.recheck(key, node, token);
        match deferred {
            Some(sink) => release(sink),
            None if exit::exiting() => return Recheck::Ended,
            None => return found,
        }
    }
}

/// Runs client code, with no token in flight.
fn release(sink: ClientSink) {
    let _ = guard("callback", || drop(sink));
}

/// Locks what runs transitions around a fork.
pub(super) fn lock_executors_for_fork() -> ExecutorsForkGuard<Job> {
    EXECUTORS.lock_for_fork()
}
