//! The registrations of one object: in the order of their tokens, one behind the other in memory.
//!
//! Tokens grow, and a new registration goes behind all others, so the entries are sorted by age. A page is a run of 64
//! consecutive token values; for each the table knows where its entries begin and which of its tokens have one, so that a
//! token's entry is found by counting bits. Advise and Unadvise therefore cost the same whatever number stands, and the
//! map of pages is small beside the entries. An ended registration leaves a hole; holes are swept up once they are half
//! as many as the living, never while a transition iterates.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;

use super::{Sink, TOKENS};
use crate::error::Error;
use crate::sys;

const PAGE_BITS: u32 = 6;
/// From this many bytes on, entries ask the system for large pages: otherwise most of the way to a random one of a million
/// is the page table's.
const LARGE: usize = 4 << 20;
/// Below this, holes are not worth sweeping, nor unused memory worth giving back.
const SMALL: usize = 64;

struct Entry<S> {
    /// `None` is a hole.
    sink: Option<S>,
    token: u32,
    client_token: u32,
}

/// Where a page's entries are.
#[derive(Clone, Copy, Default)]
struct Page {
    /// Which of its tokens have an entry, in the order of their values.
    tokens: u64,
    /// The first of these entries.
    first: u32,
}

impl Page {
    /// The entry of the token at `offset`, if it has one: as far from the first as there are tokens before it.
    fn entry(self, offset: u32) -> Option<usize> {
        let bit = 1 << offset;
        (self.tokens & bit != 0).then(|| (self.first + (self.tokens & (bit - 1)).count_ones()) as usize)
    }
}

/// A token's page, and its place in that.
const fn page_of(token: u32) -> (u32, u32) {
    (token >> PAGE_BITS, token & ((1 << PAGE_BITS) - 1))
}

