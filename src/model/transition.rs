//! One transition: its phases, and how far its delivery has come.
#![forbid(unsafe_code)]

use super::hierarchy::Hierarchy;
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
    pub(super) phase: Phase,
    pub(super) runner: Runner,
    pub(super) in_flight: &'static InFlight,
    /// The delivery thread, once it has begun.
    pub(super) thread: Option<T::Thread>,
    /// The store has been read at the end of the last phase.
    pub(super) store_read: bool,
    cursor: Cursor,
}

/// How far delivery of a phase has come: an index into the affected objects, and into the table of that one.
#[derive(Default)]
struct Cursor {
    object: usize,
    registration: usize,
}

impl<T: Types> Transition<T> {
    pub(super) fn new(number: u64, to: State, runner: Runner, in_flight: &'static InFlight) -> Self {
        Self {
            number,
            to,
            phase: Phase::Start,
            runner,
            in_flight,
            thread: None,
            store_read: false,
            cursor: Cursor::default(),
        }
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

    pub(super) fn change(&self) -> Change {
        Change { phase: self.phase, old: self.to.other(), new: self.to }
    }

    /// Puts the next registrations of this phase into the batch.
    pub(super) fn fill(&mut self, hierarchy: &Hierarchy<T>, batch: &mut Batch<T::Sink>) {
        while let Some(index) = hierarchy.affected().get(self.cursor.object) {
            if let Some(node) = hierarchy.get(*index) {
                node.table.fill(*index, &mut self.cursor.registration, batch);
            }
            if batch.is_full() {
                return;
            }
            self.cursor = Cursor { object: self.cursor.object + 1, registration: 0 };
        }
    }

    /// Enters the next phase, if there is one. The state of every affected object changes on the way to `Phase::Change`.
    pub(super) fn next_phase(&mut self, hierarchy: &mut Hierarchy<T>) -> bool {
        self.phase = match self.phase {
            Phase::Start => Phase::Change,
            Phase::Change => Phase::Done,
            Phase::Done => return false,
        };
        self.cursor = Cursor::default();
        if self.phase == Phase::Change {
            hierarchy.each_affected(|node| {
                node.state = self.to;
                if let Some(object) = &node.object {
                    object.publish_state(self.to, self.in_flight);
                }
            });
        }
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
