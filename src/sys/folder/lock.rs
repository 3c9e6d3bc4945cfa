//! The lock of a folder on Unix.

use std::fs::{File, TryLockError};

use super::id::FolderId;

/// The file whose lock locks the folder.
pub(crate) struct LockFile {
    pub(super) file: File,
    pub(super) id: FolderId,
    /// Also keeps out programs in Wine.
    pub(super) beside_wine: bool,
}

impl LockFile {
    /// Takes the lock, if no other process or other open of this one has it.
    pub(crate) fn try_lock(&self) -> Result<(), TryLockError> {
        self.file.try_lock()?;
        if self.beside_wine && !record::lock(&self.file) {
            let _ = self.file.unlock();
            return Err(TryLockError::WouldBlock);
        }
        Ok(())
    }

    pub(crate) fn unlock(&self) {
        if self.beside_wine {
            record::unlock(&self.file);
        }
        let _ = self.file.unlock();
    }
}

/// Wine makes a record lock for writing of LockFileEx. `flock` does not exclude it; a record lock for reading does, and no
/// other one for reading. It belongs to the open file, as that of `flock` does.
#[cfg(target_os = "linux")]
mod record {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd as _;

    use libc::{EACCES, EAGAIN, F_OFD_SETLK, F_RDLCK, F_UNLCK, c_int, c_short, fcntl, flock};

    /// False if another program has a lock for writing. Where the system has no such locks nothing is locked.
    pub(super) fn lock(file: &File) -> bool {
        let locked = set(file, F_RDLCK);
        !matches!(locked, Err(error) if matches!(error.raw_os_error(), Some(EAGAIN | EACCES)))
    }

    pub(super) fn unlock(file: &File) {
        let _ = set(file, F_UNLCK);
    }

    fn set(file: &File, kind: c_int) -> io::Result<()> {
        /// On 32 bits the kernel reads the larger structure, which not every C library converts to.
        #[repr(C)]
        struct Lock {
            lock: flock,
            rest: [u64; 2],
        }
        // SAFETY: a structure of numbers. Zeros mean the whole file.
        let mut lock: Lock = unsafe { std::mem::zeroed() };
        lock.lock.l_type = kind as c_short;
        // SAFETY: the descriptor is open, and the structure is at least as long as what is read.
        match unsafe { fcntl(file.as_raw_fd(), F_OFD_SETLK, &raw mut lock) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod record {
    use std::fs::File;

    pub(super) fn lock(_: &File) -> bool {
        true
    }

    pub(super) fn unlock(_: &File) {}
}
