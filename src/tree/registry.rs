//! The process-wide map of profiles, and the ways in: open, create, global.

use std::sync::{Mutex, MutexGuard};

use once_cell::sync::Lazy;

use super::forest::{Forest, Seed};
use super::object::Offline;
use super::profiles::Profiles;
use super::{fork, hosting, transition};
use crate::abi::{GUID, GUID_GlobalState};
use crate::com::{Client, Faces, Outer, Own};
use crate::error::Error;
use crate::name::Name;
use crate::state::Capabilities;
use crate::store::{self, Hint};
use crate::sys::{self, ForkGuards};

/// What an object is found by within its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) kind: GUID,
    pub(crate) instance: Option<GUID>,
}

impl Identity {
    pub(crate) const GLOBAL: Self = Self { kind: GUID_GlobalState, instance: None };
}

/// A profile. It is never freed: its state outlives the handles.
pub(crate) struct Profile {
    name: Name,
    /// By which it is found. No longer than it has to be, as profiles are many.
    folded: Vec<u16>,
    forest: Mutex<Forest>,
}

pub(super) struct Registry {
    profiles: Profiles,
    /// Room for every profile's lock.
    pub(super) held: ForkGuards<MutexGuard<'static, Forest>>,
}

static REGISTRY: Lazy<Mutex<Registry>> =
    Lazy::new(|| Mutex::new(Registry { profiles: Profiles::new(), held: ForkGuards::new() }));

impl Profile {
    /// The profile's name as it was first spelled.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// What it is found by.
    pub(super) fn key(&self) -> &[u16] {
        &self.folded
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Forest> {
        sys::lock(&self.forest)
    }
}

impl Registry {
    pub(super) fn lock() -> MutexGuard<'static, Self> {
        sys::lock(&REGISTRY)
    }

    /// Takes the lock of every profile. They are taken one by one elsewhere, so any order does.
    pub(super) fn hold_profiles(&mut self) {
        for profile in self.profiles.iter() {
            self.held.push(profile.lock());
        }
    }

    fn find(name: &Name) -> Option<&'static Profile> {
        Self::find_folded(&name.folded())
    }

    fn find_folded(folded: &Name) -> Option<&'static Profile> {
        Self::lock().profiles.find(folded.units())
    }

    /// The profile at `index`, in no order, if there are so many places.
    fn at(index: usize) -> Option<Option<&'static Profile>> {
        Self::lock().profiles.at(index)
    }

    fn find_or_add(name: &Name) -> Result<&'static Profile, Error> {
        let folded = name.folded();
        let mut registry = Self::lock();
        if let Some(profile) = registry.profiles.find(folded.units()) {
            return Ok(profile);
        }
        let count = registry.profiles.len() + 1;
        registry.held.reserve(count)?;
        registry.profiles.reserve()?;
        let mut key = Vec::new();
        key.try_reserve_exact(folded.units().len())?;
        key.extend_from_slice(folded.units());
        let mut room = Vec::new();
        room.try_reserve_exact(1)?;
        room.push(Profile { name: *name, folded: key, forest: Mutex::new(Forest::new(store::open())) });
        let profile = &room.leak()[0];
        registry.profiles.insert(profile);
        Ok(profile)
    }
}

/// Opens the global object, or a named one that stands.
pub(crate) fn open(name: &Name, identity: &Identity, faces: &'static Faces) -> Result<Client<Offline>, Error> {
    prepare();
    let client = find_or_open(name, identity, faces)?;
    stay();
    Ok(client)
}

fn find_or_open(name: &Name, identity: &Identity, faces: &'static Faces) -> Result<Client<Offline>, Error> {
    if *identity != Identity::GLOBAL {
        let profile = Registry::find(name).ok_or(Error::NotFound)?;
        return profile.lock().find(identity).ok_or(Error::NotFound);
    }
    if hosting::is_strict() && !is_hosted(name) {
        return Err(Error::NotFound);
    }
    open_global(Registry::find_or_add(name)?, faces, |forest| {
        forest.record.note_seen();
        Ok(())
    })
}

/// Whether somebody made the profile's global object. A profile that nobody made is not added.
fn is_hosted(name: &Name) -> bool {
    Registry::find(name).is_some_and(|profile| profile.lock().record.record().hosted) || store::is_hosted(name)
}

