//! What this library exports beyond Outlook's exports. `cargo xtask generate` generates the C declarations from this file.
#![allow(non_snake_case, reason = "ABI names keep the API's style")]
#![allow(non_camel_case_types, reason = "ABI names keep the API's style")]
#![allow(unreachable_pub, reason = "exported to C, and public for the header generator")]
#![allow(clippy::missing_safety_doc, reason = "the documentation is the C header's: pointers are null or as typed")]

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::convert::Text;
use super::objects;
use super::result::{export, init, trace_number, unless_shutting_down};
use super::{pumping, status, waiting};
use crate::abi::*;
use crate::guard::ends_process_on_unwind;
use crate::trace::invalid;
use crate::{com, logging, profile};

/// HrOpenOfflineObj with the name in UTF-16, whatever wchar_t is.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineOpenUtf16(
    ulReserved: ULONG,
    pszProfileName: *const MAPIOFFLINE_CHAR16,
    pGUID: *const GUID,
    pInstance: *const GUID,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments =
        [ulReserved as usize, pszProfileName as usize, pGUID as usize, pInstance as usize, ppOffline as usize];
    // SAFETY: C's contract.
    let body = || unsafe { objects::open(ulReserved, Text::Utf16(pszProfileName), pGUID, pInstance, ppOffline) };
    export("MapiOfflineOpenUtf16", arguments, body)
}

/// HrOpenOfflineObj with the name in UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineOpenUtf8(
    ulReserved: ULONG,
    pszProfileName: *const MAPIOFFLINE_CHAR8,
    pGUID: *const GUID,
    pInstance: *const GUID,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments =
        [ulReserved as usize, pszProfileName as usize, pGUID as usize, pInstance as usize, ppOffline as usize];
    // SAFETY: C's contract.
    let body = || unsafe { objects::open(ulReserved, Text::Utf8(pszProfileName), pGUID, pInstance, ppOffline) };
    export("MapiOfflineOpenUtf8", arguments, body)
}

/// HrCreateOfflineObj with the name in UTF-16, whatever wchar_t is. pCreateInfo's own pwszProfileName is not read.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineCreateUtf16(
    ulFlags: ULONG,
    pCreateInfo: *mut MAPIOFFLINE_CREATEINFO,
    pszProfileName: *const MAPIOFFLINE_CHAR16,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments = [ulFlags as usize, pCreateInfo as usize, pszProfileName as usize, ppOffline as usize];
    let text = Some(Text::Utf16(pszProfileName));
    // SAFETY: C's contract.
    export("MapiOfflineCreateUtf16", arguments, || unsafe { objects::create(ulFlags, pCreateInfo, text, ppOffline) })
}

/// HrCreateOfflineObj with the name in UTF-8. pCreateInfo's own pwszProfileName is not read.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineCreateUtf8(
    ulFlags: ULONG,
    pCreateInfo: *mut MAPIOFFLINE_CREATEINFO,
    pszProfileName: *const MAPIOFFLINE_CHAR8,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments = [ulFlags as usize, pCreateInfo as usize, pszProfileName as usize, ppOffline as usize];
    let text = Some(Text::Utf8(pszProfileName));
    // SAFETY: C's contract.
    export("MapiOfflineCreateUtf8", arguments, || unsafe { objects::create(ulFlags, pCreateInfo, text, ppOffline) })
}

/// HrGetGlobalOffline with the name in UTF-16, whatever wchar_t is.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineGetGlobalUtf16(
    pszProfileName: *const MAPIOFFLINE_CHAR16,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments = [pszProfileName as usize, ppOffline as usize];
    // SAFETY: C's contract.
    export("MapiOfflineGetGlobalUtf16", arguments, || unsafe {
        objects::global(Text::Utf16(pszProfileName), ppOffline)
    })
}

/// HrGetGlobalOffline with the name in UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineGetGlobalUtf8(
    pszProfileName: *const MAPIOFFLINE_CHAR8,
    ppOffline: *mut *mut IMAPIOfflineMgr,
) -> HRESULT {
    let arguments = [pszProfileName as usize, ppOffline as usize];
    // SAFETY: C's contract.
    export("MapiOfflineGetGlobalUtf8", arguments, || unsafe { objects::global(Text::Utf8(pszProfileName), ppOffline) })
}

/// Returns the version of the running library, encoded as MAPIOFFLINE_VERSION_NUMBER encodes that of the header:
/// major << 24 | minor << 16 | patch. Never fails. Callable on any thread.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineVersion() -> ULONG {
    trace_number("MapiOfflineVersion", [], VERSION);
    VERSION
}

