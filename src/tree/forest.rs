//! The trees of one profile, as plain data under the profile's lock.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::mem;

use super::listener::{Handle, Listener};
use super::object::Offline;
use super::registry::{Identity, Profile};
use super::slab::Slab;
use crate::com::{Client, Faces, Outer, Own};
use crate::deliver::{self, Ticket};
use crate::error::Error;
use crate::name::Name;
use crate::notify::{Change, Closed, Phase, Table};
use crate::state::{Capabilities, State};
use crate::store::{Entry, Held, Interest};
use crate::sys::Thread;

/// Where an object stands: its tree, and its slot in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tree: u32,
    pub(super) slot: u32,
}

/// Which transition of which tree. Never given out twice, so that a forked child can tell that one was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunKey {
    pub(super) tree: u32,
    run: u64,
}

/// What runs on a notifier thread.
pub(super) type Job = (&'static Profile, RunKey);

/// Without keys of its own: those are thread-local in std, and a thread's first use of them would allocate where nothing can
/// fail but by abort.
type Identities = HashMap<Identity, Place, BuildHasherDefault<DefaultHasher>>;

/// All trees of a profile.
pub(super) struct Forest {
    pub(super) record: Entry,
    /// While the global object's tree stands, what other processes make of it is of interest.
    interest: Option<Interest>,
    trees: Slab<Tree>,
    /// Named objects, the global one excepted.
    pub(super) identities: Identities,
    /// The global object's tree, while it has an object or a transition.
    pub(super) global: Option<u32>,
    runs: u64,
    /// In a forked child: what this thread owes to transitions of the parent.
    inherited: Vec<(RunKey, Listener)>,
}

pub(super) struct Tree {
    slots: Slab<Slot>,
    run: Option<Run>,
    queued: Option<Queued>,
    /// Another process has changed the global object's state meanwhile: comes last.
    heard: Option<Queued>,
    /// The notification that runs, if any.
    current: Option<Current>,
    /// There may be slots whose objects ended and that wait for the transition to be over.
    waiting: bool,
}

/// One object's place in its tree. Links are indices of slots.
pub(super) struct Slot {
    /// `None` when the object ended while its tree was busy.
    object: Option<Own<Offline>>,
    pub(super) table: Table<Listener>,
    state: State,
    capabilities: Capabilities,
    identity: Option<Identity>,
    /// The child's reference on its parent.
    parent_reference: Option<Client<Offline>>,
    links: Links,
    /// The running transition changes this object.
    concerned: bool,
}

#[derive(Clone, Copy, Default)]
struct Links {
    parent: Option<u32>,
    first_child: Option<u32>,
    last_child: Option<u32>,
    next: Option<u32>,
    previous: Option<u32>,
}

/// A transition under way.
struct Run {
    id: u64,
    to: State,
    phase: Phase,
    /// The objects concerned, parents before their children.
    plan: Vec<u32>,
    runner: Runner,
}

/// Which kind of thread runs a transition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Notifier,
    Caller,
}

/// A transition that was accepted during the DONE phase of another.
struct Queued {
    slot: u32,
    to: State,
    /// Room for every object of the tree: beginning must not fail.
    plan: Vec<u32>,
    /// None when the notifier that runs the present transition goes on with this one.
    ticket: Option<Ticket<Job>>,
}

/// A notification that was dispatched.
struct Current {
    slot: u32,
    token: u32,
    thread: Thread,
    /// Its registration ended meanwhile: the sink, to be dropped by the thread that tells it.
    owed: Option<Listener>,
}

/// How far the runner got with a phase.
#[derive(Default)]
pub(super) struct Cursor {
    object: usize,
    registration: usize,
}

pub(super) enum Step {
    Tell {
        handle: Handle,
        client_token: u32,
        change: Change,
    },
    PhaseOver,
    /// The transition does not exist any more: this is a forked child.
    Gone,
}

