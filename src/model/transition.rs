//! One transition: its phases, and how far its delivery has come.
#![forbid(unsafe_code)]

use super::hierarchy::{Hierarchy, Node};
use super::types::{NodeIndex, Object, Types};
use crate::change::{Change, Phase};
use crate::registration::{Batch, InFlight, note_ended, note_ended_elsewhere};
use crate::state::State;

/// Identifies a transition of a tree. Keys are never reused, so that a forked child can tell that one was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransitionKey {
    pub(super) tree: u32,
    pub(super) number: u64,
}

/// Which kind of thread runs a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// A thread of an executor, which can go on with a queued transition.
    Executor,
    /// The thread that called SetCurrentState.
    Caller,
}

/// A running transition.
pub(super) struct Transition<T: Types> {
    pub(super) number: u64,
    pub(super) to: State,
    pub(super) runner: Runner,
    pub(super) in_flight: &'static InFlight,
    /// The delivery thread, once it has begun.
    pub(super) thread: Option<T::Thread>,
    /// The store has been read at the end of the last phase.
    pub(super) store_read: bool,
    /// The last phase that `Step::Enter` was about.
    announced: Option<Phase>,
    cursor: Cursor,
    /// Every affected object has published that the state is the new one.
    changed: bool,
}

/// How far delivery of a phase has come: an index into the affected objects, and into the table of that one.
#[derive(Default, PartialEq)]
struct Cursor {
    object: usize,
    registration: usize,
}

impl<T: Types> Transition<T> {
    pub(super) fn new(number: u64, to: State, runner: Runner, in_flight: &'static InFlight) -> Self {
        Self {
            number,
            to,
            runner,
            in_flight,
            thread: None,
            store_read: false,
            announced: None,
            cursor: Cursor::default(),
            changed: false,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.in_flight.phase()
    }

    /// Registrations of the tree leave their tables. Whether a Notify may be running on another thread than this one. `None` is
    /// a thread that does not deliver.
    pub(super) fn note_ended(&self, thread: Option<T::Thread>) -> bool {
        let elsewhere = self.thread.is_some() && self.thread != thread;
        if elsewhere {
            note_ended_elsewhere();
        } else {
            note_ended();
        }
        elsewhere
    }

    /// The state of an affected object as its clients see it.
    pub(super) fn visible_state(&self) -> State {
        if self.phase() == Phase::Start { self.to.other() } else { self.to }
    }

    /// Puts the next registrations of this phase into the batch, and says whether those are all of the phase.
    pub(super) fn fill(&mut self, hierarchy: &Hierarchy<T>, batch: &mut Batch<T::Sink>) -> bool {
        let from_the_first = self.cursor == Cursor::default();
        while let Some(index) = hierarchy.affected().get(self.cursor.object) {
            if let Some(node) = hierarchy.get(*index)
                && !node.table.fill(*index, &mut self.cursor.registration, batch)
            {
                return false;
            }
            self.cursor = Cursor { object: self.cursor.object + 1, registration: 0 };
        }
        from_the_first
    }

    /// The same at the beginning, where one object changes.
    pub(super) fn fill_alone(&mut self, index: NodeIndex, node: &Node<T>, batch: &mut Batch<T::Sink>) -> bool {
        let is_all = node.table.fill(index, &mut self.cursor.registration, batch);
        if is_all {
            self.cursor = Cursor { object: 1, registration: 0 };
        }
        is_all
    }

    /// What the delivery thread has in a batch. If that is all of the phase, and one object changes, the next phases need the
    /// lock only where something happens meanwhile.
    pub(super) fn delivery(&self, hierarchy: &Hierarchy<T>, is_all: bool, may_enter_done: bool) -> Delivery<T> {
        let alone = match hierarchy.affected() {
            [index] if is_all => hierarchy.get(*index).and_then(|node| node.object.clone()),
            _ => None,
        };
        Delivery { in_flight: self.in_flight, change: self.change(), alone, may_enter_done }
    }

    /// What registrations are notified of.
    pub(super) fn change(&self) -> Change {
        Change { phase: self.phase(), old: self.to.other(), new: self.to }
    }

    /// The change with the phase that comes next, if that was not announced: the first one before anything of it is delivered. No
    /// token is in flight then.
    pub(super) fn announce(&mut self, at_end: bool) -> Option<Change> {
        let change = self.change();
        let phase = match change.phase {
            Phase::Start if !at_end => (self.cursor == Cursor::default()).then_some(Phase::Start)?,
            _ if !at_end => return None,
            phase => phase.next()?,
        };
        let is_new = self.announced.is_none_or(|announced| announced < phase);
        if is_new {
            self.announced = Some(phase);
            self.in_flight.set(None);
        }
        is_new.then_some(Change { phase, ..change })
    }

    /// Enters the next phase, if there is one.
    pub(super) fn next_phase(&mut self, hierarchy: &Hierarchy<T>) -> bool {
        let Some(next) = self.phase().next() else { return false };
        self.cursor = Cursor::default();
        self.in_flight.enter(next);
        self.publish_change(hierarchy, true);
        true
    }

    /// From CHANGE on, every affected object says that the state is the new one. The delivery thread may have entered the
    /// phase without the lock. If an object `has_ended` meanwhile, another one may have taken its place.
    #[inline]
    pub(super) fn publish_change(&mut self, hierarchy: &Hierarchy<T>, has_ended: bool) {
        if self.changed || self.phase() == Phase::Start {
            return;
        }
        self.changed = true;
        if !has_ended {
            return;
        }
        for node in hierarchy.affected().iter().filter_map(|index| hierarchy.get(*index)) {
            if let Some(object) = &node.object {
                object.publish_state(self.to, self.in_flight);
            }
        }
    }
}

/// A phase of a transition, or as much of it as the batch holds, for the delivery thread.
pub(crate) struct Delivery<T: Types> {
    pub(crate) in_flight: &'static InFlight,
    pub(crate) change: Change,
    /// The one object that changes, if the batch holds all of its registrations.
    pub(super) alone: Option<T::Object>,
    /// DONE has nothing that needs the lock when it begins.
    pub(super) may_enter_done: bool,
}

impl<T: Types> Delivery<T> {
    /// Has the batch serve for the next phase, too, without the lock. False: `Model::step` goes on. A registration that ends
    /// behind this is found when its token is published.
    pub(crate) fn enter_next(&mut self, batch: &Batch<T::Sink>) -> bool {
        let Some(object) = &self.alone else { return false };
        let next = match self.change.phase.next() {
            Some(Phase::Done) if !self.may_enter_done => return false,
            Some(next) if batch.is_current() => next,
            _ => return false,
        };
        self.in_flight.enter(next);
        if next == Phase::Change {
            object.publish_state(self.change.new, self.in_flight);
        }
        self.change.phase = next;
        true
    }
}

/// A change that begins when the running transition is over.
pub(super) struct Queued<T: Types> {
    pub(super) node: NodeIndex,
    pub(super) to: State,
    /// `None` when the executor of the running transition goes on with this one.
    pub(super) executor: Option<T::Executor>,
}
