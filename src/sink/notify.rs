//! The interface of a client's sink.

use std::fmt;
use std::ptr::NonNull;

use crate::abi::{IID_IMAPIOfflineNotify, IMAPIOfflineNotify, IUnknown, MAPIOFFLINE_NOTIFY};
use crate::com::{Borrowed, Foreign};

/// A client's interface, with its reference.
pub(super) struct NotifySink(Foreign<IMAPIOfflineNotify>);

/// The interface without a reference: see `registration::Sink::handle`.
#[derive(Clone, Copy)]
pub(crate) struct NotifyHandle(Borrowed<IMAPIOfflineNotify>);

impl NotifySink {
    pub(super) fn new(sink: Foreign<IMAPIOfflineNotify>) -> Self {
        Self(sink)
    }

    /// Asks the client's object once for the interface. The object itself is neither kept nor released.
    ///
    /// # Safety
    /// `callback` points to a COM object that is alive during the call.
    pub(super) unsafe fn query(callback: NonNull<IUnknown>) -> Option<Self> {
        // SAFETY: the caller says that the object is alive, and the identifier is this interface's.
        unsafe { Foreign::query(callback, &IID_IMAPIOfflineNotify) }.map(Self)
    }

    pub(super) fn handle(&self) -> NotifyHandle {
        NotifyHandle(self.0.borrow())
    }
}

/// The address of the client's object.
impl fmt::Debug for NotifyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl NotifyHandle {
    #[inline]
    pub(super) fn notify(self, notification: &MAPIOFFLINE_NOTIFY) {
        // SAFETY: the registration's reference is kept until this returns, unless the client ends it from within, which
        // it may only while it holds a reference of its own (`registration::Sink::handle`).
        unsafe { self.0.call(|sink| ((*(*sink).lpVtbl).Notify)(sink, notification)) };
    }
}