/// What comes behind a transition.
pub(super) enum Next {
    Nothing,
    /// This is a forked child.
    Gone,
    /// The same thread goes on.
    Continue(RunKey),
    Dispatch(Ticket<Job>, RunKey),
}

/// What becomes of an accepted request.
pub(super) enum Accepted {
    /// It is in that state already.
    Already,
    Queued,
    /// Nothing yet: to be asked again with a ticket, which is not to be had under a lock.
    IfThereIsANotifier,
    /// To be run by the thread that asked.
    Run(RunKey),
    Dispatch(Ticket<Job>, RunKey),
}

/// What is to be dropped after the lock.
#[derive(Default)]
pub(super) struct Ended {
    sinks: Option<Closed<Listener>>,
    object: Option<Own<Offline>>,
    parent: Option<Client<Offline>>,
}

impl Ended {
    /// The parent's reference goes last, and not from in here: chains of parents may be long.
    pub(super) fn drop_but_parent(self) -> Option<Client<Offline>> {
        let Self { sinks, object, parent } = self;
        drop(sinks);
        drop(object);
        parent
    }
}

/// What a new object is made from.
pub(super) struct Seed<'a> {
    pub(super) profile: &'static Profile,
    pub(super) faces: &'static Faces,
    pub(super) outer: Option<Outer>,
    pub(super) identity: Option<Identity>,
    pub(super) capabilities: Capabilities,
    pub(super) parent: Option<&'a Own<Offline>>,
}

impl Forest {
    pub(super) fn new(record: Entry) -> Self {
        Self {
            record,
            interest: None,
            trees: Slab::new(),
            identities: Identities::default(),
            global: None,
            runs: 0,
            inherited: Vec::new(),
        }
    }

    /// The slot of an object that has not ended.
    pub(super) fn slot_of(&mut self, object: &Own<Offline>) -> Option<&mut Slot> {
        let slot = self.trees.get_mut(object.place.tree)?.slots.get_mut(object.place.slot)?;
        slot.object.as_ref().is_some_and(|own| own.is(object)).then_some(slot)
    }

    /// The named object that stands, with one more reference.
    pub(super) fn find(&mut self, identity: &Identity) -> Option<Client<Offline>> {
        let place = self.identities.get(identity)?;
        self.trees.get(place.tree)?.slots.get(place.slot)?.object.as_ref()?.try_client()
    }

    /// The global object, made anew if it has ended.
    pub(super) fn open_global(
        &mut self,
        profile: &'static Profile,
        faces: &'static Faces,
    ) -> Result<(Client<Offline>, Ended), Error> {
        let Some(tree) = self.global else {
            // Noticed from here on, or read here.
            let interest = self.record.is_shared().then(Interest::new);
            // What could not be mended now is mended later.
            if self.record.refresh(profile.name(), Held::No) == Err(Error::OutOfMemory) {
                return Err(Error::OutOfMemory);
            }
            let record = self.record.record();
            let seed =
                Seed { profile, faces, outer: None, identity: None, capabilities: record.capabilities, parent: None };
            let client = self.plant(&seed, record.state)?;
            self.global = Some(client.place.tree);
            self.interest = interest;
            return Ok((client, Ended::default()));
        };
        // The root of a tree is its first slot.
        let place = Place { tree, slot: 0 };
        let slot = self.trees.get_mut(tree).and_then(|tree| tree.slots.get_mut(0)).ok_or(Error::Unexpected)?;
        if let Some(client) = slot.object.as_ref().and_then(Own::try_client) {
            return Ok((client, Ended::default()));
        }
        // Its last reference is gone, and its tree is busy or the thread that released it has not come here yet.
        let object = Offline::new(slot.state, slot.capabilities, profile, place);
        let client = Client::try_new(object, faces, None).ok_or(Error::OutOfMemory)?;
        // By whom it ends is another thread, even if this one is in a Notify of it.
        let ended = self.detach(place, true);
        if let Some(slot) = self.trees.get_mut(tree).and_then(|tree| tree.slots.get_mut(0)) {
            slot.object = Some(client.own());
        }
        Ok((client, ended))
    }

