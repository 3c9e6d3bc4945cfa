//! Fork and exit: what the process must know of the library, from the first open on.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::{MutexGuard, Once};

use super::forest::Job;
use super::registry::Registry;
use super::transition;
use crate::deliver::{self, HeldNotifiers};
use crate::logging;
use crate::sys;

/// The locks of the process, in the order in which they are taken. The profiles' wait in the registry.
struct Held {
    registry: MutexGuard<'static, Registry>,
    notifiers: HeldNotifiers<Job>,
    #[expect(dead_code, reason = "held until it is dropped")]
    logging: logging::Held,
}

thread_local! {
    /// Between prepare and the end of the fork. Needs no destructor, so that threads may end at any time.
    static HELD: Cell<Option<ManuallyDrop<Held>>> = const { Cell::new(None) };
}

extern "C" fn prepare() {
    let mut registry = Registry::lock();
    registry.hold_profiles();
    let held = Held { registry, notifiers: transition::hold_notifiers(), logging: logging::hold() };
    HELD.set(Some(ManuallyDrop::new(held)));
}

extern "C" fn parent() {
    if let Some(mut held) = HELD.take() {
        held.registry.held.release();
        drop(ManuallyDrop::into_inner(held));
    }
}

extern "C" fn child() {
    if let Some(mut held) = HELD.take() {
        held.notifiers.abandon_idle();
        held.registry.held.each(|forest| forest.after_fork_in_child());
        held.registry.held.release();
        drop(ManuallyDrop::into_inner(held));
    }
}

/// Before anything is locked that a forked child could find locked.
pub(super) fn prepare_process() {
    static ONCE: Once = Once::new();
    sys::install_fork_handlers(&sys::Handlers { prepare, parent, child });
    ONCE.call_once(deliver::deliver_until_exit);
}
