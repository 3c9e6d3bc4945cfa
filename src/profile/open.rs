//! The ways to an object: open, create, global.
#![forbid(unsafe_code)]

use std::time::SystemTime;

use super::faults::load_faults_unless_watched;
use super::follow::ensure_watcher;
use super::profile::{Identity, Offline, OfflineTypes, Profile, ProfileState};
use super::registry::Registry;
use super::update::{restore, update};
use super::{fork, hosting};
use crate::abi::GUID_GlobalState;
use crate::com::{ClientRef, InternalRef, Outer};
use crate::error::{Error, ErrorKind};
use crate::fault::{self, Entry};
use crate::model::Ended;
use crate::name::Name;
use crate::state::{Capabilities, State};
use crate::store::{self, ProfileRecord, Record, Stored};
use crate::trace::invalid;

/// Opens the global object, or a named one that is alive.
pub(crate) fn open(name: &Name, identity: &Identity) -> Result<ClientRef<Offline>, Error> {
    prepare();
    fault::check_entry(Entry::Open, || *name)?;
    let client = find_or_open(name, identity, fault::is_strict(name))?;
    stay();
    Ok(client)
}

/// Opens the global object for a test that waits: no fault concerns that.
pub(super) fn open_to_wait(name: &Name) -> Result<ClientRef<Offline>, Error> {
    prepare();
    let client = find_or_open(name, &Identity::GLOBAL, false)?;
    stay();
    Ok(client)
}

fn find_or_open(name: &Name, identity: &Identity, is_strict: bool) -> Result<ClientRef<Offline>, Error> {
    if *identity != Identity::GLOBAL {
        let found = Registry::find(name).ok_or(ErrorKind::NotFound)?;
        let client = found.profile().lock().find(identity).and_then(InternalRef::try_client);
        return Ok(client.ok_or(ErrorKind::NotFound)?);
    }
    if (is_strict || hosting::is_strict()) && !is_hosted(name) {
        return Err(ErrorKind::NotFound.into());
    }
    let found = Registry::find_or_add(name)?;
    let profile = found.profile();
    let client = open_global(profile, |state, profile| {
        let opened = state.open_global(profile)?;
        // A fresh opener does not know what a damaged record said: the watcher must not write it anew either.
        if !state.record.is_damaged() {
            state.record.note_opened();
        }
        Ok(opened)
    })?;
    profile.lock().record.note_opened();
    Ok(client)
}

/// Whether a process made the profile's global object. The answer does not add the profile.
fn is_hosted(name: &Name) -> bool {
    let (is_current, was_hosted) = Registry::find(name).map_or((false, false), |found| {
        let state = found.profile().lock();
        // What this process knows of a profile that it does not have open may be out of date.
        (state.model.has_global() || !state.record.is_shared(), state.record.hosted())
    });
    if is_current && was_hosted {
        return true;
    }
    match store::backend().read(name, false) {
        Stored::Record(record) => record.hosted,
        // A transient error decides nothing.
        Stored::Unreadable(_) => was_hosted,
        Stored::Nothing | Stored::SetAside | Stored::LaterFormat(_) => false,
    }
}

/// Makes or opens the global object; from now on its profile is hosted.
pub(crate) fn global(name: &Name) -> Result<ClientRef<Offline>, Error> {
    prepare();
    fault::check_entry(Entry::Create, || *name)?;
    let client = host(name, Capabilities::ALL)?;
    stay();
    Ok(client)
}

/// What `create` makes.
pub(crate) struct Creation<'a> {
    /// `None` is anonymous.
    pub(crate) identity: Option<Identity>,
    pub(crate) capabilities: Capabilities,
    pub(crate) parent: Option<&'a InternalRef<Offline>>,
    pub(crate) outer: Option<Outer>,
}

/// Makes an object, or opens the one of this identity that is alive.
pub(crate) fn create(name: &Name, creation: &Creation) -> Result<ClientRef<Offline>, Error> {
    prepare();
    let client = find_or_create(name, creation)?;
    stay();
    Ok(client)
}

fn find_or_create(name: &Name, creation: &Creation) -> Result<ClientRef<Offline>, Error> {
    let Creation { identity, capabilities, parent, outer } = *creation;
    let is_global_kind = identity.is_some_and(|identity| identity.kind == GUID_GlobalState);
    if parent.is_some() && is_global_kind {
        return Err(invalid("an object of kind GUID_GlobalState has no parent").into());
    }
    if outer.is_some() && identity.is_some() {
        return Err(invalid("an aggregate has no pGUID").into());
    }
    if let Some(parent) = parent
        && Registry::find(name).is_none_or(|found| !std::ptr::eq(parent.profile(), found.profile()))
    {
        return Err(invalid("the parent is an object of another profile").into());
    }
    // Before the lock, and so released after it if it is not used.
    let mut parent_ref =
        parent.map(|parent| parent.try_client().ok_or_else(|| invalid("the parent has ended"))).transpose()?;
    fault::check_entry(Entry::Create, || *name)?;
    if identity == Some(Identity::GLOBAL) {
        return host(name, capabilities);
    }
    let found = Registry::find_or_add(name)?;
    let profile = found.profile();
    let mut state = profile.lock();
    if let Some(client) = identity.and_then(|identity| state.find(&identity)).and_then(InternalRef::try_client) {
        return Ok(client);
    }
    Ok(state.create(profile, creation, &mut parent_ref)?)
}

/// What the first open, create or global determines for the process, whether it succeeds or not.
fn prepare() {
    fork::install_fork_handlers();
    hosting::is_strict();
    store::decide();
    load_faults_unless_watched();
}

