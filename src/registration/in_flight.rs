//! The in-flight handshake between the delivery thread and the threads that end registrations.
//!
//! The delivery thread copies many registrations from their tables under the lock, and notifies them without it. Before each
//! Notify it publishes the token of that registration, and then checks whether any registration has `ENDED` since the copy. A
//! thread that ends a registration increments `ENDED`, and then looks at the published token, under the lock under which the
//! registration leaves its table. Each side stores and then loads what the other stores. With a barrier in between on both
//! sides one of them sees the other: either the delivery thread looks under the lock whether the registration still exists,
//! or the thread that ends it finds its token in flight and leaves the release of the sink to the delivery thread.
//!
//! [`Barrier::Symmetric`]: delivery publishes with a sequentially consistent exchange, and both loads are sequentially
//! consistent, as is the increment. In their one order the later of the two loads comes behind the other side's store.
//!
//! [`Barrier::Asymmetric`]: delivery stores, and only the compiler is kept from exchanging the store with the load. The other
//! side has the system run a barrier on every thread between its two steps. Where that finds the delivery thread before its
//! store, its load comes behind the barrier and sees the increment; where it finds it behind, the store is visible.
//!
//! The phase travels with the token: the delivery thread may enter one without the lock, and stores it before the first token of
//! that phase. So whoever ends a registration or replaces an object either sees the new phase, or is seen.
//!
//! A deferred release is found in time. The ending thread saw the token in flight, so the delivery thread publishes the next
//! one after that look, and then sees the increment. It takes the sink under the lock before it notifies anybody else, and
//! has no token in flight while it releases it. So there is one deferred sink at a time: whoever finds another one deferred
//! need not defer, as the token that he ends was published behind that one, and the delivery thread looks under the lock
//! before it notifies it.
#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, compiler_fence};

use super::barrier::barrier_of_ending_thread;
use super::request_slot::RequestSlot;
use crate::change::Phase;
use crate::error::ErrorKind;
use crate::sync::lock;

/// No Notify is running.
pub(crate) const NO_TOKEN: u32 = 0;

/// The handshake of one transition. It has a cache line of its own, as the delivery thread writes it once a Notify.
#[repr(align(64))]
pub(crate) struct InFlight {
    /// The token whose Notify is running or about to run.
    token: AtomicU32,
    /// A `Phase`.
    phase: AtomicU8,
    requests: RequestSlot,
}

/// How often registrations have ended while their trees were in transition. One counter for all trees: a delivery thread that
/// checks because of another tree loses little.
static ENDED: AtomicU32 = AtomicU32::new(0);

/// Registrations leave their tables, under a lock that is held until they have; or the exit handler ends all delivery. Each
/// delivery thread looks again before its next Notify.
pub(crate) fn note_ended() {
    ENDED.fetch_add(1, Ordering::SeqCst);
}

/// The same on another thread than the one that delivers: `InFlight::token` follows.
pub(crate) fn note_ended_elsewhere() {
    note_ended();
    barrier_of_ending_thread();
}

/// The counter of ended registrations, for a batch that is about to be filled.
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
        memory.push(Self {
            token: AtomicU32::new(NO_TOKEN),
            phase: AtomicU8::new(Phase::Start as u8),
            requests: RequestSlot::new(),
        });
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

    /// Makes a token the one in flight, and gives the counter of ended registrations after that. Called by the delivery
    /// thread. What the last Notify did is visible to whoever sees the new token.
    #[inline(always)]
    pub(crate) fn publish<const ASYMMETRIC: bool>(&self, token: u32) -> u32 {
        if ASYMMETRIC {
            self.token.store(token, Ordering::Release);
            compiler_fence(Ordering::SeqCst);
            ENDED.load(Ordering::Relaxed)
        } else {
            self.token.swap(token, Ordering::SeqCst);
            ENDED.load(Ordering::SeqCst)
        }
    }

    /// The token in flight, or that no Notify is running. Called by the delivery thread with the profile locked, under which
    /// all others look: it needs no barrier.
    pub(crate) fn set(&self, token: Option<u32>) {
        self.token.store(token.unwrap_or(NO_TOKEN), Ordering::Release);
    }

    /// The token in flight. The profile is locked; the delivery thread may publish another one meanwhile. After
    /// `note_ended_elsewhere`, the Notify of an ended registration may be running if this is its token, and does not begin if
    /// it is not.
    pub(crate) fn token(&self) -> u32 {
        self.token.load(Ordering::SeqCst)
    }

    /// A phase of the transition begins. Called by the thread that begins the transition, and then by the delivery thread: it
    /// publishes the first token of the phase behind this.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// The phase that the transition is in. The profile is locked; the delivery thread may enter another one meanwhile.
    pub(crate) fn phase(&self) -> Phase {
        // Whoever sees the token of a Notify sees its phase.
        self.token.load(Ordering::SeqCst);
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Start,
            1 => Phase::Change,
            _ => Phase::Done,
        }
    }

    /// In a forked child: the delivery thread finds out when it publishes the next token. The handshake is not used again.
    pub(crate) fn cut_short(&self) {
        self.requests.close();
        note_ended();
    }
}

#[cfg(test)]
mod tests {
    use super::super::barrier::{Barrier, barrier, prepare};
    use super::*;

    /// Store buffering: each of two threads stores and then loads what the other stores. Both must not miss the other.
    fn one_of_the_two_threads_sees_the_other<const ASYMMETRIC: bool>() {
        const ROUNDS: u32 = 100_000;
        let in_flight = InFlight::take().unwrap();
        let round = AtomicU32::new(0);
        let missed = AtomicU32::new(0);
        // The two leave it together, within nanoseconds of each other.
        let meet = |number: u32| {
            round.fetch_add(1, Ordering::SeqCst);
            let mut spins = 0;
            while round.load(Ordering::SeqCst) < 2 * number {
                spins += 1;
                if spins < 1000 { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
        };
        let both_missed = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=ROUNDS {
                    let before = ended();
                    meet(2 * number - 1);
                    if in_flight.publish::<ASYMMETRIC>(number) == before {
                        missed.fetch_add(1, Ordering::SeqCst);
                    }
                    meet(2 * number);
                }
            });
            for number in 1..=ROUNDS {
                meet(2 * number - 1);
                if ASYMMETRIC {
                    note_ended_elsewhere();
                } else {
                    note_ended();
                }
                let misses = in_flight.token() != number;
                meet(2 * number);
                if missed.swap(0, Ordering::SeqCst) == 1 && misses {
                    both_missed.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        in_flight.give_back();
        assert_eq!(both_missed.load(Ordering::SeqCst), 0, "of {ROUNDS} rounds");
    }

    #[test]
    fn one_of_the_two_threads_sees_the_other_by_exchanges() {
        one_of_the_two_threads_sees_the_other::<false>();
    }

    #[test]
    fn one_of_the_two_threads_sees_the_other_by_the_systems_barrier() {
        prepare();
        if barrier() == Barrier::Asymmetric {
            one_of_the_two_threads_sees_the_other::<true>();
        }
    }

    #[test]
    fn handshakes_are_reused() {
        for _ in 0..1000 {
            InFlight::take().unwrap().give_back();
        }
        assert!(lock(&POOL).made < 100, "no more than other tests may use at a time");
    }
}
