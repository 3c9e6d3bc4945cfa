//! What goes wrong: one line that says what it is and what to do, and an exit code.

use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::sync::Mutex;

use mapioffline::Error;

use crate::output::shown;

/// Documented in the help text: scripts go by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Failed = 1,
    Usage = 2,
    NoSuchProfile = 3,
    NotCapable = 4,
    Busy = 5,
    NoFolder = 6,
    Exists = 7,
    /// As shells say it of a program that they cannot start.
    NotExecutable = 126,
    NotFound = 127,
}

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    line: String,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

impl Failure {
    pub(crate) fn new(code: Code, line: impl Into<String>) -> Self {
        Self { code, line: line.into() }
    }

    /// The state folder, or something in it, cannot be used.
    pub(crate) fn of_folder(folder: &std::path::Path, error: &io::Error) -> Self {
        let folder = shown(&folder.to_string_lossy());
        match error.kind() {
            ErrorKind::InvalidInput => Self::new(Code::NoSuchProfile, error.to_string()),
            ErrorKind::TimedOut => Self::new(Code::Busy, format!("the state folder {folder}: {error}")),
            _ => {
                let line = format!("the state folder {folder} cannot be used: {error}; `mapioffline doctor` says more");
                Self::new(Code::NoFolder, line)
            }
        }
    }

    /// A call of the library failed on a profile.
    pub(crate) fn of_profile(profile: &str, error: Error) -> Self {
        let profile = shown(profile);
        // The library says in its log what a code cannot.
        let reason = LOGGED.lock().ok().and_then(|mut line| line.take());
        let reason = reason.unwrap_or_else(|| error.to_string());
        let (code, line) = match error {
            Error::InvalidArgument => {
                (Code::NoSuchProfile, "a profile's name is not empty, and has no zero in it".to_owned())
            }
            Error::NotFound => {
                (Code::NoSuchProfile, format!("{profile}: a profile's name has 64 UTF-16 units at most"))
            }
            Error::NoSupport => (
                Code::NotCapable,
                format!("{profile} cannot be set to that state; `mapioffline status` says what it can be set to"),
            ),
            Error::Pending => (Code::Busy, format!("{profile} is being changed; try again (`set` has --wait)")),
            Error::Timeout => {
                (Code::Busy, format!("{profile}: another program holds the state folder; try again (`set` has --wait)"))
            }
            Error::Disk => (Code::NoFolder, format!("{reason}; `mapioffline doctor` looks for the cause")),
            _ => (Code::Failed, format!("{profile}: {reason}")),
        };
        Self { code, line }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// The last warning of the library.
static LOGGED: Mutex<Option<String>> = Mutex::new(None);

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata())
            && let Ok(mut line) = LOGGED.lock()
        {
            *line = Some(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Listens to what the library has to say.
pub(crate) fn listen() {
    // Nobody else in this program has set one.
    if log::set_logger(&Listener).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// What the library warned of since the last time.
pub(crate) fn warning() -> Option<String> {
    LOGGED.lock().ok().and_then(|mut line| line.take())
}
