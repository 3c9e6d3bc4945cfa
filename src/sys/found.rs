//! What reading a file of the folder gives.
#![forbid(unsafe_code)]

use std::time::SystemTime;

/// What a name in a folder refers to.
pub(crate) enum Found {
    Nothing,
    /// The content, and when it was last written.
    Bytes(Vec<u8>, SystemTime),
    /// Not a file of this user's, or too large.
    NotOurs,
}
