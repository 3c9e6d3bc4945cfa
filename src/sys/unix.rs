//! POSIX, with the extensions of glibc and Apple.

use std::ffi::{CStr, OsStr, OsString, c_char, c_void};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Identifies a thread while it lives. Uses no thread-local of this library, so that it needs no destructor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread(usize);

impl Thread {
    pub(crate) fn current() -> Self {
        // SAFETY: has no preconditions.
        Self(unsafe { libc::pthread_self() } as usize)
    }
}

/// Keeps the module that contains this code loaded for ever: the shared library, or a plug-in that links the static library.
/// Has no effect in the main program, which is never unloaded.
///
/// Uses neither a lock nor a Once: another thread may hold the loader's lock and run a constructor that opens an object.
pub(crate) fn pin_module() {
    static PINNED: AtomicBool = AtomicBool::new(false);
    if PINNED.load(Ordering::Acquire) {
        return;
    }
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let code = pin_module as fn() as *const c_void;
    // SAFETY: dladdr writes `info` if it succeeds, and all zeroes are a valid value otherwise.
    let info = unsafe {
        libc::dladdr(code, info.as_mut_ptr());
        info.assume_init()
    };
    if !info.dli_fname.is_null() {
        // SAFETY: dladdr gave a C string that lives as long as the module. The handle is never closed, on purpose.
        unsafe { libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
    PINNED.store(true, Ordering::Release);
}

/// Runs `handler` when the process exits, before the handlers that were registered earlier.
pub(crate) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handler is code of this module. glibc removes it when a module that was not pinned is unloaded. If memory
    // runs out, there is no exit handler. Nothing better can be done.
    unsafe { libc::atexit(handler) };
}

pub(super) fn at_fork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    // SAFETY: as for `at_exit`.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}

/// Signals that a thread raises by what it does. Managed runtimes and crash handlers depend on them.
const SYNCHRONOUS_SIGNALS: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// Starts a thread that blocks asynchronous signals, so that they are handled on threads of the host. Synchronous ones stay
/// as the calling thread has them.
pub(crate) fn spawn_with_signals_blocked(
    builder: std::thread::Builder,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are written before they are read. A thread inherits the mask of the one that starts it.
    unsafe {
        let mut asynchronous = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(asynchronous.as_mut_ptr());
        for signal in SYNCHRONOUS_SIGNALS {
            libc::sigdelset(asynchronous.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, asynchronous.as_ptr(), before.as_mut_ptr());
    }
    let started = builder.spawn(body);
    // SAFETY: `before` was written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    started
}

/// Asks for large pages for memory that is about to be filled. The system may ignore it.
pub(crate) fn prefer_large_pages<T>(memory: &mut [std::mem::MaybeUninit<T>]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let bytes = memory.as_mut_ptr_range();
        let start = (bytes.start as usize).next_multiple_of(PAGE);
        let end = bytes.end as usize / PAGE * PAGE;
        if start < end {
            // SAFETY: the pages lie within the exclusively borrowed `memory`. The advice does not change their content.
            unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

/// A file descriptor number. Does not own the descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Descriptor(pub(super) RawFd);

impl Descriptor {
    /// Closes a descriptor that a thread of the parent owns. Called in a forked child.
    pub(crate) fn close_inherited(self) {
        // SAFETY: the owning thread does not exist in this process, so that nothing uses or closes the descriptor.
        unsafe { libc::close(self.0) };
    }
}

/// The home folder of the effective user's account.
pub(crate) fn home_of_account() -> Option<OsString> {
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::zeroed();
    let mut room: [c_char; 4096] = [0; 4096];
    let mut found = std::ptr::null_mut();
    // SAFETY: all three buffers are writable local variables, and `room` outlives the strings in it. If `found` is not null
    // it points to `entry`, whose strings getpwuid_r ends with a zero.
    unsafe {
        libc::getpwuid_r(libc::geteuid(), entry.as_mut_ptr(), room.as_mut_ptr(), room.len(), &raw mut found);
        if found.is_null() || (*found).pw_dir.is_null() {
            return None;
        }
        Some(OsStr::from_bytes(CStr::from_ptr((*found).pw_dir).to_bytes()).to_owned())
    }
}

/// An environment variable. `None` in a program that runs with elevated rights (setuid, setgid, capabilities).
pub(crate) fn environment(name: &str) -> Option<OsString> {
    if elevated() { None } else { std::env::var_os(name) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn elevated() -> bool {
    // SAFETY: has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn elevated() -> bool {
    // SAFETY: have no preconditions.
    unsafe { libc::geteuid() != libc::getuid() || libc::getegid() != libc::getgid() }
}

/// Whether the next attempt may succeed after this error.
pub(super) fn is_transient(error: i32) -> bool {
    const TRANSIENT: [i32; 8] =
        [libc::EAGAIN, libc::EBUSY, libc::EINTR, libc::EIO, libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ESTALE];
    TRANSIENT.contains(&error)
}
