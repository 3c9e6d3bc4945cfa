//! Offline objects: their identity, their parents, and the transition, which is a property of the tree they stand in.
//!
//! One lock a profile guards everything that changes in its trees; it is never held while client code runs. What a
//! method leaves to be ended (sinks, references) is handed out and dropped after the lock.
#![forbid(unsafe_code)]

mod forest;
mod fork;
mod hosting;
mod listener;
mod object;
mod profiles;
mod registry;
mod slab;
mod transition;

pub(crate) use fork::handle_fork;
pub(crate) use hosting::set_strict_hosting;
pub(crate) use listener::Listener;
pub(crate) use object::{Offline, Standing};
pub(crate) use registry::{Creation, Identity, create, global, open};
pub(crate) use transition::Wait;
