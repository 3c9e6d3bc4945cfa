//! POSIX, with glibc's and Apple's additions.

use std::ffi::{CStr, OsStr, OsString, c_char, c_void};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Which thread: equal for equal threads while both live. No thread-local of ours, hence no destructor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread(usize);

impl Thread {
    pub(crate) fn current() -> Self {
        // SAFETY: has no preconditions.
        Self(unsafe { libc::pthread_self() } as usize)
    }
}

/// Keeps the module that holds this code loaded for ever, whether it is the shared library or a plug-in that the static
/// one was linked into. In the main program there is nothing to keep.
///
/// No lock and no Once: another thread may be in the loader, running a constructor that opens an object.
pub(crate) fn pin_module() {
    static PINNED: AtomicBool = AtomicBool::new(false);
    if PINNED.load(Ordering::Acquire) {
        return;
    }
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let code = pin_module as fn() as *const c_void;
    // SAFETY: `info` is written when the result is not zero, and zeroes are valid for it anyway.
    let info = unsafe {
        libc::dladdr(code, info.as_mut_ptr());
        info.assume_init()
    };
    if !info.dli_fname.is_null() {
        // SAFETY: the name is a C string that lives as long as the module. The handle is kept for ever on purpose.
        unsafe { libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
    PINNED.store(true, Ordering::Release);
}

/// Has `handler` run when the process exits, before what was registered earlier.
pub(crate) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handler is code of this module; glibc forgets it when a module that was not pinned is unloaded. Without
    // memory for it there is no exit handler, and nothing better to do.
    unsafe { libc::atexit(handler) };
}

pub(super) fn at_fork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    // SAFETY: as for `at_exit`.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}

/// Starts a thread that blocks all signals: they are the host's, for threads of the host.
pub(crate) fn spawn_with_signals_blocked(
    builder: std::thread::Builder,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are written before they are read. A thread inherits the mask of the one that starts it.
    unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let started = builder.spawn(body);
    // SAFETY: `before` was written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    started
}

/// Asks for large pages under memory that is about to be filled. Only ever a wish.
pub(crate) fn prefer_large_pages<T>(memory: &mut [std::mem::MaybeUninit<T>]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let bytes = memory.as_mut_ptr_range();
        let start = (bytes.start as usize).next_multiple_of(PAGE);
        let end = bytes.end as usize / PAGE * PAGE;
        if start < end {
            // SAFETY: the pages lie within memory that is exclusively ours, and the advice does not change what is in it.
            unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

/// The number of a descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Descriptor(pub(super) RawFd);

impl Descriptor {
    #[cfg(not(target_os = "linux"))]
    pub(super) const NONE: Self = Self(-1);

    /// In a forked child: closes what only a thread of the parent's owned.
    pub(crate) fn close_inherited(self) {
        // SAFETY: the owner does not exist in this process.
        unsafe { libc::close(self.0) };
    }
}

/// The home of the account whose rights this program has.
pub(super) fn home_of_account() -> Option<OsString> {
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::zeroed();
    let mut room: [c_char; 4096] = [0; 4096];
    let mut found = std::ptr::null_mut();
    // SAFETY: all of it is writable, and `room` outlives what `entry` points to. A result that is not null is `entry`,
    // whose strings end.
    unsafe {
        libc::getpwuid_r(libc::geteuid(), entry.as_mut_ptr(), room.as_mut_ptr(), room.len(), &raw mut found);
        if found.is_null() || (*found).pw_dir.is_null() {
            return None;
        }
        Some(OsStr::from_bytes(CStr::from_ptr((*found).pw_dir).to_bytes()).to_owned())
    }
}

/// An environment variable, except in a program that runs with more rights than its user has.
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
