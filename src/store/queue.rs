//! Waiting for the lock of the state folder.
#![forbid(unsafe_code)]

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::backend::StoreError;

/// How long one process may hold the lock before another gives up.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long a process waits in a queue in which the lock changes hands.
pub(super) const LONGEST_QUEUE: Duration = Duration::from_secs(5);
/// How often the lock is tried. The pauses of all processes soon have the same length, so that none of them starves.
const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// Waiting for a lock that other processes hold.
pub(super) struct Queue {
    start: Instant,
    pause: Duration,
    /// When the lock was last seen to change hands, and the folder's modification time then.
    moved: Option<(Instant, Option<SystemTime>)>,
}

impl Queue {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, pause: SHORTEST_PAUSE, moved: None }
    }

    /// Waits for a moment, or gives up.
    pub(super) fn wait(&mut self, modified: impl FnOnce() -> Option<SystemTime>) -> Result<(), StoreError> {
        let now = Instant::now();
        match self.moved {
            Some((since, _)) if now.duration_since(since) < PATIENCE => {}
            Some((_, before)) => {
                let modified = modified();
                if modified == before || now.duration_since(self.start) >= LONGEST_QUEUE {
                    return Err(StoreError::Locked);
                }
                self.moved = Some((now, modified));
            }
            None => self.moved = Some((now, modified())),
        }
        sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}
