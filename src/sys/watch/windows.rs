//! Change notifications, and an event that wakes the waiting thread. A notification does not say which file changed.

use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE, WAIT_FAILED, WAIT_OBJECT_0};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_NOTIFY_CHANGE_FILE_NAME, FILE_NOTIFY_CHANGE_LAST_WRITE, FindCloseChangeNotification,
    FindFirstChangeNotificationW, FindNextChangeNotification,
};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, SetEvent, WaitForMultipleObjects};

use super::contract::{Filter, FolderWatch, Seen, Wake};
use crate::sys::FolderId;

/// Wakes the thread that waits.
pub(crate) struct Waker(HANDLE);

/// A watched folder.
pub(crate) struct Watch {
    handle: HANDLE,
    id: FolderId,
}

// SAFETY: events may be used and closed on any thread.
unsafe impl Send for Waker {}
// SAFETY: as above.
unsafe impl Sync for Waker {}

impl Wake for Waker {
    fn new() -> io::Result<Self> {
        // SAFETY: null is valid for the attributes and the name. The event resets itself when it has woken a thread.
        let event = unsafe { CreateEventW(ptr::null(), 0, 0, ptr::null()) };
        if event.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(event)) }
    }

    fn wake(&self) {
        // SAFETY: `self` keeps the event open.
        unsafe { SetEvent(self.0) };
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: `self` owns the open event, and nothing uses it after the drop.
        unsafe { CloseHandle(self.0) };
    }
}

impl FolderWatch for Watch {
    type Waker = Waker;

    const SEES_EDITS: bool = true;

    fn new(folder: &Path, _: &Arc<Waker>, _: Filter) -> io::Result<Self> {
        let id = FolderId::of(folder)?;
        // Editors may write in place; the library renames files into place.
        const WHAT: u32 = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_LAST_WRITE;
        let path: Vec<u16> = folder.as_os_str().encode_wide().chain([0]).collect();
        // SAFETY: the path ends with a zero.
        let watch = unsafe { FindFirstChangeNotificationW(path.as_ptr(), 0, WHAT) };
        if watch == INVALID_HANDLE_VALUE || watch.is_null() {
            return Err(io::Error::last_os_error());
        }
        let watch = Self { handle: watch, id };
        // Another folder may have come to this path meanwhile: then neither is surely the watched one.
        if FolderId::of(folder)? == id { Ok(watch) } else { Err(io::ErrorKind::Interrupted.into()) }
    }

    fn id(&self) -> FolderId {
        self.id
    }

    fn wait(
        watch: Option<&Self>,
        waker: &Waker,
        timeout: Option<Duration>,
        seen: &mut dyn FnMut(Seen),
    ) -> io::Result<()> {
        // Rounded up, as the caller would otherwise wait again for the rest of a millisecond.
        let timeout =
            timeout.map_or(INFINITE, |timeout| u32::try_from(timeout.as_millis() + 1).unwrap_or(INFINITE - 1));
        let handles = [waker.0, watch.map_or(waker.0, |watch| watch.handle)];
        let count = if watch.is_some() { 2 } else { 1 };
        // SAFETY: `handles` has at least `count` handles. `waker` and `watch` keep them open.
        match unsafe { WaitForMultipleObjects(count, handles.as_ptr(), 0, timeout) } {
            WAIT_FAILED => return Err(io::Error::last_os_error()),
            one if one == WAIT_OBJECT_0 + 1 => {
                // SAFETY: `watch` keeps the handle open. Re-arms it before the caller reads the folder, to miss no change.
                let goes_on = watch.is_some_and(|watch| unsafe { FindNextChangeNotification(watch.handle) } != 0);
                seen(if goes_on { Seen::Anything } else { Seen::Gone });
            }
            _ => {}
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: `self` owns the open handle.
        unsafe { FindCloseChangeNotification(self.handle) };
    }
}
