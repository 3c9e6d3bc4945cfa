//! The one place where results become HRESULTs, and the frame around every entry.

use std::fmt;

use crate::abi::*;
use crate::com::guard;
use crate::error::Error;
use crate::logging;

impl Error {
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
            Self::Unexpected => E_UNEXPECTED,
        }
    }
}

/// Runs an entry: no panic leaves it, and its trace line is written when it returns.
pub(super) fn entry(name: &str, arguments: fmt::Arguments, body: impl FnOnce() -> Result<(), Error>) -> HRESULT {
    let result = guard(name, body).unwrap_or(Err(Error::Unexpected));
    let hresult = result.map_or_else(Error::hresult, |()| S_OK);
    trace(name, arguments, hresult as u32);
    hresult
}

/// Runs an exported function, which may be the first that a process calls.
pub(super) fn export(name: &str, arguments: fmt::Arguments, body: impl FnOnce() -> Result<(), Error>) -> HRESULT {
    logging::init_from_environment();
    entry(name, arguments, body)
}

/// One line an entry: reporters cannot say what their application did.
#[inline]
pub(super) fn trace(name: &str, arguments: fmt::Arguments, result: u32) {
    #[cold]
    fn write(name: &str, arguments: fmt::Arguments, result: u32) {
        // The logger may be client code; a panic in ours must not leave either.
        let _ = guard(name, || log::trace!("{name}({arguments}) -> {result:#x}"));
    }
    if logging::tracing() {
        write(name, arguments, result);
    }
}
