//! The clock of faults: the system's, or one that a test advances.
//!
//! Atomic values, which a forked child finds whole, and which are looked at every millisecond: only tests wait here.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sys::{self, Uncancelled};

static IS_VIRTUAL: AtomicBool = AtomicBool::new(false);
/// What the virtual clock shows, in microseconds.
static NOW: AtomicU64 = AtomicU64::new(0);
/// The thread that sets the clock. A delay on that thread advances the clock by itself, as no other would.
static KEEPER: AtomicU64 = AtomicU64::new(0);

/// How often it is looked whether a delay is over.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) fn set_virtual_clock(is_virtual: bool) {
    keep_clock();
    IS_VIRTUAL.store(is_virtual, Ordering::SeqCst);
}

/// Advances the virtual clock. False: the clock is the system's.
pub(crate) fn advance_clock(by: Duration) -> bool {
    let is_virtual = IS_VIRTUAL.load(Ordering::SeqCst);
    if is_virtual {
        keep_clock();
        advance(by);
    }
    is_virtual
}

fn advance(by: Duration) {
    let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
    let add = |now: u64| Some(now.saturating_add(by));
    let _ = NOW.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
}

/// This thread sets the clock from now on. In a forked child that is the one that forked, which has another number there.
pub(crate) fn keep_clock() {
    KEEPER.store(sys::thread_number(), Ordering::SeqCst);
}

/// An instant of both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    of_system: Instant,
    of_test: u64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { of_system: Instant::now(), of_test: NOW.load(Ordering::SeqCst) }
    }

    pub(super) fn elapsed(self) -> Duration {
        if IS_VIRTUAL.load(Ordering::SeqCst) {
            Duration::from_micros(NOW.load(Ordering::SeqCst).saturating_sub(self.of_test))
        } else {
            self.of_system.elapsed()
        }
    }
}

/// A time to wait, from a moment on.
#[derive(Clone, Copy)]
pub(crate) struct Delay {
    pub(super) begun: Moment,
    pub(super) by: Duration,
}

impl Delay {
    pub(crate) fn from_now(by: Duration) -> Self {
        Self { begun: Moment::now(), by }
    }

    pub(crate) fn by(self) -> Duration {
        self.by
    }
}

/// Waits until a delay is over, but not longer than `goes_on` says so.
pub(crate) fn sleep(delay: Delay, goes_on: impl Fn() -> bool) {
    let Delay { begun, by: delay } = delay;
    if delay.is_zero() {
        return;
    }
    let _uncancelled = Uncancelled::enter();
    loop {
        let left = delay.saturating_sub(begun.elapsed());
        if left.is_zero() || !goes_on() {
            return;
        }
        if !IS_VIRTUAL.load(Ordering::SeqCst) {
            std::thread::sleep(left.min(PAUSE));
        } else if KEEPER.load(Ordering::SeqCst) == sys::thread_number() {
            advance(left);
        } else {
            std::thread::sleep(PAUSE);
        }
    }
}
