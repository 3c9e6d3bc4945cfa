//! Whose turn it is: the handshake between the thread that tells and those that end registrations.
//!
//! The teller takes many registrations from their tables at a time, under the lock, and tells them without it. Before each
//! it says in `told` whose turn it is, and then looks whether any has `ENDED` since it took them; who ends registrations
//! counts that in `ENDED`, and then looks whose turn it is, under the lock under which they leave their table. Both do so in
//! sequentially consistent order, so one of them sees the other: either the teller asks under the lock whether the
//! registration still stands, or who ends it finds that it is being told and leaves the sink to the teller.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::Sink;
use crate::error::Error;
use crate::sys::lock;

/// Nobody's turn.
pub(crate) const NOBODY: u32 = 0;
/// Beside the token: its registration ended, and the teller has to drop the sink.
const OWED: u64 = 1 << 32;
/// In a forked child: the transition was cut short.
const CUT_SHORT: u64 = u64::MAX;

/// One transition's. On a cache line of its own, as the teller writes it once a callback.
#[repr(align(64))]
pub(crate) struct Turn {
    told: AtomicU64,
    /// What comes behind the transition: `SHUT`, `OPEN`, or what was posted, which is more than either.
    next: AtomicU64,
}

/// Nothing can be posted.
const SHUT: u64 = 0;
/// Something can be posted, once.
const OPEN: u64 = 1;

/// How often registrations have ended while their trees were in transition. One number for all: a teller that asks for no
/// reason, because of another tree, has lost little.
static ENDED: AtomicU32 = AtomicU32::new(0);

/// Registrations leave their tables, under a lock which is held until they have; or nobody is to be told any more.
pub(crate) fn note_ended() {
    ENDED.fetch_add(1, Ordering::SeqCst);
}

/// Those that no tree uses. A tree keeps the one of its first transition for as long as it stands. They are never freed, as
/// tellers know them without the lock: there are as many as trees with transitions ever stood at a time. The lock is taken
/// under profiles' locks only, so a fork, which holds all of these, finds it free.
static IDLE: Mutex<Idle> = Mutex::new(Idle { turns: Vec::new(), made: 0 });

struct Idle {
    /// Has room for all that were made.
    turns: Vec<&'static Turn>,
    made: usize,
}