    /// Makes an object that is not the global one.
    pub(super) fn make(&mut self, seed: &Seed) -> Result<Client<Offline>, Error> {
        if seed.identity.is_some() {
            self.identities.try_reserve(1)?;
        }
        let client = match seed.parent {
            Some(parent) => self.graft(seed, parent)?,
            None => self.plant(seed, State::Online)?,
        };
        if let Some(identity) = seed.identity {
            self.identities.insert(identity, client.place);
        }
        Ok(client)
    }

    /// Makes the root of a new tree.
    fn plant(&mut self, seed: &Seed, state: State) -> Result<Client<Offline>, Error> {
        self.trees.reserve()?;
        let mut slots = Slab::new();
        slots.reserve()?;
        let place = Place { tree: self.trees.next(), slot: 0 };
        let (client, slot) = Slot::new(seed, state, place)?;
        slots.insert(slot);
        self.trees.insert(Tree { slots, run: None, queued: None, heard: None, current: None, waiting: false });
        Ok(client)
    }

    /// Makes a child.
    fn graft(&mut self, seed: &Seed, parent: &Own<Offline>) -> Result<Client<Offline>, Error> {
        let parent_place = parent.place;
        let parent_reference = parent.try_client().ok_or(Error::InvalidArgument)?;
        let tree = self.trees.get_mut(parent_place.tree).ok_or(Error::Unexpected)?;
        tree.slots.reserve()?;
        for queued in [&mut tree.queued, &mut tree.heard].into_iter().flatten() {
            queued.plan.try_reserve(tree.slots.len() + 1)?;
        }
        let parent = tree.slots.get(parent_place.slot).ok_or(Error::Unexpected)?;
        // In the state that the parent is going to, if the running transition changes it.
        let state = match &tree.run {
            Some(run) if parent.concerned => run.to,
            _ => parent.state,
        };
        let index = tree.slots.next();
        let (client, mut slot) = Slot::new(seed, state, Place { tree: parent_place.tree, slot: index })?;
        slot.parent_reference = Some(parent_reference);
        tree.slots.insert(slot);
        tree.link(index, parent_place.slot);
        Ok(client)
    }

    /// Ends what clients see of an object whose last reference is gone.
    pub(super) fn end(&mut self, object: &Own<Offline>) -> Ended {
        if self.slot_of(object).is_none() {
            // The global object was opened again before its last release came here.
            return Ended::default();
        }
        let place = object.place;
        let mut ended = self.detach(place, false);
        let Some(tree) = self.trees.get_mut(place.tree) else { return ended };
        if let Some(slot) = tree.slots.get_mut(place.slot) {
            ended.parent = slot.parent_reference.take();
            if let Some(identity) = slot.identity.take() {
                if self.identities.get(&identity) == Some(&place) {
                    self.identities.remove(&identity);
                }
                if self.identities.is_empty() {
                    self.identities = Identities::default();
                }
            }
        }
        self.clear(place);
        if let Some(tree) = self.trees.get_mut(place.tree) {
            tree.waiting |= tree.slots.get(place.slot).is_some_and(|slot| slot.object.is_none());
        }
        ended
    }

    /// Takes an object, and its registrations, out of its slot. The one that is being told right now is dropped by the
    /// thread that tells it, unless that one ends the object itself.
    fn detach(&mut self, place: Place, ended_elsewhere: bool) -> Ended {
        let mut ended = Ended::default();
        let Some(tree) = self.trees.get_mut(place.tree) else { return ended };
        let Some(slot) = tree.slots.get_mut(place.slot) else { return ended };
        if let Some(current) = &mut tree.current {
            let elsewhere = ended_elsewhere || current.thread != Thread::current();
            if current.slot == place.slot && elsewhere && current.owed.is_none() {
                current.owed = slot.table.remove(current.token);
            }
        }
        ended.object = slot.object.take();
        ended.sinks = Some(slot.table.close());
        ended
    }

