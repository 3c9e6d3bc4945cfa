//! Values at stable indices, with memory that is reserved before it is needed.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::error::ErrorKind;

pub(super) struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    /// Reserves memory for one `insert` and for the `remove` of every value.
    pub(super) fn reserve(&mut self) -> Result<(), ErrorKind> {
        if self.free.is_empty() {
            // Most trees have one object: memory for more is reserved when it is needed.
            if self.entries.is_empty() { self.entries.try_reserve_exact(1) } else { self.entries.try_reserve(1) }?;
            self.free.try_reserve(self.entries.len() + 1)?;
        }
        Ok(())
    }

    /// The index of the next inserted value.
    pub(super) fn next(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.entries.len() as u32)
    }

    /// Uses the memory that `reserve` reserved.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let index = self.next();
        if self.free.pop().is_some() {
            self.entries[index as usize] = Some(value);
        } else {
            self.entries.push(Some(value));
        }
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let value = self.entries.get_mut(index as usize)?.take()?;
        self.free.push(index);
        if self.len() == 0 {
            *self = Self::new();
        }
        Some(value)
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(super) fn indices(&self) -> Range<u32> {
        0..self.entries.len() as u32
    }
}

/// The same for a tree. The root is inline, as most trees have no other object. It is inserted first and removed last.
pub(super) struct Rooted<T> {
    root: Option<T>,
    others: Slab<T>,
}

impl<T> Rooted<T> {
    pub(super) const fn new(root: T) -> Self {
        Self { root: Some(root), others: Slab::new() }
    }

    /// Reserves memory for one `insert` and for the `remove` of every value.
    pub(super) fn reserve(&mut self) -> Result<(), ErrorKind> {
        self.others.reserve()
    }

    /// The index of the next inserted value.
    pub(super) fn next(&self) -> u32 {
        self.others.next() + 1
    }

    /// Uses the memory that `reserve` reserved.
    pub(super) fn insert(&mut self, value: T) {
        self.others.insert(value);
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        match index.checked_sub(1) {
            None => self.root.take(),
            Some(other) => self.others.remove(other),
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        match index.checked_sub(1) {
            None => self.root.as_ref(),
            Some(other) => self.others.get(other),
        }
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        match index.checked_sub(1) {
            None => self.root.as_mut(),
            Some(other) => self.others.get_mut(other),
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.root.is_some()) + self.others.len()
    }

    pub(super) fn indices(&self) -> Range<u32> {
        0..self.others.indices().end + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_stable_and_reused() {
        let mut slab = Slab::new();
        let mut add = |value| {
            slab.reserve().unwrap();
            slab.insert(value)
        };
        assert_eq!([add('a'), add('b'), add('c')], [0, 1, 2]);
        assert_eq!(slab.remove(1), Some('b'));
        assert_eq!(slab.remove(1), None);
        assert_eq!((slab.next(), slab.len()), (1, 2));
        slab.reserve().unwrap();
        assert_eq!(slab.insert('d'), 1);
        assert_eq!((slab.get(2), slab.get(3)), (Some(&'c'), None));
    }

    #[test]
    fn the_root_has_index_zero() {
        let mut tree = Rooted::new('r');
        tree.reserve().unwrap();
        assert_eq!(tree.next(), 1);
        tree.insert('a');
        assert_eq!((tree.get(0), tree.get(1), tree.len()), (Some(&'r'), Some(&'a'), 2));
        assert_eq!(tree.indices(), 0..2);
        assert_eq!((tree.remove(1), tree.remove(0), tree.remove(0)), (Some('a'), Some('r'), None));
        assert_eq!(tree.len(), 0);
    }
}
