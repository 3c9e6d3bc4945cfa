//! The one place where results become HRESULTs, and the frame around every entry.

use crate::abi::*;
use crate::error::{Error, ErrorKind};
use crate::guard::guard;
use crate::sys::{self, LastError, Uncancelled};
use crate::{logging, profile};

impl ErrorKind {
    pub(crate) const fn hresult(self) -> HRESULT {
        match self {
            Self::InvalidArgument => E_INVALIDARG,
            Self::UnknownFlags => MAPI_E_UNKNOWN_FLAGS,
            Self::NotFound => MAPI_E_NOT_FOUND,
            Self::NoSupport => MAPI_E_NO_SUPPORT,
            Self::NoInterface => E_NOINTERFACE,
            Self::Pending => E_PENDING,
            Self::OutOfMemory => E_OUTOFMEMORY,
            Self::Failed => E_FAIL,
            Self::Disk => MAPI_E_DISK_ERROR,
            Self::Timeout => MAPI_E_TIMEOUT,
            Self::Unexpected => E_UNEXPECTED,
        }
    }
}

/// Runs an entry: no panic leaves it, errno stays as it was, and its trace line, with its arguments as `words`, is written when
/// it returns.
pub(super) fn entry<const N: usize>(
    name: &str,
    words: [usize; N],
    body: impl FnOnce() -> Result<(), Error>,
) -> HRESULT {
    let _error = LastError::keep();
    let result = guard(name, body).unwrap_or(Err(ErrorKind::Unexpected.into()));
    let hresult = result.map_or_else(|error| error.kind().hresult(), |()| S_OK);
    trace(name, words, hresult as u32);
    hresult
}

/// Runs an exported function, which may be the first that a process calls.
pub(super) fn export<const N: usize>(
    name: &str,
    words: [usize; N],
    body: impl FnOnce() -> Result<(), Error>,
) -> HRESULT {
    let _uncancelled = Uncancelled::enter();
    entry(name, words, || {
        if !sys::is_shutting_down() {
            init();
        }
        body()
    })
}

/// Fails while the process is shutting down. Comes behind the out parameters, which are null after every failure, and before
/// anything that locks.
#[inline(always)]
pub(super) fn unless_shutting_down() -> Result<(), ErrorKind> {
    if sys::is_shutting_down() { Err(ErrorKind::Failed) } else { Ok(()) }
}

/// What comes before anything that may log or lock.
pub(super) fn init() {
    profile::install_fork_handlers();
    logging::init_from_environment();
}

/// One line an entry: reporters cannot say what their application did. Off, it is one branch; all else is out of its way.
#[inline]
pub(super) fn trace<const N: usize>(name: &str, words: [usize; N], result: u32) {
    if logging::tracing() {
        write_trace(name, &words, result);
    }
}

/// The same for methods that do next to nothing else, with up to three words: the result goes through, and nothing can unwind,
/// so that such a method keeps nothing and needs no frame.
#[inline(always)]
pub(super) fn traced<const N: usize>(name: &'static &'static str, words: [usize; N], result: u32) -> u32 {
    #[cold]
    extern "C" fn pass(name: &&'static str, count: usize, a: usize, b: usize, c: usize, result: u32) -> u32 {
        write_trace(name, &[a, b, c][..count], result);
        result
    }
    const { assert!(N <= 3) };
    if !logging::tracing() {
        return result;
    }
    let mut all = [0; 3];
    all[..N].copy_from_slice(&words);
    pass(name, N, all[0], all[1], all[2], result)
}

#[cold]
#[inline(never)]
fn write_trace(name: &str, words: &[usize], result: u32) {
    if sys::is_shutting_down() {
        return;
    }
    let _uncancelled = Uncancelled::enter();
    let _error = LastError::keep();
    // The logger may be client code; a panic in ours must not leave either.
    let _ = guard(name, || {
        let words: Vec<_> = words.iter().map(|word| format!("{word:#x}")).collect();
        log::trace!("{name}({}) -> {result:#x}", words.join(", "));
    });
}