/// The sinks of a table that ended.
pub(crate) struct Closed<S>(#[expect(dead_code, reason = "held to be dropped")] Vec<Entry<S>>);

pub(crate) struct Table<S> {
    entries: Vec<Entry<S>>,
    live: usize,
    /// The pages that have entries, the last one excepted.
    pages: HashMap<u32, Page, BuildHasherDefault<PageHasher>>,
    /// The page of the newest token, with or without entries.
    last_page: (u32, Page),
    /// Room promised to registrations whose sinks are being asked.
    promised: usize,
    /// While a transition runs: the entries before this one take part in it.
    running: Option<usize>,
}

impl<S: Sink> Table<S> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            live: 0,
            pages: HashMap::default(),
            last_page: (0, Page::default()),
            promised: 0,
            running: None,
        }
    }

    /// Promises room for one registration: `insert` or `withdraw` must follow.
    pub(crate) fn promise(&mut self) -> Result<(), Error> {
        let promised = self.promised + 1;
        self.make_room(promised)?;
        self.pages.try_reserve(promised)?;
        self.promised = promised;
        Ok(())
    }

    fn make_room(&mut self, additional: usize) -> Result<(), Error> {
        let needed = self.entries.len() + additional;
        if needed <= self.entries.capacity() {
            return Ok(());
        }
        if needed * size_of::<Entry<S>>() < LARGE {
            return Ok(self.entries.try_reserve(additional)?);
        }
        let mut entries = Vec::new();
        entries.try_reserve_exact(2 * needed)?;
        sys::prefer_large_pages(entries.spare_capacity_mut());
        entries.append(&mut self.entries);
        self.entries = entries;
        Ok(())
    }

    pub(crate) fn withdraw(&mut self) {
        self.promised -= 1;
    }

    /// Uses the promised room. On failure the sink comes back, to be dropped outside the lock.
    pub(crate) fn insert(&mut self, sink: S, client_token: u32) -> Result<u32, (Error, S)> {
        self.promised -= 1;
        let token = match TOKENS.take() {
            Ok(token) => token,
            Err(error) => return Err((error, sink)),
        };
        self.index(token, self.entries.len());
        self.entries.push(Entry { sink: Some(sink), token, client_token });
        self.live += 1;
        Ok(token)
    }

    /// Ends the registration with this token, if it is one of this table.
    pub(crate) fn remove(&mut self, token: u32) -> Option<S> {
        let index = self.find(token)?;
        let sink = self.entries[index].sink.take()?;
        self.live -= 1;
        TOKENS.give_back(token);
        self.sweep();
        Some(sink)
    }

    /// Ends all registrations, and voids all promises. What it gives is to be dropped outside the lock.
    pub(crate) fn close(&mut self) -> Closed<S> {
        let ended = mem::replace(self, Self::new()).entries;
        ended.iter().filter(|entry| entry.sink.is_some()).for_each(|entry| TOKENS.give_back(entry.token));
        Closed(ended)
    }

    /// A transition begins: who stands now takes part in it.
    pub(crate) fn begin(&mut self) {
        self.running = Some(self.entries.len());
    }

    /// The transition is over.
    pub(crate) fn end(&mut self) {
        self.running = None;
        self.sweep();
    }

    /// The next registration that takes part and still stands, from entry `cursor` on: its token, its client's token,
    /// and its sink's handle.
    pub(crate) fn next(&self, cursor: &mut usize) -> Option<(u32, u32, S::Handle)> {
        let end = self.running?.min(self.entries.len());
        let rest = self.entries.get(*cursor..end)?;
        for entry in rest {
            *cursor += 1;
            if let Some(sink) = &entry.sink {
                return Some((entry.token, entry.client_token, sink.handle()));
            }
        }
        None
    }

    fn find(&self, token: u32) -> Option<usize> {
        let (number, offset) = page_of(token);
        let page = if number == self.last_page.0 { self.last_page.1 } else { *self.pages.get(&number)? };
        page.entry(offset)
    }

    /// Notes that `token`, which is younger than all others, has the entry `index`, which is behind all others.
    fn index(&mut self, token: u32, index: usize) {
        let (number, offset) = page_of(token);
        if number != self.last_page.0 {
            if self.last_page.1.tokens != 0 {
                self.pages.insert(self.last_page.0, self.last_page.1);
            }
            self.last_page = (number, Page::default());
        }
        let page = &mut self.last_page.1;
        if page.tokens == 0 {
            page.first = index as u32;
        }
        page.tokens |= 1 << offset;
    }

    /// The entry of the youngest token is gone.
    fn unindex_last(&mut self, token: u32) {
        let (number, offset) = page_of(token);
        if number != self.last_page.0 {
            // The page after this one was emptied; it is not needed any more.
            self.last_page = (number, self.pages.remove(&number).unwrap_or_default());
        }
        self.last_page.1.tokens &= !(1 << offset);
    }

    /// Drops the holes at the end, and all of them when they are half as many as the living.
    fn sweep(&mut self) {
        // While a transition iterates, what takes part in it stays where it is.
        let fixed = self.running.unwrap_or(0);
        while let Some(Entry { sink: None, token, .. }) = self.entries.get(fixed..).and_then(<[_]>::last) {
            let token = *token;
            self.entries.pop();
            self.unindex_last(token);
        }
        if self.running.is_some() {
            return;
        }
        if 2 * (self.entries.len() - self.live) > self.live + SMALL {
            self.entries.retain(|entry| entry.sink.is_some());
            self.index_again();
        }
        if self.entries.capacity() > 4 * (self.entries.len() + self.promised) + SMALL {
            self.give_memory_back();
        }
    }

    fn index_again(&mut self) {
        self.pages.clear();
        self.last_page = (0, Page::default());
        for index in 0..self.entries.len() {
            self.index(self.entries[index].token, index);
        }
    }

    /// Moves to smaller memory if there is some; otherwise all stays as it is.
    fn give_memory_back(&mut self) {
        let mut entries = Vec::new();
        let mut pages = HashMap::default();
        let room = 2 * (self.entries.len() + self.promised);
        if entries.try_reserve_exact(room).is_err() || pages.try_reserve(self.pages.len() + self.promised).is_err() {
            return;
        }
        entries.append(&mut self.entries);
        pages.extend(self.pages.drain());
        self.entries = entries;
        self.pages = pages;
    }
}

/// Pages are numbers that we give out ourselves: one multiplication spreads them.
#[derive(Default)]
struct PageHasher(u64);

