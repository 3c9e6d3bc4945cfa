//! Fork: every lock is taken before a fork and released after it, so that the child finds no half-made change.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Thread;
use crate::error::ErrorKind;

/// The handlers that run before and after a fork, on the thread that forks.
pub(crate) struct Handlers {
    pub(crate) prepare: extern "C" fn(),
    pub(crate) parent: extern "C" fn(),
    pub(crate) child: extern "C" fn(),
}

/// Registers the handlers at the first call only. Does not use a Once, as a forked child could find it half done.
pub(crate) fn install_fork_handlers(handlers: &Handlers) {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if !INSTALLED.load(Ordering::Acquire) && !INSTALLED.swap(true, Ordering::AcqRel) {
        super::os::at_fork(handlers.prepare, handlers.parent, handlers.child);
    }
}

/// Keeps the lock guards from before a fork until after it. Other threads may use the container at other times.
pub(crate) struct ForkGuards<G> {
    guards: Vec<G>,
    /// The thread that owns the guards, while there are any.
    owner: Option<Thread>,
}

// SAFETY: guards are added, visited and dropped on one thread only, which `check` asserts. Only the empty container moves
// between threads.
unsafe impl<G> Send for ForkGuards<G> {}

impl<G> ForkGuards<G> {
    pub(crate) const fn new() -> Self {
        Self { guards: Vec::new(), owner: None }
    }

    /// Reserves capacity for `count` guards, so that `push` does not allocate between the prepare handler and the fork.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<(), ErrorKind> {
        assert!(self.owner.is_none(), "no fork is under way");
        Ok(self.guards.try_reserve(count)?)
    }

    pub(crate) fn push(&mut self, guard: G) {
        self.check();
        self.guards.push(guard);
    }

    pub(crate) fn each(&mut self, mut visit: impl FnMut(&mut G)) {
        self.check();
        self.guards.iter_mut().for_each(&mut visit);
    }

    pub(crate) fn release(&mut self) {
        self.check();
        self.guards.clear();
        self.owner = None;
    }

    fn check(&mut self) {
        let current = Thread::current();
        assert!(*self.owner.get_or_insert(current) == current, "guards stay on the thread that forks");
    }
}
