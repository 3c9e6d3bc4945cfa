//! No panic leaves the library, and nothing unwinds through it.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; a panic in it becomes `None` and one error line.
///
/// State behind locks may be half changed after a panic. It is memory-safe all the same, and a panic is a bug to report,
/// not a case to handle.
pub(crate) fn guard<R>(entry: &str, body: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => Some(result),
        Err(panic) => {
            // The payload's own drop might panic again.
            std::mem::forget(panic);
            log::error!("{entry}: a panic was caught, E_UNEXPECTED");
            None
        }
    }
}

/// Calls client code. An exception that leaves it ends the process: no caller could handle it.
pub(crate) fn ends_process_on_unwind<R>(call: impl FnOnce() -> R) -> R {
    struct Abort;
    impl Drop for Abort {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    let abort = Abort;
    let result = call();
    std::mem::forget(abort);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_none() {
        assert_eq!(guard("test", || 1), Some(1));
        assert_eq!(guard("test", || -> i32 { panic!("on purpose") }), None);
    }
}
