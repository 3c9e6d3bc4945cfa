//! What a subscription is notified of: pure data.
#![forbid(unsafe_code)]

use crate::state::State;

/// The three phases of a transition, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The change is coming; the state is still the old one.
    Start,
    /// The state is the new one.
    Change,
    /// Every registration has been notified of the change.
    Done,
}

impl Phase {
    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Self::Start => Some(Self::Change),
            Self::Change => Some(Self::Done),
            Self::Done => None,
        }
    }
}

/// One notification. A registration receives three of them in a transition, one for each phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The phase of the transition.
    pub phase: Phase,
    /// The state that the object leaves.
    pub old: State,
    /// The state that the object comes to.
    pub new: State,
}
