//! The table of profiles by name.
//!
//! Not a `HashMap`: only growth may fail, and every pointer is to the beginning of its allocation, so that leak checkers see
//! what is still in use when a process ends.
#![forbid(unsafe_code)]

use std::hash::{BuildHasher, RandomState};

use super::profile::Profile;
use crate::error::ErrorKind;

pub(super) struct Profiles {
    /// Open addressing with linear probing; never more than half full.
    entries: Vec<Option<Entry>>,
    count: usize,
    /// Incremented when profiles move in the table.
    moves: u64,
    hasher: RandomState,
}

struct Entry {
    /// The folded name. No longer than it has to be, as there may be many profiles.
    key: Vec<u16>,
    profile: &'static Profile,
}

/// The smallest table.
const SMALLEST: usize = 16;

impl Profiles {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), count: 0, moves: 0, hasher: RandomState::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Profile> + '_ {
        self.entries.iter().flatten().map(|entry| entry.profile)
    }

    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    /// The profile at a place of the table, if there is one. `None` beyond the last place.
    pub(super) fn at(&self, index: usize) -> Option<Option<&'static Profile>> {
        self.entries.get(index).map(|entry| entry.as_ref().map(|entry| entry.profile))
    }

    pub(super) fn find(&self, key: &[u16]) -> Option<&'static Profile> {
        if self.entries.is_empty() {
            return None;
        }
        self.entries[self.index_of(key)].as_ref().map(|entry| entry.profile)
    }

    /// Reserves memory for one `insert`.
    pub(super) fn reserve(&mut self) -> Result<(), ErrorKind> {
        if 2 * (self.count + 1) > self.entries.len() {
            self.resize((2 * self.entries.len()).max(SMALLEST))?;
        }
        Ok(())
    }

    /// Uses the memory that `reserve` reserved. The key is not there yet.
    pub(super) fn insert(&mut self, key: Vec<u16>, profile: &'static Profile) {
        let index = self.index_of(&key);
        self.entries[index] = Some(Entry { key, profile });
        self.count += 1;
    }

    /// Removes the profiles of which `forget` says so. Without memory it removes none.
    pub(super) fn forget(&mut self, mut forget: impl FnMut(&'static Profile) -> bool) {
        let mut kept = Vec::new();
        if kept.try_reserve_exact(self.count).is_err() {
            return;
        }
        kept.extend(self.entries.iter_mut().filter_map(Option::take).filter(|entry| !forget(entry.profile)));
        self.count = kept.len();
        self.moves += 1;
        // The entries are empty now, so a smaller table may be refused without harm.
        let _ = self.resize((4 * self.count).next_power_of_two().max(SMALLEST));
        for entry in kept {
            let index = self.index_of(&entry.key);
            self.entries[index] = Some(entry);
        }
    }

    /// Moves the profiles into a table of `size` places, a power of two.
    fn resize(&mut self, size: usize) -> Result<(), ErrorKind> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(size)?;
        entries.resize_with(size, || None);
        self.moves += 1;
        for entry in std::mem::replace(&mut self.entries, entries).into_iter().flatten() {
            let index = self.index_of(&entry.key);
            self.entries[index] = Some(entry);
        }
        Ok(())
    }

    /// The index of the key, or else the one at which it belongs.
    fn index_of(&self, key: &[u16]) -> usize {
        let mask = self.entries.len() - 1;
        let mut index = self.hasher.hash_one(key) as usize & mask;
        while self.entries[index].as_ref().is_some_and(|entry| entry.key != key) {
            index = (index + 1) & mask;
        }
        index
    }
}
