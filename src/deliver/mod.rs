//! Who runs a transition. Knows nothing of what it runs.

mod executor;
mod notifier_pool;

pub(crate) use executor::{Executor, Reservation};
pub(crate) use notifier_pool::{NotifierPool, PoolForkGuard};
