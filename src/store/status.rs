//! What this process can say of its store: how changes are noticed, and what went wrong last.
#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard};

use crate::sync::lock;

/// How changes of other processes are noticed.
#[derive(Clone, Debug)]
pub(crate) enum WatchMode {
    Watched,
    /// With the reason.
    Polled(String),
    /// Watched, and polled for what the system does not report.
    WatchedAndPolled,
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// `None` while no watcher runs.
    pub(crate) watch: Option<WatchMode>,
    pub(crate) last_error: Option<String>,
}

static STATUS: Mutex<Status> = Mutex::new(Status { watch: None, last_error: None });

pub(crate) fn status() -> Status {
    lock(&STATUS).clone()
}

pub(super) fn note_watch(mode: Option<WatchMode>) {
    lock(&STATUS).watch = mode;
}

/// Keeps what went wrong for `status`.
pub(crate) fn note_error(line: String) {
    lock(&STATUS).last_error = Some(line);
}

/// Logs what went wrong, and keeps it. Never called under a lock.
pub(crate) fn warn(line: String) {
    log::warn!("{line}");
    note_error(line);
}

pub(super) fn lock_for_fork() -> MutexGuard<'static, Status> {
    lock(&STATUS)
}
