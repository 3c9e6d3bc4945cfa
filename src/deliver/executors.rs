//! The executors of the process, and which of them runs what is accepted from now on.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use super::executor::{Executor, Reservation};
use super::notifier_pool::{NotifierPool, PoolForkGuard};
use super::pump::{Pump, PumpForkGuard};
use crate::error::ErrorKind;

pub(crate) struct Executors<J: 'static> {
    notifiers: NotifierPool<J>,
    pump: Pump<J>,
    is_pumped: AtomicBool,
}

impl<J: Send + 'static> Executors<J> {
    /// `run` is for notifiers, `run_one` for the pump: see there.
    pub(crate) const fn new(run: fn(J), run_one: fn(J) -> Option<J>) -> Self {
        Self { notifiers: NotifierPool::new(run), pump: Pump::new(run_one), is_pumped: AtomicBool::new(false) }
    }

    /// What was accepted before stays where it was.
    pub(crate) fn set_pumped(&self, pumped: bool) {
        self.is_pumped.store(pumped, Ordering::SeqCst);
    }

    pub(crate) fn pump(&self) -> &Pump<J> {
        &self.pump
    }

    fn is_pumped(&self) -> bool {
        self.is_pumped.load(Ordering::Relaxed)
    }

    pub(crate) fn lock_for_fork(&'static self) -> ExecutorsForkGuard<J> {
        ExecutorsForkGuard(self.notifiers.lock_for_fork(), self.pump.lock_for_fork())
    }
}

impl<J: Send + 'static> Executor<J> for Executors<J> {
    fn reserve(&'static self) -> Result<Reservation<J>, ErrorKind> {
        if self.is_pumped() { self.pump.reserve() } else { self.notifiers.reserve() }
    }

    /// Not the pump, whose handle is none of this thread's where it has a descriptor table of its own.
    fn reserve_idle(&'static self) -> Option<Reservation<J>> {
        if self.is_pumped() { None } else { self.notifiers.reserve_idle() }
    }
}

/// Both, locked around a fork.
pub(crate) struct ExecutorsForkGuard<J: 'static>(PoolForkGuard<J>, PumpForkGuard<J>);

impl<J> ExecutorsForkGuard<J> {
    /// In the child no thread waits, and no job.
    pub(crate) fn abandon(&mut self) {
        self.0.abandon_idle();
        self.1.abandon_jobs();
    }
}
