//! The table of profiles by name. It only grows.
//!
//! Not a `HashMap`: the key is in the profile itself, growth is all that may fail, and every pointer is to the beginning
//! of its allocation, so that leak checkers see what is still in use when a process ends.

use std::hash::{BuildHasher, RandomState};

use super::registry::Profile;
use crate::error::Error;

pub(super) struct Profiles {
    /// Open addressing with linear probing; never more than half full.
    places: Vec<Option<&'static Profile>>,
    count: usize,
    hasher: RandomState,
}

impl Profiles {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), count: 0, hasher: RandomState::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Profile> + '_ {
        self.places.iter().flatten().copied()
    }

    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// What stands in a place; nothing beyond the last one.
    pub(super) fn at(&self, place: usize) -> Option<Option<&'static Profile>> {
        self.places.get(place).copied()
    }

    pub(super) fn find(&self, key: &[u16]) -> Option<&'static Profile> {
        if self.places.is_empty() {
            return None;
        }
        self.places[self.place(key)]
    }

    /// Makes room for one `insert`.
    pub(super) fn reserve(&mut self) -> Result<(), Error> {
        if 2 * (self.count + 1) <= self.places.len() {
            return Ok(());
        }
        let mut larger = Vec::new();
        let room = (2 * self.places.len()).max(16);
        larger.try_reserve_exact(room)?;
        larger.resize(room, None);
        let old = std::mem::replace(&mut self.places, larger);
        for profile in old.into_iter().flatten() {
            let place = self.place(profile.key());
            self.places[place] = Some(profile);
        }
        Ok(())
    }

    /// Into the room that `reserve` made. The key is not there yet.
    pub(super) fn insert(&mut self, profile: &'static Profile) {
        let place = self.place(profile.key());
        self.places[place] = Some(profile);
        self.count += 1;
    }

    /// Where the key is, or else where it belongs.
    fn place(&self, key: &[u16]) -> usize {
        let mask = self.places.len() - 1;
        let mut place = self.hasher.hash_one(key) as usize & mask;
        while self.places[place].is_some_and(|profile| profile.key() != key) {
            place = (place + 1) & mask;
        }
        place
    }
}