    /// Ends a registration. What comes back is to be dropped outside the lock.
    pub(super) fn unadvise(&mut self, object: &Own<Offline>, token: u32) -> Option<Listener> {
        let sink = self.slot_of(object)?.table.remove(token)?;
        let tree = self.trees.get_mut(object.place.tree)?;
        match &mut tree.current {
            Some(current) if current.token == token && current.thread != Thread::current() => {
                current.owed = Some(sink);
                None
            }
            _ => Some(sink),
        }
    }

    /// Accepts or refuses a request to change, as the contract orders the questions. A ticket that is not needed dismisses
    /// itself.
    pub(super) fn request(
        &mut self,
        object: &Own<Offline>,
        to: State,
        blocking: bool,
        ticket: Option<Ticket<Job>>,
    ) -> Result<Accepted, Error> {
        let place = object.place;
        self.slot_of(object).ok_or(Error::Unexpected)?;
        let is_global = self.global == Some(place.tree) && place.slot == 0;
        let tree = self.trees.get_mut(place.tree).ok_or(Error::Unexpected)?;
        let slot = tree.slots.get(place.slot).ok_or(Error::Unexpected)?;
        if !slot.capabilities.allow(to) {
            return Err(Error::NoSupport);
        }
        let in_done = tree.run.as_ref().is_some_and(|run| run.phase == Phase::Done);
        if tree.queued.is_some() || tree.heard.is_some() || (tree.run.is_some() && (blocking || !in_done)) {
            return Err(Error::Pending);
        }
        if slot.state == to {
            if is_global {
                // Another process may just have changed it, which nobody here has begun to follow: this is later.
                // Where that cannot be seen, it is in that state as far as anybody here knows.
                if self.record.refresh(object.profile_name(), Held::Yes) == Err(Error::OutOfMemory) {
                    return Err(Error::OutOfMemory);
                }
                if self.record.record().state != to {
                    self.record.write(object.profile_name(), to)?;
                }
                self.show_capabilities();
            }
            return Ok(Accepted::Already);
        }
        // A notifier that is in DONE goes on with what is queued; a caller has to hand it to one.
        let goes_on = tree.run.as_ref().is_some_and(|run| run.runner == Runner::Notifier);
        let inline = blocking || deliver::exiting();
        let needs_notifier = !goes_on && (!inline || tree.run.is_some());
        if needs_notifier && ticket.is_none() {
            return Ok(Accepted::IfThereIsANotifier);
        }
        let ticket = ticket.filter(|_| needs_notifier);
        let mut plan = Vec::new();
        plan.try_reserve(tree.slots.len())?;
        if is_global {
            self.record.write(object.profile_name(), to)?;
        }
        let queued = Queued { slot: place.slot, to, plan, ticket };
        if tree.run.is_some() {
            tree.queued = Some(queued);
            return Ok(Accepted::Queued);
        }
        self.begin_for(place.tree, queued)
    }

    /// Looks at the record, which another process may have changed, and goes where it says. To be asked again as with
    /// `request`.
    pub(super) fn hear(&mut self, profile: &Name, ticket: Option<Ticket<Job>>) -> Result<Accepted, Error> {
        let Some(tree_index) = self.global else { return Ok(Accepted::Already) };
        // What changes while a notifier is looked for is heard of by itself.
        if ticket.is_none() {
            self.record.refresh(profile, Held::Yes)?;
            self.show_capabilities();
        }
        let to = self.record.record().state;
        let tree = self.trees.get_mut(tree_index).ok_or(Error::Unexpected)?;
        if tree.comes_to(to) {
            tree.heard = None;
            // What could not be read has to be looked at again.
            return if self.record.is_unsettled() { Err(Error::Disk) } else { Ok(Accepted::Already) };
        }
        if tree.heard.is_some() {
            // It will go where the record says then.
            return Ok(Accepted::Queued);
        }
        let goes_on = tree.run.as_ref().is_some_and(|run| run.runner == Runner::Notifier);
        let needs_notifier = !goes_on && (tree.run.is_some() || !deliver::exiting());
        if needs_notifier && ticket.is_none() {
            return Ok(Accepted::IfThereIsANotifier);
        }
        let ticket = ticket.filter(|_| needs_notifier);
        let mut plan = Vec::new();
        plan.try_reserve(tree.slots.len())?;
        let heard = Queued { slot: 0, to, plan, ticket };
        if tree.run.is_some() {
            tree.heard = Some(heard);
            return Ok(Accepted::Queued);
        }
        self.begin_for(tree_index, heard)
    }

