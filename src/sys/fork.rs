//! Fork: every lock is taken before and given back after, so that the child finds no half-made change.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Thread;
use crate::error::Error;

/// What runs around a fork, on the thread that forks.
pub(crate) struct Handlers {
    pub(crate) prepare: extern "C" fn(),
    pub(crate) parent: extern "C" fn(),
    pub(crate) child: extern "C" fn(),
}

/// Registers the handlers, the first time only. Not by a Once, which a forked child could find half done.
pub(crate) fn install_fork_handlers(handlers: &Handlers) {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if !INSTALLED.load(Ordering::Acquire) && !INSTALLED.swap(true, Ordering::AcqRel) {
        super::os::at_fork(handlers.prepare, handlers.parent, handlers.child);
    }
}

/// Lock guards that wait for the end of a fork in a place that other threads may own at other times.
pub(crate) struct ForkGuards<G> {
    guards: Vec<G>,
    /// Whose guards they are, while there are any.
    owner: Option<Thread>,
}

// SAFETY: guards are put in, touched and dropped on one thread only, which `check` asserts; between threads only the
// empty container moves.
unsafe impl<G> Send for ForkGuards<G> {}

impl<G> ForkGuards<G> {
    pub(crate) const fn new() -> Self {
        Self { guards: Vec::new(), owner: None }
    }

    /// Makes room for `count` guards in all, so that `push` never allocates between prepare and fork.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<(), Error> {
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
