//! Windows 10 and later.

use std::ffi::{CStr, OsString, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use windows_sys::Win32::Foundation::{GetLastError, HMODULE, SetLastError, WIN32_ERROR};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleHandleA, GetModuleHandleExA, GetModuleHandleExW,
    GetProcAddress,
};
use windows_sys::Win32::System::Threading::GetCurrentThreadId;
use windows_sys::core::PCWSTR;

/// Identifies a thread while it lives. Uses no thread-local of this library, so that it needs no destructor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread(u32);

impl Thread {
    pub(crate) fn current() -> Self {
        // SAFETY: has no preconditions.
        Self(unsafe { GetCurrentThreadId() })
    }
}

/// By which number the system knows this thread.
pub(crate) fn thread_number() -> u64 {
    Thread::current().0.into()
}

/// The module that contains this code: the DLL, or the plug-in or program that links the static library. Null on failure.
fn own_module(flags: u32) -> HMODULE {
    let mut module = ptr::null_mut();
    let code = own_module as fn(u32) -> HMODULE as PCWSTR;
    // SAFETY: with FROM_ADDRESS the name is an address in the module, and `code` is one. On failure `module` stays null.
    unsafe { GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flags, code, &raw mut module) };
    module
}

static PINNED: AtomicBool = AtomicBool::new(false);

/// Keeps the module that contains this code loaded for ever.
pub(crate) fn pin_module() {
    if !PINNED.load(Ordering::Acquire) {
        let pinned = !own_module(GET_MODULE_HANDLE_EX_FLAG_PIN).is_null();
        PINNED.store(pinned, Ordering::Release);
    }
}

/// Runs `handler` when the process exits, before the handlers that were registered earlier. It may run more than once. Has
/// no effect in a module that is not pinned, as a C runtime would call it after the module is unloaded.
///
/// A DLL's own exit handlers run when the process's other threads are dead already, long after the program's statics were
/// destroyed. So this registers the handler with each loaded C runtime: its exit() destroys the program's statics.
pub(crate) fn at_exit(handler: extern "C" fn()) {
    type Register = unsafe extern "C" fn(extern "C" fn()) -> *mut c_void;
    const RUNTIMES: [(&CStr, &CStr); 10] = [
        (c"ucrtbase.dll", c"_crt_atexit"),
        (c"ucrtbased.dll", c"_crt_atexit"),
        (c"msvcrt.dll", c"_onexit"),
        (c"msvcr70.dll", c"_onexit"),
        (c"msvcr71.dll", c"_onexit"),
        (c"msvcr80.dll", c"_onexit"),
        (c"msvcr90.dll", c"_onexit"),
        (c"msvcr100.dll", c"_onexit"),
        (c"msvcr110.dll", c"_onexit"),
        (c"msvcr120.dll", c"_onexit"),
    ];
    if !PINNED.load(Ordering::Acquire) {
        return;
    }
    for (library, function) in RUNTIMES {
        // SAFETY: the names are C strings. Both functions take a function without arguments and ignore its result.
        unsafe {
            let mut runtime = ptr::null_mut();
            // Pinned: a runtime that is unloaded, with the plug-in that needed it, would call the handler in a living process.
            if GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN, library.as_ptr().cast(), &raw mut runtime) == 0 {
                continue;
            }
            if let Some(register) = GetProcAddress(runtime, function.as_ptr().cast()) {
                std::mem::transmute::<unsafe extern "system" fn() -> isize, Register>(register)(handler);
            }
        }
    }
    // For a program that links its C runtime and this library statically.
    // SAFETY: null asks for the program's module.
    if ptr::eq(own_module(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT), unsafe { GetModuleHandleA(ptr::null()) }) {
        unsafe extern "C" {
            fn atexit(handler: extern "C" fn()) -> c_int;
        }
        // SAFETY: the handler is code of this program, which is never unloaded.
        unsafe { atexit(handler) };
    }
}

/// Windows has no fork.
pub(super) fn at_fork(_: extern "C" fn(), _: extern "C" fn(), _: extern "C" fn()) {}

/// Windows has no signals.
pub(super) fn spawn_with_signals_blocked(
    builder: std::thread::Builder,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    builder.spawn(body)
}

/// Windows has no cancellation.
pub(crate) struct Uncancelled;

impl Uncancelled {
    pub(crate) fn enter() -> Self {
        Self
    }
}

/// The host's last error, which stays as it was.
pub(crate) struct LastError(WIN32_ERROR);

impl LastError {
    #[inline(always)]
    pub(crate) fn keep() -> Self {
        // SAFETY: has no preconditions.
        Self(unsafe { GetLastError() })
    }
}

impl Drop for LastError {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: has no preconditions.
        unsafe { SetLastError(self.0) };
    }
}

/// Whether the process is past its exit handlers. Its other threads were killed wherever they were, perhaps with a lock, and
/// modules are called once more (DLL_PROCESS_DETACH): such a call must not lock anything.
pub(crate) fn is_shutting_down() -> bool {
    windows_link::link!("ntdll.dll" "system" fn RtlDllShutdownInProgress() -> u8);
    // SAFETY: has no preconditions.
    unsafe { RtlDllShutdownInProgress() != 0 }
}

/// Does nothing: large pages need a privilege on Windows.
pub(crate) fn prefer_large_pages<T>(_: &mut [MaybeUninit<T>]) {}

/// An environment variable. Windows has no setuid programs, and an elevated program has its variables from the same user.
pub(crate) fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Whether the next attempt may succeed after this error.
pub(super) fn is_transient(error: i32) -> bool {
    use windows_sys::Win32::Foundation::{
        ERROR_LOCK_VIOLATION, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_READY, ERROR_OUTOFMEMORY,
        ERROR_SHARING_VIOLATION, ERROR_TOO_MANY_OPEN_FILES,
    };
    const TRANSIENT: [u32; 7] = [
        ERROR_LOCK_VIOLATION,
        ERROR_NO_SYSTEM_RESOURCES,
        ERROR_NOT_ENOUGH_MEMORY,
        ERROR_NOT_READY,
        ERROR_OUTOFMEMORY,
        ERROR_SHARING_VIOLATION,
        ERROR_TOO_MANY_OPEN_FILES,
    ];
    TRANSIENT.contains(&(error as u32))
}
