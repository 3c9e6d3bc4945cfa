//! Registrations and their delivery. Generic over the sink, and without COM.

mod barrier;
mod batch;
mod in_flight;
mod request_slot;
mod sink;
mod table;
mod tokens;

pub use barrier::Barrier;
pub(crate) use barrier::{barrier, choose_barrier};
pub(crate) use batch::{Batch, Recheck};
pub(crate) use in_flight::{InFlight, note_ended, note_ended_elsewhere};
pub(crate) use request_slot::PostedRequest;
pub(crate) use sink::Sink;
pub(crate) use table::{Closed, Table};
