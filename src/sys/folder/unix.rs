//! A folder that belongs to the user. Each use opens it anew without following links and checks the open descriptor.
//!
//! No descriptor is kept: programs close descriptors that they do not know, and a folder may be removed and made again.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{self as os, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::process::geteuid;

use crate::sys::Found;

/// The path of the folder.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
}

/// The open folder. Files in it are opened relative to its descriptor, so that no process can replace the folder in between.
pub(crate) struct Folder {
    descriptor: OwnedFd,
    /// The user who owns the folder and must own every file in it.
    owner: u32,
}

/// The file whose lock locks the folder.
pub(crate) struct LockFile {
    pub(crate) file: File,
    /// Identifies the file.
    id: Id,
}

/// Device and inode number. Their types differ between systems.
type Id = (u64, u64);

impl Place {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn open(&self) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let folder = match os::open(&self.path, flags, Mode::empty()) {
            // Systems differ in which of the two they return for a link.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                return Err(refusal("it is a link or not a folder, or something on the way to it is no folder"));
            }
            other => other?,
        };
        let stat = os::fstat(&folder)?;
        let (owner, mode) = (stat.st_uid, Mode::from_raw_mode(stat.st_mode));
        if owner != geteuid().as_raw() {
            return Err(refusal(format!("it belongs to another user ({owner})")));
        }
        if mode.intersects(Mode::WGRP | Mode::WOTH) {
            return Err(refusal(format!("others may write to it (mode {:o})", mode.bits() & 0o7777)));
        }
        Ok(Folder { descriptor: folder, owner })
    }

    /// Opens the folder. Creates it and its missing parents if it does not exist.
    pub(crate) fn open_or_create(&self) -> io::Result<Folder> {
        match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
                self.open()
            }
            other => other,
        }
    }
}

impl Folder {
    /// The permission bits as four octal digits.
    pub(crate) fn permissions(&self) -> io::Result<String> {
        Ok(format!("{:04o}", Mode::from_raw_mode(os::fstat(&self.descriptor)?.st_mode).bits() & 0o7777))
    }

    /// Whether another machine may change the folder's content without a change notification on this one.
    pub(crate) fn is_remote(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            // The type numbers of NFS, SMB (two), CIFS, AFS, Ceph, 9P, CODA, FUSE and NCP on Linux.
            const REMOTE: [u32; 10] = [
                0x6969,
                0x517B,
                0xFE53_4D42,
                0xFF53_4D42,
                0x5346_414F,
                0x00C3_6400,
                0x0102_1997,
                0x7375_7245,
                0x6573_5546,
                0x564C,
            ];
            os::fstatfs(&self.descriptor).is_ok_and(|stat| REMOTE.contains(&(stat.f_type as u32)))
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// When an entry of the folder was last created, renamed or removed.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        let stat = os::fstat(&self.descriptor).ok()?;
        let time = Duration::new(stat.st_mtime.try_into().ok()?, stat.st_mtime_nsec.try_into().ok()?);
        Some(SystemTime::UNIX_EPOCH + time)
    }

    /// Reads a file that belongs to the folder's owner and is at most `limit` bytes long.
    pub(crate) fn read(&self, name: &str, limit: usize) -> io::Result<Found> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match os::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => return Ok(Found::Nothing),
            // A link or a socket.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => return Ok(Found::NotOurs),
            Err(error) => return Err(error.into()),
        };
        let stat = os::fstat(&file)?;
        if !self.owns(&stat) || usize::try_from(stat.st_size).map_or(true, |size| size > limit) {
            return Ok(Found::NotOurs);
        }
        let mut bytes = Vec::new();
        let room = stat.st_size as usize;
        bytes.try_reserve_exact(room + 1).map_err(|_| ErrorKind::OutOfMemory)?;
        bytes.resize(room, 0);
        let mut file = File::from(file);
        let mut read = 0;
        while read < room {
            match file.read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        Ok(Found::Bytes(bytes))
    }

    /// Opens the lock file of the folder, and creates it if it does not exist. Pass `for_writing` only where locks need
    /// write access: closing a file that was open for writing wakes every watcher of the folder.
    pub(crate) fn open_lock(&self, name: &str, for_writing: bool) -> io::Result<LockFile> {
        let access = if for_writing { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = os::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)?;
        let stat = os::fstat(&file)?;
        if !self.owns(&stat) {
            return Err(refusal(format!("its file {name} is not this user's")));
        }
        Ok(LockFile { file: file.into(), id: id_of(&stat) })
    }

    /// Whether `name` still refers to the file `lock`.
    pub(crate) fn is_still(&self, name: &str, lock: &LockFile) -> bool {
        os::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| id_of(&stat) == lock.id)
    }

    /// Replaces the content of `name` atomically: `name` is the old file or the new one at every instant. The new content is
    /// written to `spare` in the subfolder `below`, which no process watches. The caller ensures that only one writer runs
    /// at a time.
    pub(crate) fn replace(&self, name: &str, below: &str, spare: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.open_spare(below, spare)?;
        let written = file.write_all(bytes);
        drop(file);
        let replaced = written.and_then(|()| Ok(os::renameat(&self.descriptor, spare, &self.descriptor, name)?));
        match replaced {
            // Watchers have been notified by now. Creates the empty file for the next writer.
            Ok(()) => drop(self.create(spare)),
            Err(_) => drop(os::unlinkat(&self.descriptor, spare, AtFlags::empty())),
        }
        replaced
    }

    /// Opens the empty file that the last writer left, or creates one. Truncates a file that a killed writer left.
    fn open_spare(&self, below: &str, spare: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match os::openat(&self.descriptor, spare, flags, Mode::empty()) {
            Ok(file) if self.owns(&os::fstat(&file)?) => return Ok(file.into()),
            // Not a regular file of this user.
            Ok(_) | Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => {
                os::unlinkat(&self.descriptor, spare, AtFlags::empty())?;
            }
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        match self.create(spare) {
            Err(rustix::io::Errno::NOENT) => {
                os::mkdirat(&self.descriptor, below, Mode::RWXU)?;
                Ok(self.create(spare)?.into())
            }
            created => Ok(created?.into()),
        }
    }

    fn create(&self, name: &str) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        os::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)
    }

    /// Renames a file. The caller ensures that `to` does not exist and that there is one writer at a time.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(os::renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        !matches!(os::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW), Err(rustix::io::Errno::NOENT))
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(os::unlinkat(&self.descriptor, name, AtFlags::empty())?)
    }

    /// Whether this is a regular file that belongs to the folder's owner.
    fn owns(&self, stat: &Stat) -> bool {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_uid == self.owner
    }

    /// The names of the folder's entries that are valid UTF-8.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in os::Dir::read_from(&self.descriptor)? {
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }
}

#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
fn id_of(stat: &Stat) -> Id {
    (stat.st_dev as u64, stat.st_ino as u64)
}

fn refusal(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, why.into())
}

/// The system's customary folder for the user's state.
pub(crate) fn user_state_folder() -> Option<PathBuf> {
    if cfg!(target_vendor = "apple") {
        return Some(home()?.join("Library/Application Support"));
    }
    // The XDG specification says to ignore a relative path.
    let xdg = crate::sys::environment("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    xdg.or_else(|| Some(home()?.join(".local/state")))
}

/// The home folder of the effective user.
fn home() -> Option<PathBuf> {
    let absolute = |home| Some(PathBuf::from(home)).filter(|home| home.is_absolute());
    crate::sys::environment("HOME").and_then(absolute).or_else(|| crate::sys::home_of_account().and_then(absolute))
}
