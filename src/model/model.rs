//! All trees of a profile: requests, transitions, and the life of objects.
#![forbid(unsafe_code)]

use std::mem;

use super::decision::{Accepted, Activity, Conditions, Decision, Ended, Next, Plan, Step, Wait};
use super::hierarchy::{Node, ROOT};
use super::slab::Slab;
use super::transition::{Queued, Runner, TransitionKey};
use super::tree::Tree;
use super::types::{NodeIndex, Object, ObjectKey, Types};
use crate::change::Phase;
use crate::error::ErrorKind;
use crate::registration::{Batch, PostedRequest, Recheck};
use crate::state::{Capabilities, State};

pub(crate) struct Model<T: Types> {
    pub(super) trees: Slab<Tree<T>>,
    /// The tree of the global object, while that has an object or a transition.
    global: Option<u32>,
    /// The state of the global object when every accepted change has run: what the profile's record says.
    pub(super) recorded: State,
    /// How many objects there have been.
    objects: u64,
    /// How many transitions there have been.
    pub(super) transitions: u64,
    /// In a forked child: the sinks that the forking thread releases for transitions of the parent process.
    inherited: Vec<(TransitionKey, T::Sink)>,
}

impl<T: Types> Model<T> {
    pub(crate) fn new(recorded: State) -> Self {
        Self { trees: Slab::new(), global: None, recorded, objects: 0, transitions: 0, inherited: Vec::new() }
    }

    /// Whether there is no object and no transition.
    pub(crate) fn is_empty(&self) -> bool {
        self.trees.len() == 0 && self.inherited.is_empty()
    }

    /// An empty model becomes that of another profile. The numbers of objects and transitions go on: an old key finds nothing.
    pub(crate) fn forget(&mut self, recorded: State) {
        self.trees = Slab::new();
        self.recorded = recorded;
    }

    pub(crate) fn recorded(&self) -> State {
        self.recorded
    }

    /// Another process has written this state, or the record has been read anew. See `follow`.
    pub(crate) fn set_recorded(&mut self, state: State) {
        self.recorded = state;
    }

    // ---- objects ---------------------------------------------------------------------------------------------------

    pub(crate) fn object(&self, key: ObjectKey) -> Option<&T::Object> {
        self.trees.get(key.tree)?.objects.find(key)?.object.as_ref()
    }

    /// Whether this is the key of the global object.
    pub(crate) fn is_global(&self, key: ObjectKey) -> bool {
        self.is_global_node(key.tree, key.node)
    }

    /// Whether a change in the global object's tree is being persisted.
    pub(crate) fn is_global_written(&self) -> bool {
        self.global.and_then(|tree| self.trees.get(tree)).is_some_and(|tree| tree.writing.is_some())
    }

    /// What the global object's tree is doing, and how many registrations its objects have. `None` if there is no such tree.
    pub(crate) fn activity(&self) -> Option<(Activity, usize)> {
        let tree = self.trees.get(self.global?)?;
        let nodes = tree.objects.indices().filter_map(|index| tree.objects.get(index));
        Some((tree.activity(), nodes.map(|node| node.table.live()).sum()))
    }

    /// How many transitions of the profile's objects have begun.
    pub(crate) fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Whether `thread` delivers a transition.
    pub(crate) fn is_delivered_by(&self, thread: T::Thread) -> bool {
        let mut trees = self.trees.indices().filter_map(|index| self.trees.get(index));
        trees.any(|tree| tree.transition.as_ref().is_some_and(|running| running.thread == Some(thread)))
    }

    /// Whether the global object's tree exists.
    pub(crate) fn has_global(&self) -> bool {
        self.global.is_some()
    }

    /// The global object. `None` too when its last reference is gone and its tree is busy.
    pub(crate) fn global_object(&self) -> Option<&T::Object> {
        self.global_root()?.object.as_ref()
    }

    /// Reserves memory for a new tree, and gives the key of its root.
    pub(crate) fn reserve_root(&mut self) -> Result<ObjectKey, ErrorKind> {
        self.trees.reserve()?;
        let tree = self.trees.next();
        Ok(self.new_key(tree, ROOT))
    }

