//! The process-wide table of profiles.
//!
//! A profile of which nothing would be lost is forgotten when many are idle, so that neither memory nor the time of a fork
//! grows with the names that a process has ever used.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use once_cell::sync::Lazy;

use super::profile::{Profile, ProfileState, ProfileUse};
use super::profiles::Profiles;
use crate::error::ErrorKind;
use crate::name::Name;
use crate::sync::lock;
use crate::sys::ForkGuards;

/// How many profiles may be idle in any case.
const FEW: usize = 64;

pub(super) struct Registry {
    profiles: Profiles,
    /// Forgotten profiles: memory for new ones.
    forgotten: Vec<&'static Profile>,
    /// The locks of all profiles around a fork. Has capacity for each.
    pub(super) fork_guards: ForkGuards<MutexGuard<'static, ProfileState>>,
}

static REGISTRY: Lazy<Mutex<Registry>> = Lazy::new(|| {
    Mutex::new(Registry { profiles: Profiles::new(), forgotten: Vec::new(), fork_guards: ForkGuards::new() })
});

/// How often a profile has become idle since idle ones were last forgotten.
static IDLE: AtomicUsize = AtomicUsize::new(0);
/// How many profiles were kept then.
static KEPT: AtomicUsize = AtomicUsize::new(0);

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

    /// In a forked child: another thread may have looked for an ended object in one of them, whose lock then stays locked.
    pub(super) fn abandon_forgotten(&mut self) {
        self.forgotten.clear();
    }

    pub(super) fn find(name: &Name) -> Option<ProfileUse> {
        Self::find_folded(&name.folded())
    }

    pub(super) fn find_folded(folded: &Name) -> Option<ProfileUse> {
        Self::lock().profiles.find(folded.units()).map(Profile::use_it)
    }

    /// Calls `visit` for every profile, with no lock held.
    pub(super) fn each(mut visit: impl FnMut(ProfileUse)) {
        let at = |index| Self::lock().profiles.at(index).map(|profile| profile.map(Profile::use_it));
        // Profiles may move in the table meanwhile.
        loop {
            let moves = Self::lock().profiles.moves();
            (0..).map_while(at).flatten().for_each(&mut visit);
            if moves == Self::lock().profiles.moves() {
                return;
            }
        }
    }

    pub(super) fn find_or_add(name: &Name) -> Result<ProfileUse, ErrorKind> {
        let folded = name.folded();
        let mut registry = Self::lock();
        if let Some(profile) = registry.profiles.find(folded.units()) {
            return Ok(profile.use_it());
        }
        let count = registry.profiles.len() + 1;
        registry.fork_guards.reserve(count)?;
        registry.profiles.reserve()?;
        let mut key = Vec::new();
        key.try_reserve_exact(folded.units().len())?;
        key.extend_from_slice(folded.units());
        let profile = match registry.forgotten.pop() {
            Some(profile) => {
                profile.become_new(*name);
                profile
            }
            None => {
                let mut memory = Vec::new();
                memory.try_reserve_exact(1)?;
                memory.push(Profile::new(*name));
                &memory.leak()[0]
            }
        };
        registry.profiles.insert(key, profile);
        Ok(profile.use_it())
    }

    /// A profile has become idle. Called with no lock held. Each call costs the same on average: all profiles are looked at only
    /// when [`FEW`] have become idle, and half as many as were kept the last time.
    pub(super) fn note_idle() {
        let idle = IDLE.fetch_add(1, Ordering::Relaxed) + 1;
        if idle >= FEW && idle >= KEPT.load(Ordering::Relaxed) / 2 {
            Self::lock().forget_idle();
        }
    }

    fn forget_idle(&mut self) {
        IDLE.store(0, Ordering::Relaxed);
        let Self { profiles, forgotten, .. } = self;
        if forgotten.try_reserve(profiles.len()).is_err() {
            return;
        }
        profiles.forget(|profile| {
            let forget = profile.forget();
            if forget {
                forgotten.push(profile);
            }
            forget
        });
        KEPT.store(profiles.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::com::ClientRef;
    use crate::error::ErrorKind;
    use crate::model::Wait;
    use crate::profile::{Identity, Offline, open};
    use crate::state::State;

    fn name(text: &str) -> Name {
        Name::from_utf8(text.bytes()).unwrap()
    }

    /// These tests count what the process has forgotten.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    /// Uses profiles until the first of them is forgotten. How many that takes depends on what other tests have open.
    fn use_until_forgotten(prefix: &str) {
        let first = format!("{prefix} 0");
        for number in 0..100_000 {
            drop(open(&name(&format!("{prefix} {number}")), &Identity::GLOBAL).unwrap());
            if !is_known(&first) {
                return;
            }
        }
        panic!("{first} is still known");
    }

    fn is_known(text: &str) -> bool {
        Registry::find(&name(text)).is_some()
    }

    #[test]
    fn a_profile_is_forgotten_if_nothing_is_lost_by_it() {
        let _alone = lock(&ONE_AT_A_TIME);
        crate::keep_state_in_memory();
        let (changed, open_one) = (name("Changed"), name("Open"));
        let object = open(&changed, &Identity::GLOBAL).unwrap();
        object.handle().set_state(State::Offline, Wait::ForCallbacks).unwrap();
        drop(object);
        let opened = open(&open_one, &Identity::GLOBAL).unwrap();
        let used = Registry::find_or_add(&name("Used")).unwrap();
        use_until_forgotten("Forgotten");
        assert!(is_known("Used") && std::ptr::eq(opened.profile(), Registry::find(&open_one).unwrap().profile()));
        assert_eq!(open(&changed, &Identity::GLOBAL).unwrap().state_bits(), State::Offline.bits());
        drop(used);
        use_until_forgotten("Forgotten");
        assert!(!is_known("Used"));
    }

    #[test]
    fn a_handle_finds_nothing_in_the_profile_that_has_come_to_its_place() {
        let _alone = lock(&ONE_AT_A_TIME);
        crate::keep_state_in_memory();
        let object = open(&name("Ended"), &Identity::GLOBAL).unwrap();
        let (handle, place) = (object.handle(), object.profile());
        drop(object);
        let mut others: Vec<ClientRef<Offline>> = Vec::new();
        use_until_forgotten("Between");
        while !others.iter().any(|other| std::ptr::eq(other.profile(), place)) {
            others.push(open(&name(&format!("Other {}", others.len())), &Identity::GLOBAL).unwrap());
            assert!(others.len() < 10_000, "the place is used again");
        }
        let refused = handle.set_state(State::Offline, Wait::ForCallbacks).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unexpected);
        assert!(others.iter().all(|other| other.state_bits() == State::Online.bits()));
    }
}
