//! Faults on demand: what a test has the library do wrong, or late. Nothing happens unless a test asks for it.

mod clock;
mod definition;
mod set;
mod words;

pub(crate) use clock::{Delay, advance_clock, keep_clock, set_virtual_clock, sleep};
#[cfg(test)]
pub(crate) use definition::kind_of;
pub(crate) use definition::{Entry, is_reason};
pub use definition::{Fault, InvalidFault};
pub(crate) use set::{
    Counts, ForkGuard, Manner, add, capabilities, check_entry, counts, delay, hold, is_fault, is_strict, lines,
    lock_for_fork, manner, may_happen, remove, set_stored, stored_counts,
};
