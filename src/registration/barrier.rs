//! Who pays for the barrier between delivery and the threads that end registrations: see `in_flight`.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::sys;

/// The form of the barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// Each side has its own: delivery pays an exchange for each callback.
    Symmetric,
    /// Whoever ends a registration during a delivery has the system run one on every thread. Delivery pays nothing.
    Asymmetric,
}

/// What the process knows of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Symmetric until there have been so many callbacks that preparing the system's barrier is worth its time.
    Undecided,
    /// For ever: the system has no such barrier, or refuses it, or the environment says so.
    Symmetric,
    Asymmetric,
}

/// Preparing the system's barrier takes a process with several threads as long as so many exchanges, about: 5 to 30 ns each.
const WORTH_IT: u32 = 1 << 19;

/// A `Choice`. Changes once, from `Undecided`.
static CHOICE: AtomicU32 = AtomicU32::new(Choice::Undecided as u32);
/// Callbacks while it is undecided.
static CALLBACKS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn choice() -> Choice {
    [Choice::Undecided, Choice::Symmetric, Choice::Asymmetric][CHOICE.load(Ordering::Acquire) as usize % 3]
}

fn choose(choice: Choice) {
    let undecided = Choice::Undecided as u32;
    // Another thread may have chosen meanwhile.
    let _ = CHOICE.compare_exchange(undecided, choice as u32, Ordering::AcqRel, Ordering::Relaxed);
}

/// With the first object. Each form can be forced, as the tests do; but what the system lacks cannot.
pub(crate) fn choose_barrier() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if ASKED.load(Ordering::Relaxed) || ASKED.swap(true, Ordering::Relaxed) {
        return;
    }
    match sys::environment("MAPIOFFLINE_BARRIER").as_ref().and_then(|value| value.to_str()) {
        Some("symmetric") => choose(Choice::Symmetric),
        Some("asymmetric") => prepare(),
        _ => {}
    }
}

/// Waits for all processors: called with no lock held.
fn prepare() {
    choose(if sys::prepare_barrier() { Choice::Asymmetric } else { Choice::Symmetric });
}

impl Barrier {
    /// The form for a batch that is about to be filled, under its profile's lock. Whoever ends one of its registrations holds
    /// that lock later, and so uses the system's barrier if this batch needs it.
    pub(super) fn for_batch() -> Self {
        match choice() {
            Choice::Asymmetric => Self::Asymmetric,
            Choice::Undecided | Choice::Symmetric => Self::Symmetric,
        }
    }

    /// After a batch of so many callbacks, with no lock held.
    pub(super) fn note_callbacks(self, count: usize) {
        if self == Self::Symmetric && choice() == Choice::Undecided {
            let before = CALLBACKS.fetch_add(count as u32, Ordering::Relaxed);
            if before >= WORTH_IT {
                prepare();
            }
        }
    }
}

/// The part of a thread that ends a registration, between its store and its load.
pub(super) fn barrier_of_ending_thread() {
    if choice() == Choice::Asymmetric {
        sys::barrier_on_all_threads();
    }
}