    /// The global object has the capabilities of the record, which another process may have made.
    pub(super) fn show_capabilities(&mut self) {
        let capabilities = self.record.record().capabilities;
        let tree = self.global.and_then(|tree| self.trees.get_mut(tree));
        if let Some(slot) = tree.and_then(|tree| tree.slots.get_mut(0)) {
            slot.capabilities = capabilities;
            if let Some(object) = &slot.object {
                object.show_capabilities(capabilities);
            }
        }
    }

    /// A transition begins, for the one who asked.
    fn begin_for(&mut self, tree: u32, request: Queued) -> Result<Accepted, Error> {
        let (key, ticket) = self.begin(tree, request, Runner::Caller).ok_or(Error::Unexpected)?;
        Ok(match ticket {
            Some(ticket) => Accepted::Dispatch(ticket, key),
            None => Accepted::Run(key),
        })
    }

    /// A transition begins: whom it concerns is settled here. Without a ticket, `here` runs it.
    fn begin(&mut self, tree_index: u32, request: Queued, here: Runner) -> Option<(RunKey, Option<Ticket<Job>>)> {
        self.runs += 1;
        let key = RunKey { tree: tree_index, run: self.runs };
        let tree = self.trees.get_mut(tree_index)?;
        let Queued { slot, to, mut plan, ticket } = request;
        tree.settle(slot, to, &mut plan);
        let runner = if ticket.is_some() { Runner::Notifier } else { here };
        tree.run = Some(Run { id: self.runs, to, phase: Phase::Start, plan, runner });
        Some((key, ticket))
    }

    /// The running transition comes to a phase. False: it does not exist any more.
    pub(super) fn enter(&mut self, key: RunKey, phase: Phase) -> bool {
        let Some(tree) = self.running(key) else { return false };
        let Some(run) = &mut tree.run else { return false };
        run.phase = phase;
        if phase == Phase::Change {
            for index in &run.plan {
                let Some(slot) = tree.slots.get_mut(*index) else { continue };
                slot.state = run.to;
                if let Some(object) = &slot.object {
                    object.change_to(run.to);
                }
            }
        }
        true
    }

    /// The next one to tell in this phase; from here on it counts as being told.
    pub(super) fn step(&mut self, key: RunKey, cursor: &mut Cursor) -> Step {
        let Some(tree) = self.running(key) else { return Step::Gone };
        let Some(run) = &tree.run else { return Step::Gone };
        if deliver::exiting() {
            return Step::PhaseOver;
        }
        while let Some(index) = run.plan.get(cursor.object) {
            let table = tree.slots.get(*index).map(|slot| &slot.table);
            if let Some((token, client_token, handle)) = table.and_then(|table| table.next(&mut cursor.registration)) {
                tree.current = Some(Current { slot: *index, token, thread: Thread::current(), owed: None });
                let change = Change { phase: run.phase, old: run.to.other(), new: run.to };
                return Step::Tell { handle, client_token, change };
            }
            *cursor = Cursor { object: cursor.object + 1, registration: 0 };
        }
        Step::PhaseOver
    }

    /// The one who was being told returned. What comes back is to be dropped before anybody else is told.
    pub(super) fn told(&mut self, key: RunKey) -> Option<Listener> {
        if let Some(index) = self.inherited.iter().position(|(run, _)| *run == key) {
            return Some(self.inherited.swap_remove(index).1);
        }
        self.running(key)?.current.take()?.owed
    }

