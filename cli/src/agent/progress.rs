//! How far a source is with its answer, and errors in words.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the source has not done yet.
#[derive(Default)]
pub(crate) struct Progress {
    missing: Mutex<String>,
    is_short: AtomicBool,
}

impl Progress {
    pub(crate) fn begins(&self, missing: impl Into<String>) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = missing.into();
    }

    /// Notes an error that this machine is short of something, which says nothing of the source.
    pub(crate) fn note(&self, error: &io::Error) {
        if is_shortage(error) {
            self.is_short.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the source could not be asked, as this machine is short of something.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    pub(crate) fn missing(&self) -> String {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.is_empty() { "no answer".to_owned() } else { missing.clone() }
    }
}

/// The system's error in the words of a person who knows no error codes.
pub(crate) fn words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            "the connection was closed".to_owned()
        }
        ErrorKind::NetworkUnreachable => "the network cannot be reached".to_owned(),
        ErrorKind::HostUnreachable => "the host cannot be reached".to_owned(),
        ErrorKind::AddrNotAvailable => "this machine has no address of that kind".to_owned(),
        ErrorKind::TimedOut => "no answer".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether the system refused for lack of descriptors, memory or processes.
fn is_shortage(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_listed = error
        .raw_os_error()
        .is_some_and(|code| [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS, libc::EAGAIN].contains(&code));
    // WSAEMFILE, WSAENOBUFS.
    #[cfg(not(unix))]
    let is_listed = matches!(error.raw_os_error(), Some(10024 | 10055));
    is_listed || error.kind() == ErrorKind::OutOfMemory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_of_this_machine_is_no_answer_of_a_source() {
        let progress = Progress::default();
        progress.note(&ErrorKind::ConnectionRefused.into());
        assert!(!progress.is_short());
        progress.note(&ErrorKind::OutOfMemory.into());
        assert!(progress.is_short());
        #[cfg(unix)]
        assert!(is_shortage(&io::Error::from_raw_os_error(libc::EMFILE)));
    }
}
