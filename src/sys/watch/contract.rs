//! Watching a folder: the contract that every system's watcher keeps.
//!
//! - [`FolderWatch::new`] begins to watch. Whatever is renamed into, renamed out of, or removed from the folder after it has
//!   returned is reported by a later `wait`, as [`Seen::File`] or, where the system does not name files, as
//!   [`Seen::Anything`]. So is a file that another process wrote in place, where [`FolderWatch::SEES_EDITS`].
//! - [`Seen::Gone`] is reported once the folder itself is removed or renamed, or its file system unmounted. The watch then
//!   reports nothing more.
//! - [`FolderWatch::wait`] returns after it has reported, when [`Wake::wake`] was called before or during the wait, and when
//!   the time is over; it may return early. One `wake` is enough however often it was called. It fails with `EBADF` when a
//!   descriptor of the watcher is not one any more.
//! - One thread waits; any thread wakes.
//! - Descriptors are close-on-exec. A child that was forked inherits those that [`Wake::descriptor`] and
//!   [`FolderWatch::descriptor`] name, never waits on them, and closes them ([`Descriptor::close_inherited`]). A system on
//!   which a child inherits nothing names none.
//!
//! A system that cannot watch has the polled watcher, whose `new` fails: the library then looks twice a second.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::sys::Descriptor;

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

    /// What a forked child closes.
    fn descriptor(&self) -> Option<Descriptor>;
}

/// A folder that is watched.
pub(crate) trait FolderWatch: Sized {
    type Waker: Wake;

    /// Whether a file that is written in place is reported.
    const SEES_EDITS: bool;

    fn new(folder: &Path) -> io::Result<Self>;

    /// What a forked child closes.
    fn descriptor(&self) -> Option<Descriptor>;

    /// Waits until something is seen, the time is over, or the thread is woken. Without a watch only for the latter two.
    fn wait(
        watch: Option<&Self>,
        waker: &Self::Waker,
        timeout: Option<Duration>,
        seen: &mut dyn FnMut(Seen),
    ) -> io::Result<()>;
}
