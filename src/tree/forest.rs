//! The trees of one profile, as plain data under the profile's lock.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::mem;

use super::listener::Listener;
use super::object::{Offline, requested};
use super::registry::{Identity, Profile};
use super::slab::{Rooted, Slab};
use crate::com::{Client, Faces, Outer, Own};
use crate::deliver::{self, Ticket};
use crate::error::Error;
use crate::name::Name;
use crate::notify::{Batch, Change, Closed, Phase, Table, Turn, note_ended};
use crate::state::{Capabilities, State};
use crate::store::{Entry, Held, Interest};
use crate::sys::Thread;

/// Where an object stands: its tree, and its slot in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tree: u32,
    pub(super) slot: u32,
}

/// An object by its place, which others come to stand in after it, and its number, which none has again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) place: Place,
    number: u64,
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
    /// How many objects there have been.
    objects: u64,
    runs: u64,
    /// In a forked child: what this thread owes to transitions of the parent.
    inherited: Vec<(RunKey, Listener)>,
}

pub(super) struct Tree {
    slots: Rooted<Slot>,
    run: Option<Run>,
    queued: Option<Queued>,
    /// Another process has changed the global object's state meanwhile: comes last.
    heard: Option<Queued>,
    /// A sink whose registration ended while it was being told: to be dropped by the thread that tells it.
    owed: Option<Listener>,
    /// The objects that the running transition concerns, parents before their children. While one runs or is accepted, there
    /// is room for every object: beginning must not fail.
    plan: Vec<u32>,
    /// The last transition's, for the next one.
    turn: Option<&'static Turn>,
    /// There may be slots whose objects ended and that wait for the transition to be over.
    waiting: bool,
}

/// One object's place in its tree. Links are indices of slots.
pub(super) struct Slot {
    /// `None` when the object ended while its tree was busy.
    object: Option<Own<Offline>>,
    /// Its key's.
    number: u64,
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
    runner: Runner,
    turn: &'static Turn,
    /// Which thread tells, once it does.
    thread: Option<Thread>,
    cursor: Cursor,
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
    /// None when the notifier that runs the present transition goes on with this one.
    ticket: Option<Ticket<Job>>,
}

/// How far the runner got with a phase.
#[derive(Default)]
struct Cursor {
    object: usize,
    registration: usize,
}

