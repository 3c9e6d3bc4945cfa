//! Tokens: one process-wide sequence, so that a stale or foreign token ends no registration.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::error::ErrorKind;

const BLOCK_BITS: u32 = 16;
const BLOCK: u32 = 1 << BLOCK_BITS;
const BLOCKS: usize = 1 << (32 - BLOCK_BITS);

/// All tokens of the process. All zeroes, so that the array takes no space in the library's file. The first token is 1.
pub(crate) static TOKENS: Sequence = Sequence::new(0);

/// Gives out the numbers from 1 on. After 2^32 numbers it starts again and skips every block that has a registered token.
/// A table occupies a block once for many tokens, and keeps the block of its last token occupied.
///
/// While more than half of all blocks are occupied, fewer than 2^31 numbers would separate two uses of one value. `take`
/// fails then, from the second round on. That needs more than 32,768 tables or registrations, each in a block of 65,536
/// tokens of its own.
pub(crate) struct Sequence {
    next: AtomicU32,
    /// Every number has been given out once.
    again: AtomicBool,
    /// How many blocks are occupied.
    occupied: AtomicU32,
    /// How often each block is occupied. Memory pages of the array that no token has reached are never committed.
    users: [AtomicU32; BLOCKS],
}

impl Sequence {
    pub(crate) const fn new(first: u32) -> Self {
        Self {
            next: AtomicU32::new(first),
            again: AtomicBool::new(false),
            occupied: AtomicU32::new(0),
            users: [const { AtomicU32::new(0) }; BLOCKS],
        }
    }

    /// The next token. The caller occupies its block while the token is registered.
    pub(crate) fn take(&self) -> Result<u32, ErrorKind> {
        let mut seen = self.next.load(Ordering::Relaxed);
        loop {
            let token = self.first_free_from(seen)?;
            match self.next.compare_exchange_weak(seen, token.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    if token == u32::MAX {
                        self.again.store(true, Ordering::Relaxed);
                    }
                    return Ok(token);
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Occupies the block of this token: at least one of its tokens is registered.
    pub(crate) fn occupy(&self, token: u32) {
        if self.block(token).fetch_add(1, Ordering::Relaxed) == 0 {
            self.occupied.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Undoes one `occupy` of this token's block.
    pub(crate) fn leave(&self, token: u32) {
        if self.block(token).fetch_sub(1, Ordering::Relaxed) == 1 {
            self.occupied.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// `token`, or the first token of the next free block if `token` begins an occupied one.
    fn first_free_from(&self, token: u32) -> Result<u32, ErrorKind> {
        if !token.is_multiple_of(BLOCK) {
            return Ok(token);
        }
        if self.again.load(Ordering::Relaxed) && self.occupied.load(Ordering::Relaxed) as usize > BLOCKS / 2 {
            return Err(ErrorKind::OutOfMemory);
        }
        let mut candidate = token;
        for _ in 0..BLOCKS {
            if self.block(candidate).load(Ordering::Relaxed) == 0 {
                // Zero is no token.
                return Ok(candidate.max(1));
            }
            candidate = candidate.wrapping_add(BLOCK);
        }
        Err(ErrorKind::OutOfMemory)
    }

    fn block(&self, token: u32) -> &AtomicU32 {
        &self.users[(token >> BLOCK_BITS) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(first: u32) -> &'static Sequence {
        Box::leak(Box::new(Sequence::new(first)))
    }

    #[test]
    fn counts_and_never_gives_zero() {
        let tokens = sequence(u32::MAX - 1);
        assert_eq!([tokens.take(), tokens.take(), tokens.take()], [Ok(u32::MAX - 1), Ok(u32::MAX), Ok(1)]);
    }

    #[test]
    fn a_registered_token_is_not_given_out_again() {
        let tokens = sequence(1);
        let registered = tokens.take().unwrap();
        tokens.occupy(registered);
        tokens.next.store(0, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(BLOCK), "the block of a registered token is skipped");
        tokens.leave(registered);
        tokens.next.store(0, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(1));
    }

    #[test]
    fn fails_rather_than_reuse_a_recent_token() {
        let tokens = sequence(0);
        // Three blocks of every four, so that the search for a free one is short.
        let occupied = (0..BLOCKS as u32).filter(|block| block % 4 != 3);
        for block in occupied.clone() {
            tokens.next.store(block * BLOCK + 1, Ordering::Relaxed);
            tokens.occupy(tokens.take().unwrap());
        }
        tokens.next.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(u32::MAX), "the first round is not over");
        assert_eq!(tokens.take(), Err(ErrorKind::OutOfMemory));
        for block in occupied.filter(|block| block % 4 != 0) {
            tokens.leave(block * BLOCK + 1);
        }
        assert_eq!(tokens.take(), Ok(BLOCK), "the first block is still occupied");
    }
}
