//! The way of a transition: accepted, told in three phases, over.

use super::forest::{Accepted, Forest, Job, Next, RunKey, Runner, Step};
use super::listener::Listener;
use super::object::Standing;
use super::registry::{Profile, notice_others};
use crate::com::guard;
use crate::deliver::{HeldNotifiers, Notifiers, Ticket};
use crate::error::Error;
use crate::notify::{Batch, NOBODY, Phase, Sink};
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

impl Standing {
    pub(crate) fn set_state(self, to: State, wait: Wait) -> Result<(), Error> {
        let blocking = wait == Wait::ForCallbacks;
        notice_others();
        let (profile, key) = (self.profile(), self.key());
        let accepted = ask(profile, |forest, ticket| forest.request(profile.name(), key, to, blocking, ticket))?;
        match start(profile, accepted) {
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
    let mut batch = Batch::new();
    loop {
        match run_one(profile, key, runner, &mut batch) {
            Ok(Next::Nothing) => return Outcome { changed: true, cut_short: false },
            Ok(Next::Continue(queued)) => key = queued,
            Ok(Next::Dispatch(ticket, queued)) => {
                ticket.dispatch((profile, queued));
                return Outcome { changed: true, cut_short: false };
            }
            Err(phase) => return Outcome { changed: phase > Phase::Start, cut_short: true },
        }
    }
}

/// Runs one transition to its end. In a child that was forked from inside a callback: the phase that it came to.
fn run_one(profile: &'static Profile, key: RunKey, runner: Runner, batch: &mut Batch<Listener>) -> Result<Next, Phase> {
    let mut phase = Phase::Start;
    // Whose turn it is.
    let mut told = NOBODY;
    loop {
        let step = profile.lock().step(key, runner, batch);
        match step {
            Step::Tell(turn, change) => {
                phase = change.phase;
                let pass = |next| {
                    let passed = turn.pass(told, next) || settle(profile, key) && turn.pass(NOBODY, next);
                    told = next;
                    passed
                };
                let stands = |object, token| profile.lock().stands(key, object, token);
                batch.tell(&mut Listener::message(&change), pass, stands);
            }
            Step::Drop(owed) => {
                told = NOBODY;
                drop_owed(owed);
            }
            Step::Over(next) => return Ok(next),
            Step::Gone(owed) => {
                owed.into_iter().for_each(drop_owed);
                return Err(phase);
            }
        }
    }
}

/// The turn did not pass: what is owed is dropped. False: the transition does not exist any more.
#[cold]
fn settle(profile: &'static Profile, key: RunKey) -> bool {
    let Some(owed) = profile.lock().settle(key) else { return false };
    owed.into_iter().for_each(drop_owed);
    true
}

/// Runs client code: it is nobody's turn meanwhile.
fn drop_owed(owed: Listener) {
    let _ = guard("callback", || drop(owed));
}

/// Holds the notifiers still around a fork.
pub(super) fn hold_notifiers() -> HeldNotifiers<Job> {
    NOTIFIERS.hold()
}
