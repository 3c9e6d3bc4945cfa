//! Fork and exit: what the process must know of the library, from the first open on.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;

use super::forest::Job;
use super::registry::Registry;
use super::transition;
use crate::deliver::{self, HeldNotifiers};
use crate::logging;
use crate::{store, sys};

/// The locks of the process, in the order in which they are taken. The profiles' wait in the registry.
struct Held {
    #[expect(dead_code, reason = "held until it is dropped")]
    logging: logging::Held,
    registry: MutexGuard<'static, Registry>,
    watcher: Option<store::HeldWatcher>,
    notifiers: HeldNotifiers<Job>,
}

thread_local! {
    /// Between prepare and the end of the fork. Needs no destructor, so that threads may end at any time.
    static HELD: Cell<Option<ManuallyDrop<Held>>> = const { Cell::new(None) };
}

extern "C" fn prepare() {
    // Logging first: it may wait for a slow stderr, and nobody else should wait with it.
    let logging = logging::hold();
    let mut registry = Registry::lock();
    registry.hold_profiles();
    let watcher = Some(store::hold());
    let held = Held { logging, registry, watcher, notifiers: transition::hold_notifiers() };
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
        if let Some(watcher) = held.watcher.take() {
            // Given back at once: trees that end below are of no interest any more, and say so.
            watcher.abandon();
        }
        held.notifiers.abandon_idle();
        held.registry.held.each(|forest| forest.after_fork_in_child());
        held.registry.held.release();
        drop(ManuallyDrop::into_inner(held));
    }
}

/// With the first object: the code stays loaded from now on, so that the exit handler may point to it.
pub(super) fn stay_until_exit() {
    static FIRST_OPEN: AtomicBool = AtomicBool::new(false);
    sys::pin_module();
    deliver::deliver_until_exit(&FIRST_OPEN);
}

/// Before anything is locked that a forked child could find locked.
pub(crate) fn handle_fork() {
    sys::install_fork_handlers(&sys::Handlers { prepare, parent, child });
}