    /// Inserts the root of a new tree under the key that `reserve_root` gave.
    pub(crate) fn create_root(&mut self, key: ObjectKey, object: T::Object, state: State, capabilities: Capabilities) {
        self.trees.insert(Tree::new(Node::new(object, key.number, state, capabilities)));
    }

    /// As `create_root`, for the global object.
    pub(crate) fn create_global(&mut self, key: ObjectKey, object: T::Object, capabilities: Capabilities) {
        self.create_root(key, object, self.recorded, capabilities);
        self.global = Some(key.tree);
    }

    /// The key, state and capabilities for a global object that takes the place of one that ended in a busy tree.
    pub(crate) fn reserve_global_again(&mut self) -> Option<(ObjectKey, State, Capabilities)> {
        let tree = self.trees.get(self.global?)?;
        let root = tree.objects.get(ROOT)?;
        let (state, capabilities) = (tree.visible_state(root), root.capabilities);
        let key = self.new_key(self.global?, ROOT);
        Some((key, state, capabilities))
    }

    /// Puts a new global object in the place of one that ended in a busy tree. Whichever thread ended that one is another.
    pub(crate) fn replace_global(&mut self, key: ObjectKey, object: T::Object, thread: Option<T::Thread>) -> Ended<T> {
        let ended = self.detach(key.tree, ROOT, thread);
        let Some(tree) = self.trees.get_mut(key.tree) else { return ended };
        let Some(root) = tree.objects.get_mut(ROOT) else { return ended };
        if let Some(transition) = &tree.transition
            && root.affected
            && transition.phase() != Phase::Start
        {
            // The delivery thread may have entered CHANGE since `reserve_global_again`.
            object.publish_state(transition.to, transition.in_flight);
        }
        root.object = Some(object);
        root.number = key.number;
        ended
    }

    /// Reserves memory for a child of `parent`. Gives its key and the state that it starts in: the one that the running
    /// transition brings the parent to.
    pub(crate) fn reserve_child(&mut self, parent: ObjectKey) -> Result<(ObjectKey, State), ErrorKind> {
        let tree = self.trees.get_mut(parent.tree).ok_or(ErrorKind::Unexpected)?;
        let index = tree.objects.reserve_child()?;
        if tree.is_active() {
            tree.objects.reserve_affected(1)?;
        }
        let up = tree.objects.get(parent.node).ok_or(ErrorKind::Unexpected)?;
        let state = match &tree.transition {
            Some(transition) if up.affected => transition.to,
            _ => up.state,
        };
        Ok((self.new_key(parent.tree, index), state))
    }

    /// Inserts a child under the key that `reserve_child` gave.
    pub(crate) fn create_child(
        &mut self,
        key: ObjectKey,
        parent: ObjectKey,
        object: T::Object,
        parent_ref: <T::Object as Object>::ParentRef,
        state: State,
        capabilities: Capabilities,
    ) {
        let Some(tree) = self.trees.get_mut(key.tree) else { return };
        let mut node = Node::new(object, key.number, state, capabilities);
        node.parent_ref = Some(parent_ref);
        tree.objects.insert_child(node, parent.node);
    }

    /// Publishes the capabilities of the global object, which another process may have determined.
    pub(crate) fn set_global_capabilities(&mut self, capabilities: Capabilities) {
        if let Some(root) = self.global_root_mut() {
            root.capabilities = capabilities;
            if let Some(object) = &root.object {
                object.publish_capabilities(capabilities);
            }
        }
    }

    /// Ends an object whose last client reference is gone. A change that was accepted still takes place.
    pub(crate) fn end(&mut self, key: ObjectKey, thread: T::Thread) -> Ended<T> {
        if self.object(key).is_none() {
            // The global object was opened again before its last release came here.
            return Ended::default();
        }
        self.close_requests(key.tree);
        let mut ended = self.detach(key.tree, key.node, Some(thread));
        let Some(tree) = self.trees.get_mut(key.tree) else { return ended };
        ended.parent = tree.objects.get_mut(key.node).and_then(|node| node.parent_ref.take());
        tree.prune(key.node);
        tree.has_ended_nodes |= tree.objects.get(key.node).is_some();
        self.remove_if_empty(key.tree);
        ended
    }

