//! The unsafe kernel: reference counts, the object box with its two faces, foreign pointers, the panic guard. It does
//! not know what an offline object is.
//!
//! Which pointer type is which:
//! - [`Own`]: a reference of the library's own. Keeps the memory, never shows in a count that clients see.
//! - [`Client`]: one of the references that clients count. The last one ends the object.
//! - [`Foreign`]: a client's object, with one of its references, released on drop.
//! - [`Borrowed`]: a client's object without a reference, while somebody else is known to hold one.

mod closure;
mod foreign;
mod guard;
mod object;
mod sink;

pub(crate) use foreign::Outer;
pub(crate) use guard::{ends_process_on_unwind, guard};
pub(crate) use object::{Boxed, Client, Face, Faces, Own, Payload, live_objects};
pub(crate) use sink::{NotifyHandle, NotifySink};
