//! Change notifications, and an event to wake the one who waits for them. Which file it was they do not say.

use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE, WAIT_FAILED, WAIT_OBJECT_0};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_NOTIFY_CHANGE_FILE_NAME, FILE_NOTIFY_CHANGE_LAST_WRITE, FindCloseChangeNotification,
    FindFirstChangeNotificationW, FindNextChangeNotification,
};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, SetEvent, WaitForMultipleObjects};

use super::{Descriptor, Seen};

/// Wakes the one who waits.
pub(crate) struct Waker(HANDLE);

/// A folder that is watched.
pub(crate) struct Watch(HANDLE);

// SAFETY: events may be used and closed on any thread.
unsafe impl Send for Waker {}
// SAFETY: as above.
unsafe impl Sync for Waker {}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no attributes and no name. It resets itself when the one who waits goes on.
        let event = unsafe { CreateEventW(ptr::null(), 0, 0, ptr::null()) };
        if event.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(event)) }
    }

    pub(crate) fn wake(&self) {
        // SAFETY: the event is open.
        unsafe { SetEvent(self.0) };
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: it is open, and nobody uses it any more.
        unsafe { CloseHandle(self.0) };
    }
}

impl Watch {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        // What people write by hand is written in place; everything else is renamed into place.
        const WHAT: u32 = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_LAST_WRITE;
        let path: Vec<u16> = folder.as_os_str().encode_wide().chain([0]).collect();
        // SAFETY: the path ends with a zero.
        let watch = unsafe { FindFirstChangeNotificationW(path.as_ptr(), 0, WHAT) };
        if watch == INVALID_HANDLE_VALUE || watch.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(watch)) }
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: it is open.
        unsafe { FindCloseChangeNotification(self.0) };
    }
}

/// Waits until something is seen, the time is over, or it is woken.
pub(crate) fn wait(
    watch: Option<&Watch>,
    waker: &Waker,
    timeout: Option<Duration>,
    seen: &mut dyn FnMut(Seen),
) -> io::Result<()> {
    // Beyond the last millisecond, or it would be asked for again.
    let timeout = timeout.map_or(INFINITE, |timeout| u32::try_from(timeout.as_millis() + 1).unwrap_or(INFINITE - 1));
    let handles = [waker.0, watch.map_or(waker.0, |watch| watch.0)];
    let count = if watch.is_some() { 2 } else { 1 };
    // SAFETY: so many handles are there, and open.
    match unsafe { WaitForMultipleObjects(count, handles.as_ptr(), 0, timeout) } {
        WAIT_FAILED => return Err(io::Error::last_os_error()),
        one if one == WAIT_OBJECT_0 + 1 => {
            // SAFETY: it is open. Asked for more before anything is looked at.
            let goes_on = watch.is_some_and(|watch| unsafe { FindNextChangeNotification(watch.0) } != 0);
            seen(if goes_on { Seen::Anything } else { Seen::Gone });
        }
        _ => {}
    }
    Ok(())
}
