//! What a registration needs of a sink.
#![forbid(unsafe_code)]

/// Receives notifications. Dropping it releases it, which may run client code: never under a lock.
pub(crate) trait Sink {
    /// What it takes to notify the sink after the lock is given back. It keeps nothing alive.
    type Handle: Copy;

    /// Whoever takes the sink out of its table keeps it until the handle was used for the last time. Only the sink's own
    /// client, from within its Notify, may cause it to end earlier.
    fn handle(&self) -> Self::Handle;
}
