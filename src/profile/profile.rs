//! A profile, everything of it that its lock guards, and its objects. One file, as each has the other inside.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use once_cell::race::OnceRef;

use crate::abi::{GUID, GUID_GlobalState};
use crate::com::{ClientRef, InternalRef};
use crate::deliver::Reservation;
use crate::error::ErrorKind;
use crate::model::{Conditions, Ended, Model, Object, ObjectKey, TransitionKey, Types};
use crate::name::Name;
use crate::registration::{InFlight, PostedRequest};
use crate::sink::ClientSink;
use crate::state::{Capabilities, State};
use crate::store::{self, Interest, ProfileRecord, Record, StoreWarning, Stored};
use crate::sync::lock;
use crate::sys::Thread;
use crate::{exit, fault};

/// What an object is found by within its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) kind: GUID,
    pub(crate) instance: Option<GUID>,
}

impl Identity {
    pub(crate) const GLOBAL: Self = Self { kind: GUID_GlobalState, instance: None };
}

/// A profile. Its memory is never freed, as object handles are no references; it serves for another profile when nothing
/// needs this one any more (`Registry::forget_idle`). Keys of objects stay unique meanwhile.
pub(crate) struct Profile {
    /// Who uses it without an object. Incremented under the registry's lock, or under this profile's while it has objects.
    users: AtomicU32,
    state: Mutex<ProfileState>,
}

/// Keeps a profile from being forgotten.
pub(super) struct ProfileUse(&'static Profile);

impl ProfileUse {
    pub(super) fn profile(&self) -> &'static Profile {
        self.0
    }
}

impl Drop for ProfileUse {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Release);
    }
}

/// What runs on an executor.
pub(super) type Job = (&'static Profile, TransitionKey);

/// Without hash keys of its own: those are thread-local in std, and a thread's first use of them would allocate where a
/// failure could only abort.
type Identities = HashMap<Identity, ObjectKey, BuildHasherDefault<DefaultHasher>>;

/// A damaged record, and what it said as far as this process knows.
pub(super) struct Damaged(pub(super) Option<Record>);

pub(crate) struct ProfileState {
    /// As it was first spelled.
    name: Name,
    pub(super) model: Model<OfflineTypes>,
    pub(super) record: ProfileRecord,
    /// Named objects, the global one excepted.
    identities: Identities,
    /// While the global object's tree exists, changes of other processes are noticed.
    interest: Option<Interest>,
    /// Another process's change came while this process wrote its own: the writer follows it.
    pub(super) follow_after_write: bool,
    /// Since when this process has the global object open, where that is shared.
    pub(super) opened_at: SystemTime,
    /// When the last change was accepted of a global object that is shared.
    pub(super) busy_since: SystemTime,
}

/// The state and the capabilities come first: `GetCurrentState` is one load at a fixed distance from `This`.
#[repr(C)]
pub(crate) struct Offline {
    state: AtomicU32,
    capabilities: AtomicU32,
    /// A registration needs no reservation: see `registration::Table`. As the table was under the profile's lock.
    spare_capacity: AtomicBool,
    /// The last client reference is gone.
    ended: AtomicBool,
    /// The handshake of the tree, from its first transition on. In a forked child perhaps one that was cut short, to which
    /// nothing can be posted.
    in_flight: OnceRef<'static, InFlight>,
    profile: &'static Profile,
    key: ObjectKey,
    /// The name by which it is found, if it has one and is not the global object.
    identity: Option<Identity>,
}

impl Offline {
    pub(super) fn new(
        profile: &'static Profile,
        key: ObjectKey,
        identity: Option<Identity>,
        state: State,
        capabilities: Capabilities,
    ) -> Self {
        Self {
            state: state.bits().into(),
            capabilities: capabilities.bits().into(),
            spare_capacity: false.into(),
            ended: false.into(),
            in_flight: OnceRef::new(),
            profile,
            key,
            identity,
        }
    }

    pub(super) fn profile(&self) -> &'static Profile {
        self.profile
    }

    pub(super) fn key(&self) -> ObjectKey {
        self.key
    }

    pub(super) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The bits of the state: one load.
    pub(crate) fn state_bits(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    /// The bits of the capabilities: one load.
    pub(crate) fn capability_bits(&self) -> u32 {
        self.capabilities.load(Ordering::Relaxed)
    }

    /// The profile's name as it was first spelled.
    pub(crate) fn profile_name(&self) -> Name {
        self.profile.name()
    }

    /// Accepts a request without a lock where it needs nothing else: in DONE, behind a transition that an executor runs.
    /// False: it has to be made under the lock. What this accepts must stay a subset of what `Model::request` accepts.
    #[inline]
    pub(super) fn post(&self, to: State) -> bool {
        let allowed = self.state_bits() != to.bits() && self.capability_bits() & to.bits() != 0;
        if !allowed || self.ended.load(Ordering::Relaxed) {
            return false;
        }
        let request = PostedRequest { node: self.key.node(), state: to };
        self.in_flight.get().is_some_and(|in_flight| in_flight.requests().post(request))
    }

    /// Whether the last client reference is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn has_spare_capacity(&self) -> bool {
        self.spare_capacity.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn in_flight(&self) -> Option<&'static InFlight> {
        self.in_flight.get()
    }
}

