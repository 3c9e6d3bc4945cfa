//! Systems without a watcher of their own: the thread that waits looks at intervals.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::contract::{Filter, FolderWatch, Seen, Wake};
use crate::sync::lock;
use crate::sys::FolderId;

pub(crate) struct Waker {
    woken: Mutex<bool>,
    wake: Condvar,
}

/// There is none.
pub(crate) enum Watch {}

impl Wake for Waker {
    fn new() -> io::Result<Self> {
        Ok(Self { woken: Mutex::new(false), wake: Condvar::new() })
    }

    fn wake(&self) {
        *lock(&self.woken) = true;
        self.wake.notify_one();
    }
}

impl FolderWatch for Watch {
    type Waker = Waker;

    const SEES_EDITS: bool = false;

    fn new(_: &Path, _: &Arc<Waker>, _: Filter) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not notify of changes in folders"))
    }

    fn id(&self) -> FolderId {
        match *self {}
    }

    fn wait(_: Option<&Self>, waker: &Waker, timeout: Option<Duration>, _: &mut dyn FnMut(Seen)) -> io::Result<()> {
        let timeout = timeout.unwrap_or(Duration::from_secs(3600));
        let waited = waker.wake.wait_timeout_while(lock(&waker.woken), timeout, |woken| !*woken);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
        Ok(())
    }
}
