//! What reading a file of the folder gives.
#![forbid(unsafe_code)]

/// What a name in a folder refers to.
pub(crate) enum Found {
    Nothing,
    Bytes(Vec<u8>),
    /// Not a file of this user's, or too large.
    NotOurs,
}
