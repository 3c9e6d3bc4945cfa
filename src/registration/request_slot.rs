//! A place for one request that is accepted during DONE without the profile's lock.
#![forbid(unsafe_code)]

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::state::State;

/// Open during DONE, if the executor of the transition goes on with what is posted.
pub(crate) struct RequestSlot(
    /// `CLOSED`, `OPEN`, or a posted request, which is greater than either.
    AtomicU64,
);

const CLOSED: u64 = 0;
/// One request can be posted.
const OPEN: u64 = 1;

/// A request that fits into one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PostedRequest {
    /// The object's index in its tree.
    pub(crate) node: u32,
    pub(crate) state: State,
}

impl PostedRequest {
    /// `None` for an index that is too large.
    #[inline]
    fn encode(self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.node.checked_mul(4)? | self.state.bits())
    }

    fn decode(number: NonZeroU32) -> Option<Self> {
        Some(Self { node: number.get() / 4, state: State::from_bits(number.get() % 4)? })
    }
}

impl RequestSlot {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(CLOSED))
    }

    /// Lets one request be posted. The profile is locked.
    pub(crate) fn open(&self) {
        self.0.store(OPEN, Ordering::Release);
    }

    /// Posts a request, without the lock. False: it has to be made under the lock.
    #[inline]
    pub(crate) fn post(&self, request: PostedRequest) -> bool {
        let Some(number) = request.encode() else { return false };
        let posted = u64::from(number.get()) << 1;
        self.0.load(Ordering::Relaxed) == OPEN
            && self.0.compare_exchange(OPEN, posted, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Lets nothing be posted any more, and gives what was. The profile is locked.
    #[inline]
    pub(crate) fn close(&self) -> Option<PostedRequest> {
        if self.0.load(Ordering::Relaxed) == CLOSED {
            // It is opened under the lock only.
            return None;
        }
        NonZeroU32::new((self.0.swap(CLOSED, Ordering::AcqRel) >> 1) as u32).and_then(PostedRequest::decode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_can_be_posted() {
        let slot = RequestSlot::new();
        let first = PostedRequest { node: 1, state: State::Offline };
        let last = PostedRequest { node: u32::MAX / 4, state: State::Online };
        assert!(!slot.post(first), "closed");
        slot.open();
        assert!(!slot.post(PostedRequest { node: u32::MAX, state: State::Online }), "too large an index");
        assert!(slot.post(last));
        assert!(!slot.post(first), "one only");
        assert_eq!((slot.close(), slot.close()), (Some(last), None));
        assert!(!slot.post(first), "closed with what was posted");
        slot.open();
        assert_eq!(slot.close(), None);
        assert!(!slot.post(first));
    }
}
