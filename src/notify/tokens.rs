//! Tokens: one process-wide sequence, so that a stale or foreign token ends nothing.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::error::Error;

const BLOCK_BITS: u32 = 16;
const BLOCK: u32 = 1 << BLOCK_BITS;
const BLOCKS: usize = 1 << (32 - BLOCK_BITS);

/// All tokens of the process. Zeroes throughout, so that the library's file does not hold them; the first token is 1.
pub(crate) static TOKENS: Sequence = Sequence::new(0);

/// Gives out the numbers from 1 on. After 2^32 it begins again and leaves out whole blocks of which a number still stands:
/// tables say which blocks they have tokens of, once for many of them, and keep the block of their last one. While more than
/// half of all blocks are occupied, less than 2^31 numbers could come between two of the same value: from the second round on
/// it gives out none then (more than 32,768 tables or registrations, each with a block of 65,536 tokens of its own, have to
/// stand for that).
pub(crate) struct Sequence {
    next: AtomicU32,
    /// Every number has been given out once.
    again: AtomicBool,
    /// How many blocks are occupied.
    occupied: AtomicU32,
    /// How often each block is occupied. Pages of it that no token has reached take no memory.
    standing: [AtomicU32; BLOCKS],
}

impl Sequence {
    pub(crate) const fn new(first: u32) -> Self {
        Self {
            next: AtomicU32::new(first),
            again: AtomicBool::new(false),
            occupied: AtomicU32::new(0),
            standing: [const { AtomicU32::new(0) }; BLOCKS],
        }
    }

    /// The next token. Its block is to be occupied while it stands.
    pub(crate) fn take(&self) -> Result<u32, Error> {
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

    /// A token of this one's block stands, or several do.
    pub(crate) fn occupy(&self, token: u32) {
        if self.block(token).fetch_add(1, Ordering::Relaxed) == 0 {
            self.occupied.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes back one `occupy` of this token's block.
    pub(crate) fn leave(&self, token: u32) {
        if self.block(token).fetch_sub(1, Ordering::Relaxed) == 1 {
            self.occupied.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// `token`, unless a block begins with it that may not be used.
    fn first_free_from(&self, token: u32) -> Result<u32, Error> {
        if !token.is_multiple_of(BLOCK) {
            return Ok(token);
        }
        if self.again.load(Ordering::Relaxed) && self.occupied.load(Ordering::Relaxed) as usize > BLOCKS / 2 {
            return Err(Error::OutOfMemory);
        }
        let mut candidate = token;
        for _ in 0..BLOCKS {
            if self.block(candidate).load(Ordering::Relaxed) == 0 {
                // Zero is no token.
                return Ok(candidate.max(1));
            }
            candidate = candidate.wrapping_add(BLOCK);
        }
        Err(Error::OutOfMemory)
    }

    fn block(&self, token: u32) -> &AtomicU32 {
        &self.standing[(token >> BLOCK_BITS) as usize]
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
    fn a_standing_token_is_not_given_out_again() {
        let tokens = sequence(1);
        let standing = tokens.take().unwrap();
        tokens.occupy(standing);
        tokens.next.store(0, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(BLOCK), "the block of a standing token is left out");
        tokens.leave(standing);
        tokens.next.store(0, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(1));
    }

    #[test]
    fn gives_out_none_rather_than_a_young_one() {
        let tokens = sequence(0);
        // Three blocks of four, so that the next free one is never far.
        let occupied = (0..BLOCKS as u32).filter(|block| block % 4 != 3);
        for block in occupied.clone() {
            tokens.next.store(block * BLOCK + 1, Ordering::Relaxed);
            tokens.occupy(tokens.take().unwrap());
        }
        tokens.next.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(u32::MAX), "the first round is not over");
        assert_eq!(tokens.take(), Err(Error::OutOfMemory));
        for block in occupied.filter(|block| block % 4 != 0) {
            tokens.leave(block * BLOCK + 1);
        }
        assert_eq!(tokens.take(), Ok(BLOCK), "the first block still has one that stands");
    }
}
