//! The process's exit: nothing is delivered after it.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::registration::note_ended;
use crate::{logging, store, sys};

static EXITING: AtomicBool = AtomicBool::new(false);

/// Whether the library's exit handler has run.
pub(crate) fn exiting() -> bool {
    EXITING.load(Ordering::SeqCst)
}

/// Has the exit handler run before the destructors of everything that exists now. Does so once for each `done`.
pub(crate) fn deliver_until_exit(done: &AtomicBool) {
    extern "C" fn on_exit() {
        EXITING.store(true, Ordering::SeqCst);
        logging::end();
        // Delivery threads check again before the next Notify.
        note_ended();
        store::remove_announcement();
    }
    if !done.load(Ordering::Acquire) && !done.swap(true, Ordering::AcqRel) {
        sys::at_exit(on_exit);
    }
}
