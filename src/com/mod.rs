//! The unsafe kernel of COM: reference counts, the object box with its delegating and non-delegating unknowns, and pointers
//! to clients' objects. It names no MAPI type.
//!
//! The pointer types:
//! - [`InternalRef`]: a reference of the library's own. It keeps the memory and never shows in a count that clients see.
//! - [`ClientRef`]: one of the references that clients count. The last one ends the object.
//! - [`Foreign`]: a client's object, with one of its references, which is released on drop.
//! - [`Borrowed`]: a client's object without a reference, while another reference is known to exist.

mod foreign;
mod object;

pub(crate) use foreign::{Borrowed, Foreign, Outer};
pub(crate) use object::{ClientRef, HasVtables, InternalRef, ObjectBox, Payload, Unknown, Vtables, live_objects};