impl Object for InternalRef<Offline> {
    type ParentRef = ClientRef<Offline>;

    fn publish_state(&self, state: State, in_flight: &'static InFlight) {
        self.state.store(state.bits(), Ordering::Release);
        if self.in_flight.get().is_none() {
            // Under the lock, or on the delivery thread: whoever sets it sets the same one.
            let _ = self.in_flight.set(in_flight);
        }
    }

    fn publish_capabilities(&self, capabilities: Capabilities) {
        self.capabilities.store(capabilities.bits(), Ordering::Relaxed);
    }

    /// Written only when it changes, as other threads read what is beside it.
    fn publish_spare_capacity(&self, spare: bool) {
        if self.has_spare_capacity() != spare {
            self.spare_capacity.store(spare, Ordering::Relaxed);
        }
    }

    fn publish_end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// The model of offline objects.
pub(super) enum OfflineTypes {}

impl Types for OfflineTypes {
    type Object = InternalRef<Offline>;
    type Sink = ClientSink;
    type Executor = Reservation<Job>;
    type Thread = Thread;

    fn exiting() -> bool {
        exit::exiting()
    }

    fn take_in_flight() -> Result<&'static InFlight, ErrorKind> {
        InFlight::take()
    }

    fn return_in_flight(in_flight: &'static InFlight) {
        in_flight.give_back();
    }
}

impl Profile {
    pub(super) fn new(name: Name) -> Self {
        let state = ProfileState {
            name,
            model: Model::new(Record::NEW.state),
            record: ProfileRecord::new(store::backend()),
            identities: Identities::default(),
            interest: None,
            follow_after_write: false,
            opened_at: SystemTime::UNIX_EPOCH,
            busy_since: SystemTime::UNIX_EPOCH,
        };
        Self { users: AtomicU32::new(0), state: Mutex::new(state) }
    }

    /// Called under the registry's lock, or under the profile's while it has objects.
    pub(super) fn use_it(&'static self) -> ProfileUse {
        self.users.fetch_add(1, Ordering::Relaxed);
        ProfileUse(self)
    }

    /// Forgets the profile if nothing needs it: it has no object and no transition, and what is known of it is in the store,
    /// or is what is known of a new profile. Called under the registry's lock.
    pub(super) fn forget(&self) -> bool {
        let mut state = self.lock();
        let forgotten = self.users.load(Ordering::Acquire) == 0 && state.is_idle();
        if forgotten {
            state.model.forget(Record::NEW.state);
        }
        forgotten
    }

