//! The registrations of one object, in the order of their tokens, contiguous in memory.
//!
//! Tokens grow, and a new registration goes behind all others, so the entries are sorted by age. A page is a run of 64
//! consecutive token values; for each the table knows where its entries begin and which of its tokens have one, so that a
//! token's entry is found by counting bits. Advise and Unadvise therefore cost the same with any number of registrations,
//! and the map of pages is small beside the entries. An ended registration leaves a hole. Holes are removed once they are
//! half as many as the registrations; while a transition iterates, only those behind the registrations that take part in it.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::mem;

use self::page::{NO_PAGE, PAGE_BITS, Page, PageHasher, page_of};
use super::batch::{Batch, Recipient};
use super::sink::Sink;
use super::tokens::TOKENS;
use crate::error::ErrorKind;
use crate::sys;

/// From this many bytes on, entries ask the system for large pages: otherwise most of the way to a random one of a million
/// is the page table's.
const LARGE: usize = 4 << 20;
/// Below this, holes are not worth removing, nor unused memory worth freeing.
const SMALL: usize = 64;
/// A table with more spare capacity than this needs no reservation: so many registrations at a time find memory without.
const SPARE: usize = 8;
/// The first memory of a table: one registration, and spare capacity.
const FIRST: usize = 2 * SPARE;

/// The registrations in two parts: what delivery needs, which it copies for many at a time, and their sinks.
struct Entries<S: Sink> {
    /// One without a handle is a hole.
    recipients: Vec<Recipient<S>>,
    sinks: Vec<Option<S>>,
}

impl<S: Sink> Entries<S> {
    const fn new() -> Self {
        Self { recipients: Vec::new(), sinks: Vec::new() }
    }

    fn len(&self) -> usize {
        self.recipients.len()
    }

    fn capacity(&self) -> usize {
        self.recipients.capacity().min(self.sinks.capacity())
    }

    /// Reserves memory for `additional` more.
    fn reserve(&mut self, additional: usize) -> Result<(), ErrorKind> {
        reserve(&mut self.recipients, additional)?;
        reserve(&mut self.sinks, additional)
    }

    /// Uses memory that is reserved.
    fn push(&mut self, sink: S, token: u32, client_token: u32) {
        self.recipients.push(Recipient { handle: Some(sink.handle()), token, client_token });
        self.sinks.push(Some(sink));
    }

    /// Takes the last one off if it is `wanted`.
    fn pop_if(&mut self, wanted: impl FnOnce(&Recipient<S>) -> bool) -> Option<(u32, Option<S>)> {
        let Recipient { token, .. } = *self.recipients.last().filter(|last| wanted(last))?;
        self.recipients.pop();
        Some((token, self.sinks.pop().flatten()))
    }

    /// Makes a hole.
    fn take(&mut self, index: usize) -> Option<S> {
        self.recipients[index].handle = None;
        self.sinks[index].take()
    }

    /// Removes the holes from the entry `from` on.
    fn close_up(&mut self, from: usize) {
        let mut index = 0;
        self.recipients.retain(|recipient| {
            index += 1;
            index <= from || recipient.handle.is_some()
        });
        let mut index = 0;
        self.sinks.retain(|sink| {
            index += 1;
            index <= from || sink.is_some()
        });
    }

    /// Moves to memory for `capacity` registrations, if there is some.
    fn shrink(&mut self, capacity: usize) {
        fn shrink<T>(entries: &mut Vec<T>, capacity: usize) {
            let mut smaller = Vec::new();
            if smaller.try_reserve_exact(capacity).is_ok() {
                smaller.append(entries);
                *entries = smaller;
            }
        }
        shrink(&mut self.recipients, capacity);
        shrink(&mut self.sinks, capacity);
    }
}

