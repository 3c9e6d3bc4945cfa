//! The rules of `check`.

use clap::ValueEnum;

/// What a client must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Rule {
    /// A reference was never released
    ReferenceLeaked,
    /// An object was released, or used, after its last reference was released
    UsedAfterRelease,
    /// A registration was never ended by Unadvise
    UnadviseMissing,
    /// Unadvise with a token of no registration, or of another object's; 0 is allowed
    WrongToken,
    /// SetCurrentState with BLOCK, or a call that waits, from within Notify
    BlockInNotify,
    /// SetCurrentState returned E_PENDING, and was not tried again until it succeeded
    PendingIgnored,
    /// Notify took longer than the limit
    SlowNotify,
    /// An argument is not valid
    InvalidArgument,
    /// A sink was notified after its own count had come to zero
    SinkMiscounted,
    /// A sink's calls in Notify depend on bits of ulMask beside MAPIOFFLINE_STATE_OFFLINE_MASK, which half of the changes have
    UnknownBits,
    /// A call in Notify because of a notification whose type is not known, which `--fault` sends
    UnknownType,
}

impl Rule {
    pub(crate) fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it forbids, in words.
    pub(crate) fn help(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }
}
