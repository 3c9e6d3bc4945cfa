//! An IMAPIOfflineMgr made with windows-core's `#[implement]`. As in that crate's own events, each change copies the list of
//! registrations. Also crossbeam's channel.
#![allow(non_snake_case, reason = "ABI names keep Microsoft's spelling")]
#![allow(missing_docs, reason = "only the benchmark calls this")]
#![allow(clippy::arc_with_non_send_sync, reason = "windows-core's interfaces are neither Send nor Sync")]

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender};
use windows_core::{HRESULT, IUnknown, Interface, implement, interface};

const S_OK: HRESULT = HRESULT(0);
const E_INVALIDARG: HRESULT = HRESULT(0x8007_0057_u32 as i32);
const MAPI_E_NO_SUPPORT: HRESULT = HRESULT(0x8004_0102_u32 as i32);
const BOTH: u32 = 3;

#[repr(C)]
pub struct AdviseInfo {
    size: u32,
    client_token: u32,
    callback_type: i32,
    callback: *mut c_void,
    advise_types: u32,
    state_mask: u32,
}

#[repr(C)]
pub struct Notification {
    size: u32,
    phase: u32,
    client_token: u32,
    mask: u32,
    old: u32,
    new: u32,
}

#[interface("0317BDE5-FC29-44CD-8DCD-36125A3BE9EC")]
unsafe trait IMAPIOfflineNotify: IUnknown {
    fn Notify(&self, notification: *const Notification);
}

#[interface("000672B5-0000-0000-C000-000000000046")]
unsafe trait IMAPIOffline: IUnknown {
    fn SetCurrentState(&self, flags: u32, mask: u32, state: u32, reserved: *mut c_void) -> HRESULT;
    fn GetCapabilities(&self, out: *mut u32) -> HRESULT;
    fn GetCurrentState(&self, out: *mut u32) -> HRESULT;
    fn Placeholder1(&self) -> HRESULT;
}

#[interface("42175607-FF3E-4790-BC18-66C8643E6424")]
unsafe trait IMAPIOfflineMgr: IMAPIOffline {
    fn Advise(&self, flags: u32, info: *const AdviseInfo, token: *mut u32) -> HRESULT;
    fn Unadvise(&self, flags: u32, token: u32) -> HRESULT;
    fn Placeholder2(&self) -> HRESULT;
    fn Placeholder3(&self) -> HRESULT;
    fn Placeholder4(&self) -> HRESULT;
    fn Placeholder5(&self) -> HRESULT;
    fn Placeholder6(&self) -> HRESULT;
    fn Placeholder7(&self) -> HRESULT;
    fn Placeholder8(&self) -> HRESULT;
}

#[derive(Clone)]
struct Registration {
    sink: IMAPIOfflineNotify,
    token: u32,
    client_token: u32,
}

#[implement(IMAPIOfflineMgr)]
struct Manager {
    state: AtomicU32,
    last_token: AtomicU32,
    registrations: Mutex<Arc<[Registration]>>,
}

impl Manager {
    fn exchange(&self, change: impl FnOnce(&[Registration]) -> Arc<[Registration]>) {
        let mut list = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&list);
        let old = std::mem::replace(&mut *list, changed);
        drop(list);
        drop(old);
    }

    fn tell(&self, phase: u32, to: u32) {
        let list = self.registrations.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for registration in list.iter() {
            let notification = Notification {
                size: 24,
                phase,
                client_token: registration.client_token,
                mask: BOTH,
                old: to ^ BOTH,
                new: to,
            };
            // SAFETY: `notification` outlives the call, and `list` keeps the sink referenced.
            unsafe { registration.sink.Notify(&notification) };
        }
    }
}

impl IMAPIOffline_Impl for Manager_Impl {
    unsafe fn SetCurrentState(&self, _flags: u32, _mask: u32, state: u32, _reserved: *mut c_void) -> HRESULT {
        self.tell(1, state);
        self.state.store(state, Ordering::Release);
        self.tell(2, state);
        self.tell(3, state);
        S_OK
    }

    unsafe fn GetCapabilities(&self, out: *mut u32) -> HRESULT {
        if out.is_null() {
            return E_INVALIDARG;
        }
        // SAFETY: the caller guarantees that a pointer that is not null may be written.
        unsafe { *out = BOTH };
        S_OK
    }

    unsafe fn GetCurrentState(&self, out: *mut u32) -> HRESULT {
        if out.is_null() {
            return E_INVALIDARG;
        }
        // SAFETY: the caller guarantees that a pointer that is not null may be written.
        unsafe { *out = self.state.load(Ordering::Acquire) };
        S_OK
    }

    unsafe fn Placeholder1(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
}

impl IMAPIOfflineMgr_Impl for Manager_Impl {
    unsafe fn Advise(&self, _flags: u32, info: *const AdviseInfo, token: *mut u32) -> HRESULT {
        // SAFETY: the caller guarantees that `info` and its callback are valid for the call.
        let (info, callback) = unsafe { (&*info, IUnknown::from_raw_borrowed(&(*info).callback)) };
        let Some(Ok(sink)) = callback.map(Interface::cast::<IMAPIOfflineNotify>) else {
            return windows_core::imp::E_NOINTERFACE;
        };
        let given = self.last_token.fetch_add(1, Ordering::Relaxed) + 1;
        let new = Registration { sink, token: given, client_token: info.client_token };
        self.exchange(|old| old.iter().cloned().chain([new]).collect());
        // SAFETY: the caller guarantees that `token` may be written.
        unsafe { *token = given };
        S_OK
    }

    unsafe fn Unadvise(&self, _flags: u32, token: u32) -> HRESULT {
        self.exchange(|old| old.iter().filter(|registration| registration.token != token).cloned().collect());
        S_OK
    }

    unsafe fn Placeholder2(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
    unsafe fn Placeholder3(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
    unsafe fn Placeholder4(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
    unsafe fn Placeholder5(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
    unsafe fn Placeholder6(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
    unsafe fn Placeholder7(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
    unsafe fn Placeholder8(&self) -> HRESULT {
        MAPI_E_NO_SUPPORT
    }
}

/// # Safety
/// `out` must be valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open_subject(_profile: *const c_void, out: *mut *mut c_void) -> HRESULT {
    let manager: IMAPIOfflineMgr =
        Manager { state: AtomicU32::new(2), last_token: AtomicU32::new(0), registrations: Mutex::new(Arc::new([])) }
            .into();
    // SAFETY: the caller guarantees that `out` may be written.
    unsafe { *out = manager.into_raw() };
    S_OK
}

static CHANNEL: LazyLock<(Sender<u32>, Receiver<u32>)> = LazyLock::new(crossbeam_channel::unbounded);

/// Sends one message. The receiver is not waiting for it.
#[unsafe(no_mangle)]
pub extern "C" fn crossbeam_send(message: u32) {
    let _ = CHANNEL.0.send(message);
}

/// Receives all messages that were sent.
#[unsafe(no_mangle)]
pub extern "C" fn crossbeam_drain() {
    CHANNEL.1.try_iter().for_each(drop);
}
