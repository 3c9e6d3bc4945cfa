//! Watching a folder: the contract that every system's watcher keeps.
//!
//! - [`FolderWatch::new`] begins to watch. Whatever is renamed into, renamed out of, or removed from the folder after it has
//!   returned is reported by a later `wait`, as [`Seen::File`] or, where the system does not name files, as
//!   [`Seen::Anything`]. So is a file that another process wrote in place, where [`FolderWatch::SEES_EDITS`].
//! - [`Seen::Gone`] is reported once the folder itself is removed or renamed, or its file system unmounted. The watch then
//!   reports nothing more. No system reports that a parent was renamed, a link on the path was changed, or a file system
//!   mounted over it: [`FolderWatch::id`] says which folder is watched.
//! - [`FolderWatch::wait`] returns after it has reported, when [`Wake::wake`] was called before or during the wait, and when
//!   the time is over; it may return early. One `wake` is enough however often it was called. It fails when the watcher lost
//!   what it waits for. A watch is used only with the waker that it was made with.
//! - A file that the [`Filter`] refuses need not be reported. The filter is called on a thread of the watcher's, with no lock
//!   held, after the change.
//! - One thread waits; any thread wakes.
//! - The host may close descriptors that it does not know, and use their numbers. A watcher has none in the host's table, or
//!   is sure of each before it uses it. A forked child does not use or close what its parent's watcher had.
//!
//! A system that cannot watch has the polled watcher, whose `new` fails: the library then looks twice a second.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::sys::FolderId;

/// What is seen of a watched folder.
#[derive(Debug, PartialEq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux reports all of these"))]
pub(crate) enum Seen<'a> {
    /// The file of this name was replaced, removed or edited.
    File(&'a str),
    /// Any file may have changed.
    Anything,
    /// The folder is not watched any more.
    Gone,
}

/// Wakes the thread that waits.
pub(crate) trait Wake: Sized + Send + Sync {
    fn new() -> io::Result<Self>;

    fn wake(&self);
}

/// Which files have to be reported. It may read the folder, and does not log, start a thread or run client code, as the thread
/// may have a descriptor table of its own.
pub(crate) type Filter = Box<dyn Fn(&str) -> bool + Send>;

/// A folder that is watched.
pub(crate) trait FolderWatch: Sized {
    type Waker: Wake;

    /// Whether a file that is written in place is reported.
    const SEES_EDITS: bool;

    fn new(folder: &Path, waker: &Arc<Self::Waker>, filter: Filter) -> io::Result<Self>;

    /// The folder that is watched.
    fn id(&self) -> FolderId;

    /// Waits until something is seen, the time is over, or the thread is woken. Without a watch only for the latter two.
    fn wait(
        watch: Option<&Self>,
        waker: &Self::Waker,
        timeout: Option<Duration>,
        seen: &mut dyn FnMut(Seen),
    ) -> io::Result<()>;
}