/// Makes or opens the global object; from now on its profile is hosted.
pub(crate) fn global(name: &Name, faces: &'static Faces) -> Result<Client<Offline>, Error> {
    prepare();
    let client = host(name, Capabilities::ALL, faces)?;
    stay();
    Ok(client)
}

/// What `create` makes.
pub(crate) struct Creation<'a> {
    /// `None` is anonymous.
    pub(crate) identity: Option<Identity>,
    pub(crate) capabilities: Capabilities,
    pub(crate) parent: Option<&'a Own<Offline>>,
    pub(crate) outer: Option<Outer>,
}

/// Makes an object, or opens the one that stands.
pub(crate) fn create(name: &Name, creation: &Creation, faces: &'static Faces) -> Result<Client<Offline>, Error> {
    prepare();
    let client = find_or_create(name, creation, faces)?;
    stay();
    Ok(client)
}

/// What the first open, create or global settles for the process, whether it succeeds or not.
fn prepare() {
    fork::handle_fork();
    hosting::is_strict();
    store::decide();
}

/// What the first object settles: the code stays loaded, so that threads may run in it.
fn stay() {
    fork::stay_until_exit();
    notice_others();
}

/// From now on, what other processes change is noticed; after a fork, again.
#[inline]
pub(super) fn notice_others() {
    if let Some(folder) = store::chosen_folder() {
        store::keep_watching(folder, hear);
    }
}

/// Looks what became of profiles that are open here.
fn hear(hint: Hint) -> bool {
    match hint {
        Hint::Profile(folded) => Registry::find_folded(folded).is_none_or(transition::hear),
        Hint::Anything => {
            let mut followed = true;
            // The table may grow meanwhile, and with it what stands where.
            loop {
                let places = Registry::lock().profiles.places();
                for profile in (0..).map_while(Registry::at).flatten() {
                    // All of them, whatever comes of one.
                    followed &= transition::hear(profile);
                }
                if places == Registry::lock().profiles.places() {
                    return followed;
                }
            }
        }
    }
}

fn find_or_create(name: &Name, creation: &Creation, faces: &'static Faces) -> Result<Client<Offline>, Error> {
    let Creation { identity, capabilities, parent, outer } = *creation;
    let of_global_kind = identity.is_some_and(|identity| identity.kind == GUID_GlobalState);
    if parent.is_some() && of_global_kind || outer.is_some() && identity.is_some() {
        return Err(Error::InvalidArgument);
    }
    if let Some(parent) = parent
        && Registry::find(name).is_none_or(|profile| !parent.is_of(profile))
    {
        return Err(Error::InvalidArgument);
    }
    if identity == Some(Identity::GLOBAL) {
        return host(name, capabilities, faces);
    }
    let profile = Registry::find_or_add(name)?;
    let mut forest = profile.lock();
    if let Some(standing) = identity.and_then(|identity| forest.find(&identity)) {
        return Ok(standing);
    }
    forest.make(&Seed { profile, faces, outer, identity, capabilities, parent })
}

fn host(name: &Name, capabilities: Capabilities, faces: &'static Faces) -> Result<Client<Offline>, Error> {
    open_global(Registry::find_or_add(name)?, faces, |forest| forest.record.host(name, capabilities))
}

/// The object is made before `settle` may write anything that other processes see.
fn open_global(
    profile: &'static Profile,
    faces: &'static Faces,
    settle: impl FnOnce(&mut Forest) -> Result<(), Error>,
) -> Result<Client<Offline>, Error> {
    let mut forest = profile.lock();
    let opened = forest.open_global(profile, faces);
    let settled = if opened.is_ok() { settle(&mut forest) } else { Ok(()) };
    forest.show_capabilities();
    let complaint = forest.record.complaint();
    let look_again = forest.record.is_unsettled();
    drop(forest);
    if let Some(complaint) = complaint {
        complaint.tell(profile.name());
    }
    if look_again {
        store::look_again();
    }
    let (client, ended) = opened?;
    // Perhaps the sinks of one whose last release has not come through yet: client code, outside the lock.
    drop(ended);
    settled.map(|()| client)
}
