//! The commonest transition by far: an object without children changes, and the thread that asks for it runs it.
//!
//! `Model::request`, `accept` and the first `step` in one, and the last `step` likewise, where none of them has anything else
//! to decide. Where one has, they take over: before the transition, or at any point of it.
#![forbid(unsafe_code)]

use super::model::Model;
use super::transition::{Delivery, Runner, Transition, TransitionKey};
use super::types::{ObjectKey, Types};
use crate::change::Phase;
use crate::error::ErrorKind;
use crate::registration::Batch;
use crate::state::State;

impl<T: Types> Model<T> {
    /// Begins a transition that is not persisted, and puts its first registrations into the batch. `None`: `request` decides.
    pub(crate) fn begin_alone(
        &mut self,
        object: ObjectKey,
        to: State,
        thread: T::Thread,
        batch: &mut Batch<T::Sink>,
    ) -> Result<Option<(TransitionKey, Delivery<T>)>, ErrorKind> {
        let is_global = self.is_global(object);
        let Some(tree) = self.trees.get_mut(object.tree) else { return Ok(None) };
        if tree.is_active() || !tree.objects.can_change_alone(object, to) {
            return Ok(None);
        }
        tree.reserve_transition()?;
        batch.begin();
        if T::exiting() {
            return Ok(None);
        }
        let Some(in_flight) = tree.in_flight.take() else { return Ok(None) };
        let Some(node) = tree.objects.mark_alone(object.node, to) else { return Ok(None) };
        in_flight.enter(Phase::Start);
        let key = TransitionKey { tree: object.tree, number: self.transitions + 1 };
        let mut transition = Transition::new(key.number, to, Runner::Caller, in_flight);
        transition.thread = Some(thread);
        let is_all = transition.fill_alone(object.node, node, batch);
        let lent = if is_all { node.spare.take().or_else(|| node.object.clone()) } else { None };
        let change = transition.change();
        tree.transition = Some(transition);
        self.transitions = key.number;
        if is_global {
            self.recorded = to;
        }
        Ok(Some((key, Delivery { in_flight, change, alone: lent, may_enter_done: true })))
    }

    /// Ends a transition that `begin_alone` began, if nothing has happened meanwhile that needs more than that. False: `step`
    /// goes on.
    pub(crate) fn end_alone(&mut self, key: TransitionKey, delivery: &mut Delivery<T>, batch: &Batch<T::Sink>) -> bool {
        let Some(tree) = self.running(key) else { return false };
        // With everything registered still, the object is alive and no sink is deferred.
        let is_over = delivery.change.phase == Phase::Done && batch.is_current();
        if !is_over || !tree.needs_nothing_more() {
            return false;
        }
        delivery.in_flight.set(None);
        let mut lent = delivery.alone.take();
        tree.objects.each_affected(|node| node.spare = lent.take());
        tree.end_transition();
        true
    }
}
