//! Values at indices that stay, with room that is made before it is needed.

use std::ops::Range;

use crate::error::Error;

pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Makes room for one `insert` and for the `remove` of everything.
    pub(super) fn reserve(&mut self) -> Result<(), Error> {
        if self.free.is_empty() {
            // Most trees are one object: no room for more until it is needed.
            if self.places.is_empty() { self.places.try_reserve_exact(1) } else { self.places.try_reserve(1) }?;
            self.free.try_reserve(self.places.len() + 1)?;
        }
        Ok(())
    }

    /// Where the next `insert` puts its value.
    pub(super) fn next(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.places.len() as u32)
    }

    /// Into the room that `reserve` made.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let index = self.next();
        if self.free.pop().is_some() {
            self.places[index as usize] = Some(value);
        } else {
            self.places.push(Some(value));
        }
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let value = self.places.get_mut(index as usize)?.take()?;
        self.free.push(index);
        if self.len() == 0 {
            *self = Self::new();
        }
        Some(value)
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.places.get_mut(index as usize)?.as_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn indices(&self) -> Range<u32> {
        0..self.places.len() as u32
    }
}

/// The same for a tree: the root, which comes first and goes last, lies in here. Most trees are no more.
pub(super) struct Rooted<T> {
    root: Option<T>,
    others: Slab<T>,
}

impl<T> Rooted<T> {
    pub(super) const fn new(root: T) -> Self {
        Self { root: Some(root), others: Slab::new() }
    }

    /// Makes room for one `insert` and for the `remove` of everything.
    pub(super) fn reserve(&mut self) -> Result<(), Error> {
        self.others.reserve()
    }

    /// Where the next `insert` puts its value.
    pub(super) fn next(&self) -> u32 {
        self.others.next() + 1
    }

    /// Into the room that `reserve` made.
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
    fn indices_stay_and_are_used_again() {
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
    fn a_root_is_index_zero() {
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
