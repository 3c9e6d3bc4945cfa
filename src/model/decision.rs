//! What the model answers: decisions that the profile carries out with no lock held.
#![forbid(unsafe_code)]

use super::transition::{Delivery, TransitionKey};
use super::types::{NodeIndex, Object, Types};
use crate::change::{Change, Phase};
use crate::error::ErrorKind;
use crate::registration::Closed;
use crate::state::State;

/// When a request returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// At once; an executor runs the transition.
    No,
    /// When the last DONE has returned; the calling thread runs the transition.
    ForCallbacks,
}

/// What the global object's tree is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    Idle,
    /// A change was accepted, and has not begun.
    Accepted,
    Running(Phase),
}

/// What a decision depends on besides the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// An accepted change of the global object is persisted before it begins.
    pub(crate) shared: bool,
    /// The caller has reserved an executor.
    pub(crate) has_executor: bool,
    /// `Step::Enter` comes before each phase.
    pub(crate) announce: bool,
}

/// The answer to a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    /// The object is in that state, or comes to it.
    Unchanged,
    Refused(ErrorKind),
    /// The caller has to reserve an executor and ask again. Reserving may wait for the loader, so it needs no lock.
    NeedsExecutor,
    /// The caller persists the plan if it has to, and passes it to `Model::accept`.
    Accepted(Plan),
}

/// An accepted change that has not begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(super) tree: u32,
    pub(super) node: NodeIndex,
    pub(super) to: State,
    /// Whether this follows another process's change.
    pub(super) follows: bool,
    /// This is a change of a shared global object: it has to be persisted between `Model::begin_write` and
    /// `Model::end_write`.
    pub(crate) persist: bool,
}

impl Plan {
    /// The state that the change leads to.
    pub(crate) fn to(&self) -> State {
        self.to
    }
}

/// What became of an accepted plan.
pub(crate) enum Accepted<T: Types> {
    /// It begins when the running transition is over.
    Queued,
    /// The transition has begun. The executor runs it; without one the calling thread does.
    Begun(TransitionKey, Option<T::Executor>),
}

/// What the thread that runs a transition does next.
pub(crate) enum Step<T: Types> {
    /// Notifies the registrations in the batch.
    Deliver(Delivery<T>),
    /// The phase of this change comes next, if `Conditions::announce` asks for that. Nothing of it is visible yet, and no token is
    /// in flight.
    Enter(Change),
    /// Releases a deferred sink, before any other delivery, and asks again.
    Release(T::Sink),
    /// A change of the shared global object waits for the end. Reads which state is stored by now, and asks again.
    ReadStore,
    Finished(Next<T>),
    /// The transition does not exist: this is a forked child. It may have to release a sink.
    CutShort(Option<T::Sink>),
}

/// What comes after a transition.
pub(crate) enum Next<T: Types> {
    Nothing,
    /// The same thread runs another transition.
    Continue(TransitionKey),
    /// An executor runs it.
    Execute(T::Executor, TransitionKey),
}

/// What to release with no lock held.
pub(crate) struct Ended<T: Types> {
    pub(crate) sinks: Option<Closed<T::Sink>>,
    pub(crate) object: Option<T::Object>,
    pub(crate) parent: Option<<T::Object as Object>::ParentRef>,
}

impl<T: Types> Default for Ended<T> {
    fn default() -> Self {
        Self { sinks: None, object: None, parent: None }
    }
}
