//! One offline object: the payload of a COM box.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::forest::Place;
use super::listener::Listener;
use super::registry::{Profile, notice_others};
use crate::com::{Client, Own, Payload};
use crate::deliver;
use crate::error::Error;
use crate::name::Name;
use crate::state::{Capabilities, State};

/// The state and the capabilities come first: `GetCurrentState` is one load at a fixed distance from `This`.
#[repr(C)]
pub(crate) struct Offline {
    state: AtomicU32,
    capabilities: AtomicU32,
    pub(super) profile: &'static Profile,
    pub(super) place: Place,
}

impl Offline {
    pub(super) fn new(state: State, capabilities: Capabilities, profile: &'static Profile, place: Place) -> Self {
        Self { state: state.bits().into(), capabilities: capabilities.bits().into(), profile, place }
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

    /// The transition's moment of change.
    pub(super) fn change_to(&self, state: State) {
        self.state.store(state.bits(), Ordering::Release);
    }

    /// Somebody created the global object with others before this process's could be.
    pub(super) fn show_capabilities(&self, capabilities: Capabilities) {
        self.capabilities.store(capabilities.bits(), Ordering::Relaxed);
    }

    pub(crate) fn is_of(&self, profile: &Profile) -> bool {
        std::ptr::eq(self.profile, profile)
    }

    /// Registers the sink that `ask` gives. Room is made first, and `ask` runs with no lock held: it may do anything,
    /// even end this object.
    pub(crate) fn advise(
        this: &Own<Self>,
        client_token: u32,
        ask: impl FnOnce() -> Result<Listener, Error>,
    ) -> Result<u32, Error> {
        // Again, as statics of the client that were made since the first open die before what was registered then.
        static FIRST_ADVISE: AtomicBool = AtomicBool::new(false);
        deliver::deliver_until_exit(&FIRST_ADVISE);
        notice_others();
        this.profile.lock().slot_of(this).ok_or(Error::Unexpected)?.table.promise()?;
        let asked = ask();
        let mut trees = this.profile.lock();
        let Some(slot) = trees.slot_of(this) else {
            drop(trees);
            return Err(asked.err().unwrap_or(Error::Unexpected));
        };
        let inserted = match asked {
            Ok(sink) => slot.table.insert(sink, client_token),
            Err(error) => {
                slot.table.withdraw();
                return Err(error);
            }
        };
        drop(trees);
        inserted.map_err(|(error, _sink)| error)
    }

    /// Ends a registration. Its sink is dropped here, or when its running notification returns.
    pub(crate) fn unadvise(this: &Own<Self>, token: u32) {
        let ended = this.profile.lock().unadvise(this, token);
        drop(ended);
    }
}

impl Payload for Offline {
    fn last_release(this: &Own<Self>) -> Option<Client<Self>> {
        let ended = this.profile.lock().end(this);
        ended.drop_but_parent()
    }
}
