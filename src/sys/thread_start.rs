//! Forks and the library's own thread starts keep out of each other's way.
//!
//! glibc frees what belongs to the stack of an ended thread when it uses the stack again, and forgets it a moment later. A child
//! that another thread forks in between frees it a second time when it starts a thread. Against thread starts of the host
//! nothing can be done here.
#![forbid(unsafe_code)]

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::{Uncancelled, os};

/// How many threads are being started.
static STARTS: AtomicU32 = AtomicU32::new(0);
/// How many forks are under way.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A start may wait for the loader, whose lock the thread that forks may hold.
const PATIENCE: Duration = Duration::from_secs(1);
/// A fork and a thread start take about so long.
const MOMENT: Duration = Duration::from_micros(100);

/// Starts a thread of the library, on which asynchronous signals are blocked. Called with no lock held: it may wait for the
/// loader, or for a fork.
pub(crate) fn start_thread(
    builder: std::thread::Builder,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let _start = ThreadStart::begin();
    os::spawn_with_signals_blocked(builder, body)
}

/// No lock: each side announces itself, and then looks for the other.
struct ThreadStart(());

impl ThreadStart {
    /// Waits while a fork is under way, which may itself wait for the host.
    fn begin() -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            STARTS.fetch_add(1, Ordering::SeqCst);
            let start = Self(());
            if FORKS.load(Ordering::SeqCst) == 0 || Instant::now() >= deadline {
                return start;
            }
            drop(start);
            wait_while(deadline, || FORKS.load(Ordering::SeqCst) > 0);
        }
    }
}

impl Drop for ThreadStart {
    fn drop(&mut self) {
        // A signal handler may have forked meanwhile: in the child this start has been forgotten.
        let _ = STARTS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |starts| starts.checked_sub(1));
    }
}

/// Waits until no thread is being started. Called before a fork, with no lock held that a thread start needs.
pub(crate) fn hold_thread_starts() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    wait_while(Instant::now() + PATIENCE, || STARTS.load(Ordering::SeqCst) > 0);
}

/// After the fork in the parent process.
pub(crate) fn release_thread_starts() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

/// After the fork in the child: other threads do not exist there.
pub(crate) fn forget_thread_starts() {
    STARTS.store(0, Ordering::SeqCst);
    FORKS.store(0, Ordering::SeqCst);
}

fn wait_while(deadline: Instant, condition: impl Fn() -> bool) {
    if !condition() {
        return;
    }
    // It sleeps, and the thread may be cancelled there.
    let _uncancelled = Uncancelled::enter();
    while condition() && Instant::now() < deadline {
        sleep(MOMENT);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_thread_is_started_although_a_fork_does_not_end() {
        hold_thread_starts();
        let (to, from) = channel();
        std::thread::spawn(move || start_thread(std::thread::Builder::new(), move || to.send(()).unwrap()));
        let started = from.recv_timeout(3 * PATIENCE);
        release_thread_starts();
        assert_eq!(started, Ok(()));
    }
}