/// What the teller does next.
pub(super) enum Step {
    /// Tells those in the batch.
    Tell(&'static Turn, Change),
    /// Drops what it owes, before anybody else is told, and asks again.
    Drop(Listener),
    /// The transition is over.
    Over(Next),
    /// The transition does not exist any more: this is a forked child, which may owe something.
    Gone(Option<Listener>),
}

/// What comes behind a transition.
pub(super) enum Next {
    Nothing,
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
            objects: 0,
            runs: 0,
            inherited: Vec::new(),
        }
    }

    /// The slot of an object that has not ended.
    pub(super) fn slot_of(&mut self, key: Key) -> Option<&mut Slot> {
        self.trees.get_mut(key.place.tree)?.slot_of_mut(key)
    }

    /// A key for a new object.
    fn key(&mut self, place: Place) -> Key {
        self.objects += 1;
        Key { place, number: self.objects }
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
            self.global = Some(client.key.place.tree);
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
        let (state, capabilities) = (slot.state, slot.capabilities);
        let object = Offline::new(state, capabilities, profile, self.key(place));
        let client = Client::try_new(object, faces, None).ok_or(Error::OutOfMemory)?;
        // By whom it ends is another thread, even if this one is in a Notify of it.
        let ended = self.detach(place, true);
        if let Some(slot) = self.trees.get_mut(tree).and_then(|tree| tree.slots.get_mut(0)) {
            slot.object = Some(client.own());
            slot.number = client.key.number;
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
            self.identities.insert(identity, client.key.place);
        }
        Ok(client)
    }

    /// Makes the root of a new tree.
    fn plant(&mut self, seed: &Seed, state: State) -> Result<Client<Offline>, Error> {
        self.trees.reserve()?;
        let place = Place { tree: self.trees.next(), slot: 0 };
        let (client, slot) = Slot::new(seed, state, self.key(place))?;
        self.trees.insert(Tree {
            slots: Rooted::new(slot),
            run: None,
            queued: None,
            heard: None,
            owed: None,
            plan: Vec::new(),
            turn: None,
            waiting: false,
        });
        Ok(client)
    }

    /// Makes a child.
    fn graft(&mut self, seed: &Seed, parent: &Own<Offline>) -> Result<Client<Offline>, Error> {
        let parent_place = parent.key.place;
        let parent_reference = parent.try_client().ok_or(Error::InvalidArgument)?;
        self.objects += 1;
        let number = self.objects;
        let tree = self.trees.get_mut(parent_place.tree).ok_or(Error::Unexpected)?;
        tree.slots.reserve()?;
        if tree.run.is_some() {
            tree.make_room_for_plan(1)?;
        }
        let parent = tree.slots.get(parent_place.slot).ok_or(Error::Unexpected)?;
        // In the state that the parent is going to, if the running transition changes it.
        let state = match &tree.run {
            Some(run) if parent.concerned => run.to,
            _ => parent.state,
        };
        let index = tree.slots.next();
        let place = Place { tree: parent_place.tree, slot: index };
        let (client, mut slot) = Slot::new(seed, state, Key { place, number })?;
        slot.parent_reference = Some(parent_reference);
        tree.slots.insert(slot);
        tree.link(index, parent_place.slot);
        Ok(client)
    }

    /// Ends what clients see of an object whose last reference is gone.
    pub(super) fn end(&mut self, key: Key) -> Ended {
        if self.slot_of(key).is_none() {
            // The global object was opened again before its last release came here.
            return Ended::default();
        }
        let place = key.place;
        // What it was asked for last still takes place.
        self.take_posted(place.tree);
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
        if let Some(run) = &tree.run {
            note_ended();
            let told = run.turn.told();
            let elsewhere = ended_elsewhere || run.thread != Some(Thread::current());
            if elsewhere && slot.table.stands(told) && run.turn.owe(told) {
                tree.owed = slot.table.remove(told);
            }
        }
        ended.object = slot.object.take();
        if let Some(object) = &ended.object {
            object.note_end();
        }
        ended.sinks = Some(slot.table.close());
        ended
    }

    /// Ends a registration. What comes back is to be dropped outside the lock.
    pub(super) fn unadvise(&mut self, key: Key, token: u32) -> Option<Listener> {
        let tree = self.trees.get_mut(key.place.tree)?;
        let sink = tree.slot_of_mut(key)?.table.remove(token)?;
        if let Some(run) = &tree.run {
            note_ended();
            if run.thread != Some(Thread::current()) && run.turn.owe(token) {
                tree.owed = Some(sink);
                return None;
            }
        }
        Some(sink)
    }

    /// Accepts or refuses a request to change, as the contract orders the questions. A ticket that is not needed dismisses
    /// itself.
    pub(super) fn request(
        &mut self,
        profile: &Name,
        key: Key,
        to: State,
        blocking: bool,
        ticket: Option<Ticket<Job>>,
    ) -> Result<Accepted, Error> {
        let place = key.place;
        self.take_posted(place.tree);
        let is_global = self.global == Some(place.tree) && place.slot == 0;
        let tree = self.trees.get_mut(place.tree).ok_or(Error::Unexpected)?;
        let slot = tree.slot_of(key).ok_or(Error::Unexpected)?;
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
                if self.record.refresh(profile, Held::Yes) == Err(Error::OutOfMemory) {
                    return Err(Error::OutOfMemory);
                }
                if self.record.record().state != to {
                    self.record.write(profile, to)?;
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
        tree.make_room_for_plan(0)?;
        let turn = tree.turn_for_next()?;
        if is_global && let Err(error) = self.record.write(profile, to) {
            tree.turn = turn;
            return Err(error);
        }
        let queued = Queued { slot: place.slot, to, ticket };
        match turn {
            Some(turn) => self.begin_for(place.tree, queued, turn),
            None => {
                tree.queued = Some(queued);
                Ok(Accepted::Queued)
            }
        }
    }

    /// What was posted behind the running transition is queued from now on, and nothing more is posted.
    fn take_posted(&mut self, index: u32) {
        let is_global = self.global == Some(index);
        let Some(tree) = self.trees.get_mut(index) else { return };
        let posted = tree.run.as_ref().and_then(|run| run.turn.shut()).and_then(requested);
        // Asked for before it came to that state, and posted only now: it is there, which does not count.
        let posted = posted.filter(|(slot, to)| tree.slots.get(*slot).is_some_and(|slot| slot.state != *to));
        if let Some((slot, to)) = posted {
            if is_global && slot == 0 {
                self.record.keep(to);
            }
            tree.queued = Some(Queued { slot, to, ticket: None });
        }
    }

    /// Looks at the record, which another process may have changed, and goes where it says. To be asked again as with
    /// `request`.
    pub(super) fn hear(&mut self, profile: &Name, ticket: Option<Ticket<Job>>) -> Result<Accepted, Error> {
        let Some(tree_index) = self.global else { return Ok(Accepted::Already) };
        self.take_posted(tree_index);
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
        tree.make_room_for_plan(0)?;
        let heard = Queued { slot: 0, to, ticket: ticket.filter(|_| needs_notifier) };
        match tree.turn_for_next()? {
            Some(turn) => self.begin_for(tree_index, heard, turn),
            None => {
                tree.heard = Some(heard);
                Ok(Accepted::Queued)
            }
        }
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
    fn begin_for(&mut self, tree: u32, request: Queued, turn: &'static Turn) -> Result<Accepted, Error> {
        let (key, ticket) = self.begin(tree, request, turn, Runner::Caller).ok_or(Error::Unexpected)?;
        Ok(match ticket {
            Some(ticket) => Accepted::Dispatch(ticket, key),
            None => Accepted::Run(key),
        })
    }

    /// A transition begins: whom it concerns is settled here. Without a ticket, `here` runs it.
    fn begin(
        &mut self,
        tree_index: u32,
        request: Queued,
        turn: &'static Turn,
        here: Runner,
    ) -> Option<(RunKey, Option<Ticket<Job>>)> {
        self.runs += 1;
        let key = RunKey { tree: tree_index, run: self.runs };
        let tree = self.trees.get_mut(tree_index)?;
        let Queued { slot, to, ticket } = request;
        tree.settle(slot, to);
        let runner = if ticket.is_some() { Runner::Notifier } else { here };
        tree.run =
            Some(Run { id: self.runs, to, phase: Phase::Start, runner, turn, thread: None, cursor: Cursor::default() });
        Some((key, ticket))
    }

    /// The next ones to tell, which are put into the batch. From phase to phase, and to the end, with nobody told in between.
    pub(super) fn step(&mut self, key: RunKey, here: Runner, batch: &mut Batch<Listener>) -> Step {
        if let Some(index) = self.inherited.iter().position(|(run, _)| *run == key) {
            return Step::Gone(Some(self.inherited.swap_remove(index).1));
        }
        let is_shared = self.record.is_shared();
        let Some(tree) = self.running(key) else { return Step::Gone(None) };
        let Tree { slots, run: Some(run), owed, plan, queued, heard, .. } = tree else { return Step::Gone(None) };
        if let Some(owed) = owed.take() {
            run.turn.stop();
            return Step::Drop(owed);
        }
        run.thread = Some(Thread::current());
        batch.begin();
        loop {
            if !deliver::exiting() {
                run.fill(plan, slots, batch);
                if !batch.is_empty() {
                    return Step::Tell(run.turn, run.change());
                }
            }
            if !run.next_phase(plan, slots) {
                break;
            }
            // A caller has to hand what comes behind to a notifier, and what is shared has to be written.
            let goes_on = run.runner == Runner::Notifier && !is_shared;
            if run.phase == Phase::Done && goes_on && queued.is_none() && heard.is_none() {
                run.turn.open();
            }
        }
        run.turn.stop();
        Step::Over(self.finish(key.tree, here))
    }

    /// The turn did not pass: what is owed, and it is nobody's turn. `None`: the transition does not exist any more.
    pub(super) fn settle(&mut self, key: RunKey) -> Option<Option<Listener>> {
        let tree = self.running(key)?;
        tree.run.as_ref()?.turn.stop();
        Some(tree.owed.take())
    }

    /// Whether one whose turn has come still stands: others have ended since it was taken.
    pub(super) fn stands(&mut self, key: RunKey, slot: u32, token: u32) -> bool {
        let slot = self.running(key).and_then(|tree| tree.slots.get(slot));
        // Or the process has come to its exit.
        slot.is_some_and(|slot| slot.table.stands(token)) && !deliver::exiting()
    }

    /// The running transition is over; a queued one begins.
    fn finish(&mut self, index: u32, here: Runner) -> Next {
        self.take_posted(index);
        let Some(turn) = self.trees.get_mut(index).and_then(Tree::come_to_rest) else { return Next::Nothing };
        // Before the next one begins, or a chain of queued ones would gather what ended on its way.
        self.clear_ended(index);
        if let Some(queued) = self.next_queued(index) {
            return match self.begin(index, queued, turn, here) {
                Some((key, Some(ticket))) => Next::Dispatch(ticket, key),
                Some((key, None)) => Next::Continue(key),
                None => Next::Nothing,
            };
        }
        // What was queued, and is overtaken, may have been all that an object that ended stayed for.
        self.clear_ended(index);
        match self.trees.get_mut(index) {
            Some(tree) => tree.turn = Some(turn),
            None => turn.give_back(),
        }
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
            if let Some(run) = &tree.run {
                run.turn.cut_short();
            }
            if let (Some(key), Some(owed)) = (key, tree.owed.take()) {
                // What another thread still owed is never given back: that thread does not exist here.
                let thread = tree.run.as_ref().and_then(|run| run.thread);
                if thread == Some(Thread::current()) && self.inherited.try_reserve(1).is_ok() {
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
            if let Some(turn) = self.trees.remove(place.tree).and_then(|tree| tree.turn) {
                turn.give_back();
            }
            if self.global == Some(place.tree) {
                self.global = None;
                self.interest = None;
            }
        }
    }
}

impl Slot {
    fn new(seed: &Seed, state: State, key: Key) -> Result<(Client<Offline>, Self), Error> {
        let object = Offline::new(state, seed.capabilities, seed.profile, key);
        let client = Client::try_new(object, seed.faces, seed.outer).ok_or(Error::OutOfMemory)?;
        let slot = Self {
            object: Some(client.own()),
            number: key.number,
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

impl Run {
    fn change(&self) -> Change {
        Change { phase: self.phase, old: self.to.other(), new: self.to }
    }

    /// Takes the next ones of this phase.
    fn fill(&mut self, plan: &[u32], slots: &Rooted<Slot>, batch: &mut Batch<Listener>) {
        while let Some(index) = plan.get(self.cursor.object) {
            if let Some(slot) = slots.get(*index) {
                slot.table.fill(*index, &mut self.cursor.registration, batch);
            }
            if batch.is_full() {
                return;
            }
            self.cursor = Cursor { object: self.cursor.object + 1, registration: 0 };
        }
    }

    /// Comes to the next phase, if there is one.
    fn next_phase(&mut self, plan: &[u32], slots: &mut Rooted<Slot>) -> bool {
        self.cursor = Cursor::default();
        self.phase = match self.phase {
            Phase::Start => Phase::Change,
            Phase::Change => Phase::Done,
            Phase::Done => return false,
        };
        if self.phase == Phase::Change {
            for index in plan {
                let Some(slot) = slots.get_mut(*index) else { continue };
                slot.state = self.to;
                if let Some(object) = &slot.object {
                    object.change_to(self.to, self.turn);
                }
            }
        }
        true
    }
}

impl Slot {
    /// Registers a sink; see `Table::insert`.
    pub(super) fn insert(
        &mut self,
        sink: Listener,
        client_token: u32,
        promised: bool,
    ) -> Result<u32, (Error, Listener)> {
        let inserted = self.table.insert(sink, client_token, promised);
        if let Some(object) = &self.object {
            object.note_room(self.table.has_ample_room());
        }
        inserted
    }

    fn is_of(&self, key: Key) -> bool {
        self.number == key.number && self.object.is_some()
    }
}

impl Tree {
    /// The slot of an object that has not ended.
    fn slot_of(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.place.slot).filter(|slot| slot.is_of(key))
    }

    fn slot_of_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.place.slot).filter(|slot| slot.is_of(key))
    }

    /// Room for every object, and so many more.
    fn make_room_for_plan(&mut self, more: usize) -> Result<(), Error> {
        Ok(self.plan.try_reserve((self.slots.len() + more).saturating_sub(self.plan.len()))?)
    }

    /// A turn for a transition that begins now; the one that begins behind another takes that one's.
    fn turn_for_next(&mut self) -> Result<Option<&'static Turn>, Error> {
        match (&self.run, self.turn.take()) {
            (Some(_), _) => Ok(None),
            (None, Some(turn)) => Ok(Some(turn)),
            (None, None) => Turn::take().map(Some),
        }
    }

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

    /// Fills the plan with the objects that a change of `root` reaches: from each that really changes to its children.
    /// Parents come before their children, siblings in the order of creation.
    fn settle(&mut self, root: u32, to: State) {
        let mut at = root;
        'objects: loop {
            let mut down = None;
            if let Some(slot) = self.slots.get_mut(at) {
                // The root was asked already, or follows another process.
                let changes = slot.state != to && (at == root || slot.capabilities.allow(to));
                if changes {
                    slot.concerned = true;
                    slot.table.begin();
                    self.plan.push(at);
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

    /// No transition is under way. What was its turn, which nobody has any more.
    fn come_to_rest(&mut self) -> Option<&'static Turn> {
        let turn = self.run.take()?.turn;
        for index in self.plan.drain(..) {
            if let Some(slot) = self.slots.get_mut(index) {
                slot.concerned = false;
                slot.table.end();
            }
        }
        Some(turn)
    }
}
