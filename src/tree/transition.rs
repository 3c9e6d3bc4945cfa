//! The way of a transition: accepted, told in three phases, over.

use super::forest::{Accepted, Cursor, Forest, Job, Next, RunKey, Runner, Step};
use super::listener::Listener;
use super::object::Offline;
use super::registry::{Profile, notice_others};
use crate::com::{Own, guard};
use crate::deliver::{self, HeldNotifiers, Notifiers, Ticket};
use crate::error::Error;
use crate::notify::{Phase, Sink};
use crate::state::State;

static NOTIFIERS: Notifiers<Job> = Notifiers::new(|(profile, key)| {
    run(profile, key, Runner::Notifier);
});

/// When a request returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// At once; a notifier thread runs the transition.
    No,
    /// When the last DONE has returned; the calling thread runs it.
    ForCallbacks,
}

/// How a transition ended for the thread that ran it.
struct Outcome {
    changed: bool,
    /// This is a child that was forked from inside a callback.
    cut_short: bool,
}

impl Offline {
    pub(crate) fn set_state(this: &Own<Self>, to: State, wait: Wait) -> Result<(), Error> {
        let blocking = wait == Wait::ForCallbacks;
        notice_others();
        let accepted = ask(this.profile, |forest, ticket| forest.request(this, to, blocking, ticket))?;
        match start(this.profile, accepted) {
            Some(Outcome { cut_short: true, changed: false }) => Err(Error::Failed),
            _ => Ok(()),
        }
    }
}

/// Another process may have changed the profile: it goes where that says. False: not yet.
pub(super) fn hear(profile: &'static Profile) -> bool {
    let accepted = ask(profile, |forest, ticket| forest.hear(profile.name(), ticket));
    accepted.map(|accepted| start(profile, accepted)).is_ok()
}

/// Asks once without a notifier and, where one is needed, again with it: starting a thread may wait for the loader, and
/// the loader for a constructor that calls us. What is to be said of the store is said after the lock.
fn ask(
    profile: &'static Profile,
    mut question: impl FnMut(&mut Forest, Option<Ticket<Job>>) -> Result<Accepted, Error>,
) -> Result<Accepted, Error> {
    let mut ask = |ticket| {
        let mut forest = profile.lock();
        let answer = question(&mut forest, ticket);
        let complaint = forest.record.complaint();
        drop(forest);
        if let Some(complaint) = complaint {
            complaint.tell(profile.name());
        }
        answer
    };
    match ask(None)? {
        Accepted::IfThereIsANotifier => ask(Some(NOTIFIERS.reserve()?)),
        accepted => Ok(accepted),
    }
}

/// Has what was accepted done. The outcome, if it was done on this thread.
fn start(profile: &'static Profile, accepted: Accepted) -> Option<Outcome> {
    match accepted {
        Accepted::Already | Accepted::Queued | Accepted::IfThereIsANotifier => None,
        Accepted::Dispatch(ticket, key) => {
            ticket.dispatch((profile, key));
            None
        }
        Accepted::Run(key) => Some(run(profile, key, Runner::Caller)),
    }
}

/// Runs a transition, and those that are queued behind it if this thread may go on with them.
fn run(profile: &'static Profile, mut key: RunKey, runner: Runner) -> Outcome {
    loop {
        let outcome = run_one(profile, key);
        if outcome.cut_short {
            return outcome;
        }
        let next = profile.lock().finish(key, runner);
        match next {
            Next::Nothing | Next::Gone => return outcome,
            Next::Continue(queued) => key = queued,
            Next::Dispatch(ticket, queued) => {
                ticket.dispatch((profile, queued));
                return outcome;
            }
        }
    }
}

fn run_one(profile: &'static Profile, key: RunKey) -> Outcome {
    let mut outcome = Outcome { changed: false, cut_short: true };
    for phase in [Phase::Start, Phase::Change, Phase::Done] {
        if !profile.lock().enter(key, phase) {
            return outcome;
        }
        outcome.changed |= phase == Phase::Change;
        if !tell_all(profile, key) {
            return outcome;
        }
    }
    outcome.cut_short = false;
    outcome
}

/// Delivers one phase. False: the transition does not exist any more.
fn tell_all(profile: &'static Profile, key: RunKey) -> bool {
    let mut cursor = Cursor::default();
    let mut step = profile.lock().step(key, &mut cursor);
    loop {
        match step {
            Step::PhaseOver => return true,
            Step::Gone => return false,
            // Exit may have come since the lock was given back.
            Step::Tell { .. } if deliver::exiting() => {}
            Step::Tell { handle, client_token, change } => Listener::tell(handle, client_token, &change),
        }
        let mut forest = profile.lock();
        if let Some(owed) = forest.told(key) {
            // Dropping it runs client code: nobody else may count as being told meanwhile.
            drop(forest);
            let _ = guard("callback", || drop(owed));
            forest = profile.lock();
        }
        step = forest.step(key, &mut cursor);
    }
}

/// Holds the notifiers still around a fork.
pub(super) fn hold_notifiers() -> HeldNotifiers<Job> {
    NOTIFIERS.hold()
}
