//! Systems whose way of watching this does not use: whoever waits looks for himself now and then.

use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{Descriptor, Seen, lock};

/// Wakes the one who waits.
pub(crate) struct Waker {
    woken: Mutex<bool>,
    wake: Condvar,
}

/// There is none.
pub(crate) enum Watch {}

impl Waker {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it fails")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { woken: Mutex::new(false), wake: Condvar::new() })
    }

    pub(crate) fn wake(&self) {
        *lock(&self.woken) = true;
        self.wake.notify_one();
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor::NONE
    }
}

impl Watch {
    pub(crate) fn new(_: &Path) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "folders are not watched on this system"))
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        match *self {}
    }
}

/// Waits until the time is over, or it is woken.
pub(crate) fn wait(
    _: Option<&Watch>,
    waker: &Waker,
    timeout: Option<Duration>,
    _: &mut dyn FnMut(Seen),
) -> io::Result<()> {
    let timeout = timeout.unwrap_or(Duration::from_secs(3600));
    let waited = waker.wake.wait_timeout_while(lock(&waker.woken), timeout, |woken| !*woken);
    *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    Ok(())
}
