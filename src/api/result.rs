//! The one place where results become HRESULTs, and the frame around every entry.

use std::error::Error as _;
use std::ffi::c_void;
use std::fmt;

use crate::abi::*;
use crate::error::{Error, ErrorKind};
use crate::guard::guard;
use crate::sys::{self, LastError, Uncancelled};
use crate::trace::{self, Notes};
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
            Self::Hresult(value) => value,
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
    entry_of(name, &words, body)
}

#[inline(always)]
fn entry_of(name: &str, words: &[usize], body: impl FnOnce() -> Result<(), Error>) -> HRESULT {
    let _error = LastError::keep();
    let outer = logging::tracing().then(trace::begin);
    let result = guard(name, body).unwrap_or(Err(ErrorKind::Unexpected.into()));
    let hresult = result.as_ref().map_or_else(|error| error.kind().hresult(), |()| S_OK);
    if let Some(outer) = outer {
        write_entry(name, words, hresult, result.err(), &trace::end(outer));
    }
    hresult
}

/// Runs an exported function, which may be the first that a process calls.
pub(super) fn export<const N: usize>(
    name: &str,
    words: [usize; N],
    body: impl FnOnce() -> Result<(), Error>,
) -> HRESULT {
    let mut body = Some(body);
    export_any(name, words.as_slice(), &mut || body.take().map_or(Err(ErrorKind::Unexpected.into()), |body| body()))
}

/// One function for all, which are called far less often than methods: a frame for each would take twenty kilobytes.
#[inline(never)]
fn export_any(name: &str, words: &[usize], body: &mut dyn FnMut() -> Result<(), Error>) -> HRESULT {
    let _uncancelled = Uncancelled::enter();
    let _error = LastError::keep();
    // Before the entry, whose line is written if that is asked for when it begins.
    if !sys::is_shutting_down() && guard(name, init).is_none() {
        return E_UNEXPECTED;
    }
    entry_of(name, words, body)
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

/// The trace line of an entry that returns a number. One line an entry: reporters cannot say what their application did. Off, it
/// is one branch; all else is out of its way.
#[inline]
pub(super) fn trace_number<const N: usize>(name: &str, words: [usize; N], result: u32) {
    if logging::tracing() {
        write_trace(name, &words, &format_args!("{result:#x}"));
    }
}

/// The same for methods that take `This` alone and do next to nothing else: the result goes through, and nothing can unwind, so
/// that such a method keeps nothing and needs no frame. `what` writes the line.
#[inline(always)]
pub(super) fn traced(name: &'static &'static str, this: usize, what: Returned, result: u32) -> u32 {
    #[cold]
    extern "C" fn pass(name: &&'static str, this: usize, result: u32) -> u32 {
        write_trace(name, &[this], &Hresult(result));
        result
    }
    #[cold]
    extern "C" fn pass_number(name: &&'static str, this: usize, result: u32) -> u32 {
        write_trace(name, &[this], &format_args!("{result}"));
        result
    }
    match what {
        _ if !logging::tracing() => result,
        Returned::Hresult => pass(name, this, result),
        Returned::Number => pass_number(name, this, result),
    }
}

/// QueryInterface has given an interface, or none.
///
/// # Safety
/// `out` may be read.
#[inline(always)]
pub(super) unsafe fn traced_query(words: [usize; 3], out: *const *mut c_void, result: HRESULT) -> HRESULT {
    #[cold]
    #[inline(never)]
    fn write(words: [usize; 3], object: usize, result: HRESULT) {
        let notes = Notes { object: (result >= 0).then_some(object), ..trace::NONE };
        write_entry("QueryInterface", &words, result, None, &notes);
    }
    if logging::tracing() {
        // SAFETY: as the caller says.
        write(words, unsafe { out.read_unaligned() } as usize, result);
    }
    result
}

/// Such a method has an argument that is not valid, for this reason.
#[cold]
#[inline(never)]
pub(super) fn refused<const N: usize>(name: &str, words: [usize; N], reason: &str) -> HRESULT {
    if logging::tracing() {
        write_trace(name, &words, &format_args!("{}: {reason}", Hresult(E_INVALIDARG as u32)));
    }
    E_INVALIDARG
}

/// What a method returns.
#[derive(Clone, Copy)]
pub(super) enum Returned {
    Hresult,
    Number,
}

/// A method has read a state or capabilities: S_OK, without a frame as in `traced`.
#[inline(always)]
pub(super) fn traced_bits(name: &'static &'static str, this: usize, out: usize, bits: u32) -> HRESULT {
    if logging::tracing() { pass_bits(name, this, out, bits) } else { S_OK }
}

/// Such a method has nowhere to put what it has read.
#[inline(always)]
pub(super) fn refused_bits(name: &'static &'static str, this: usize) -> HRESULT {
    pass_bits(name, this, 0, 0)
}

/// One function for both, so that its result is no constant, and it is called last.
#[cold]
#[inline(never)]
extern "C" fn pass_bits(name: &&'static str, this: usize, out: usize, bits: u32) -> HRESULT {
    if out == 0 {
        return refused(name, [this, out], "the pointer to the result is null");
    }
    let words = match bits {
        1 => "offline",
        2 => "online",
        _ => "offline and online",
    };
    write_trace(name, &[this, out], &format_args!("{} ({words})", Hresult(S_OK as u32)));
    S_OK
}

/// An HRESULT in hexadecimal digits and by its name.
struct Hresult(u32);

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)?;
        // Others come from the outer objects of aggregates.
        let name = HRESULTS.iter().find(|(value, _)| *value as u32 == self.0);
        name.map_or(Ok(()), |(_, name)| write!(f, " {name}"))
    }
}