    /// Makes a forgotten profile another one.
    pub(super) fn become_new(&self, name: Name) {
        let mut state = self.lock();
        state.name = name;
        state.record.become_new(store::backend());
        state.follow_after_write = false;
    }

    /// The profile's name as it was first spelled.
    pub(crate) fn name(&self) -> Name {
        self.lock().name
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ProfileState> {
        lock(&self.state)
    }

    /// Asks the store what is stored, with no lock held, and has `take` use the answer under the lock. Asks again if this
    /// process has written or read meanwhile. `None`: the profile is this process's own, or `needs` says no.
    pub(super) fn read<R>(
        &self,
        needs: impl Fn(&mut ProfileState) -> bool,
        take: impl FnOnce(&mut ProfileState, Stored) -> R,
    ) -> Option<R> {
        loop {
            let mut state = self.lock();
            if !state.record.is_shared() || !needs(&mut state) {
                return None;
            }
            let (name, version, backend) = (state.name, state.record.version(), state.record.backend());
            let look_for_damage = state.record.looks_for_damage(state.model.has_global());
            drop(state);
            let stored = backend.read(&name, look_for_damage);
            let mut state = self.lock();
            if state.record.version() == version {
                return Some(take(&mut state, stored));
            }
        }
    }
}

impl ProfileState {
    pub(super) fn name(&self) -> Name {
        self.name
    }

    /// What the model's decisions depend on.
    pub(super) fn conditions(&self, has_executor: bool) -> Conditions {
        Conditions { shared: self.record.is_shared(), has_executor, announce: fault::may_happen() }
    }

    /// Whether nothing would be lost if this process knew nothing of the profile.
    pub(super) fn is_idle(&self) -> bool {
        self.model.is_empty() && (self.record.is_shared() || self.record.is_new(self.model.recorded()))
    }

    /// The record of the profile as this process knows it.
    pub(super) fn known_record(&self) -> Record {
        self.record.with_state(self.model.recorded())
    }

    /// Takes what the store says. The warning is logged with no lock held. A record that has to be restored gives what this
    /// process knows of it: a process that only now opens the profile knows nothing.
    pub(super) fn adopt(&mut self, stored: Stored) -> (Option<Damaged>, Option<StoreWarning>) {
        let open = self.model.has_global();
        let adopted = self.record.adopt(stored, open);
        if let Some(state) = adopted.state {
            self.model.set_recorded(state);
        }
        self.publish_capabilities();
        let damaged = adopted.restore.then(|| Damaged(self.record.restorable(self.model.recorded(), open)));
        (damaged, adopted.warning)
    }

    /// Ends an object whose last client reference is gone.
    pub(super) fn end(&mut self, key: ObjectKey, thread: Thread) -> Ended<OfflineTypes> {
        let ended = self.model.end(key, thread);
        if let Some(identity) = ended.object.as_ref().and_then(|object| object.identity()) {
            if self.identities.get(identity) == Some(&key) {
                self.identities.remove(identity);
            }
            if self.identities.is_empty() {
                self.identities = Identities::default();
            }
        }
        self.update_interest();
        ended
    }

    pub(super) fn find(&self, identity: &Identity) -> Option<&InternalRef<Offline>> {
        self.model.object(*self.identities.get(identity)?)
    }

    /// Reserves memory for one identity.
    pub(super) fn reserve_identity(&mut self) -> Result<(), ErrorKind> {
        Ok(self.identities.try_reserve(1)?)
    }

    pub(super) fn insert_identity(&mut self, identity: Identity, key: ObjectKey) {
        self.identities.insert(identity, key);
    }

    /// Changes of other processes are noticed while the global object's tree exists.
    pub(super) fn update_interest(&mut self) {
        let wanted = self.model.has_global() && self.record.is_shared();
        if wanted != self.interest.is_some() {
            self.interest = wanted.then(Interest::new);
        }
    }
}
