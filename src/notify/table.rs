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

use super::turn::Due;
use super::{Batch, Sink, TOKENS};
use crate::error::Error;
use crate::sys;

const PAGE_BITS: u32 = 6;
/// From this many bytes on, entries ask the system for large pages: otherwise most of the way to a random one of a million
/// is the page table's.
const LARGE: usize = 4 << 20;
/// Below this, holes are not worth sweeping, nor unused memory worth giving back.
const SMALL: usize = 64;
/// A table with more room than this needs no promise: so many registrations at a time find room all the same.
const AMPLE: usize = 8;
/// The first memory of a table: one registration, and ample room.
const FIRST: usize = 2 * AMPLE;
/// A number that no page has.
const NO_PAGE: u32 = u32::MAX;

/// What registrations are, twice: as they are told, which is copied for that many at a time, and their sinks.
struct Entries<S: Sink> {
    /// One without a handle is a hole.
    due: Vec<Due<S>>,
    sinks: Vec<Option<S>>,
}

impl<S: Sink> Entries<S> {
    const fn new() -> Self {
        Self { due: Vec::new(), sinks: Vec::new() }
    }

    fn len(&self) -> usize {
        self.due.len()
    }

    fn capacity(&self) -> usize {
        self.due.capacity().min(self.sinks.capacity())
    }

    /// Makes room for so many more.
    fn reserve(&mut self, additional: usize) -> Result<(), Error> {
        reserve(&mut self.due, additional)?;
        reserve(&mut self.sinks, additional)
    }

    /// Into room that there is.
    fn push(&mut self, sink: S, token: u32, client_token: u32) {
        self.due.push(Due { handle: Some(sink.handle()), token, client_token });
        self.sinks.push(Some(sink));
    }

    /// Takes the last one off if it is `wanted`.
    fn pop_if(&mut self, wanted: impl FnOnce(&Due<S>) -> bool) -> Option<(u32, Option<S>)> {
        let Due { token, .. } = *self.due.last().filter(|due| wanted(due))?;
        self.due.pop();
        Some((token, self.sinks.pop().flatten()))
    }

    /// Makes a hole.
    fn take(&mut self, index: usize) -> Option<S> {
        self.due[index].handle = None;
        self.sinks[index].take()
    }

    /// Without the holes.
    fn close_up(&mut self) {
        self.due.retain(|due| due.handle.is_some());
        self.sinks.retain(Option::is_some);
    }

    /// Moves to memory for so many, if there is some.
    fn shrink(&mut self, room: usize) {
        fn shrink<T>(entries: &mut Vec<T>, room: usize) {
            let mut smaller = Vec::new();
            if smaller.try_reserve_exact(room).is_ok() {
                smaller.append(entries);
                *entries = smaller;
            }
        }
        shrink(&mut self.due, room);
        shrink(&mut self.sinks, room);
    }
}

