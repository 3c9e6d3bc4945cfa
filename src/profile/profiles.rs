//! The table of profiles by name. It only grows.
//!
//! Not a `HashMap`: the key is in the profile itself, only growth may fail, and every pointer is to the beginning of its
//! allocation, so that leak checkers see what is still in use when a process ends.
#![forbid(unsafe_code)]

use std::hash::{BuildHasher, RandomState};

use super::profile::Profile;
use crate::error::ErrorKind;

pub(super) struct Profiles {
    /// Open addressing with linear probing; never more than half full.
    entries: Vec<Option<&'static Profile>>,
    count: usize,
    hasher: RandomState,
}

impl Profiles {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), count: 0, hasher: RandomState::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Profile> + '_ {
        self.entries.iter().flatten().copied()
    }

    /// How many entries the table has.
    pub(super) fn size(&self) -> usize {
        self.entries.len()
    }

    /// The profile of an entry, if it has one. `None` beyond the last entry.
    pub(super) fn at(&self, index: usize) -> Option<Option<&'static Profile>> {
        self.entries.get(index).copied()
    }

    pub(super) fn find(&self, key: &[u16]) -> Option<&'static Profile> {
        if self.entries.is_empty() {
            return None;
        }
        self.entries[self.index_of(key)]
    }

    /// Reserves memory for one `insert`.
    pub(super) fn reserve(&mut self) -> Result<(), ErrorKind> {
        if 2 * (self.count + 1) <= self.entries.len() {
            return Ok(());
        }
        let mut larger = Vec::new();
        let size = (2 * self.entries.len()).max(16);
        larger.try_reserve_exact(size)?;
        larger.resize(size, None);
        let old = std::mem::replace(&mut self.entries, larger);
        for profile in old.into_iter().flatten() {
            let index = self.index_of(profile.key());
            self.entries[index] = Some(profile);
        }
        Ok(())
    }

    /// Uses the memory that `reserve` reserved. The key is not there yet.
    pub(super) fn insert(&mut self, profile: &'static Profile) {
        let index = self.index_of(profile.key());
        self.entries[index] = Some(profile);
        self.count += 1;
    }

    /// The index of the key, or else the one at which it belongs.
    fn index_of(&self, key: &[u16]) -> usize {
        let mask = self.entries.len() - 1;
        let mut index = self.hasher.hash_one(key) as usize & mask;
        while self.entries[index].is_some_and(|profile| profile.key() != key) {
            index = (index + 1) & mask;
        }
        index
    }
}
