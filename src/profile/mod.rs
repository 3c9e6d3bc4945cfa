//! The shell around the model: one lock a profile guards its model and its record. No lock is held during I/O, while client
//! code runs, or while the loader may be called: what the model decides is carried out after the lock is given back.

mod faults;
mod follow;
mod fork;
mod hosting;
mod object_handle;
mod open;
#[expect(clippy::module_inception, reason = "the profile itself, beside what is done with it")]
mod profile;
mod profiles;
mod pumping;
mod registry;
mod release;
mod run;
mod set_state;
#[cfg(test)]
mod tests;
mod update;
mod uses;
mod waiting;

pub(crate) use faults::{add_fault, remove_fault};
pub(crate) use fork::install_fork_handlers;
pub(crate) use hosting::set_strict_hosting;
pub(crate) use object_handle::ObjectHandle;
pub(crate) use open::{Creation, create, global, open};
pub(crate) use profile::{Identity, Offline};
pub(crate) use pumping::{dispatch, dispatch_handle, set_pumped};
pub(crate) use waiting::{settle, wait_for_state};
