//! Registrations and what they hear. Generic over the sink, and without COM.
#![forbid(unsafe_code)]

mod table;
mod tokens;
mod turn;

pub(crate) use table::{Closed, Table};
use tokens::TOKENS;
pub(crate) use turn::{Batch, NOBODY, Turn, note_ended};

use crate::state::State;

/// The three phases of a transition, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The change is coming; the state is still the old one.
    Start,
    /// The state is the new one.
    Change,
    /// Everybody has been told of the change.
    Done,
}

/// What a registration is told, three times a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Which phase of the transition this is.
    pub phase: Phase,
    /// The state that the object leaves.
    pub old: State,
    /// The state that the object comes to.
    pub new: State,
}

/// Somebody who can be told. Dropping it ends it, which may run foreign code: never under a lock.
pub(crate) trait Sink {
    /// What it takes to tell it after the lock is given back. It keeps nothing alive.
    type Handle: Copy;
    /// What all are told in a phase, but for their tokens.
    type Message;

    /// Whoever takes the sink out of its table keeps it until the handle was used for the last time. Only the told one
    /// itself, from within, may cause it to end earlier.
    fn handle(&self) -> Self::Handle;

    fn message(change: &Change) -> Self::Message;

    /// Called with no lock held.
    fn tell(handle: Self::Handle, client_token: u32, message: &mut Self::Message);
}
