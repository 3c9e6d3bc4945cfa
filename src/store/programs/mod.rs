//! The programs that use a state folder: how they are found, asked what they are doing, and answer.
//!
//! Each process that has opened an object has a file in the subfolder `programs`, which no process watches. Who wants to know more
//! puts a question into the state folder: a file that each program's watcher notices. The watcher answers by a file in
//! `programs`, and again when the answer changes. So a program that is not asked does nothing.

mod announcement;
mod answers;
mod id;
mod question;
mod survey;

pub(crate) use announcement::remove_announcement;
pub(super) use announcement::{Announcement, lock_announcement_for_fork};
pub(super) use answers::Answers;
pub(super) use question::is_question;
pub(crate) use question::{FaultUse, MOST_PROFILES, ProfileUse, Progress};
pub(crate) use survey::{Survey, Surveyed};