    /// Takes an object and its registrations out of its node. The delivery thread releases the sink whose Notify is
    /// running, unless `thread` is that thread.
    fn detach(&mut self, tree: u32, node: NodeIndex, thread: Option<T::Thread>) -> Ended<T> {
        let mut ended = Ended::default();
        let Some(tree) = self.trees.get_mut(tree) else { return ended };
        let Some(node) = tree.objects.get_mut(node) else { return ended };
        if let Some(transition) = &tree.transition
            && transition.note_ended(thread)
            && tree.deferred.is_none()
        {
            tree.deferred = node.table.remove(transition.in_flight.token());
        }
        ended.object = node.object.take();
        // Not the last reference: the one above is another.
        node.spare = None;
        if let Some(object) = &ended.object {
            object.publish_end();
        }
        ended.sinks = Some(node.table.close());
        ended
    }

    // ---- registrations ---------------------------------------------------------------------------------------------

    /// Reserves memory for one registration. `register` or `cancel_reservation` follows.
    pub(crate) fn reserve_registration(&mut self, key: ObjectKey) -> Result<(), ErrorKind> {
        self.node_mut(key).ok_or(ErrorKind::Unexpected)?.table.reserve()
    }

    pub(crate) fn cancel_reservation(&mut self, key: ObjectKey) {
        if let Some(node) = self.node_mut(key) {
            node.table.cancel_reservation();
        }
    }

    /// Registers a sink. On failure the sink comes back, to be released with no lock held.
    pub(crate) fn register(
        &mut self,
        key: ObjectKey,
        sink: T::Sink,
        client_token: u32,
        reserved: bool,
    ) -> Result<u32, (ErrorKind, T::Sink)> {
        let Some(node) = self.node_mut(key) else { return Err((ErrorKind::Unexpected, sink)) };
        let registered = node.table.insert(sink, client_token, reserved);
        if let Some(object) = &node.object {
            object.publish_spare_capacity(node.table.has_spare_capacity());
        }
        registered
    }

    /// Ends a registration. The sink that it gives is to be released with no lock held. None: the token is unknown, or the
    /// delivery thread releases the sink.
    pub(crate) fn unregister(
        &mut self,
        key: ObjectKey,
        token: u32,
        thread: impl FnOnce() -> T::Thread,
    ) -> Option<T::Sink> {
        let tree = self.trees.get_mut(key.tree)?;
        let sink = tree.objects.find_mut(key)?.table.remove(token)?;
        if let Some(transition) = &tree.transition
            && transition.note_ended(Some(thread()))
            && tree.deferred.is_none()
            && transition.in_flight.token() == token
        {
            tree.deferred = Some(sink);
            return None;
        }
        Some(sink)
    }

    // ---- requests --------------------------------------------------------------------------------------------------

    /// Decides on SetCurrentState. The order of the checks is the contract's: flags and arguments, which the C boundary
    /// checks, then capability, busy, same state. `Offline::post` accepts a subset of this without the lock.
    pub(crate) fn request(&mut self, key: ObjectKey, to: State, wait: Wait, conditions: Conditions) -> Decision {
        self.close_requests(key.tree);
        let is_global = self.is_global_node(key.tree, key.node);
        let Some(tree) = self.trees.get_mut(key.tree) else { return Decision::Refused(ErrorKind::Unexpected) };
        let Some(node) = tree.objects.find(key) else { return Decision::Refused(ErrorKind::Unexpected) };
        let blocking = wait == Wait::ForCallbacks;
        if !node.capabilities.allow(to) {
            return Decision::Refused(ErrorKind::NoSupport);
        }
        if tree.is_busy(blocking) {
            return Decision::Refused(ErrorKind::Pending);
        }
        if node.state == to {
            return Decision::Unchanged;
        }
        let plan = Plan { tree: key.tree, node: key.node, to, follows: false, persist: is_global && conditions.shared };
        Self::plan(tree, plan, blocking || T::exiting(), conditions)
    }

