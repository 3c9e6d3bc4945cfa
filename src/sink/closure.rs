//! A Rust closure as a sink: the object that C would have made for it.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use super::notify::NotifySink;
use crate::abi::{
    E_NOINTERFACE, HRESULT, IMAPIOfflineNotify, IMAPIOfflineNotifyVtbl, MAPIOFFLINE_NOTIFY, MAPIOFFLINE_NOTIFY_TYPE,
    MAPIOFFLINE_STATECHANGE, REFIID, ULONG,
};
use crate::com::Foreign;
use crate::guard::guard;

/// What the closure is called with.
pub(super) trait Callback:
    Fn(MAPIOFFLINE_NOTIFY_TYPE, &MAPIOFFLINE_STATECHANGE) + Send + Sync + 'static
{
}

impl<F: Fn(MAPIOFFLINE_NOTIFY_TYPE, &MAPIOFFLINE_STATECHANGE) + Send + Sync + 'static> Callback for F {}

#[repr(C)]
struct ClosureSink<F> {
    vtable: *const IMAPIOfflineNotifyVtbl,
    count: AtomicU32,
    closure: F,
}

impl NotifySink {
    /// A sink that calls `closure`. A panic in it is caught and logged, and counts as delivered.
    pub(super) fn of_closure<F: Callback>(closure: F) -> Self {
        let sink = Box::new(ClosureSink { vtable: &raw const *ClosureSink::<F>::VTABLE, count: 1.into(), closure });
        Self::new(Foreign::new(NonNull::from(Box::leak(sink)).cast()))
    }
}

impl<F: Callback> ClosureSink<F> {
    const VTABLE: &IMAPIOfflineNotifyVtbl = &IMAPIOfflineNotifyVtbl {
        QueryInterface: Self::query_interface,
        AddRef: Self::add_ref,
        Release: Self::release,
        Notify: Self::notify,
    };

    /// Never called: the sink is made with the interface.
    unsafe extern "system-unwind" fn query_interface(
        _this: *mut IMAPIOfflineNotify,
        _iid: REFIID,
        out: *mut *mut c_void,
    ) -> HRESULT {
        // SAFETY: COM's contract for out.
        unsafe { out.write(std::ptr::null_mut()) };
        E_NOINTERFACE
    }

    unsafe extern "system-unwind" fn add_ref(this: *mut IMAPIOfflineNotify) -> ULONG {
        // SAFETY: the caller holds a reference, and `this` came from `of_closure`.
        unsafe { &(*this.cast::<Self>()).count }.fetch_add(1, Ordering::Relaxed) + 1
    }

    unsafe extern "system-unwind" fn release(this: *mut IMAPIOfflineNotify) -> ULONG {
        let this = this.cast::<Self>();
        // SAFETY: the reference is the caller's.
        let left = unsafe { &(*this).count }.fetch_sub(1, Ordering::Release) - 1;
        if left == 0 {
            fence(Ordering::Acquire);
            // SAFETY: that was the last reference, and the box was leaked by `of_closure`.
            let closure = unsafe { Box::from_raw(this) };
            let _ = guard("callback's drop", || drop(closure));
        }
        left
    }

    unsafe extern "system-unwind" fn notify(this: *mut IMAPIOfflineNotify, notification: *const MAPIOFFLINE_NOTIFY) {
        // SAFETY: the registration's reference keeps `this` until now. The closure may end the registration: this reference
        // keeps `this` until it returns.
        let _own = unsafe {
            Self::add_ref(this);
            Foreign::new(NonNull::new_unchecked(this))
        };
        // SAFETY: as above; the notification is valid for the call, and its only kind is a change of state.
        let (closure, phase, change) =
            unsafe { (&(*this.cast::<Self>()).closure, (*notification).NotifyType, &(*notification).Info.StateChange) };
        let _ = guard("callback", || closure(phase, change));
    }
}
