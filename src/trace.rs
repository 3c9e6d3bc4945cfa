//! What the running entry has to say in its trace line beside its arguments. Nothing is noted unless lines are traced.
#![forbid(unsafe_code)]

use std::cell::Cell;

use crate::error::ErrorKind;
use crate::logging::tracing;
use crate::name::Name;
use crate::state::State;

#[derive(Clone, Copy)]
pub(crate) struct Notes {
    pub(crate) profile: Option<Name>,
    /// The interface pointer that the client was given.
    pub(crate) object: Option<usize>,
    /// The object's last reference had been released when the entry began.
    pub(crate) ended: bool,
    /// The token of the registration that was made.
    pub(crate) token: Option<u32>,
    /// The state that was requested.
    pub(crate) state: Option<State>,
    /// Why an argument is not valid.
    pub(crate) reason: Option<&'static str>,
}

pub(crate) const NONE: Notes =
    Notes { profile: None, object: None, ended: false, token: None, state: None, reason: None };

thread_local! {
    /// Needs no destructor.
    static NOTES: Cell<Notes> = const { Cell::new(NONE) };
    /// How many notifications this thread is in, one in another. Needs no destructor.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Runs a client's Notify.
pub(crate) fn in_notify(notify: impl FnOnce()) {
    INSIDE.set(INSIDE.get() + 1);
    notify();
    INSIDE.set(INSIDE.get() - 1);
}

/// Whether this thread is in a client's Notify.
pub(crate) fn is_in_notify() -> bool {
    INSIDE.get() > 0
}

/// An entry begins. The notes of the one in whose callback it was called, for `end`.
pub(crate) fn begin() -> Notes {
    NOTES.replace(NONE)
}

/// An entry ends. Its notes.
pub(crate) fn end(outer: Notes) -> Notes {
    NOTES.replace(outer)
}

#[inline(always)]
pub(crate) fn note(change: impl FnOnce(&mut Notes)) {
    if tracing() {
        let mut notes = NOTES.get();
        change(&mut notes);
        NOTES.set(notes);
    }
}

/// An argument is not valid, for this reason.
#[cold]
pub(crate) fn invalid(reason: &'static str) -> ErrorKind {
    note(|notes| notes.reason = Some(reason));
    ErrorKind::InvalidArgument
}
