//! What the model is generic over, and the keys by which its parts are found.
#![forbid(unsafe_code)]

use crate::error::ErrorKind;
use crate::registration::{InFlight, Sink};
use crate::state::{Capabilities, State};

/// The index of an object in its tree. The root is 0.
pub(crate) type NodeIndex = u32;

/// The types that the model handles without looking inside.
pub(crate) trait Types: 'static {
    /// An object, with a reference that keeps its memory.
    type Object: Object;
    /// A registered sink, with its reference.
    type Sink: Sink;
    /// A reserved executor that runs a queued transition.
    type Executor;
    /// Identifies a thread.
    type Thread: Copy + PartialEq;

    /// Whether the process's exit handler has run: nothing is delivered, and no executor is used. The handler counts as an end
    /// of registrations.
    fn exiting() -> bool;

    /// An unused in-flight handshake.
    fn take_in_flight() -> Result<&'static InFlight, ErrorKind>;

    /// Takes back a handshake that no transition uses.
    fn return_in_flight(in_flight: &'static InFlight);
}

/// What the model publishes of an object, for readers that take no lock.
pub(crate) trait Object: Clone {
    /// The reference of a child on its parent.
    type ParentRef;

    /// Publishes the state. Requests may be posted to `in_flight` from now on.
    fn publish_state(&self, state: State, in_flight: &'static InFlight);

    fn publish_capabilities(&self, capabilities: Capabilities);

    /// Publishes whether the table has spare capacity; see `registration::Table::has_spare_capacity`.
    fn publish_spare_capacity(&self, spare: bool);

    /// Clients have no reference any more, though a sink of the object may still call it.
    fn publish_end(&self);
}

/// Finds an object while it is alive. No other object ever has an equal key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObjectKey {
    pub(super) tree: u32,
    pub(super) node: NodeIndex,
    pub(super) number: u64,
}

impl ObjectKey {
    /// The index in the tree: other objects may have it later.
    pub(crate) fn node(self) -> NodeIndex {
        self.node
    }
}