/// Returns the version of the running library as "major.minor.patch": ASCII, valid while the library is loaded, not to be
/// freed. Never fails. Callable on any thread.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineVersionString() -> *const c_char {
    trace_number("MapiOfflineVersionString", [], VERSION);
    VERSION_STRING.as_ptr().cast()
}

/// Enables (fStrict is not 0) or disables strict hosting for the whole process. While it is enabled, HrOpenOfflineObj finds
/// a profile's global object only after HrCreateOfflineObj or HrGetGlobalOffline created it. While it is disabled, which is
/// the default, every valid profile name has one. Overrides MAPIOFFLINE_STRICT=1 in the environment. Callable on any thread.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineSetStrictHosting(fStrict: BOOL) {
    if unless_shutting_down().is_err() {
        return;
    }
    init();
    profile::set_strict_hosting(fStrict != 0);
    trace_number("MapiOfflineSetStrictHosting", [fStrict as u32 as usize], 0);
}

/// Returns how many objects of the library are in memory in this process, including those that only a running transition
/// still references. For tests that look for leaks. Never fails. Callable on any thread.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineLiveObjects() -> ULONG {
    let live = com::live_objects();
    trace_number("MapiOfflineLiveObjects", [], live);
    live
}

/// Says where this process keeps the state of profiles, how it notices changes of other programs, what went wrong last, and
/// which barrier callbacks use. A program that must not work on its own unawares asks this after its first open.
///
/// pulStore: receives MAPIOFFLINE_STORE_UNDECIDED (nothing has been opened yet), _MEMORY (this process's own) or _SHARED.
/// pulWatch: receives MAPIOFFLINE_WATCH_NONE (no object is open, or the first was opened a moment ago), _SYSTEM (the system
/// notifies), _POLLED (twice a second) or _BOTH. pulBarrier: receives MAPIOFFLINE_BARRIER_SYMMETRIC (each callback pays for
/// an atomic exchange), _ASYMMETRIC (whoever ends a registration during a delivery pays for a system call instead) or
/// _UNDECIDED (symmetric for the first half million callbacks). pszFolder: receives the shared folder's path, or an empty string.
/// pszLastError: receives the last error in words, or an empty string; it may have passed since. cbFolder and cbLastError:
/// the sizes of the buffers in bytes. Texts are UTF-8, end with a zero, and are cut where they do not fit. Each pointer may
/// be null.
///
/// Returns S_OK; E_FAIL, and nothing is written, while a Windows process shuts down. Callable on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineGetStoreStatus(
    pulStore: *mut ULONG,
    pulWatch: *mut ULONG,
    pulBarrier: *mut ULONG,
    pszFolder: *mut MAPIOFFLINE_CHAR8,
    cbFolder: ULONG,
    pszLastError: *mut MAPIOFFLINE_CHAR8,
    cbLastError: ULONG,
) -> HRESULT {
    let arguments = [
        pulStore as usize,
        pulWatch as usize,
        pulBarrier as usize,
        pszFolder as usize,
        cbFolder as usize,
        pszLastError as usize,
        cbLastError as usize,
    ];
    // SAFETY: C's contract.
    export("MapiOfflineGetStoreStatus", arguments, || unsafe {
        status::store([pulStore, pulWatch, pulBarrier], (pszFolder, cbFolder), (pszLastError, cbLastError))
    })
}

/// Waits until a profile is in a state in this process, and every registration in this process has returned from the DONE of
/// that change. For tests of clients: no sleep is right for every machine. pszProfileName: the profile, in UTF-8. ulState:
/// MAPIOFFLINE_STATE_ONLINE or MAPIOFFLINE_STATE_OFFLINE. ulMilliseconds: how long to wait at most; 0 looks once; 0xFFFFFFFF is
/// for ever.
///
/// Opens the profile's global object meanwhile. Never call it from a Notify, nor while a Notify waits for this thread: the
/// change could not end.
///
/// Returns S_OK; E_INVALIDARG (an argument is none of these, or the name is null, empty or malformed); MAPI_E_TIMEOUT;
/// E_PENDING on a thread that runs a Notify; otherwise what HrOpenOfflineObj returns. Callable on any other thread.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineWaitUtf8(
    pszProfileName: *const MAPIOFFLINE_CHAR8,
    ulState: ULONG,
    ulMilliseconds: ULONG,
) -> HRESULT {
    let arguments = [pszProfileName as usize, ulState as usize, ulMilliseconds as usize];
    // SAFETY: C's contract.
    export("MapiOfflineWaitUtf8", arguments, || unsafe {
        waiting::for_state(Text::Utf8(pszProfileName), ulState, ulMilliseconds)
    })
}