    /// Decides whether the global object has to follow the recorded state.
    pub(crate) fn follow(&mut self, conditions: Conditions) -> Decision {
        let Some(index) = self.global else { return Decision::Unchanged };
        self.close_requests(index);
        let to = self.recorded;
        let Some(tree) = self.trees.get_mut(index) else { return Decision::Unchanged };
        if tree.writing.is_some() {
            return Decision::Refused(ErrorKind::Pending);
        }
        if tree.comes_to(to) {
            tree.following = None;
            return Decision::Unchanged;
        }
        if tree.following.is_some() {
            // It goes to the state that is recorded when it begins.
            return Decision::Unchanged;
        }
        let plan = Plan { tree: index, node: ROOT, to, follows: true, persist: false };
        Self::plan(tree, plan, T::exiting(), conditions)
    }

    fn plan(tree: &mut Tree<T>, plan: Plan, inline: bool, conditions: Conditions) -> Decision {
        if tree.needs_executor(inline, plan.persist) && !conditions.has_executor {
            return Decision::NeedsExecutor;
        }
        match tree.reserve_transition() {
            Ok(()) => Decision::Accepted(plan),
            Err(error) => Decision::Refused(error),
        }
    }

    /// The plan is about to be persisted: its tree is busy until `end_write`.
    pub(crate) fn begin_write(&mut self, plan: &Plan) {
        if let Some(tree) = self.trees.get_mut(plan.tree) {
            tree.writing = Some(plan.node);
        }
    }

    /// The plan has been persisted, or that failed. `accepted`: `accept` follows.
    pub(crate) fn end_write(&mut self, plan: &Plan, accepted: bool) {
        let Some(tree) = self.trees.get_mut(plan.tree) else { return };
        tree.writing = None;
        if !accepted {
            // An object that ended meanwhile has nothing to wait for any more.
            tree.prune_ended();
            self.remove_if_empty(plan.tree);
        }
    }

    /// As `begin_write`, for a global object that is in `state` already and that the store says otherwise of.
    /// `end_write` follows, and no `accept`.
    pub(crate) fn begin_rewrite(&mut self, key: ObjectKey, state: State) -> Decision {
        let Some(tree) = self.trees.get_mut(key.tree) else { return Decision::Refused(ErrorKind::Unexpected) };
        let Some(node) = tree.objects.find(key) else { return Decision::Refused(ErrorKind::Unexpected) };
        if tree.is_busy(false) {
            return Decision::Refused(ErrorKind::Pending);
        }
        if node.state != state {
            return Decision::Unchanged;
        }
        tree.writing = Some(key.node);
        Decision::Accepted(Plan { tree: key.tree, node: key.node, to: state, follows: false, persist: true })
    }

    /// Begins or queues an accepted plan. A caller without an executor runs the transition itself.
    pub(crate) fn accept(&mut self, plan: Plan, executor: Option<T::Executor>) -> Option<Accepted<T>> {
        let Plan { tree: index, node, to, follows, .. } = plan;
        if self.is_global_node(index, node) {
            self.recorded = to;
        }
        let key = self.new_transition(index);
        let tree = self.trees.get_mut(index)?;
        if let Some(running) = &tree.transition {
            // An executor goes on with what is queued behind its own transition.
            let executor = executor.filter(|_| running.runner == Runner::Caller);
            let queued = Some(Queued { node, to, executor });
            if follows {
                tree.following = queued;
            } else {
                tree.queued = queued;
            }
            return Some(Accepted::Queued);
        }
        let (key, executor) = tree.begin(key, Queued { node, to, executor }, Runner::Caller)?;
        Some(Accepted::Begun(key, executor))
    }

    /// Closes the request slot of the running transition, and queues the request that was posted there.
    fn close_requests(&mut self, index: u32) {
        let Some(tree) = self.trees.get_mut(index) else { return };
        let Some(posted) = tree.transition.as_ref().and_then(|running| running.in_flight.requests().close()) else {
            return;
        };
        let PostedRequest { node, state: to } = posted;
        // A request that was posted too late finds its object in that state, which does not count.
        if tree.objects.get(node).is_none_or(|node| node.state == to) {
            return;
        }
        tree.queued = Some(Queued { node, to, executor: None });
        if self.is_global_node(index, node) {
            self.recorded = to;
        }
    }

