//! Who runs a transition. Knows nothing of what it runs.

mod executor;
mod executors;
mod notifier_pool;
mod pump;

pub(crate) use executor::{Executor, Reservation};
pub(crate) use executors::{Executors, ExecutorsForkGuard};