/// MapiOfflineWaitUtf8 with the name in UTF-16, whatever wchar_t is.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineWaitUtf16(
    pszProfileName: *const MAPIOFFLINE_CHAR16,
    ulState: ULONG,
    ulMilliseconds: ULONG,
) -> HRESULT {
    let arguments = [pszProfileName as usize, ulState as usize, ulMilliseconds as usize];
    // SAFETY: C's contract.
    export("MapiOfflineWaitUtf16", arguments, || unsafe {
        waiting::for_state(Text::Utf16(pszProfileName), ulState, ulMilliseconds)
    })
}

/// Waits until every program that has a profile open, this one included, has returned from the DONE of the last change that is
/// stored. With a memory store that is this process alone. pszProfileName: the profile, in UTF-8. ulMilliseconds: how long to
/// wait at most, for answers as well; 0xFFFFFFFF is for ever. pulPrograms: receives how many programs have not returned in
/// time, or 0; may be null. `mapioffline clients` names them.
///
/// The programs are those whose HrOpenOfflineObj or HrCreateOfflineObj returned before this call. One that does not answer, as
/// it has been stopped, counts as one that has the profile open. Never call it from a Notify, nor while a Notify waits for
/// this thread.
///
/// Returns as MapiOfflineWaitUtf8 does. Callable on any thread that runs no Notify.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineSettleUtf8(
    pszProfileName: *const MAPIOFFLINE_CHAR8,
    ulMilliseconds: ULONG,
    pulPrograms: *mut ULONG,
) -> HRESULT {
    let arguments = [pszProfileName as usize, ulMilliseconds as usize, pulPrograms as usize];
    // SAFETY: C's contract.
    export("MapiOfflineSettleUtf8", arguments, || unsafe {
        waiting::settle(Text::Utf8(pszProfileName), ulMilliseconds, pulPrograms)
    })
}

/// MapiOfflineSettleUtf8 with the name in UTF-16, whatever wchar_t is.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineSettleUtf16(
    pszProfileName: *const MAPIOFFLINE_CHAR16,
    ulMilliseconds: ULONG,
    pulPrograms: *mut ULONG,
) -> HRESULT {
    let arguments = [pszProfileName as usize, ulMilliseconds as usize, pulPrograms as usize];
    // SAFETY: C's contract.
    export("MapiOfflineSettleUtf16", arguments, || unsafe {
        waiting::settle(Text::Utf16(pszProfileName), ulMilliseconds, pulPrograms)
    })
}

/// Chooses on which threads Notify runs for changes that are accepted from now on, in the whole process: ulDelivery is
/// MAPIOFFLINE_DELIVERY_NOTIFIERS (threads of the library, the default) or MAPIOFFLINE_DELIVERY_PUMPED (a thread of the host that
/// calls MapiOfflineDispatch). SetCurrentState with BLOCK notifies on the calling thread in either case.
///
/// A change that waits for MapiOfflineDispatch has been accepted: GetCurrentState gives the old state, the object's tree is busy
/// (E_PENDING) until it is dispatched, and a registration that is made meanwhile gets nothing of it. Changes of other programs
/// wait likewise, and are coalesced to the last. What was accepted before this call stays where it was. In a forked child nothing
/// waits, and the choice stays.
///
/// Returns S_OK; E_INVALIDARG (another number); E_FAIL while a Windows process shuts down. Callable on any thread.
#[unsafe(no_mangle)]
pub extern "system" fn MapiOfflineSetDelivery(ulDelivery: ULONG) -> HRESULT {
    export("MapiOfflineSetDelivery", [ulDelivery as usize], || pumping::set_delivery(ulDelivery))
}

/// Runs the changes that wait for the host, on the calling thread: Notify of all three phases of one, then of the next. Order,
/// and what Unadvise guarantees, are as on a notifier thread.
///
/// ulMost: how many changes to run at most; 0xFFFFFFFF is all that wait when the call begins. A change that is asked for
/// meanwhile, from Notify for one, waits for the next call. ulMilliseconds: how long to wait for the first one where none waits;
/// 0 does not wait; 0xFFFFFFFF is for ever. pulDispatched: receives how many were run, also 0; may be null.
///
/// Returns S_OK, whether any was run or not; E_PENDING (called from Notify with a time to wait: it could wait for itself); E_FAIL
/// while a Windows process shuts down. Callable on any thread, on several at once, and from Notify, where it runs changes of other
/// trees.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineDispatch(
    ulMost: ULONG,
    ulMilliseconds: ULONG,
    pulDispatched: *mut ULONG,
) -> HRESULT {
    let arguments = [ulMost as usize, ulMilliseconds as usize, pulDispatched as usize];
    // SAFETY: C's contract.
    export("MapiOfflineDispatch", arguments, || unsafe { pumping::dispatch(ulMost, ulMilliseconds, pulDispatched) })
}

