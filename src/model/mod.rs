//! The rules: the hierarchy of objects, the transition state machine, and the two together.
//!
//! Everything here is plain data and pure functions, generic over objects and sinks. The model decides and returns what
//! the profile has to do: persist this, notify those, release these. It takes no lock, does no I/O, starts no thread and
//! calls no client, so its rules are tested in microseconds. `cargo xtask test lint` keeps it so.

mod alone;
mod decision;
mod hierarchy;
#[expect(clippy::module_inception, reason = "the model itself, above its parts")]
mod model;
mod slab;
#[cfg(test)]
mod tests;
mod transition;
mod tree;
mod types;

pub(crate) use decision::{Accepted, Activity, Conditions, Decision, Ended, Next, Plan, Step, Wait};
pub(crate) use model::{Abandoned, Model};
pub(crate) use transition::{Delivery, Runner, TransitionKey};
pub(crate) use types::{Object, ObjectKey, Types};
