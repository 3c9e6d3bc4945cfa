//! The entries of a table, in segments that stay where they are.
//!
//! Each segment has as much room as all before it together. So an index says which segment it is in, a million registrations
//! need few of them, and a table grows by one allocation, whatever its size.
#![forbid(unsafe_code)]

use std::mem;

use super::super::batch::Recipient;
use super::super::sink::Sink;
use crate::error::ErrorKind;
use crate::sys;

/// The room of the first segment: one registration, and spare capacity.
const FIRST: usize = 16;
/// From this many bytes on, segments ask the system for large pages: otherwise most of the way to a random one of a million
/// registrations is the page table's.
const LARGE: usize = 2 << 20;

/// The registrations in two parts: what delivery needs, which it copies for many at a time, and their sinks.
struct Segment<S: Sink> {
    /// One without a handle is a hole.
    recipients: Vec<Recipient<S>>,
    sinks: Vec<Option<S>>,
}

impl<S: Sink> Segment<S> {
    const EMPTY: Self = Self { recipients: Vec::new(), sinks: Vec::new() };

    fn new(room: usize) -> Result<Self, ErrorKind> {
        Ok(Self { recipients: reserved(room)?, sinks: reserved(room)? })
    }

    /// Removes the holes from the place `from` on.
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

    /// Takes over the first entries of `source`, `most` at most: there is room for so many.
    fn take_from(&mut self, source: &mut Self, most: usize) {
        let taken = most.min(source.recipients.len());
        self.recipients.extend(source.recipients.drain(..taken));
        self.sinks.extend(source.sinks.drain(..taken));
    }
}

fn reserved<T>(room: usize) -> Result<Vec<T>, ErrorKind> {
    let mut entries = Vec::new();
    entries.try_reserve_exact(room)?;
    if room * size_of::<T>() >= LARGE {
        sys::prefer_large_pages(entries.spare_capacity_mut());
    }
    Ok(entries)
}

pub(super) struct Entries<S: Sink> {
    /// Full ones.
    older: Vec<Segment<S>>,
    /// The one with the newest entry, unless it is empty: that is the one that is mostly used.
    current: Segment<S>,
    /// The index of its first entry.
    start: usize,
    /// Empty ones.
    newer: Vec<Segment<S>>,
    /// How many there are. From two on, each vector has capacity for all.
    segments: usize,
}

/// The index of the first entry of a segment, which is the room of all before it.
const fn start(segment: usize) -> usize {
    if segment == 0 { 0 } else { FIRST << (segment - 1) }
}

/// For how many entries a segment is made.
const fn room(segment: usize) -> usize {
    start(segment + 1) - start(segment)
}

/// The segment of an entry, and its place in that.
#[inline]
const fn place(index: usize) -> (usize, usize) {
    let segment = if index < FIRST { 0 } else { (index / FIRST).ilog2() as usize + 1 };
    (segment, index - start(segment))
}