#[cold]
#[inline(never)]
fn write_entry(name: &str, words: &[usize], hresult: HRESULT, error: Option<Error>, notes: &Notes) {
    write_trace(name, words, &Outcome { hresult, error, notes });
}

/// What an entry returned, and the notes of it.
struct Outcome<'a> {
    hresult: HRESULT,
    error: Option<Error>,
    notes: &'a Notes,
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hresult, error, notes } = self;
        write!(f, "{}", Hresult(*hresult as u32))?;
        if let Some(error) = error {
            match notes.reason.filter(|_| error.kind() == ErrorKind::InvalidArgument) {
                Some(reason) => write!(f, ": {reason}")?,
                None => write!(f, ": {error}")?,
            }
            if let Some(cause) = error.source() {
                write!(f, ": {cause}")?;
            }
        }
        if let Some(profile) = &notes.profile {
            write!(f, ", profile {}", profile.shown())?;
        }
        if let Some(state) = notes.state {
            write!(f, ", to {}", state.word())?;
        }
        if let Some(token) = notes.token {
            write!(f, ", token {token:#x}")?;
        }
        if let Some(object) = notes.object {
            write!(f, ", object {object:#x}")?;
        }
        if notes.ended { f.write_str(", after its last Release") } else { Ok(()) }
    }
}

#[cold]
#[inline(never)]
fn write_trace(name: &str, words: &[usize], result: &dyn fmt::Display) {
    if sys::is_shutting_down() {
        return;
    }
    let _uncancelled = Uncancelled::enter();
    let _error = LastError::keep();
    // The logger may be client code; a panic in ours must not leave either.
    let _ = guard(name, || {
        let words: Vec<_> = words.iter().map(|word| format!("{word:#x}")).collect();
        let within = if trace::is_in_notify() { ", in Notify" } else { "" };
        log::trace!("{name}({}) -> {result}{within}", words.join(", "));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_on_demand_has_the_hresult_that_was_asked_for() {
        for (hresult, name) in HRESULTS.into_iter().filter(|(hresult, _)| *hresult < 0) {
            assert_eq!(crate::fault::kind_of(hresult).hresult(), hresult, "{name}");
        }
        assert_eq!(crate::fault::kind_of(-1).hresult(), -1);
    }
}