fn reserve<T>(entries: &mut Vec<T>, additional: usize) -> Result<(), ErrorKind> {
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

/// The sinks of a table that ended.
pub(crate) struct Closed<S>(#[expect(dead_code, reason = "held to be dropped")] Vec<Option<S>>);

pub(crate) struct Table<S: Sink> {
    entries: Entries<S>,
    live: usize,
    /// The pages that have entries, the last one excepted.
    pages: HashMap<u32, Page, BuildHasherDefault<PageHasher>>,
    /// The page of the newest token, with or without entries; `NO_PAGE` at first.
    last_page: (u32, Page),
    /// Room reserved to registrations whose sinks are being asked.
    reserved: usize,
    /// While a transition runs: the entries before this one take part in it.
    running: Option<usize>,
    /// While a transition runs: how many of the entries behind those are holes.
    younger_holes: usize,
}

impl<S: Sink> Table<S> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Entries::new(),
            live: 0,
            pages: HashMap::default(),
            last_page: (NO_PAGE, Page::default()),
            reserved: 0,
            running: None,
            younger_holes: 0,
        }
    }

    /// Reserves memory for one registration. `insert` or `cancel_reservation` must follow.
    pub(crate) fn reserve(&mut self) -> Result<(), ErrorKind> {
        self.make_room(1)?;
        self.reserved += 1;
        Ok(())
    }

    /// Makes room for `more` registrations besides the reserved ones.
    fn make_room(&mut self, more: usize) -> Result<(), ErrorKind> {
        let additional = self.reserved + more;
        self.pages.try_reserve(additional + SPARE)?;
        self.entries.reserve(additional)
    }

    pub(crate) fn cancel_reservation(&mut self) {
        self.reserved -= 1;
    }

    /// Whether there is so much memory that a few registrations at a time need no reservation.
    pub(crate) fn has_spare_capacity(&self) -> bool {
        self.has_room(SPARE)
    }

    /// Whether there is memory for one more than that, besides the reserved registrations.
    fn has_room(&self, more: usize) -> bool {
        let needed = self.reserved + more;
        self.entries.capacity() - self.entries.len() > needed && self.pages.capacity() - self.pages.len() > needed
    }

    /// Uses reserved memory or spare capacity. On failure the sink comes back, to be dropped outside the lock.
    pub(crate) fn insert(&mut self, sink: S, client_token: u32, reserved: bool) -> Result<u32, (ErrorKind, S)> {
        if reserved {
            self.reserved -= 1;
        } else if !self.has_room(0)
            && let Err(error) = self.make_room(1)
        {
            // Other threads used up the spare capacity meanwhile, and there is no more memory.
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
            self.remove_holes_if_any();
            return sink;
        }
        let index = self.find(token)?;
        let sink = self.entries.take(index)?;
        self.live -= 1;
        self.younger_holes += usize::from(self.running.is_some_and(|fixed| index >= fixed));
        self.remove_holes();
        Some(sink)
    }

    /// Ends all registrations and cancels all reservations. The caller drops the result outside the lock.
    pub(crate) fn close(&mut self) -> Closed<S> {
        let Self { entries, pages, last_page, .. } = mem::replace(self, Self::new());
        pages.into_keys().chain([last_page.0]).for_each(leave_page);
        Closed(entries.sinks)
    }

    /// A transition begins: the registrations of this moment take part in it.
    pub(crate) fn begin(&mut self) {
        self.running = Some(self.entries.len());
        self.younger_holes = 0;
    }

    /// The transition is over.
    pub(crate) fn end(&mut self) {
        self.running = None;
        self.remove_holes_if_any();
    }

    /// Copies the next registrations that take part and still exist into the batch, from entry `cursor` on, as many as fit.
    /// Whether those are all that were left.
    pub(crate) fn fill(&self, object: u32, cursor: &mut usize, batch: &mut Batch<S>) -> bool {
        let Some(end) = self.running else { return true };
        let rest = self.entries.recipients.get(*cursor..end.min(self.entries.len())).unwrap_or_default();
        let copied = batch.copy_from(object, rest);
        *cursor += copied;
        if copied == rest.len() {
            return true;
        }
        // The next batch copies these, and the processor can fetch them while this one is delivered.
        sys::prefetch(&rest[copied..rest.len().min(2 * copied)]);
        false
    }

    /// Whether the registration with this token exists.
    pub(crate) fn is_registered(&self, token: u32) -> bool {
        self.find(token).is_some_and(|index| self.entries.recipients[index].handle.is_some())
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

    #[inline]
    fn remove_holes_if_any(&mut self) {
        if self.entries.len() != self.live || self.has_much_unused_memory() {
            self.remove_holes();
        }
    }

    /// Removes the holes at the end, and all of them when they are half as many as the registrations.
    fn remove_holes(&mut self) {
        // While a transition iterates, what takes part in it stays where it is.
        let fixed = self.running.unwrap_or(0);
        while self.entries.len() > fixed
            && let Some((token, _)) = self.entries.pop_if(|last| last.handle.is_none())
        {
            self.unindex_last(token);
            self.younger_holes = self.younger_holes.saturating_sub(1);
        }
        if self.running.is_some() {
            // A Notify may take for ever, and its client register and unregister meanwhile.
            if 2 * self.younger_holes > self.entries.len() + SMALL {
                self.entries.close_up(fixed);
                self.index_again();
                self.younger_holes = 0;
            }
            return;
        }
        if 2 * (self.entries.len() - self.live) > self.live + SMALL {
            self.entries.close_up(0);
            self.index_again();
        }
        if self.has_much_unused_memory() {
            self.give_memory_back();
        }
    }

    fn has_much_unused_memory(&self) -> bool {
        self.entries.capacity() > 4 * (self.entries.len() + self.reserved) + SMALL
    }

    /// The holes are gone, and perhaps whole pages with them.
    fn index_again(&mut self) {
        self.pages.values_mut().chain([&mut self.last_page.1]).for_each(|page| page.tokens = 0);
        let mut rest = self.entries.recipients.iter().enumerate().peekable();
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
        self.entries.shrink(2 * (self.entries.len() + self.reserved + SPARE));
        let mut pages = HashMap::default();
        if pages.try_reserve(self.pages.len() + self.reserved + 2 * SPARE).is_ok() {
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

mod page;
#[cfg(test)]
mod tests;
