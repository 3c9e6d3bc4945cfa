//! The store of a process that keeps the state of profiles to itself.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use super::backend::{Backend, Change, Description, Record, StoreError, Stored, Updated};
use crate::name::Name;
use crate::sys::{Filter, FolderId, Waker, Watch};

/// Keeps nothing: the profile's own copy of its record is the only one.
pub(crate) struct Memory;

pub(crate) static MEMORY: Memory = Memory;

impl Backend for Memory {
    fn is_shared(&self) -> bool {
        false
    }

    fn read(&self, _: &Name, _: bool) -> Stored {
        Stored::Nothing
    }

    fn read_at_once(&self, _: &Name) -> Option<Record> {
        None
    }

    fn update(&self, _: &Name, change: Change) -> Updated {
        Updated { result: change(None).map_err(StoreError::Refused), set_aside: false }
    }

    fn watch(&self, _: &Arc<Waker>, _: Filter) -> io::Result<Watch> {
        Err(ErrorKind::Unsupported.into())
    }

    fn path(&self) -> Option<&Path> {
        None
    }

    fn place(&self) -> Option<FolderId> {
        None
    }

    fn profile_of(&self, _: &str) -> Option<Name> {
        None
    }

    fn describe(&self) -> Description<'_> {
        Description { folder: None, may_change_unnoticed: false }
    }
}