    // ---- the running transition ------------------------------------------------------------------------------------

    /// Puts the next registrations to notify into the batch. Goes on from phase to phase, and to the end, while there is no
    /// registration to notify.
    pub(crate) fn step(
        &mut self,
        key: TransitionKey,
        runner: Runner,
        thread: T::Thread,
        conditions: Conditions,
        batch: &mut Batch<T::Sink>,
    ) -> Step<T> {
        if let Some(index) = self.inherited.iter().position(|(inherited, _)| *inherited == key) {
            return Step::CutShort(Some(self.inherited.swap_remove(index).1));
        }
        let is_shared_global = conditions.shared && self.global == Some(key.tree);
        let Some(tree) = self.running(key) else { return Step::CutShort(None) };
        let Tree { objects, transition: Some(transition), deferred, queued, following, .. } = tree else {
            return Step::CutShort(None);
        };
        if let Some(sink) = deferred.take() {
            transition.in_flight.set(None);
            return Step::Release(sink);
        }
        transition.thread = Some(thread);
        transition.publish_change(objects, !batch.is_current());
        // A caller has to hand what is queued to an executor, and what is shared has to be persisted: neither is done by
        // posting.
        let can_post = transition.runner == Runner::Executor && !conditions.shared;
        batch.begin();
        // Asked behind that: the batch shows it if the handler runs from now on.
        let exiting = T::exiting();
        let announce = conditions.announce && !exiting;
        loop {
            if announce && let Some(change) = transition.announce(false) {
                return Step::Enter(change);
            }
            if !exiting {
                let is_all = transition.fill(objects, batch);
                if !batch.is_empty() {
                    return Step::Deliver(transition.delivery(objects, is_all, !can_post));
                }
            }
            if announce && let Some(change) = transition.announce(true) {
                return Step::Enter(change);
            }
            if !transition.next_phase(objects) {
                break;
            }
            if transition.phase() == Phase::Done && can_post && queued.is_none() && following.is_none() {
                transition.in_flight.requests().open();
            }
        }
        transition.in_flight.set(None);
        // What was noticed of other processes' changes may be behind what they have stored since.
        let was_read = mem::replace(&mut transition.store_read, true);
        if is_shared_global && !was_read && tree.has_change_waiting_for(ROOT) {
            return Step::ReadStore;
        }
        Step::Finished(self.finish(key.tree, runner))
    }

    /// Whether a registration of the batch still exists, with its token in flight then: others have ended since the batch was
    /// filled. Gives a sink that is to be released first, with no lock held and no token in flight.
    pub(crate) fn recheck(&mut self, key: TransitionKey, node: NodeIndex, token: u32) -> (Recheck, Option<T::Sink>) {
        let Some(Tree { objects, transition: Some(transition), deferred, .. }) = self.running(key) else {
            return (Recheck::CutShort, None);
        };
        transition.publish_change(objects, true);
        let deferred = deferred.take();
        let registered = deferred.is_none() && objects.get(node).is_some_and(|node| node.table.is_registered(token));
        transition.in_flight.set(registered.then_some(token));
        (if registered { Recheck::Registered } else { Recheck::Ended }, deferred)
    }

    /// The running transition is over; the next one begins.
    fn finish(&mut self, index: u32, runner: Runner) -> Next<T> {
        self.close_requests(index);
        let Some(tree) = self.trees.get_mut(index) else { return Next::Nothing };
        if !tree.end_transition() || tree.needs_nothing_more() {
            return Next::Nothing;
        }
        // Before the next one begins, or a chain of queued transitions would accumulate ended nodes.
        tree.prune_ended();
        if let Some(queued) = self.next_queued(index) {
            let key = self.new_transition(index);
            let begun = self.trees.get_mut(index).and_then(|tree| tree.begin(key, queued, runner));
            return match begun {
                Some((key, Some(executor))) => Next::Execute(executor, key),
                Some((key, None)) => Next::Continue(key),
                None => Next::Nothing,
            };
        }
        // The only thing that kept an ended object may have been a queued change that was overtaken.
        if let Some(tree) = self.trees.get_mut(index) {
            tree.prune_ended();
        }
        self.remove_if_empty(index);
        Next::Nothing
    }

