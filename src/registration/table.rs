//! The registrations of one object, in the order of their tokens.
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

use self::entries::Entries;
use self::page::{NO_PAGE, PAGE_BITS, Page, PageHasher, page_of};
use super::batch::Batch;
use super::sink::Sink;
use super::tokens::TOKENS;
use crate::error::ErrorKind;
use crate::sys;

/// Below this, holes are not worth removing, nor unused memory worth freeing.
const SMALL: usize = 64;
/// A table with more spare capacity than this needs no reservation: so many registrations at a time find memory without.
const SPARE: usize = 8;

/// The sinks of a table that ended.
pub(crate) struct Closed<S: Sink>(#[expect(dead_code, reason = "held to be dropped")] Entries<S>);

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

    /// How many registrations there are.
    pub(crate) fn live(&self) -> usize {
        self.live
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
        Closed(entries)
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
        let end = end.min(self.entries.len());
        while *cursor < end {
            let run = self.entries.run(*cursor, end);
            let copied = batch.copy_from(object, run);
            *cursor += copied;
            if copied < run.len() {
                // The next batch copies these, and the processor can fetch them while this one is delivered.
                sys::prefetch(&run[copied..run.len().min(2 * copied)]);
                return false;
            }
        }
        true
    }

    /// Whether the registration with this token exists.
    pub(crate) fn is_registered(&self, token: u32) -> bool {
        self.find(token).is_some_and(|index| self.entries.get(index).handle.is_some())
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
        let mut rest = self.entries.iter().enumerate().peekable();
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

    /// Frees what the entries do not need. The index moves to smaller memory if there is some, and otherwise stays as it is.
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

mod entries;
mod page;
#[cfg(test)]
mod tests;
