//! The in-flight handshake between the delivery thread and the threads that end registrations.
//!
//! The delivery thread copies many registrations from their tables under the lock, and notifies them without it. Before each
//! Notify it publishes the token of that registration, and then checks whether any registration has `ENDED` since the copy.
//! A thread that ends a registration increments `ENDED`, and then checks the published token; it does so under the lock under
//! which the registration leaves its table. Both use sequentially consistent order, so one of them sees the other: either
//! the delivery thread asks under the lock whether the registration still exists, or the thread that ends it finds its token
//! in flight and leaves the release of the sink to the delivery thread.
#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::request_slot::RequestSlot;
use crate::error::ErrorKind;
use crate::sync::lock;

/// No Notify is running.
pub(crate) const NO_TOKEN: u32 = 0;
/// Beside the token: its registration ended, and the delivery thread releases the sink.
const DEFERRED: u64 = 1 << 32;
/// In a forked child: the transition was cut short.
const CUT_SHORT: u64 = u64::MAX;

/// The handshake of one transition. It has a cache line of its own, as the delivery thread writes it once a Notify.
#[repr(align(64))]
pub(crate) struct InFlight {
    /// The token whose Notify is running or about to run.
    token: AtomicU64,
    requests: RequestSlot,
}

/// How often registrations have ended while their trees were in transition. One counter for all trees: a delivery thread that
/// checks because of another tree loses little.
static ENDED: AtomicU32 = AtomicU32::new(0);

/// Registrations leave their tables, under a lock that is held until they have; or the exit handler ends all delivery.
pub(crate) fn note_ended() {
    ENDED.fetch_add(1, Ordering::SeqCst);
}

/// The value of the counter of ended registrations.
#[inline]
pub(super) fn ended() -> u32 {
    ENDED.load(Ordering::SeqCst)
}

/// Handshakes that no tree uses. A tree keeps that of its first transition while it exists. They are never freed, as
/// delivery threads reach them without the lock: there are as many as trees with transitions ever existed at a time. The
/// lock is taken under profiles' locks only, so a fork, which holds all of these, finds it free.
static POOL: Mutex<Pool> = Mutex::new(Pool { unused: Vec::new(), made: 0 });

struct Pool {
    /// Has capacity for all that were made.
    unused: Vec<&'static InFlight>,
    made: usize,
}

impl InFlight {
    /// A handshake for a transition that begins.
    pub(crate) fn take() -> Result<&'static Self, ErrorKind> {
        let mut pool = lock(&POOL);
        if let Some(in_flight) = pool.unused.pop() {
            return Ok(in_flight);
        }
        let made = pool.made + 1;
        pool.unused.try_reserve(made)?;
        let mut memory = Vec::new();
        memory.try_reserve_exact(1)?;
        memory.push(Self { token: AtomicU64::new(0), requests: RequestSlot::new() });
        pool.made = made;
        Ok(&memory.leak()[0])
    }

    /// The tree is gone, and no Notify is running.
    pub(crate) fn give_back(&'static self) {
        lock(&POOL).unused.push(self);
    }

    pub(crate) fn requests(&self) -> &RequestSlot {
        &self.requests
    }

    /// Replaces the in-flight token. Called by the delivery thread. False, and nothing changes: the release of the sink is
    /// deferred to that thread, or the transition was cut short.
    #[inline]
    pub(crate) fn advance(&self, from: u32, to: u32) -> bool {
        self.token.compare_exchange(from.into(), to.into(), Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Clears the in-flight token. Called by the delivery thread with the profile locked.
    pub(crate) fn clear(&self) {
        self.token.store(NO_TOKEN.into(), Ordering::SeqCst);
    }

    /// The in-flight token. The profile is locked; the delivery thread may advance meanwhile.
    pub(crate) fn token(&self) -> u32 {
        self.token.load(Ordering::SeqCst) as u32
    }

    /// After `note_ended`: leaves the release of the sink to the delivery thread, if this token is in flight. The caller puts
    /// the sink where that thread finds it before it gives the lock back.
    pub(crate) fn defer_release(&self, token: u32) -> bool {
        let in_flight = u64::from(token);
        self.token.compare_exchange(in_flight, in_flight | DEFERRED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// In a forked child: the delivery thread finds out with its next `advance`. The handshake is not used again.
    pub(crate) fn cut_short(&self) {
        self.requests.close();
        self.token.store(CUT_SHORT, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_threads_sees_the_other() {
        let in_flight = InFlight::take().unwrap();
        assert!(in_flight.advance(NO_TOKEN, 7));
        note_ended();
        assert!(!in_flight.defer_release(8), "not in flight");
        assert!(in_flight.defer_release(7));
        assert!(!in_flight.defer_release(7), "deferred already");
        assert_eq!(in_flight.token(), 7);
        assert!(!in_flight.advance(7, 9), "the sink has to be released first");
        in_flight.clear();
        assert!(in_flight.advance(NO_TOKEN, 9));
        in_flight.cut_short();
        assert!(!in_flight.advance(9, NO_TOKEN));
    }

    #[test]
    fn handshakes_are_reused() {
        for _ in 0..1000 {
            InFlight::take().unwrap().give_back();
        }
        assert!(lock(&POOL).made < 100, "no more than other tests may use at a time");
    }
}