    /// The next waiting change that still has something to do.
    fn next_queued(&mut self, index: u32) -> Option<Queued<T>> {
        let is_global = self.global == Some(index);
        let recorded = self.recorded;
        let tree = self.trees.get_mut(index)?;
        loop {
            let mut next = tree.queued.take().or_else(|| tree.following.take())?;
            if !is_global || next.node != ROOT {
                return Some(next);
            }
            // Another process may have overtaken what was queued: the last change counts.
            next.to = recorded;
            if tree.objects.get(ROOT).is_some_and(|root| root.state != recorded) {
                return Some(next);
            }
        }
    }

    /// In a forked child: no transition is under way or queued, and every object keeps its state. `thread` is the one that
    /// forked. `abandon` takes executors and sinks of threads that do not exist in the child: they are never released.
    pub(crate) fn cut_short(&mut self, thread: T::Thread, shared: bool, mut abandon: impl FnMut(Abandoned<T>)) {
        for index in self.trees.indices() {
            let Some(tree) = self.trees.get_mut(index) else { continue };
            tree.keep_visible_states();
            if let (Some(transition), deferred) = (&tree.transition, tree.deferred.take()) {
                transition.in_flight.cut_short();
                let key = TransitionKey { tree: index, number: transition.number };
                let is_own = transition.thread == Some(thread);
                if let Some(sink) = deferred {
                    if is_own && self.inherited.try_reserve(1).is_ok() {
                        self.inherited.push((key, sink));
                    } else {
                        abandon(Abandoned::Sink(sink));
                    }
                }
            }
            for waiting in [tree.queued.take(), tree.following.take()] {
                if let Some(executor) = waiting.and_then(|waiting| waiting.executor) {
                    abandon(Abandoned::Executor(executor));
                }
            }
            tree.writing = None;
            if tree.end_transition() {
                // A thread of the parent process may have been about to use it.
                tree.in_flight = None;
            }
            if self.global == Some(index)
                && !shared
                && let Some(root) = tree.objects.get(ROOT)
            {
                self.recorded = root.state;
            }
            tree.prune_ended();
            self.remove_if_empty(index);
        }
    }

    // ---- parts -----------------------------------------------------------------------------------------------------

    fn new_key(&mut self, tree: u32, node: NodeIndex) -> ObjectKey {
        self.objects += 1;
        ObjectKey { tree, node, number: self.objects }
    }

    fn new_transition(&mut self, tree: u32) -> TransitionKey {
        self.transitions += 1;
        TransitionKey { tree, number: self.transitions }
    }

    fn is_global_node(&self, tree: u32, node: NodeIndex) -> bool {
        self.global == Some(tree) && node == ROOT
    }

    fn global_root(&self) -> Option<&Node<T>> {
        self.trees.get(self.global?)?.objects.get(ROOT)
    }

    fn global_root_mut(&mut self) -> Option<&mut Node<T>> {
        self.trees.get_mut(self.global?)?.objects.get_mut(ROOT)
    }

    /// The node of an object that is alive.
    fn node_mut(&mut self, key: ObjectKey) -> Option<&mut Node<T>> {
        self.trees.get_mut(key.tree)?.objects.find_mut(key)
    }

    pub(super) fn running(&mut self, key: TransitionKey) -> Option<&mut Tree<T>> {
        let tree = self.trees.get_mut(key.tree)?;
        tree.transition.as_ref().is_some_and(|transition| transition.number == key.number).then_some(tree)
    }

    /// Removes a tree that has no object and no transition.
    fn remove_if_empty(&mut self, index: u32) {
        if !self.trees.get(index).is_some_and(Tree::is_empty) {
            return;
        }
        if let Some(in_flight) = self.trees.remove(index).and_then(|tree| tree.in_flight) {
            T::return_in_flight(in_flight);
        }
        if self.global == Some(index) {
            self.global = None;
        }
    }
}

/// What a forked child must neither use nor release.
pub(crate) enum Abandoned<T: Types> {
    Executor(T::Executor),
    Sink(T::Sink),
}
