//! Pages of a table's index: runs of 64 token values.
#![forbid(unsafe_code)]

use std::hash::Hasher;

pub(super) const PAGE_BITS: u32 = 6;
/// A number that no page has.
pub(super) const NO_PAGE: u32 = u32::MAX;

/// Where a page's entries are.
#[derive(Clone, Copy, Default)]
pub(super) struct Page {
    /// Which of its tokens have an entry, in the order of their values.
    pub(super) tokens: u64,
    /// The first of these entries.
    pub(super) first: u32,
}

impl Page {
    /// The entry of the token at `offset`, if it has one: as far from the first as there are tokens before it.
    pub(super) fn entry(self, offset: u32) -> Option<usize> {
        let bit = 1 << offset;
        (self.tokens & bit != 0).then(|| (self.first + (self.tokens & (bit - 1)).count_ones()) as usize)
    }
}

/// A token's page, and its place in that.
pub(super) const fn page_of(token: u32) -> (u32, u32) {
    (token >> PAGE_BITS, token & ((1 << PAGE_BITS) - 1))
}

/// Pages are numbers that we give out ourselves: one multiplication spreads them.
#[derive(Default)]
pub(super) struct PageHasher(u64);

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
