//! Fork and exit: what the process must know of the library, from the first open on.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;

use super::profile::{Job, ProfileState};
use super::registry::Registry;
use super::run;
use crate::deliver::ExecutorsForkGuard;
use crate::model::Abandoned;
use crate::registration::choose_barrier;
use crate::sys::{self, Thread};
use crate::{exit, fault, logging, store};

/// The locks of the process, in the order in which they are taken. Those of profiles wait in the registry.
struct ForkLocks {
    #[expect(dead_code, reason = "locked until it is dropped")]
    logging: logging::ForkGuard,
    registry: MutexGuard<'static, Registry>,
    watcher: Option<store::WatcherForkGuard>,
    executors: ExecutorsForkGuard<Job>,
    #[expect(dead_code, reason = "locked until it is dropped")]
    faults: fault::ForkGuard,
}

thread_local! {
    /// Between prepare and the end of the fork. Needs no destructor, so that threads may end at any time.
    static LOCKS: Cell<Option<ManuallyDrop<ForkLocks>>> = const { Cell::new(None) };
}

extern "C" fn prepare() {
    // Logging first: it may wait for a slow stderr, and no other thread should wait with it.
    let logging = logging::lock_for_fork();
    sys::hold_thread_starts();
    let mut registry = Registry::lock();
    registry.lock_profiles();
    let watcher = Some(store::lock_for_fork());
    let locks = ForkLocks {
        logging,
        registry,
        watcher,
        executors: run::lock_executors_for_fork(),
        faults: fault::lock_for_fork(),
    };
    LOCKS.set(Some(ManuallyDrop::new(locks)));
}

extern "C" fn parent() {
    if let Some(mut locks) = LOCKS.take() {
        locks.registry.fork_guards.release();
        drop(ManuallyDrop::into_inner(locks));
    }
    sys::release_thread_starts();
}

extern "C" fn child() {
    sys::forget_thread_starts();
    fault::keep_clock();
    if let Some(mut locks) = LOCKS.take() {
        if let Some(watcher) = locks.watcher.take() {
            // Unlocked at once: trees that end below lose interest in changes, which locks the watcher.
            watcher.abandon();
        }
        locks.executors.abandon();
        locks.registry.fork_guards.each(|state| state.after_fork_in_child());
        locks.registry.fork_guards.release();
        locks.registry.abandon_forgotten();
        drop(ManuallyDrop::into_inner(locks));
    }
}

impl ProfileState {
    /// No transition is under way, queued or being written, and everything is as it was.
    fn after_fork_in_child(&mut self) {
        let shared = self.record.is_shared();
        self.model.cut_short(Thread::current(), shared, |abandoned| match abandoned {
            Abandoned::Executor(executor) => executor.abandon(),
            Abandoned::Sink(sink) => mem::forget(sink),
        });
        self.follow_after_write = false;
        self.update_interest();
    }
}

/// With the first object: the code stays loaded from now on, so that the exit handler may point to it.
pub(super) fn stay_until_exit() {
    static FIRST_OPEN: AtomicBool = AtomicBool::new(false);
    sys::pin_module();
    choose_barrier();
    exit::deliver_until_exit(&FIRST_OPEN);
}

/// Before anything is locked that a forked child could find locked.
pub(crate) fn install_fork_handlers() {
    sys::install_fork_handlers(&sys::Handlers { prepare, parent, child });
}
