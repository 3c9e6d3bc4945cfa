// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exports one name of its own.

use mapioffline::{OfflineObject, State};

/// 1 if the profile is online, 0 if it is offline, -1 if it cannot be opened.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_is_online() -> i32 {
    mapioffline::keep_state_in_memory();
    OfflineObject::open("Plugin").map_or(-1, |object| i32::from(object.state() == State::Online))
}
