//! The Offline State API of Microsoft Outlook, binary-compatible, without Outlook.
//!
//! C and C++ programs use it through `include/mapioffline.h` and the exports of the shared or static library. Rust
//! programs use the types below. Both have the same core: an [`OfflineObject`] opened here and one opened through
//! `HrOpenOfflineObj` in the same process are the same object.
//!
//! ```
//! use mapioffline::{OfflineObject, State};
//!
//! # mapioffline::keep_state_in_memory();
//! let outlook = OfflineObject::open("Outlook")?;
//! let subscription = outlook.subscribe(|change| println!("{:?}: {:?} -> {:?}", change.phase, change.old, change.new))?;
//! outlook.set_state_and_wait(State::Offline)?;
//! assert_eq!(outlook.state(), State::Offline);
//! drop(subscription);
//! # Ok::<(), mapioffline::Error>(())
//! ```
//!
//! A profile starts online. Its state belongs to the profile, not to the handle: it persists when every handle is released,
//! and all programs of a user share it (see [`StateFolder`]; [`keep_state_in_memory`] opts out). Callbacks run with no lock
//! of the library held, so a callback may call every method.

#![cfg_attr(
    not(feature = "c-exports"),
    allow(dead_code, unused_imports, reason = "only the exports use some of what is behind them")
)]

mod abi;
mod api;
mod change;
mod client;
mod com;
mod deliver;
mod delivery;
mod error;
mod exit;
mod fault;
mod guard;
mod logging;
mod model;
mod name;
mod profile;
mod registration;
mod sink;
mod state;
mod state_folder;
mod store;
mod sync;
mod sys;
pub mod testing;
mod trace;

pub use change::{Change, Phase};
pub use client::{Builder, OfflineObject, Subscription, set_strict_hosting};
pub use delivery::{Delivery, DispatchHandle, dispatch, dispatch_handle, set_delivery};
pub use error::{Error, ErrorKind};
pub use registration::Barrier;
pub use state::{Capabilities, State};
pub use state_folder::programs::{OpenProfile, Program, Progress, settle, wait_for_state};
pub use state_folder::{
    ProfileRecord, ReadError, StateFolder, Store, StoreStatus, StoredProfile, WatchMode, has_asymmetric_barrier,
    keep_state_in_memory, store_status,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A globally unique identifier, laid out as in C.
pub use abi::GUID as Guid;
/// The type of a profile's global object, which is the one that [`OfflineObject::open`] opens.
pub use abi::GUID_GlobalState as GUID_GLOBAL_STATE;