impl Turn {
    /// For a transition that begins.
    pub(crate) fn take() -> Result<&'static Self, Error> {
        let mut idle = lock(&IDLE);
        if let Some(turn) = idle.turns.pop() {
            return Ok(turn);
        }
        let made = idle.made + 1;
        idle.turns.try_reserve(made)?;
        let mut room = Vec::new();
        room.try_reserve_exact(1)?;
        room.push(Self { told: AtomicU64::new(0), next: AtomicU64::new(SHUT) });
        idle.made = made;
        Ok(&room.leak()[0])
    }

    /// The transition is over, and nobody's turn.
    pub(crate) fn give_back(&'static self) {
        lock(&IDLE).turns.push(self);
    }

    /// The teller goes on, from the one whose turn it was to the next. False, and it stays that one's turn: its sink is
    /// owed, or the transition was cut short.
    pub(crate) fn pass(&self, from: u32, to: u32) -> bool {
        self.told.compare_exchange(from.into(), to.into(), Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// It is nobody's turn: under the lock, by the teller.
    pub(crate) fn stop(&self) {
        self.told.store(NOBODY.into(), Ordering::SeqCst);
    }

    /// Whose turn it is, under the lock. The teller may go on meanwhile.
    pub(crate) fn told(&self) -> u32 {
        self.told.load(Ordering::SeqCst) as u32
    }

    /// After `note_ended`: if it is this token's turn, the teller has to drop its sink, which is put where it finds it before
    /// the lock is given back.
    pub(crate) fn owe(&self, token: u32) -> bool {
        let told = u64::from(token);
        self.told.compare_exchange(told, told | OWED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// In a forked child: whoever tells finds out with the next `pass`. It is not used again.
    pub(crate) fn cut_short(&self) {
        self.next.store(SHUT, Ordering::SeqCst);
        self.told.store(CUT_SHORT, Ordering::SeqCst);
    }

    /// From now on something can be posted: under the lock.
    pub(crate) fn open(&self) {
        self.next.store(OPEN, Ordering::Release);
    }

    /// Has `request` come behind the transition, without the lock. False: it has to be asked for under that.
    #[inline]
    pub(crate) fn post(&self, request: NonZeroU32) -> bool {
        let posted = u64::from(request.get()) << 1;
        self.next.load(Ordering::Relaxed) == OPEN
            && self.next.compare_exchange(OPEN, posted, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// From now on nothing can be posted: under the lock. What was.
    pub(crate) fn shut(&self) -> Option<NonZeroU32> {
        NonZeroU32::new((self.next.swap(SHUT, Ordering::AcqRel) >> 1) as u32)
    }
}

/// How many are taken from their tables at a time. Enough to make the lock cheap, few enough that nobody waits for it.
const BATCH: usize = 128;
/// Of how many objects.
const OBJECTS: usize = 16;

/// One that is to be told.
pub(super) struct Due<S: Sink> {
    /// `None` is a hole.
    pub(super) handle: Option<S::Handle>,
    pub(super) token: u32,
    pub(super) client_token: u32,
}

impl<S: Sink> Clone for Due<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Sink> Copy for Due<S> {}

/// Registrations taken from their tables to be told.
pub(crate) struct Batch<S: Sink> {
    due: [Due<S>; BATCH],
    count: usize,
    /// Which objects they are registered on: where each one's end, and what the caller calls it.
    objects: [(u32, u32); OBJECTS],
    object_count: usize,
    /// What `ENDED` said under the lock under which they were taken.
    ended: u32,
}

impl<S: Sink> Batch<S> {
    pub(crate) fn new() -> Self {
        Self {
            due: [Due { handle: None, token: NOBODY, client_token: 0 }; BATCH],
            count: 0,
            objects: [(0, 0); OBJECTS],
            object_count: 0,
            ended: 0,
        }
    }

    /// Begins to take, under the lock.
    pub(crate) fn begin(&mut self) {
        self.count = 0;
        self.object_count = 0;
        self.ended = ENDED.load(Ordering::SeqCst);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count == BATCH || self.object_count == OBJECTS
    }

    /// Takes as many of an object's as there is room for. How many that were.
    pub(super) fn take(&mut self, object: u32, registrations: &[Due<S>]) -> usize {
        let room = &mut self.due[self.count..];
        let taken = registrations.len().min(room.len());
        room[..taken].copy_from_slice(&registrations[..taken]);
        if taken > 0 {
            self.count += taken;
            self.objects[self.object_count] = (self.count as u32, object);
            self.object_count += 1;
        }
        taken
    }

    /// Tells those that were taken, each after its turn has come: `pass` has it come, and gives false when there is nobody
    /// to tell any more, as this does then. `stands` is asked whether an object's token still stands if any have ended.
    #[inline]
    pub(crate) fn tell(
        &self,
        message: &mut S::Message,
        mut pass: impl FnMut(u32) -> bool,
        stands: impl Fn(u32, u32) -> bool,
    ) {
        for due in &self.due[..self.count] {
            let Some(handle) = due.handle else { continue };
            if !pass(due.token) {
                return;
            }
            if self.ended == ENDED.load(Ordering::SeqCst) || stands(self.object_of(due), due.token) {
                S::tell(handle, due.client_token, message);
            }
        }
    }

    /// Which object one is registered on.
    #[cold]
    fn object_of(&self, due: &Due<S>) -> u32 {
        let index = self.due.iter().position(|other| std::ptr::eq(other, due)).unwrap_or_default();
        let objects = &self.objects[..self.object_count];
        objects[objects.partition_point(|(end, _)| *end as usize <= index)].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_sees_the_other() {
        let turn = Turn::take().unwrap();
        assert!(turn.pass(NOBODY, 7));
        note_ended();
        assert!(!turn.owe(8), "not its turn");
        assert!(turn.owe(7));
        assert!(!turn.owe(7), "owed already");
        assert_eq!(turn.told(), 7);
        assert!(!turn.pass(7, 9), "the sink has to be dropped first");
        turn.stop();
        assert!(turn.pass(NOBODY, 9));
        turn.cut_short();
        assert!(!turn.pass(9, NOBODY));
    }

    #[test]
    fn one_request_can_be_posted() {
        let turn = Turn::take().unwrap();
        let [first, second] = [5, u32::MAX].map(|request| NonZeroU32::new(request).unwrap());
        assert!(!turn.post(first), "shut");
        turn.open();
        assert!(turn.post(second));
        assert!(!turn.post(first), "one only");
        assert_eq!((turn.shut(), turn.shut()), (Some(second), None));
        assert!(!turn.post(first), "shut with what was posted");
        turn.open();
        assert_eq!(turn.shut(), None);
        assert!(!turn.post(first));
        turn.give_back();
    }

    #[test]
    fn turns_are_used_again() {
        for _ in 0..1000 {
            Turn::take().unwrap().give_back();
        }
        assert!(lock(&IDLE).made < 100, "no more than other tests may use at a time");
    }
}
