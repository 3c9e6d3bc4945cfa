//! A barrier that the system runs on every thread of the process, so that the threads themselves need none.
//!
//! What a thread stored before the barrier is visible to the caller afterwards; what a thread loads after it sees what the
//! caller stored before. A thread is before or after it, never in between.

pub(crate) use system::{barrier_on_all_threads, has_barrier, prepare_barrier};

#[cfg(target_os = "linux")]
mod system {
    use std::thread::sleep;
    use std::time::Duration;

    use crate::sys::Uncancelled;

    use libc::{
        MEMBARRIER_CMD_GLOBAL, MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_QUERY,
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, SYS_membarrier, c_int, c_long, syscall,
    };

    fn membarrier(command: c_int) -> c_long {
        // SAFETY: the call has no memory arguments. Kernels, emulators and sandboxes without it give an error.
        unsafe { syscall(SYS_membarrier, command, 0, 0) }
    }

    /// Whether there is such a barrier. A sandbox may still refuse to prepare it.
    pub(crate) fn has_barrier() -> bool {
        let commands = membarrier(MEMBARRIER_CMD_QUERY);
        commands > 0 && commands & c_long::from(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0
    }

    /// Prepares the process. False: there will be no such barrier. Takes 10 to 20 ms if the process has several threads,
    /// as the kernel waits for all processors. Forked children inherit it.
    pub(crate) fn prepare_barrier() -> bool {
        has_barrier() && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0
    }

    /// Runs the barrier. `prepare_barrier` has succeeded in this process or in one that forked it.
    pub(crate) fn barrier_on_all_threads() {
        if membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 && membarrier(MEMBARRIER_CMD_GLOBAL) != 0 {
            // A sandbox that came later refuses both. What a thread stored is visible by then: a store is delayed for microseconds.
            let _uncancelled = Uncancelled::enter();
            sleep(Duration::from_millis(20));
        }
    }
}

#[cfg(windows)]
mod system {
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
    use windows_sys::Win32::System::Threading::FlushProcessWriteBuffers;

    /// Not in Wine, whose older versions have a FlushProcessWriteBuffers that does nothing.
    pub(crate) fn has_barrier() -> bool {
        // SAFETY: the names are C strings, and ntdll is loaded in every process.
        unsafe {
            let ntdll = GetModuleHandleA(c"ntdll.dll".as_ptr().cast());
            GetProcAddress(ntdll, c"wine_get_version".as_ptr().cast()).is_none()
        }
    }

    pub(crate) fn prepare_barrier() -> bool {
        has_barrier()
    }

    pub(crate) fn barrier_on_all_threads() {
        // SAFETY: has no preconditions.
        unsafe { FlushProcessWriteBuffers() };
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
mod system {
    pub(crate) fn has_barrier() -> bool {
        false
    }

    pub(crate) fn prepare_barrier() -> bool {
        false
    }

    /// Never called.
    pub(crate) fn barrier_on_all_threads() {}
}