/// Gives what an event loop waits for: it is ready while a change waits for MapiOfflineDispatch. pHandle: receives a
/// descriptor to poll for reading, or on Windows an event (HANDLE); -1 after every failure. It is the same one in each call, and
/// stays open until the process ends. It is the library's: the host neither reads, writes, resets nor closes it. A forked child
/// asks for its own.
///
/// Returns S_OK; E_INVALIDARG (pHandle is null); E_FAIL (there is no descriptor left, or a Windows process shuts down). Callable on
/// any thread.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineGetDispatchHandle(pHandle: *mut isize) -> HRESULT {
    // SAFETY: C's contract.
    export("MapiOfflineGetDispatchHandle", [pHandle as usize], || unsafe { pumping::handle(pHandle) })
}

/// Receives the library's log lines. Called with no lock of the library held, on the thread that logs the line, and on
/// several threads at once. Calls that it makes into the library log nothing. No exception may leave it.
///
/// pContext: as passed to MapiOfflineSetLogCallback. ulLevel: MAPIOFFLINE_LOG_ERROR to MAPIOFFLINE_LOG_TRACE. pszMessage:
/// UTF-8, valid for the call.
pub type MAPIOFFLINE_LOG_CALLBACK = Option<
    unsafe extern "system-unwind" fn(pContext: *mut c_void, ulLevel: ULONG, pszMessage: *const MAPIOFFLINE_CHAR8),
>;

/// Sends log lines to pfnCallback instead of to stderr; a null pfnCallback ends that. After this returns, another thread may
/// still call the previous callback for a line that it had begun.
///
/// ulLevel: the most verbose level wanted, from MAPIOFFLINE_LOG_ERROR to MAPIOFFLINE_LOG_TRACE (one line for each call into
/// the library, and for each Notify); ignored without a callback. pfnCallback: see MAPIOFFLINE_LOG_CALLBACK. pContext:
/// passed to the callback unchanged.
///
/// Returns, in the order of the checks: E_INVALIDARG (a callback with a level outside 1 to 5); E_FAIL (this is a Rust
/// program with a logger of its own, which gets the lines); S_OK. Callable on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiOfflineSetLogCallback(
    ulLevel: ULONG,
    pfnCallback: MAPIOFFLINE_LOG_CALLBACK,
    pContext: *mut c_void,
) -> HRESULT {
    export(
        "MapiOfflineSetLogCallback",
        [ulLevel as usize, pfnCallback.map_or(0, |callback| callback as usize), pContext as usize],
        || {
            unless_shutting_down()?;
            let Some(callback) = pfnCallback else {
                return Ok(logging::set_callback(None)?);
            };
            let level = match ulLevel {
                1 => log::LevelFilter::Error,
                2 => log::LevelFilter::Warn,
                3 => log::LevelFilter::Info,
                4 => log::LevelFilter::Debug,
                5 => log::LevelFilter::Trace,
                _ => return Err(invalid("ulLevel is none of MAPIOFFLINE_LOG_ERROR to MAPIOFFLINE_LOG_TRACE").into()),
            };
            let context = Context(pContext);
            let forward = move |level: log::Level, message: &str| {
                let text = CString::new(message).unwrap_or_default();
                // SAFETY: C's contract for the callback and its context.
                ends_process_on_unwind(|| unsafe { callback(context.pointer(), level as ULONG, text.as_ptr()) });
            };
            Ok(logging::set_callback(Some((Arc::new(forward), level)))?)
        },
    )
}

/// The host's pointer, to be passed back to its callback.
#[derive(Clone, Copy)]
struct Context(*mut c_void);

// SAFETY: the pointer is only passed on; the header says that the callback is called on any thread.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    fn pointer(self) -> *mut c_void {
        self.0
    }
}

/// From Cargo.toml, as include/mapioffline/version.h is (`cargo xtask generate`); extensions.versions_agree compares them.
const VERSION: ULONG = number(env!("CARGO_PKG_VERSION_MAJOR")) << 24
    | number(env!("CARGO_PKG_VERSION_MINOR")) << 16
    | number(env!("CARGO_PKG_VERSION_PATCH"));
const VERSION_STRING: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

const fn number(digits: &str) -> ULONG {
    let bytes = digits.as_bytes();
    let mut value = 0;
    let mut index = 0;
    while index < bytes.len() {
        value = value * 10 + (bytes[index] - b'0') as ULONG;
        index += 1;
    }
    value
}
