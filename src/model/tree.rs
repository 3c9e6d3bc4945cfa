//! One tree: its objects, its running transition and what waits behind it.
#![forbid(unsafe_code)]

use super::decision::Activity;
use super::hierarchy::{Hierarchy, Node, ROOT};
use super::transition::{Queued, Runner, Transition, TransitionKey};
use super::types::{NodeIndex, Object, Types};
use crate::change::Phase;
use crate::error::ErrorKind;
use crate::registration::InFlight;
use crate::state::State;

pub(super) struct Tree<T: Types> {
    pub(super) objects: Hierarchy<T>,
    pub(super) transition: Option<Transition<T>>,
    /// Accepted during DONE.
    pub(super) queued: Option<Queued<T>>,
    /// Another process changed the global object meanwhile. Comes last.
    pub(super) following: Option<Queued<T>>,
    /// The object whose accepted change is being persisted.
    pub(super) writing: Option<NodeIndex>,
    /// A sink whose registration ended while its Notify was running. The delivery thread releases it.
    pub(super) deferred: Option<T::Sink>,
    /// The handshake of the last transition, for the next one.
    pub(super) in_flight: Option<&'static InFlight>,
    /// There may be nodes whose objects ended while the tree was busy.
    pub(super) has_ended_nodes: bool,
}

impl<T: Types> Tree<T> {
    pub(super) fn new(root: Node<T>) -> Self {
        Self {
            objects: Hierarchy::new(root),
            transition: None,
            queued: None,
            following: None,
            writing: None,
            deferred: None,
            in_flight: None,
            has_ended_nodes: false,
        }
    }

    /// Whether a transition runs, waits or is being persisted.
    pub(super) fn is_active(&self) -> bool {
        self.transition.is_some() || self.writing.is_some()
    }

    pub(super) fn activity(&self) -> Activity {
        match &self.transition {
            // A host has not dispatched it, or a notifier has not come to it.
            Some(running) if running.thread.is_none() => Activity::Accepted,
            Some(running) => Activity::Running(running.phase()),
            None if self.writing.is_some() || self.queued.is_some() || self.following.is_some() => Activity::Accepted,
            None => Activity::Idle,
        }
    }

    /// Whether a request is refused with E_PENDING.
    pub(super) fn is_busy(&self, blocking: bool) -> bool {
        let queue_is_full = self.queued.is_some() || self.following.is_some() || self.writing.is_some();
        let running = self.transition.as_ref().is_some_and(|running| blocking || running.phase() != Phase::Done);
        queue_is_full || running
    }

    /// Whether a change that is accepted now needs an executor. An executor that runs the present transition goes on with
    /// the next one, unless that has to be persisted first: the present one may be over by then.
    pub(super) fn needs_executor(&self, inline: bool, persist: bool) -> bool {
        let runner = self.transition.as_ref().map(|running| running.runner);
        match runner {
            None => !inline,
            Some(Runner::Executor) => persist && !inline,
            Some(Runner::Caller) => true,
        }
    }

    /// Reserves what a transition needs: it must not fail once it is accepted.
    pub(super) fn reserve_transition(&mut self) -> Result<(), ErrorKind> {
        self.objects.reserve_affected(0)?;
        if self.transition.is_none() && self.in_flight.is_none() {
            self.in_flight = Some(T::take_in_flight()?);
        }
        Ok(())
    }

    /// Begins a transition. The objects and registrations that take part are fixed here. Without an executor, `here` runs
    /// it.
    pub(super) fn begin(
        &mut self,
        key: TransitionKey,
        change: Queued<T>,
        here: Runner,
    ) -> Option<(TransitionKey, Option<T::Executor>)> {
        let Queued { node, to, executor } = change;
        let in_flight = self.in_flight.take()?;
        self.objects.mark_affected(node, to);
        in_flight.enter(Phase::Start);
        let runner = if executor.is_some() { Runner::Executor } else { here };
        self.transition = Some(Transition::new(key.number, to, runner, in_flight));
        Some((key, executor))
    }

    /// The state of an object as its clients see it.
    pub(super) fn visible_state(&self, node: &Node<T>) -> State {
        match &self.transition {
            Some(transition) if node.affected => transition.visible_state(),
            _ => node.state,
        }
    }

    /// In a forked child: every object keeps the state that its clients see. The delivery thread may have been about to publish
    /// another one.
    pub(super) fn keep_visible_states(&mut self) {
        let Some(transition) = &self.transition else { return };
        let state = transition.visible_state();
        self.objects.each_affected(|node| {
            node.state = state;
            if let Some(object) = &node.object {
                object.publish_state(state, transition.in_flight);
            }
        });
    }

    /// Ends the running transition, if there is one, and keeps its handshake for the next.
    pub(super) fn end_transition(&mut self) -> bool {
        let Some(transition) = self.transition.take() else { return false };
        self.in_flight = Some(transition.in_flight);
        self.objects.clear_affected();
        true
    }

    /// Whether a change of the object begins when the running transition is over.
    pub(super) fn has_change_waiting_for(&self, node: NodeIndex) -> bool {
        [&self.queued, &self.following].into_iter().flatten().any(|waiting| waiting.node == node)
    }

    /// Whether the root comes to the recorded state without following.
    pub(super) fn comes_to(&self, recorded: State) -> bool {
        let Some(root) = self.objects.get(ROOT) else { return true };
        match (&self.queued, &self.transition) {
            (Some(queued), _) if queued.node == ROOT => true,
            (_, Some(transition)) if root.affected => transition.to == recorded,
            _ => root.state == recorded,
        }
    }

    /// Removes the node at `from` if nothing needs it, and its ancestors likewise.
    pub(super) fn prune(&mut self, from: NodeIndex) {
        let Self { objects, queued, writing, .. } = self;
        let queued = queued.as_ref().map(|queued| queued.node);
        objects.prune(from, |index| queued == Some(index) || *writing == Some(index));
    }

    /// Removes the nodes of objects that ended while the tree was busy.
    pub(super) fn prune_ended(&mut self) {
        if !std::mem::take(&mut self.has_ended_nodes) {
            return;
        }
        // A parent goes with its last child, in whatever order the indices are.
        for index in self.objects.indices() {
            self.prune(index);
        }
        self.has_ended_nodes = self.queued.is_some() || self.is_active();
    }

    /// Whether nothing has waited for the end of a transition.
    #[inline]
    pub(super) fn needs_nothing_more(&self) -> bool {
        self.queued.is_none() && self.following.is_none() && !self.has_ended_nodes && self.objects.len() > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.objects.len() == 0 && !self.is_active()
    }
}
