//! Running a transition: delivery of its three phases.
#![forbid(unsafe_code)]

use super::profile::{Job, OfflineTypes, Profile};
use super::update::read_stored;
use crate::change::Phase;
use crate::deliver::{NotifierPool, PoolForkGuard};
use crate::exit;
use crate::guard::guard;
use crate::model::{Accepted, Next, Runner, Step, TransitionKey};
use crate::registration::{Batch, Recheck};
use crate::sink::{ClientSink, Message};
use crate::sys::Thread;
use crate::{logging, store};

pub(super) static NOTIFIERS: NotifierPool<Job> = NotifierPool::new(|(profile, key)| {
    run(profile, key, Runner::Executor);
});

/// How a transition ended for the thread that ran it.
pub(super) struct Outcome {
    pub(super) changed: bool,
    /// This is a child that was forked from inside a callback.
    pub(super) cut_short: bool,
}

/// Has an accepted transition run. The outcome, if it ran on this thread.
pub(super) fn start(profile: &'static Profile, accepted: Accepted<OfflineTypes>) -> Option<Outcome> {
    match accepted {
        Accepted::Queued => None,
        Accepted::Begun(key, Some(executor)) => {
            executor.execute((profile, key));
            None
        }
        Accepted::Begun(key, None) => Some(run(profile, key, Runner::Caller)),
    }
}

/// Runs a transition, and those that are queued behind it if this thread may go on with them.
fn run(profile: &'static Profile, mut key: TransitionKey, runner: Runner) -> Outcome {
    let mut batch = Batch::new();
    loop {
        match run_one(profile, key, runner, &mut batch) {
            Ok(Next::Nothing) => return Outcome { changed: true, cut_short: false },
            Ok(Next::Continue(queued)) => key = queued,
            Ok(Next::Execute(executor, queued)) => {
                executor.execute((profile, queued));
                return Outcome { changed: true, cut_short: false };
            }
            Err(phase) => return Outcome { changed: phase > Phase::Start, cut_short: true },
        }
    }
}

/// Runs one transition to its end. Fails in a child that was forked from inside a callback, with the phase of that.
fn run_one(
    profile: &'static Profile,
    key: TransitionKey,
    runner: Runner,
    batch: &mut Batch<ClientSink>,
) -> Result<Next<OfflineTypes>, Phase> {
    let mut phase = Phase::Start;
    loop {
        let step = {
            let mut state = profile.lock();
            let conditions = state.conditions(false);
            let step = state.model.step(key, runner, Thread::current(), conditions, batch);
            if let Step::Finished(_) = step {
                state.update_interest();
            }
            step
        };
        match step {
            Step::Deliver(in_flight, change) => {
                phase = change.phase;
                let recheck = |node, token| recheck(profile, key, node, token);
                let mut message = Message::new(&change);
                if logging::tracing() {
                    let name = profile.name();
                    let send = |sink, client_token| message.send_traced(sink, client_token, &change, &name);
                    batch.deliver(in_flight, send, recheck);
                } else {
                    batch.deliver(in_flight, |sink, client_token| message.send(sink, client_token), recheck);
                }
            }
            Step::Release(sink) => release(sink),
            Step::ReadStore => {
                read_stored(profile, |_| true);
                if profile.lock().record.needs_retry() {
                    store::look_again();
                }
            }
            Step::Finished(next) => return Ok(next),
            Step::CutShort(sink) => {
                sink.into_iter().for_each(release);
                return Err(phase);
            }
        }
    }
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

/// Locks the notifiers around a fork.
pub(super) fn lock_notifiers_for_fork() -> PoolForkGuard<Job> {
    NOTIFIERS.lock_for_fork()
}
