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
    /// The state that was requested.
    pub(crate) state: Option<State>,
    /// Why an argument is not valid.
    pub(crate) reason: Option<&'static str>,
}

const NONE: Notes = Notes { profile: None, object: None, state: None, reason: None };

thread_local! {
    /// Needs no destructor.
    static NOTES: Cell<Notes> = const { Cell::new(NONE) };
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
