//! Where the records of profiles are kept: in files that all processes of a user share, or in this process's memory.
//!
//! A store is a [`Backend`]. What follows from its answers is decided by [`ProfileRecord`], which does no I/O.

mod backend;
mod choice;
mod faults;
mod file_name;
mod folder;
mod last_written;
mod memory;
mod profile_record;
mod program;
mod programs;
mod queue;
mod record;
mod status;
mod watch;

pub(crate) use backend::{Backend, Change, Record, StoreError, Stored};
pub(crate) use choice::{
    Unusable, backend, choose, chosen, decide, folder_of_environment, is_of_users_programs, keep_from_users_folder,
    of_user, shared_backend, shared_folder,
};
pub(crate) use faults::{Loaded, load_faults};
pub(crate) use file_name::{file_name_of, profile_of};
pub(crate) use folder::{Opened, SharedFolder, profile_of_set_aside};
pub(crate) use memory::MEMORY;
pub(crate) use profile_record::{ProfileRecord, StoreWarning};
pub(crate) use programs::{FaultUse, MOST_PROFILES, ProfileUse, Progress, Survey, Surveyed, remove_announcement};
pub(crate) use record::Content;
pub(crate) use status::{Status, WatchMode, note_error, status, warn};
pub(crate) use watch::{
    Changed, Follower, Interest, WatcherForkGuard, ensure_watcher, is_watched, lock_for_fork, look_again, watch_mode,
};
