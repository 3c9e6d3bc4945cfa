//! Strict hosting: whether the global object of a profile exists without having been created.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU8, Ordering};

use crate::sys;

const UNDECIDED: u8 = 0;
const OFF: u8 = 1;
const STRICT: u8 = 2;

static HOSTING: AtomicU8 = AtomicU8::new(UNDECIDED);

pub(crate) fn set_strict_hosting(strict: bool) {
    HOSTING.store(if strict { STRICT } else { OFF }, Ordering::Relaxed);
}

/// The environment decides at the first call, unless the program has decided before.
pub(super) fn is_strict() -> bool {
    if HOSTING.load(Ordering::Relaxed) == UNDECIDED {
        let asked = sys::environment("MAPIOFFLINE_STRICT").is_some_and(|value| value == "1");
        let decided = if asked { STRICT } else { OFF };
        let _ = HOSTING.compare_exchange(UNDECIDED, decided, Ordering::Relaxed, Ordering::Relaxed);
    }
    HOSTING.load(Ordering::Relaxed) == STRICT
}
