//! Who pays for the barrier between delivery and the threads that end registrations: see `in_flight`.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::sys;

/// The barrier between callbacks and the threads that end registrations meanwhile.
///
/// Which one it is changes what callbacks and Unadvise cost, and nothing else. `MAPIOFFLINE_BARRIER` in the environment,
/// `symmetric` or `asymmetric`, forces one, for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Barrier {
    /// Each callback pays for an atomic exchange. After half a million callbacks the process tries the other one.
    Undecided = 0,
    /// Each callback pays for an atomic exchange: the system has nothing else, or refuses it, or the environment says so.
    Symmetric = 1,
    /// Whoever ends a registration while another thread delivers pays for a system call, and callbacks pay nothing.
    Asymmetric = 2,
}

/// Preparing the system's barrier takes a process with several threads as long as so many exchanges, about: 5 to 30 ns each.
const WORTH_IT: u32 = 1 << 19;

/// A `Barrier`. Changes once, from `Undecided`.
static CHOICE: AtomicU32 = AtomicU32::new(Barrier::Undecided as u32);
/// Callbacks while it is undecided.
static CALLBACKS: AtomicU32 = AtomicU32::new(0);

/// The barrier of this process. For a batch it is asked under the profile's lock, when the batch is filled: whoever ends one of
/// its registrations holds that lock later, and so uses the system's barrier if the batch needs it.
pub(crate) fn barrier() -> Barrier {
    match CHOICE.load(Ordering::Acquire) {
        0 => Barrier::Undecided,
        1 => Barrier::Symmetric,
        _ => Barrier::Asymmetric,
    }
}

fn choose(barrier: Barrier) {
    let undecided = Barrier::Undecided as u32;
    // Another thread may have chosen meanwhile.
    let _ = CHOICE.compare_exchange(undecided, barrier as u32, Ordering::AcqRel, Ordering::Relaxed);
}

/// With the first object. Each form can be forced, as the tests do; but what the system lacks cannot.
pub(crate) fn choose_barrier() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if ASKED.load(Ordering::Relaxed) || ASKED.swap(true, Ordering::Relaxed) {
        return;
    }
    match sys::environment("MAPIOFFLINE_BARRIER").as_ref().and_then(|value| value.to_str()) {
        Some("symmetric") => choose(Barrier::Symmetric),
        Some("asymmetric") => prepare(),
        _ => {}
    }
}

/// Waits for all processors: called with no lock held.
pub(super) fn prepare() {
    choose(if sys::prepare_barrier() { Barrier::Asymmetric } else { Barrier::Symmetric });
}

/// After a batch of so many callbacks while the process was undecided, with no lock held.
pub(super) fn note_undecided(callbacks: usize) {
    if CALLBACKS.fetch_add(callbacks as u32, Ordering::Relaxed) >= WORTH_IT && barrier() == Barrier::Undecided {
        prepare();
    }
}

/// The part of a thread that ends a registration, between its store and its load.
pub(super) fn barrier_of_ending_thread() {
    if barrier() == Barrier::Asymmetric {
        sys::barrier_on_all_threads();
    }
}