/// What the first object determines: the code stays loaded, so that threads may run in it.
fn stay() {
    fork::stay_until_exit();
    ensure_watcher();
}

/// Opens the global object. The store is read first if this process does not have it open.
///
/// `open` opens it under the lock, and notes what that means for its record.
fn open_global(
    profile: &'static Profile,
    mut open: impl FnMut(&mut ProfileState, &'static Profile) -> Opened,
) -> Result<ClientRef<Offline>, Error> {
    loop {
        let read = profile.read(
            |state| !state.model.has_global(),
            |state, stored| {
                let (damaged, warning) = state.adopt(stored);
                (open(state, profile), damaged, warning)
            },
        );
        if let Some((opened, damaged, warning)) = read {
            if let Some(warning) = warning {
                warning.log(&profile.name());
            }
            if let Some(damaged) = damaged {
                restore(profile, damaged);
            }
            if profile.lock().record.needs_retry() {
                store::look_again();
            }
            return finish(opened);
        }
        let mut state = profile.lock();
        // It may have been released since.
        if state.model.has_global() || !state.record.is_shared() {
            let opened = open(&mut state, profile);
            drop(state);
            return finish(opened);
        }
    }
}

type Opened = Result<(ClientRef<Offline>, Ended<OfflineTypes>), ErrorKind>;

fn finish(opened: Opened) -> Result<ClientRef<Offline>, Error> {
    let (client, ended) = opened?;
    // The sinks of an object whose last release has not come through yet: client code.
    drop(ended);
    Ok(client)
}

/// The object is made before anything is written that other processes see.
fn host(name: &Name, capabilities: Capabilities) -> Result<ClientRef<Offline>, Error> {
    let found = Registry::find_or_add(name)?;
    let profile = found.profile();
    let mut is_hosted = false;
    let client = open_global(profile, |state, profile| {
        let opened = state.open_global(profile)?;
        if !state.record.is_shared() {
            // The first creation chooses the capabilities: under the lock under which the object comes to exist.
            let record = state.record.hosting(state.model.recorded(), capabilities);
            state.host(record);
            is_hosted = true;
        }
        Ok(opened)
    })?;
    if is_hosted {
        return Ok(client);
    }
    let (record, backend) = {
        let state = profile.lock();
        (state.record.hosting(state.model.recorded(), capabilities), state.record.backend())
    };
    // Without the store's lock, for which other processes may queue.
    if matches!(backend.read(name, false), Stored::Record(stored) if stored.hosted) {
        profile.lock().record.note_opened();
        return Ok(client);
    }
    update(profile, true, &mut |stored| Ok(ProfileRecord::host(record, stored)), |state, result| {
        if result.is_ok() {
            state.record.note_opened();
        }
        result
    })?;
    Ok(client)
}

impl ProfileState {
    /// Makes a profile hosted that only this process knows.
    fn host(&mut self, record: Record) {
        self.record.updated(Some(record));
        self.record.note_opened();
        self.publish_capabilities();
    }

    /// The global object, made anew if it has ended.
    fn open_global(&mut self, profile: &'static Profile) -> Opened {
        if let Some(client) = self.model.global_object().and_then(InternalRef::try_client) {
            return Ok((client, Ended::default()));
        }
        let (again, key, state, capabilities) = match self.model.reserve_global_again() {
            // The last reference is gone, and the tree is busy or the thread that released it has not come here yet.
            Some((key, state, capabilities)) => (true, key, state, capabilities),
            None => (false, self.model.reserve_root()?, self.model.recorded(), self.capabilities()),
        };
        let object = Offline::new(profile, key, None, state, capabilities);
        let client = ClientRef::try_new(object, None).ok_or(ErrorKind::OutOfMemory)?;
        let ended = if again {
            // Another thread ends the old one, even if this thread is in a Notify of it.
            self.model.replace_global(key, client.internal(), None)
        } else {
            self.model.create_global(key, client.internal(), capabilities);
            if self.record.is_shared() {
                self.opened_at = SystemTime::now();
            }
            Ended::default()
        };
        self.update_interest();
        Ok((client, ended))
    }

    /// Makes an object that is not the global one.
    fn create(
        &mut self,
        profile: &'static Profile,
        creation: &Creation,
        parent_ref: &mut Option<ClientRef<Offline>>,
    ) -> Result<ClientRef<Offline>, ErrorKind> {
        let Creation { identity, capabilities, outer, .. } = *creation;
        if identity.is_some() {
            self.reserve_identity()?;
        }
        let (key, client) = match parent_ref.as_ref().map(|parent| parent.key()) {
            Some(parent) => {
                let (key, state) = self.model.reserve_child(parent)?;
                let object = Offline::new(profile, key, identity, state, capabilities);
                let client = ClientRef::try_new(object, outer).ok_or(ErrorKind::OutOfMemory)?;
                if let Some(parent_ref) = parent_ref.take() {
                    self.model.create_child(key, parent, client.internal(), parent_ref, state, capabilities);
                }
                (key, client)
            }
            None => {
                let key = self.model.reserve_root()?;
                let object = Offline::new(profile, key, identity, State::Online, capabilities);
                let client = ClientRef::try_new(object, outer).ok_or(ErrorKind::OutOfMemory)?;
                self.model.create_root(key, client.internal(), State::Online, capabilities);
                (key, client)
            }
        };
        if let Some(identity) = identity {
            self.insert_identity(identity, key);
        }
        Ok(client)
    }
}
