//! Failures: an exit code, and one line that says what is wrong and what to do. Also collects the library's warnings.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::sync::Mutex;

use mapioffline::{Error, ErrorKind};

/// The exit codes of failures. The help text documents them, and scripts depend on them.
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
    TimedOut = 8,
    Misused = 9,
    /// `status --is`: the profile is in the other state. No failure.
    Other = 10,
    /// The code with which shells report a program that cannot be started.
    NotExecutable = 126,
    NotFound = 127,
}

/// A failure of a command. Its line may have names and paths in it as they are: [`Output::failure`] escapes them.
///
/// [`Output::failure`]: crate::output::Output::failure
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

    /// Something failed for which there is no other code.
    pub(crate) fn failed(line: impl Into<String>) -> Self {
        Self::new(Code::Failed, line)
    }

    /// The same after something that was done.
    pub(crate) fn behind(self, done: &str) -> Self {
        Self { line: format!("{done}, but: {}", self.line), ..self }
    }

    /// The same, with another way if something is in use only now.
    pub(crate) fn or_wait(self, how: &str) -> Self {
        if self.code == Code::Busy { Self { line: format!("{}, or {how}", self.line), ..self } } else { self }
    }

    /// The same in a line of a file.
    pub(crate) fn at(self, file: &str, line: usize) -> Self {
        Self { line: format!("{file}:{line}: {}", self.line), ..self }
    }

    /// An operation on the state folder, or on a file in it, failed.
    pub(crate) fn of_folder(folder: &std::path::Path, error: &io::Error) -> Self {
        let folder = folder.display();
        match error.kind() {
            io::ErrorKind::InvalidInput => Self::new(Code::NoSuchProfile, error.to_string()),
            io::ErrorKind::TimedOut => Self::new(Code::Busy, format!("the state folder {folder} is in use: {error}")),
            _ => {
                let line =
                    format!("the state folder {folder} cannot be used: {error}; run `mapioffline doctor` for details");
                Self::new(Code::NoFolder, line)
            }
        }
    }

    /// A call of the library failed for a profile.
    pub(crate) fn of_profile(profile: &str, error: &Error) -> Self {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        let (code, line) = match error.kind() {
            ErrorKind::InvalidArgument => {
                (Code::NoSuchProfile, "a profile name must not be empty or contain a NUL character".to_owned())
            }
            ErrorKind::NotFound => {
                (Code::NoSuchProfile, format!("{profile}: a profile name has at most 64 UTF-16 units"))
            }
            ErrorKind::NoSupport => (
                Code::NotCapable,
                format!("{profile} cannot be set to that state; `mapioffline status` shows what it can be set to"),
            ),
            ErrorKind::Pending => (Code::Busy, format!("{profile}: a change is in progress; try again")),
            ErrorKind::Timeout => {
                (Code::Busy, format!("{profile}: another program holds the lock of the state folder; try again"))
            }
            ErrorKind::Disk => {
                (Code::NoFolder, format!("{profile}: {error}{cause}; run `mapioffline doctor` to find the cause"))
            }
            _ => (Code::Failed, format!("{profile}: {error}{cause}")),
        };
        Self { code, line }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// The library's last warning that was not yet taken.
static LAST_WARNING: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the last warning or error that the library logs.
struct WarningLogger;

impl log::Log for WarningLogger {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        // Other crates log, too, and would displace what the library says.
        metadata.level() <= log::Level::Warn && metadata.target().starts_with("mapioffline")
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata())
            && let Ok(mut line) = LAST_WARNING.lock()
        {
            *line = Some(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Installs the logger that keeps the library's warnings. Called once, before any call of the library.
pub(crate) fn install_logger() {
    // Cannot fail: nothing else in this program sets a logger.
    if log::set_logger(&WarningLogger).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// Takes the last warning that the library logged since the previous call.
pub(crate) fn warning() -> Option<String> {
    LAST_WARNING.lock().ok().and_then(|mut line| line.take())
}