    /// The running transition is over; a queued one begins.
    pub(super) fn finish(&mut self, key: RunKey, here: Runner) -> Next {
        let Some(tree) = self.running(key) else { return Next::Gone };
        tree.come_to_rest();
        // Before the next one begins, or a chain of queued ones would gather what ended on its way.
        self.clear_ended(key.tree);
        if let Some(queued) = self.next_queued(key.tree) {
            return match self.begin(key.tree, queued, here) {
                Some((key, Some(ticket))) => Next::Dispatch(ticket, key),
                Some((key, None)) => Next::Continue(key),
                None => Next::Gone,
            };
        }
        // What was queued, and is overtaken, may have been all that an object that ended stayed for.
        self.clear_ended(key.tree);
        Next::Nothing
    }

    /// What waits behind a transition that is over, and still has something to do.
    fn next_queued(&mut self, index: u32) -> Option<Queued> {
        let is_global = self.global == Some(index);
        let recorded = self.record.record().state;
        let tree = self.trees.get_mut(index)?;
        loop {
            let mut next = tree.queued.take().or_else(|| tree.heard.take())?;
            if !is_global || next.slot != 0 {
                return Some(next);
            }
            // Another process may have overtaken what was queued: the last change stands.
            next.to = recorded;
            if tree.slots.get(0).is_some_and(|root| root.state != recorded) {
                return Some(next);
            }
        }
    }

    /// In a forked child: no transition is under way or queued, and everything is as it stands.
    pub(super) fn after_fork_in_child(&mut self) {
        for index in self.trees.indices() {
            let Some(tree) = self.trees.get_mut(index) else { continue };
            let key = tree.run.as_ref().map(|run| RunKey { tree: index, run: run.id });
            if let (Some(key), Some(Current { thread, owed: Some(owed), .. })) = (key, tree.current.take()) {
                // What another thread still owed is never given back: that thread does not exist here.
                if thread == Thread::current() && self.inherited.try_reserve(1).is_ok() {
                    self.inherited.push((key, owed));
                } else {
                    mem::forget(owed);
                }
            }
            for queued in [tree.queued.take(), tree.heard.take()] {
                if let Some(Queued { ticket: Some(ticket), .. }) = queued {
                    ticket.abandon();
                }
            }
            tree.come_to_rest();
            if self.global == Some(index)
                && let Some(root) = tree.slots.get(0)
            {
                self.record.restore(root.state);
            }
            self.clear_ended(index);
        }
    }

    fn running(&mut self, key: RunKey) -> Option<&mut Tree> {
        let tree = self.trees.get_mut(key.tree)?;
        tree.run.as_ref().is_some_and(|run| run.id == key.run).then_some(tree)
    }

    /// Gives back the slots of objects that ended while their tree was busy.
    fn clear_ended(&mut self, tree: u32) {
        let Some(busy) = self.trees.get_mut(tree) else { return };
        if !mem::take(&mut busy.waiting) {
            return;
        }
        let slots = busy.slots.indices();
        // A parent that cannot go yet goes with its last child, in whatever order the indices are.
        for slot in slots {
            self.clear(Place { tree, slot });
        }
        // What a queued transition is about waits on.
        if let Some(busy) = self.trees.get_mut(tree) {
            busy.waiting = busy.queued.is_some();
        }
    }

    /// Gives back a slot without object and children, its parent's if that waited for it, and the tree with its last;
    /// nothing that a transition under way or queued is about, and no tree that has one.
    fn clear(&mut self, place: Place) {
        let Some(tree) = self.trees.get_mut(place.tree) else { return };
        let mut next = Some(place.slot);
        while let Some(index) = next {
            let Some(slot) = tree.slots.get(index) else { break };
            let queued = tree.queued.as_ref().is_some_and(|queued| queued.slot == index);
            if slot.object.is_some() || slot.links.first_child.is_some() || slot.concerned || queued {
                break;
            }
            next = slot.links.parent;
            tree.unlink(index);
            tree.slots.remove(index);
        }
        if tree.slots.len() == 0 && tree.run.is_none() {
            self.trees.remove(place.tree);
            if self.global == Some(place.tree) {
                self.global = None;
                self.interest = None;
            }
        }
    }
}