fn reserve<T>(entries: &mut Vec<T>, additional: usize) -> Result<(), Error> {
    let needed = entries.len() + additional;
    if needed <= entries.capacity() {
        return Ok(());
    }
    if entries.capacity() == 0 {
        return Ok(entries.try_reserve_exact(additional.max(FIRST))?);
    }
    if needed * size_of::<T>() < LARGE {
        return Ok(entries.try_reserve(additional)?);
    }
    let mut larger = Vec::new();
    larger.try_reserve_exact(2 * needed)?;
    sys::prefer_large_pages(larger.spare_capacity_mut());
    larger.append(entries);
    *entries = larger;
    Ok(())
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
pub(crate) struct Closed<S>(#[expect(dead_code, reason = "held to be dropped")] Vec<Option<S>>);

pub(crate) struct Table<S: Sink> {
    entries: Entries<S>,
    live: usize,
    /// The pages that have entries, the last one excepted.
    pages: HashMap<u32, Page, BuildHasherDefault<PageHasher>>,
    /// The page of the newest token, with or without entries; `NO_PAGE` at first.
    last_page: (u32, Page),
    /// Room promised to registrations whose sinks are being asked.
    promised: usize,
    /// While a transition runs: the entries before this one take part in it.
    running: Option<usize>,
}

impl<S: Sink> Table<S> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Entries::new(),
            live: 0,
            pages: HashMap::default(),
            last_page: (NO_PAGE, Page::default()),
            promised: 0,
            running: None,
        }
    }

    /// Promises room for one registration: `insert` or `withdraw` must follow.
    pub(crate) fn promise(&mut self) -> Result<(), Error> {
        self.make_room(1)?;
        self.promised += 1;
        Ok(())
    }

    /// Makes room for so many more than were promised.
    fn make_room(&mut self, more: usize) -> Result<(), Error> {
        let additional = self.promised + more;
        self.pages.try_reserve(additional + AMPLE)?;
        self.entries.reserve(additional)
    }

    pub(crate) fn withdraw(&mut self) {
        self.promised -= 1;
    }

    /// Whether there is so much room that a few registrations at a time need no promise.
    pub(crate) fn has_ample_room(&self) -> bool {
        self.has_room(AMPLE)
    }

    /// Whether there is room for one more than that, promises kept.
    fn has_room(&self, more: usize) -> bool {
        let needed = self.promised + more;
        self.entries.capacity() - self.entries.len() > needed && self.pages.capacity() - self.pages.len() > needed
    }

    /// Uses room, promised or ample. On failure the sink comes back, to be dropped outside the lock.
    pub(crate) fn insert(&mut self, sink: S, client_token: u32, promised: bool) -> Result<u32, (Error, S)> {
        if promised {
            self.promised -= 1;
        } else if !self.has_room(0)
            && let Err(error) = self.make_room(1)
        {
            // The room that was ample was used up meanwhile, and there is no more.
            return Err((error, sink));
        }
        let token = match TOKENS.take() {
            Ok(token) => token,
            Err(error) => return Err((error, sink)),
        };
        self.index(token, self.entries.len());
        self.entries.push(sink, token, client_token);
        self.live += 1;
        Ok(token)
    }

    /// Ends the registration with this token, if it is one of this table.
    pub(crate) fn remove(&mut self, token: u32) -> Option<S> {
        let fixed = self.running.unwrap_or(0);
        if self.entries.len() > fixed
            && let Some((_, sink)) = self.entries.pop_if(|newest| newest.token == token)
        {
            self.live -= 1;
            self.unindex_last(token);
            if self.entries.len() != self.live || self.has_much_unused_memory() {
                self.sweep();
            }
            return sink;
        }
        let index = self.find(token)?;
        let sink = self.entries.take(index)?;
        self.live -= 1;
        self.sweep();
        Some(sink)
    }

    /// Ends all registrations, and voids all promises. What it gives is to be dropped outside the lock.
    pub(crate) fn close(&mut self) -> Closed<S> {
        let Self { entries, pages, last_page, .. } = mem::replace(self, Self::new());
        pages.into_keys().chain([last_page.0]).for_each(leave_page);
        Closed(entries.sinks)
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

    /// Takes the next registrations that take part and still stand, from entry `cursor` on, as many as there is room for.
    pub(crate) fn fill(&self, object: u32, cursor: &mut usize, batch: &mut Batch<S>) {
        let Some(end) = self.running else { return };
        let rest = self.entries.due.get(*cursor..end.min(self.entries.len())).unwrap_or_default();
        *cursor += batch.take(object, rest);
    }

    /// Whether the registration with this token stands.
    pub(crate) fn stands(&self, token: u32) -> bool {
        self.find(token).is_some_and(|index| self.entries.due[index].handle.is_some())
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
            TOKENS.occupy(token);
            let (last, page) = mem::replace(&mut self.last_page, (number, Page::default()));
            if page.tokens == 0 {
                leave_page(last);
            } else {
                self.pages.insert(last, page);
            }
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
            leave_page(self.last_page.0);
            self.last_page = (number, self.pages.remove(&number).unwrap_or_default());
        }
        self.last_page.1.tokens &= !(1 << offset);
    }

    /// Drops the holes at the end, and all of them when they are half as many as the living.
    fn sweep(&mut self) {
        // While a transition iterates, what takes part in it stays where it is.
        let fixed = self.running.unwrap_or(0);
        while self.entries.len() > fixed
            && let Some((token, _)) = self.entries.pop_if(|last| last.handle.is_none())
        {
            self.unindex_last(token);
        }
        if self.running.is_some() {
            return;
        }
        if 2 * (self.entries.len() - self.live) > self.live + SMALL {
            self.entries.close_up();
            self.index_again();
        }
        if self.has_much_unused_memory() {
            self.give_memory_back();
        }
    }

    fn has_much_unused_memory(&self) -> bool {
        self.entries.capacity() > 4 * (self.entries.len() + self.promised) + SMALL
    }

    /// The holes are gone, and with them whole pages perhaps.
    fn index_again(&mut self) {
        self.pages.values_mut().chain([&mut self.last_page.1]).for_each(|page| page.tokens = 0);
        let mut rest = self.entries.due.iter().enumerate().peekable();
        while let Some((first, entry)) = rest.next() {
            let (number, offset) = page_of(entry.token);
            let mut page = Page { tokens: 1 << offset, first: first as u32 };
            while let Some((_, entry)) = rest.next_if(|(_, entry)| page_of(entry.token).0 == number) {
                page.tokens |= 1 << page_of(entry.token).1;
            }
            let known =
                if number == self.last_page.0 { Some(&mut self.last_page.1) } else { self.pages.get_mut(&number) };
            if let Some(known) = known {
                *known = page;
            }
        }
        self.pages.retain(|number, page| {
            if page.tokens == 0 {
                leave_page(*number);
            }
            page.tokens != 0
        });
    }

    /// Moves to smaller memory if there is some; otherwise all stays as it is.
    fn give_memory_back(&mut self) {
        self.entries.shrink(2 * (self.entries.len() + self.promised + AMPLE));
        let mut pages = HashMap::default();
        if pages.try_reserve(self.pages.len() + self.promised + 2 * AMPLE).is_ok() {
            pages.extend(self.pages.drain());
            self.pages = pages;
        }
    }
}

/// A table has no use for a page any more.
fn leave_page(number: u32) {
    if number != NO_PAGE {
        TOKENS.leave(number << PAGE_BITS);
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
        type Message = ();
        fn handle(&self) {}
        fn message(_: &Change) {}
        fn tell((): (), _: u32, (): &mut ()) {}
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
            self.table.insert(Counted::new(&self.alive), 7, true).map_err(|(error, _)| error).unwrap()
        }

        fn told(&self) -> Vec<u32> {
            let (mut cursor, mut batch, mut told) = (0, Batch::new(), Vec::new());
            loop {
                batch.begin();
                self.table.fill(0, &mut cursor, &mut batch);
                if batch.is_empty() {
                    return told;
                }
                let turn_of = |token| {
                    told.push(token);
                    true
                };
                batch.tell(&mut (), turn_of, |_, _| true);
            }
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
    fn a_registration_takes_two_pointers_and_two_tokens() {
        use crate::tree::Listener;
        let pointer = size_of::<*const ()>();
        assert_eq!(size_of::<Due<Listener>>() + size_of::<Option<Listener>>(), 2 * pointer + 8);
    }
}
