//! Methods that run client code: they hold no reference on their object, which that code may end.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicBool;

use super::follow::ensure_watcher;
use super::profile::{Offline, Profile};
use super::set_state;
use crate::error::{Error, ErrorKind};
use crate::exit;
use crate::fault::{self, Entry};
use crate::model::{ObjectKey, Wait};
use crate::sink::ClientSink;
use crate::state::State;
use crate::sys::Thread;

/// Finds an object while it is alive. It is no reference, so any call may end the object meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct ObjectHandle {
    profile: &'static Profile,
    key: ObjectKey,
    /// When the handle was made, a registration needed no reservation.
    spare_capacity: bool,
}

impl Offline {
    #[inline(always)]
    pub(crate) fn handle(&self) -> ObjectHandle {
        ObjectHandle { profile: self.profile(), key: self.key(), spare_capacity: self.has_spare_capacity() }
    }

    /// The handle on which to call `advise`.
    #[inline(always)]
    pub(crate) fn handle_to_advise(&self) -> Result<ObjectHandle, Error> {
        fault::check_entry(Entry::Advise, || self.profile_name())?;
        Ok(self.handle())
    }

    /// Tries the lock-free path; otherwise returns the handle on which to call `set_state`.
    #[inline]
    pub(crate) fn post_or_handle(&self, to: State, wait: Wait) -> Result<Option<ObjectHandle>, Error> {
        fault::check_entry(Entry::SetCurrentState, || self.profile_name())?;
        let posted = wait == Wait::No && self.post(to);
        Ok((!posted).then(|| self.handle()))
    }
}

impl ObjectHandle {
    pub(crate) fn set_state(self, to: State, wait: Wait) -> Result<(), Error> {
        set_state::set_state(self.profile, self.key, to, wait)
    }

    /// Registers the sink that `ask` returns. Memory is reserved first. `ask` runs with no lock held: it may do anything,
    /// even end the object.
    #[inline(always)]
    pub(crate) fn advise(
        self,
        client_token: u32,
        ask: impl FnOnce() -> Result<ClientSink, ErrorKind>,
    ) -> Result<u32, ErrorKind> {
        // Registered again, as statics of the client that were made since the first open are destroyed before what was
        // registered then.
        static FIRST_ADVISE: AtomicBool = AtomicBool::new(false);
        exit::deliver_until_exit(&FIRST_ADVISE);
        ensure_watcher();
        let Self { profile, key, spare_capacity } = self;
        let reserved = !spare_capacity;
        if reserved {
            profile.lock().model.reserve_registration(key)?;
        }
        let asked = ask();
        let mut state = profile.lock();
        let registered = match asked {
            Ok(sink) => state.model.register(key, sink, client_token, reserved),
            Err(error) => {
                if reserved {
                    state.model.cancel_reservation(key);
                }
                return Err(error);
            }
        };
        drop(state);
        registered.map_err(|(error, _sink)| error)
    }

    /// Ends a registration. Its sink is released here, or when its running Notify returns.
    #[inline(always)]
    pub(crate) fn unadvise(self, token: u32) {
        let ended = self.profile.lock().model.unregister(self.key, token, Thread::current);
        drop(ended);
    }
}
