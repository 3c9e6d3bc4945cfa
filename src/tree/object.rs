//! One offline object: the payload of a COM box.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use once_cell::race::OnceRef;

use super::forest::Key;
use super::listener::Listener;
use super::registry::{Profile, notice_others};
use super::transition::Wait;
use crate::com::{Client, Own, Payload};
use crate::deliver;
use crate::error::Error;
use crate::name::Name;
use crate::notify::Turn;
use crate::state::{Capabilities, State};

/// The state and the capabilities come first: `GetCurrentState` is one load at a fixed distance from `This`.
#[repr(C)]
pub(crate) struct Offline {
    state: AtomicU32,
    capabilities: AtomicU32,
    /// A registration needs no promise of room: see `notify::Table`. As the table was under the profile's lock.
    ample_room: AtomicBool,
    /// Its last reference is gone.
    ended: AtomicBool,
    /// Its tree's, from its first transition on. In a forked child perhaps one that was cut short, where nothing can be posted.
    turn: OnceRef<'static, Turn>,
    profile: &'static Profile,
    pub(super) key: Key,
}

/// What an object is found by while it stands: no reference, so that whatever is called meanwhile may end it.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    profile: &'static Profile,
    key: Key,
}

impl Offline {
    pub(super) fn new(state: State, capabilities: Capabilities, profile: &'static Profile, key: Key) -> Self {
        Self {
            state: state.bits().into(),
            capabilities: capabilities.bits().into(),
            ample_room: false.into(),
            ended: false.into(),
            turn: OnceRef::new(),
            profile,
            key,
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing { profile: self.profile, key: self.key }
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
    pub(crate) fn profile_name(&self) -> &Name {
        self.profile.name()
    }

    /// The transition's moment of change. Its turn is also where requests are posted in DONE.
    pub(super) fn change_to(&self, state: State, turn: &'static Turn) {
        self.state.store(state.bits(), Ordering::Release);
        if self.turn.get().is_none() {
            // It has none yet, and only this thread gives it one.
            let _ = self.turn.set(turn);
        }
    }

    /// Posts a request where it needs neither a lock nor anything else: in DONE, behind a transition that a notifier runs.
    /// False: it has to be asked for.
    #[inline]
    fn post(&self, to: State) -> bool {
        let allowed = self.state_bits() != to.bits() && self.capability_bits() & to.bits() != 0;
        if !allowed || self.ended.load(Ordering::Relaxed) {
            return false;
        }
        match (self.turn.get(), request(self.key.place.slot, to)) {
            (Some(turn), Some(request)) => turn.post(request),
            _ => false,
        }
    }

    /// What has to be asked for a state, unless this could post it.
    #[inline]
    pub(crate) fn to_be_asked(&self, to: State, wait: Wait) -> Option<Standing> {
        let posted = wait == Wait::No && self.post(to);
        (!posted).then(|| self.standing())
    }

    /// Clients have no reference any more, though its sinks may still call it.
    pub(super) fn note_end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Somebody created the global object with others before this process's could be.
    pub(super) fn show_capabilities(&self, capabilities: Capabilities) {
        self.capabilities.store(capabilities.bits(), Ordering::Relaxed);
    }

    pub(crate) fn is_of(&self, profile: &Profile) -> bool {
        std::ptr::eq(self.profile, profile)
    }

    /// Whether a registration needs no promise of room.
    pub(crate) fn has_ample_room(&self) -> bool {
        self.ample_room.load(Ordering::Relaxed)
    }

    /// Written only when it changes: others read what is beside it.
    pub(super) fn note_room(&self, ample: bool) {
        if self.has_ample_room() != ample {
            self.ample_room.store(ample, Ordering::Relaxed);
        }
    }
}

/// A request in one number, where there are not too many objects for that.
fn request(slot: u32, to: State) -> Option<NonZeroU32> {
    NonZeroU32::new(slot.checked_mul(4)? | to.bits())
}

/// The slot and the state that such a number says.
pub(super) fn requested(request: NonZeroU32) -> Option<(u32, State)> {
    Some((request.get() / 4, State::from_bits(request.get() % 4)?))
}

impl Standing {
    pub(super) fn profile(&self) -> &'static Profile {
        self.profile
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    /// Registers the sink that `ask` gives. There is room for it first, ample or promised here, and `ask` runs with no lock
    /// held: it may do anything, even end the object.
    pub(crate) fn advise(
        self,
        ample_room: bool,
        client_token: u32,
        ask: impl FnOnce() -> Result<Listener, Error>,
    ) -> Result<u32, Error> {
        // Again, as statics of the client that were made since the first open die before what was registered then.
        static FIRST_ADVISE: AtomicBool = AtomicBool::new(false);
        deliver::deliver_until_exit(&FIRST_ADVISE);
        notice_others();
        let Self { profile, key } = self;
        if !ample_room {
            profile.lock().slot_of(key).ok_or(Error::Unexpected)?.table.promise()?;
        }
        let asked = ask();
        let mut forest = profile.lock();
        let Some(slot) = forest.slot_of(key) else {
            drop(forest);
            return Err(asked.err().unwrap_or(Error::Unexpected));
        };
        let inserted = match asked {
            Ok(sink) => slot.insert(sink, client_token, !ample_room),
            Err(error) => {
                if !ample_room {
                    slot.table.withdraw();
                }
                return Err(error);
            }
        };
        drop(forest);
        inserted.map_err(|(error, _sink)| error)
    }

    /// Ends a registration. Its sink is dropped here, or when its running notification returns.
    pub(crate) fn unadvise(self, token: u32) {
        let ended = self.profile.lock().unadvise(self.key, token);
        drop(ended);
    }
}

impl Payload for Offline {
    fn last_release(this: &Own<Self>) -> Option<Client<Self>> {
        let ended = this.profile.lock().end(this.key);
        ended.drop_but_parent()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::notify::Phase;
    use crate::tree::{self, Identity};

    #[test]
    fn a_request_that_comes_too_late_takes_nobodys_place() {
        crate::keep_state_in_memory();
        let name = Name::from_utf8(*b"Too late").unwrap();
        let object = tree::open(&name, &Identity::GLOBAL, &crate::api::PLAIN).unwrap();
        let (sender, receiver) = channel();
        let same = object.clone();
        let listener = Listener::of_closure(move |change| {
            if (change.phase, change.new) == (Phase::Done, State::Offline) {
                // Asked for while it was online.
                let late = request(0, State::Offline).unwrap();
                assert!(same.turn.get().is_some_and(|turn| turn.post(late)));
                assert!(!same.post(State::Online), "the turn is taken");
                sender.send(same.standing().set_state(State::Online, Wait::No)).unwrap();
            }
        });
        let token = object.standing().advise(false, 0, || Ok(listener)).unwrap();
        object.standing().set_state(State::Offline, Wait::No).unwrap();
        assert_eq!(receiver.recv(), Ok(Ok(())), "this one counts");
        while object.state_bits() != State::Online.bits() {}
        object.standing().unadvise(token);
    }
}
