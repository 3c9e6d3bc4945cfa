//! How far a source is with its answer, and errors in words.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};

/// What the source has not done yet.
#[derive(Default)]
pub(crate) struct Progress(Mutex<String>);

impl Progress {
    pub(crate) fn begins(&self, missing: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = missing.into();
    }

    pub(crate) fn missing(&self) -> String {
        let missing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