impl Slot {
    fn new(seed: &Seed, state: State, place: Place) -> Result<(Client<Offline>, Self), Error> {
        let object = Offline::new(state, seed.capabilities, seed.profile, place);
        let client = Client::try_new(object, seed.faces, seed.outer).ok_or(Error::OutOfMemory)?;
        let slot = Self {
            object: Some(client.own()),
            table: Table::new(),
            state,
            capabilities: seed.capabilities,
            identity: seed.identity,
            parent_reference: None,
            links: Links::default(),
            concerned: false,
        };
        Ok((client, slot))
    }
}

impl Tree {
    fn links(&mut self, index: u32) -> Option<&mut Links> {
        self.slots.get_mut(index).map(|slot| &mut slot.links)
    }

    /// Makes `index` the last child of `parent`.
    fn link(&mut self, index: u32, parent: u32) {
        let Some(up) = self.links(parent) else { return };
        let previous = up.last_child.replace(index);
        if previous.is_none() {
            up.first_child = Some(index);
        }
        if let Some(links) = previous.and_then(|previous| self.links(previous)) {
            links.next = Some(index);
        }
        if let Some(links) = self.links(index) {
            links.parent = Some(parent);
            links.previous = previous;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(Links { parent, next, previous, .. }) = self.links(index).copied() else { return };
        match previous.and_then(|previous| self.links(previous)) {
            Some(links) => links.next = next,
            None => {
                if let Some(up) = parent.and_then(|parent| self.links(parent)) {
                    up.first_child = next;
                }
            }
        }
        match next.and_then(|next| self.links(next)) {
            Some(links) => links.previous = previous,
            None => {
                if let Some(up) = parent.and_then(|parent| self.links(parent)) {
                    up.last_child = previous;
                }
            }
        }
    }

    /// Fills `plan` with the objects that a change of `root` reaches: from each that really changes to its children.
    /// Parents come before their children, siblings in the order of creation.
    fn settle(&mut self, root: u32, to: State, plan: &mut Vec<u32>) {
        let mut at = root;
        'objects: loop {
            let mut down = None;
            if let Some(slot) = self.slots.get_mut(at) {
                // The root was asked already, or follows another process.
                let changes = slot.state != to && (at == root || slot.capabilities.allow(to));
                if changes {
                    slot.concerned = true;
                    slot.table.begin();
                    plan.push(at);
                    down = slot.links.first_child;
                }
            }
            if let Some(child) = down {
                at = child;
                continue;
            }
            // Back up to the next sibling, but never out of the root's own part of the tree.
            loop {
                if at == root {
                    break 'objects;
                }
                let Some(links) = self.links(at).copied() else { break 'objects };
                if let Some(next) = links.next {
                    at = next;
                    break;
                }
                let Some(parent) = links.parent else { break 'objects };
                at = parent;
            }
        }
    }

    /// Whether the root is in this state, which the record says, when nothing but `heard` is left to do.
    fn comes_to(&self, recorded: State) -> bool {
        let Some(root) = self.slots.get(0) else { return true };
        match (&self.queued, &self.run) {
            (Some(queued), _) if queued.slot == 0 => true,
            (_, Some(run)) if root.concerned => run.to == recorded,
            _ => root.state == recorded,
        }
    }

    /// No transition is under way.
    fn come_to_rest(&mut self) {
        let Some(run) = self.run.take() else { return };
        for index in run.plan {
            if let Some(slot) = self.slots.get_mut(index) {
                slot.concerned = false;
                slot.table.end();
            }
        }
    }
}
