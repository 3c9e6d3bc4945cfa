//! Registrations and their delivery. Generic over the sink, and without COM.

mod batch;
mod in_flight;
mod request_slot;
mod sink;
mod table;
mod tokens;

pub(crate) use batch::Batch;
pub(crate) use in_flight::{InFlight, NO_TOKEN, note_ended};
pub(crate) use request_slot::PostedRequest;
pub(crate) use sink::Sink;
pub(crate) use table::{Closed, Table};
