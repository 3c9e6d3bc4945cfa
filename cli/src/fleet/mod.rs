//! A fleet: one switch for the profiles of many machines. Its operator writes instructions to a server, agents follow and report.

mod commands;
pub(crate) mod instruction;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod server;
mod set;
#[cfg(test)]
mod simulation;
mod status;

pub(crate) use commands::fleet;
