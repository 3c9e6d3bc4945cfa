//! The process-wide table of profiles.
#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard};

use once_cell::sync::Lazy;

use super::profile::{Profile, ProfileState};
use super::profiles::Profiles;
use crate::error::ErrorKind;
use crate::name::Name;
use crate::sync::lock;
use crate::sys::ForkGuards;

pub(super) struct Registry {
    profiles: Profiles,
    /// The locks of all profiles around a fork. Has capacity for each.
    pub(super) fork_guards: ForkGuards<MutexGuard<'static, ProfileState>>,
}

static REGISTRY: Lazy<Mutex<Registry>> =
    Lazy::new(|| Mutex::new(Registry { profiles: Profiles::new(), fork_guards: ForkGuards::new() }));

impl Registry {
    pub(super) fn lock() -> MutexGuard<'static, Self> {
        lock(&REGISTRY)
    }

    /// Takes the lock of every profile. Elsewhere only one is taken at a time, so any order does.
    pub(super) fn lock_profiles(&mut self) {
        for profile in self.profiles.iter() {
            self.fork_guards.push(profile.lock());
        }
    }

    pub(super) fn find(name: &Name) -> Option<&'static Profile> {
        Self::find_folded(&name.folded())
    }

    pub(super) fn find_folded(folded: &Name) -> Option<&'static Profile> {
        Self::lock().profiles.find(folded.units())
    }

    /// Calls `visit` for every profile, with no lock held.
    pub(super) fn each(mut visit: impl FnMut(&'static Profile)) {
        let at = |index| Self::lock().profiles.at(index);
        // The table may grow meanwhile, and profiles move in it.
        loop {
            let size = Self::lock().profiles.size();
            (0..).map_while(at).flatten().for_each(&mut visit);
            if size == Self::lock().profiles.size() {
                return;
            }
        }
    }

    pub(super) fn find_or_add(name: &Name) -> Result<&'static Profile, ErrorKind> {
        let folded = name.folded();
        let mut registry = Self::lock();
        if let Some(profile) = registry.profiles.find(folded.units()) {
            return Ok(profile);
        }
        let count = registry.profiles.len() + 1;
        registry.fork_guards.reserve(count)?;
        registry.profiles.reserve()?;
        let mut key = Vec::new();
        key.try_reserve_exact(folded.units().len())?;
        key.extend_from_slice(folded.units());
        let mut memory = Vec::new();
        memory.try_reserve_exact(1)?;
        memory.push(Profile::new(*name, key));
        let profile = &memory.leak()[0];
        registry.profiles.insert(profile);
        Ok(profile)
    }
}
