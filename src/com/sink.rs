//! A client's notification sink.

use std::ptr::NonNull;

use super::foreign::{Borrowed, Foreign};
use crate::abi::{IID_IMAPIOfflineNotify, IMAPIOfflineNotify, IUnknown, MAPIOFFLINE_NOTIFY};

/// The interface that a sink gave, with its reference.
pub(crate) struct NotifySink(Foreign<IMAPIOfflineNotify>);

/// A sink that somebody else keeps: see `notify::Sink::handle`.
#[derive(Clone, Copy)]
pub(crate) struct NotifyHandle(Borrowed<IMAPIOfflineNotify>);

impl NotifySink {
    pub(super) fn new(sink: Foreign<IMAPIOfflineNotify>) -> Self {
        Self(sink)
    }

    /// Asks once for the interface; the object itself is neither kept nor released.
    ///
    /// # Safety
    /// `callback` points to a COM object that is alive during the call.
    pub(crate) unsafe fn query(callback: NonNull<IUnknown>) -> Option<Self> {
        // SAFETY: the caller says that the object is alive, and the identifier is this interface's.
        unsafe { Foreign::query(callback, &IID_IMAPIOfflineNotify) }.map(Self)
    }

    pub(crate) fn handle(&self) -> NotifyHandle {
        NotifyHandle(self.0.borrow())
    }
}

impl NotifyHandle {
    #[inline]
    pub(crate) fn notify(self, notification: &MAPIOFFLINE_NOTIFY) {
        // SAFETY: the registration's reference is kept until this returns, unless the client ends it from within, which
        // it may only while it holds a reference of its own (`notify::Sink::handle`).
        unsafe { self.0.call(|sink| ((*(*sink).lpVtbl).Notify)(sink, notification)) };
    }
}
