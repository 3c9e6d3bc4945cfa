//! What a file is known by on Unix, whatever its name.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

use rustix::fs::{self as os, AtFlags, Stat};

/// Identifies a folder or another file: device and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FolderId(u64, u64);

impl FolderId {
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self::from_stat(&os::statat(os::CWD, folder, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
    pub(crate) fn from_stat(stat: &Stat) -> Self {
        Self(stat.st_dev as u64, stat.st_ino as u64)
    }
}