impl<S: Sink> Entries<S> {
    pub(super) const fn new() -> Self {
        Self { older: Vec::new(), current: Segment::EMPTY, start: 0, newer: Vec::new(), segments: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.start + self.current.recipients.len()
    }

    pub(super) fn capacity(&self) -> usize {
        start(self.segments)
    }

    /// Reserves memory for `additional` more.
    pub(super) fn reserve(&mut self, additional: usize) -> Result<(), ErrorKind> {
        while self.capacity() < self.len() + additional {
            if self.segments == 0 {
                self.current = Segment::new(room(0))?;
            } else {
                self.older.try_reserve(self.segments + 1 - self.older.len())?;
                self.newer.try_reserve(self.segments + 1 - self.newer.len())?;
                self.newer.push(Segment::new(room(self.segments))?);
            }
            self.segments += 1;
        }
        Ok(())
    }

    pub(super) fn get(&self, index: usize) -> &Recipient<S> {
        let (segment, at) = self.segment(index);
        &segment.recipients[at]
    }

    /// Those from `index` on and before `end` that are contiguous in memory.
    pub(super) fn run(&self, index: usize, end: usize) -> &[Recipient<S>] {
        let (segment, at) = self.segment(index);
        &segment.recipients[at..segment.recipients.len().min(at + (end - index))]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Recipient<S>> {
        self.older.iter().chain([&self.current]).flat_map(|segment| &segment.recipients)
    }

    /// Uses memory that is reserved.
    #[inline]
    pub(super) fn push(&mut self, sink: S, token: u32, client_token: u32) {
        if self.current.recipients.len() == self.start.max(FIRST) {
            self.advance();
        }
        self.current.recipients.push(Recipient { handle: Some(sink.handle()), token, client_token });
        self.current.sinks.push(Some(sink));
    }

    /// Takes the last one off if it is `wanted`.
    #[inline]
    pub(super) fn pop_if(&mut self, wanted: impl FnOnce(&Recipient<S>) -> bool) -> Option<(u32, Option<S>)> {
        if self.current.recipients.is_empty() {
            self.retreat();
        }
        let Recipient { token, .. } = *self.current.recipients.last().filter(|last| wanted(last))?;
        self.current.recipients.pop();
        Some((token, self.current.sinks.pop().flatten()))
    }

    /// Makes a hole.
    pub(super) fn take(&mut self, index: usize) -> Option<S> {
        let (segment, at) = self.segment_mut(index);
        segment.recipients[at].handle = None;
        segment.sinks[at].take()
    }

    /// Removes the holes from the entry `from` on.
    pub(super) fn close_up(&mut self, from: usize) {
        if self.older.is_empty() {
            self.current.close_up(from);
            return;
        }
        let (first, at) = place(from);
        // All of them for the moment.
        self.older.push(mem::replace(&mut self.current, Segment::EMPTY));
        let mut kept_until = at;
        for segment in self.older.iter_mut().skip(first) {
            segment.close_up(mem::take(&mut kept_until));
        }
        // Each segment is filled up from those behind it.
        let mut to = first;
        for next in first + 1..self.older.len() {
            let (before, [source, ..]) = self.older.split_at_mut(next) else { break };
            while let Some(target) = before.get_mut(to)
                && !source.recipients.is_empty()
            {
                target.take_from(source, room(to) - target.recipients.len());
                to += usize::from(target.recipients.len() == room(to));
            }
        }
        self.take_current();
        while self.current.recipients.is_empty() && !self.older.is_empty() {
            self.retreat();
        }
    }

    /// Frees empty segments, as long as there is memory for `capacity` registrations.
    pub(super) fn shrink(&mut self, capacity: usize) {
        while self.segments > 0 && start(self.segments - 1) >= capacity && self.newer.pop().is_some() {
            self.segments -= 1;
        }
    }

    #[inline]
    fn segment(&self, index: usize) -> (&Segment<S>, usize) {
        if index >= self.start {
            return (&self.current, index - self.start);
        }
        let (segment, at) = place(index);
        (&self.older[segment], at)
    }

    #[inline]
    fn segment_mut(&mut self, index: usize) -> (&mut Segment<S>, usize) {
        if index >= self.start {
            return (&mut self.current, index - self.start);
        }
        let (segment, at) = place(index);
        (&mut self.older[segment], at)
    }

    /// The current segment is full.
    #[cold]
    fn advance(&mut self) {
        if !self.newer.is_empty() {
            let next = self.newer.remove(0);
            self.older.push(mem::replace(&mut self.current, next));
            self.start = start(self.older.len());
        }
    }

    /// The current segment is empty.
    #[cold]
    fn retreat(&mut self) {
        if !self.older.is_empty() {
            self.newer.insert(0, mem::replace(&mut self.current, Segment::EMPTY));
            self.take_current();
        }
    }

    fn take_current(&mut self) {
        if let Some(last) = self.older.pop() {
            self.current = last;
            self.start = start(self.older.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_its_place() {
        let mut expected = (0, 0);
        for index in 0..100_000 {
            assert_eq!(place(index), expected, "{index}");
            expected.1 += 1;
            if start(expected.0) + expected.1 == start(expected.0 + 1) {
                expected = (expected.0 + 1, 0);
            }
        }
    }
}
