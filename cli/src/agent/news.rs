//! What the link to a fleet's server says to the follower.

use bytes::Bytes;
use jiff::Timestamp;

/// What comes from the server.
#[derive(Debug)]
pub(crate) enum News {
    /// All groups are followed in the bucket, which was created then.
    Connected(Timestamp),
    Said {
        key: String,
        value: Bytes,
        revision: u64,
        /// When the server stored it.
        at: Timestamp,
        /// When its bucket was created.
        bucket: Timestamp,
    },
    Deleted {
        key: String,
        revision: u64,
        at: Timestamp,
        bucket: Timestamp,
    },
    /// The last revision that a bucket has. What is known of later ones it has lost.
    Last {
        revision: u64,
        bucket: Timestamp,
    },
    /// The bucket does not have the key, and does not say that it was deleted.
    Lost(String),
    /// By how much the server's clock is ahead, in milliseconds.
    Clock(i64),
    /// It is out of reach, and why.
    Silent(String),
    /// The machine has reported, or could not, and why.
    Reported(Result<(), String>),
}
