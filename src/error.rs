//! What can fail, in the words of the API. `api::result` converts it into HRESULTs.
#![forbid(unsafe_code)]

use std::{fmt, io};

/// Why a call failed: a kind and, where the operating system has one, the cause ([`source`](std::error::Error::source)).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    cause: Option<io::Error>,
}

/// The kinds of failure. Each names the HRESULT that a C caller gets in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is malformed or contradicts another (`E_INVALIDARG`).
    InvalidArgument,
    /// A flag that the API does not know (`MAPI_E_UNKNOWN_FLAGS`).
    UnknownFlags,
    /// No such profile or object (`MAPI_E_NOT_FOUND`).
    NotFound,
    /// The object lacks the capability (`MAPI_E_NO_SUPPORT`).
    NoSupport,
    /// The object does not have the interface (`E_NOINTERFACE`).
    NoInterface,
    /// A transition is under way in the object's tree (`E_PENDING`).
    Pending,
    /// Memory ran out; everything is as before (`E_OUTOFMEMORY`).
    OutOfMemory,
    /// No thread could be started, or a transition was cut short in a forked child (`E_FAIL`).
    Failed,
    /// The state could not be written where the user's programs share it; nothing was changed (`MAPI_E_DISK_ERROR`). The
    /// cause is the operating system's error.
    Disk,
    /// Another program held the shared state for too long; nothing was changed (`MAPI_E_TIMEOUT`).
    Timeout,
    /// The object ended during the call, or the library has a fault of its own (`E_UNEXPECTED`).
    Unexpected,
    /// A fault that a test asked for: another HRESULT than those above. See [`testing`](crate::testing).
    Hresult(i32),
}

impl Error {
    /// What failed.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn with_cause(kind: ErrorKind, cause: io::Error) -> Self {
        Self { kind, cause: Some(cause) }
    }
}

/// Errors of one kind are equal, whatever their causes.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Error {}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl From<std::collections::TryReserveError> for ErrorKind {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::OutOfMemory
    }
}

impl From<std::collections::TryReserveError> for Error {
    fn from(error: std::collections::TryReserveError) -> Self {
        ErrorKind::from(error).into()
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hresult(value) => return write!(f, "the HRESULT {value:#x}"),
            Self::InvalidArgument => "an argument is not valid",
            Self::UnknownFlags => "a flag is not known",
            Self::NotFound => "there is no such profile or object",
            Self::NoSupport => "the object lacks the capability for that state",
            Self::NoInterface => "the object does not have that interface",
            Self::Pending => "a transition is under way; try again when it is done",
            Self::OutOfMemory => "memory ran out; nothing was changed",
            Self::Failed => "no notifier thread could be started, or the process was forked during the transition",
            Self::Disk => "the state could not be written",
            Self::Timeout => "another program holds the shared state for too long; try again",
            Self::Unexpected => "the object ended during the call, or the library has a fault of its own",
        })
    }
}

/// The kind alone: the cause is the [`source`](std::error::Error::source), which reporters print behind it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl std::error::Error for ErrorKind {}
