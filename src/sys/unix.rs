//! POSIX, with the extensions of glibc and Apple.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int, c_void};
use std::io;
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

/// By which number the system knows this thread, where it has one.
pub(crate) fn thread_number() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: has no preconditions.
    return unsafe { libc::gettid() } as u64;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return Thread::current().0 as u64;
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
const SYNCHRONOUS_SIGNALS: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// Starts a thread that blocks asynchronous signals, so that they are handled on threads of the host. Synchronous ones stay
/// as the calling thread has them.
pub(super) fn spawn_with_signals_blocked(
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
    let started = builder.spawn(move || {
        // A callback may cancel the thread that it runs on.
        cancellation::disable();
        body();
    });
    // SAFETY: `before` was written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    started
}

/// Puts a cancellation of the calling thread off until it is dropped: the thread would unwind through frames that nothing can
/// unwind through. Costs 10 ns, so that calls that last about as long go without.
pub(crate) struct Uncancelled(c_int);

/// The host's `errno`, which stays as it was.
pub(crate) struct LastError(c_int);

#[cfg(not(target_os = "android"))]
mod cancellation {
    use std::ffi::c_int;

    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    }

    /// PTHREAD_CANCEL_DISABLE.
    const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

    /// Gives the state from before.
    pub(super) fn disable() -> c_int {
        let mut old = DISABLE;
        // SAFETY: the state is a valid one, and `old` is writable.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut old) };
        old
    }

    pub(super) fn restore(state: c_int) {
        if state != DISABLE {
            let mut old = state;
            // SAFETY: the state is one that the system gave. Some systems do not take null for the old one.
            unsafe { pthread_setcancelstate(state, &raw mut old) };
        }
    }
}

/// Android has no cancellation.
#[cfg(target_os = "android")]
mod cancellation {
    pub(super) fn disable() -> i32 {
        0
    }

    pub(super) fn restore(_: i32) {}
}

fn errno() -> *mut c_int {
    // SAFETY: have no preconditions.
    #[cfg(any(target_os = "linux", target_os = "l4re", target_os = "emscripten"))]
    return unsafe { libc::__errno_location() };
    // SAFETY: as above.
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    return unsafe { libc::__error() };
    // SAFETY: as above.
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    return unsafe { libc::__errno() };
}

impl Uncancelled {
    pub(crate) fn enter() -> Self {
        Self(cancellation::disable())
    }
}

impl Drop for Uncancelled {
    fn drop(&mut self) {
        cancellation::restore(self.0);
    }
}

impl LastError {
    #[inline(always)]
    pub(crate) fn keep() -> Self {
        // SAFETY: the system's pointer, which is this thread's own.
        Self(unsafe { *errno() })
    }
}

impl Drop for LastError {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *errno() = self.0 };
    }
}

/// Whether the process is past its exit handlers, with its other threads killed wherever they were. Only Windows calls a
/// module then.
pub(crate) const fn is_shutting_down() -> bool {
    false
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

/// Gives this thread an empty descriptor table of its own. The host's descriptors are not affected, nor its record locks,
/// which belong to the table.
#[cfg(target_os = "linux")]
pub(super) fn leave_descriptor_table() -> io::Result<()> {
    // SAFETY: the calls have no preconditions, and change this thread's table only. Not by `libc::close_range`, which older
    // C libraries do not have.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, libc::CLOSE_RANGE_UNSHARE) == 0 {
            return Ok(());
        }
        // Before Linux 5.9.
        if libc::unshare(libc::CLONE_FILES) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/thread-self/fd")? {
        open.extend(entry?.file_name().to_str().and_then(|number| number.parse::<c_int>().ok()));
    }
    for number in open {
        // SAFETY: in this thread's table nothing uses the descriptor. One of them was that of the list, closed by now.
        unsafe { libc::close(number) };
    }
    Ok(())
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
