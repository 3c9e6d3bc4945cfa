//! Tokens: one process-wide sequence, so that a stale or foreign token ends nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;

const BLOCK_BITS: u32 = 16;
const BLOCK: u32 = 1 << BLOCK_BITS;
const BLOCKS: usize = 1 << (32 - BLOCK_BITS);

/// All tokens of the process.
pub(crate) static TOKENS: Sequence = Sequence::new(1);

/// Gives out the numbers from 1 on. After 2^32 it begins again and leaves out whole blocks of which a number still
/// stands. When half of all blocks would have to be left out, less than 2^31 numbers were between two of the same value:
/// it gives out none then (32,768 registrations at least, each 65,536 apart from the next, have to stand for that).
pub(crate) struct Sequence {
    next: AtomicU32,
    /// How many numbers of each block stand. Pages of it that no token has reached take no memory.
    standing: [AtomicU32; BLOCKS],
}

impl Sequence {
    pub(crate) const fn new(first: u32) -> Self {
        Self { next: AtomicU32::new(first), standing: [const { AtomicU32::new(0) }; BLOCKS] }
    }

    /// The next token. It stands until it is given back.
    pub(crate) fn take(&self) -> Result<u32, Error> {
        let mut seen = self.next.load(Ordering::Relaxed);
        loop {
            let token = self.first_free_from(seen)?;
            match self.next.compare_exchange_weak(seen, token.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.block(token).fetch_add(1, Ordering::Relaxed);
                    return Ok(token);
                }
                Err(now) => seen = now,
            }
        }
    }

    pub(crate) fn give_back(&self, token: u32) {
        self.block(token).fetch_sub(1, Ordering::Relaxed);
    }

    /// `token`, unless a block begins with it that may not be used.
    fn first_free_from(&self, token: u32) -> Result<u32, Error> {
        if token % BLOCK != 0 {
            return Ok(token);
        }
        let mut candidate = token;
        for _ in 0..BLOCKS / 2 {
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
        tokens.next.store(0, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(BLOCK), "the block of a standing token is left out");
        tokens.give_back(standing);
        tokens.next.store(0, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok(1));
    }

    #[test]
    fn gives_out_none_rather_than_a_young_one() {
        let tokens = sequence(0);
        for block in 0..BLOCKS / 2 {
            tokens.standing[block].store(1, Ordering::Relaxed);
        }
        assert_eq!(tokens.take(), Err(Error::OutOfMemory));
        tokens.standing[BLOCKS / 2 - 1].store(0, Ordering::Relaxed);
        assert_eq!(tokens.take(), Ok((BLOCKS as u32 / 2 - 1) * BLOCK));
    }
}