impl Hasher for PageHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u32 is hashed")
    }

    fn write_u32(&mut self, page: u32) {
        let spread = u64::from(page).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // hashbrown takes its tags from the top and its buckets from the bottom.
        self.0 = spread ^ (spread >> 32);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::notify::Change;

    /// Counts how many are alive.
    struct Counted(Rc<Cell<usize>>);

    impl Counted {
        fn new(alive: &Rc<Cell<usize>>) -> Self {
            alive.set(alive.get() + 1);
            Self(alive.clone())
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    impl Sink for Counted {
        type Handle = ();
        fn handle(&self) {}
        fn tell((): (), _: u32, _: &Change) {}
    }

    struct Fixture {
        table: Table<Counted>,
        alive: Rc<Cell<usize>>,
    }

    impl Fixture {
        fn new() -> Self {
            Self { table: Table::new(), alive: Rc::default() }
        }

        fn add(&mut self) -> u32 {
            self.table.promise().unwrap();
            self.table.insert(Counted::new(&self.alive), 7).map_err(|(error, _)| error).unwrap()
        }

        fn told(&self) -> Vec<u32> {
            let mut cursor = 0;
            std::iter::from_fn(|| self.table.next(&mut cursor)).map(|(token, ..)| token).collect()
        }
    }

    #[test]
    fn a_transition_tells_those_who_stood_and_still_stand() {
        let mut f = Fixture::new();
        let [a, b, c] = [f.add(), f.add(), f.add()];
        assert!(f.told().is_empty(), "no transition");
        f.table.begin();
        let late = f.add();
        assert_eq!(f.told(), [a, b, c]);
        assert!(f.table.remove(b).is_some());
        assert!(f.table.remove(c).is_some());
        assert!(f.table.remove(late).is_some());
        let later = f.add();
        assert_eq!(f.told(), [a], "a place that came free is not given to a late one");
        f.table.end();
        f.table.begin();
        assert_eq!(f.told(), [a, later]);
    }

    #[test]
    fn stale_and_foreign_tokens_end_nothing() {
        let mut f = Fixture::new();
        let mut other = Fixture::new();
        let mine: Vec<u32> = (0..300)
            .map(|_| {
                other.add();
                f.add()
            })
            .collect();
        for stale in [0, mine[0] - 1, mine[299] + 2, u32::MAX] {
            assert!(f.table.remove(stale).is_none());
        }
        assert!(mine.iter().all(|token| other.table.remove(*token).is_none()));
        assert!(f.table.remove(mine[7]).is_some());
        assert!(f.table.remove(mine[7]).is_none());
        assert_eq!(f.alive.get(), 299);
    }

    #[test]
    fn any_order_of_ending_finds_every_token() {
        // A small generator of our own: the test must not differ from run to run.
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        let mut draw = move |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % below as u64) as usize
        };
        let mut f = Fixture::new();
        let mut gap = Fixture::new();
        let mut standing = Vec::new();
        for step in 0..20_000 {
            match draw(if step < 10_000 { 3 } else { 5 }) {
                0 | 3 | 4 if !standing.is_empty() => {
                    let token = standing.swap_remove(draw(standing.len()));
                    assert!(f.table.remove(token).is_some());
                }
                1 => drop(gap.add()),
                2 if step % 97 == 0 => {
                    f.table.begin();
                    standing.sort_unstable();
                    assert_eq!(f.told(), standing);
                    if draw(2) == 0 {
                        f.table.end();
                    }
                }
                _ => standing.push(f.add()),
            }
            assert_eq!(f.alive.get(), standing.len());
        }
        f.table.end();
        for token in standing {
            assert!(f.table.remove(token).is_some());
        }
        assert_eq!(f.alive.get(), 0);
        assert!(f.table.entries.capacity() <= SMALL && f.table.pages.len() <= 1, "memory is given back");
    }

    #[test]
    fn closing_hands_every_sink_out() {
        let mut f = Fixture::new();
        for _ in 0..10 {
            f.add();
        }
        let ended = f.table.close();
        assert_eq!(f.alive.get(), 10);
        drop(ended);
        assert_eq!(f.alive.get(), 0);
    }

    #[test]
    fn a_registration_takes_24_bytes() {
        assert_eq!(size_of::<Entry<crate::tree::Listener>>(), 24);
    }
}
