//! The last client reference of an object is gone.
#![forbid(unsafe_code)]

use super::profile::Offline;
use super::registry::Registry;
use crate::com::{ClientRef, InternalRef, Payload};
use crate::sys::Thread;

impl Payload for Offline {
    fn last_release(this: &InternalRef<Self>) -> Option<ClientRef<Self>> {
        let mut state = this.profile().lock();
        let ended = state.end(this.key(), Thread::current());
        let idle = state.is_idle();
        drop(state);
        if idle {
            Registry::note_idle();
        }
        // The reference on the parent is released by the caller, in a loop: chains of parents may be long.
        drop((ended.sinks, ended.object));
        ended.parent
    }
}
