//! A folder that belongs to the user. Each use opens it anew without following links and checks the open descriptor.
//!
//! No descriptor is kept: programs close descriptors that they do not know, and a folder may be removed and made again.

use std::cell::Cell;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::fs::RenameFlags;
use rustix::fs::{self as os, Access, AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Resource, geteuid, getrlimit};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::file_systems::{EXT4, notifies};
use super::id::FolderId;
use super::lock::LockFile;
use super::private::{create_file, create_one, create_private, missing, refusal, set_private_mode};
use crate::sys::Found;

/// How long another process may repair the folder.
const PATIENCE: Duration = Duration::from_millis(250);

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
    mode: Mode,
    pub(super) id: FolderId,
    /// What was set aside, for the log.
    pub(super) warning: Cell<Option<String>>,
    /// See `file_system`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    file_system: OnceCell<Option<u32>>,
}

impl Place {
    pub(crate) fn new(path: PathBuf) -> Self {
        // A path that ends with a slash would be followed where it is a link.
        Self { path: path.components().collect() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn open(&self) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let folder = match os::open(&self.path, flags, Mode::empty()) {
            // Systems differ in which of the two they return for a link.
            Err(Errno::LOOP | Errno::NOTDIR) => {
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
        let id = FolderId::from_stat(&stat);
        Ok(Folder {
            descriptor: folder,
            owner,
            mode,
            id,
            warning: Cell::default(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            file_system: OnceCell::new(),
        })
    }

    /// Whether `open_or_create` could create the folder.
    pub(crate) fn check_creation(&self) -> io::Result<()> {
        let (_, above) = missing(&self.path)?;
        Ok(os::access(above, Access::WRITE_OK | Access::EXEC_OK)?)
    }

    /// Opens the folder. Creates it and its missing parents if it does not exist.
    pub(crate) fn open_or_create(&self) -> io::Result<Folder> {
        self.open_or(create_private)
    }

    /// Opens the folder. Creates it if its parent exists.
    pub(crate) fn open_or_create_in_parent(&self) -> io::Result<Folder> {
        self.open_or(create_one)
    }

    fn open_or(&self, create: fn(&Path) -> io::Result<()>) -> io::Result<Folder> {
        for _ in 0..10 {
            match self.open() {
                Err(error) if error.kind() == ErrorKind::NotFound => create(&self.path)?,
                // Another process creates it, under a umask that takes the owner's permissions.
                Err(error) if error.raw_os_error() == Some(libc::EACCES) => sleep(Duration::from_millis(2)),
                other => return other.and_then(Folder::passable),
            }
        }
        self.open().and_then(Folder::passable)
    }
}

impl Folder {
    /// A folder without the right to pass through it is none that a user made: it was created under such a umask, perhaps by
    /// a process that was killed.
    fn passable(mut self) -> io::Result<Self> {
        if !self.mode.contains(Mode::XUSR) {
            self.mode |= Mode::RWXU;
            os::fchmod(&self.descriptor, self.mode)?;
        }
        Ok(self)
    }

    /// The permission bits as four octal digits.
    pub(crate) fn permissions(&self) -> io::Result<String> {
        Ok(format!("{:04o}", self.mode.bits() & 0o7777))
    }

    /// The kind of the file system, asked once for each use of the folder.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn file_system(&self) -> Option<u32> {
        *self.file_system.get_or_init(|| Some(os::fstatfs(&self.descriptor).ok()?.f_type as u32))
    }

    /// Whether something may change in the folder without a change notification: another machine's work, or any on a file
    /// system that is not known to notify.
    pub(crate) fn may_change_unnoticed(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            !self.file_system().is_some_and(notifies)
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// When an entry of the folder was last created, renamed or removed.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        modified(&os::fstat(&self.descriptor).ok()?)
    }

    /// Reads a file that belongs to the folder's owner and is at most `limit` bytes long.
    pub(crate) fn read(&self, name: &str, limit: usize) -> io::Result<Found> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match os::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            // A link or a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Ok(Found::NotOurs),
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
        Ok(Found::Bytes(bytes, modified(&stat).unwrap_or(SystemTime::UNIX_EPOCH)))
    }

    /// Opens the lock file of the folder, and creates it if it does not exist. Pass `for_writing` only where locks need
    /// write access: closing a file that was open for writing wakes every watcher of the folder.
    pub(crate) fn open_lock(&self, name: &str, for_writing: bool) -> io::Result<LockFile> {
        let access = if for_writing { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = || os::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR);
        let open_own = || -> rustix::io::Result<Option<(OwnedFd, Stat)>> {
            let file = open()?;
            let stat = os::fstat(&file)?;
            Ok(self.owns(&stat).then_some((file, stat)))
        };
        let (file, stat) = match open_own() {
            Ok(Some(own)) => own,
            Err(error) if !is_in_the_way(error) => return Err(error.into()),
            _ => {
                self.repair_lock(name)?;
                open_own()?.ok_or_else(|| refusal(format!("its file {name} is not this user's")))?
            }
        };
        if !Mode::from_raw_mode(stat.st_mode).contains(Mode::RUSR | Mode::WUSR) {
            os::fchmod(&file, Mode::RUSR | Mode::WUSR)?;
        }
        // Some network file systems make record locks of `flock`: one process's two locks would exclude each other.
        let beside_wine = !self.may_change_unnoticed();
        Ok(LockFile { file: file.into(), id: FolderId::from_stat(&stat), beside_wine })
    }

    /// Something that is no lock file has the name of the lock file, or this user may not open it. One process at a time:
    /// another one may have put a lock file there meanwhile.
    fn repair_lock(&self, name: &str) -> io::Result<()> {
        let start = Instant::now();
        while let Err(error) = os::flock(&self.descriptor, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK || start.elapsed() >= PATIENCE {
                return Err(error.into());
            }
            sleep(Duration::from_millis(2));
        }
        let repair = || match os::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if self.owns(&stat) => {
                set_private_mode(&self.descriptor, Path::new(name), Mode::RUSR | Mode::WUSR)
            }
            Ok(_) => self.clear_the_way(name),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        };
        let repaired = repair();
        // Not by closing alone: a forked child may have the descriptor too.
        os::flock(&self.descriptor, FlockOperation::Unlock)?;
        repaired
    }

    /// Whether `name` still refers to the file `lock`.
    pub(crate) fn is_still(&self, name: &str, lock: &LockFile) -> bool {
        os::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FolderId::from_stat(&stat) == lock.id)
    }

    /// Replaces the content of `name` atomically: `name` is the old file or the new one at every instant. The new content is
    /// written to `spare` in the subfolder `below`, which no process watches. The caller ensures that only one writer runs
    /// at a time.
    pub(crate) fn replace(&self, name: &str, below: &str, spare: &str, bytes: &[u8]) -> io::Result<()> {
        check_size(bytes)?;
        let (below, mut file) = self.open_spare(below, spare)?;
        let written = file.write_all(bytes);
        drop(file);
        let replaced = written.and_then(|()| self.rename_over(&below, spare, name));
        match replaced {
            // Watchers have been notified by now. Creates the empty file for the next writer.
            Ok(()) => drop(create_file(&below, spare)),
            Err(_) => drop(os::unlinkat(&below, spare, AtFlags::empty())),
        }
        replaced
    }

    /// Creates a file that stays until it is removed.
    pub(crate) fn create_for_process(&self, name: &str, bytes: &[u8]) -> io::Result<Option<File>> {
        self.create(name, bytes).map(|()| None)
    }

    /// Creates a file that must not exist. A reader may find the beginning of it.
    pub(crate) fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        check_size(bytes)?;
        let written = File::from(create_file(&self.descriptor, name)?).write_all(bytes);
        written.inspect_err(|_| {
            let _ = os::unlinkat(&self.descriptor, name, AtFlags::empty());
        })
    }

    /// Gives a file of the subfolder the name `name`, whether or not there is a file of that name.
    ///
    /// ext4 writes a file to the disk that is renamed over another one, which takes twice as long as all else of a change. It does
    /// not where the two exchange their names. Elsewhere that has no advantage, and watchers are woken once more.
    fn rename_over(&self, below: &OwnedFd, from: &str, name: &str) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.file_system() == Some(EXT4)
            && os::renameat_with(below, from, &self.descriptor, name, RenameFlags::EXCHANGE).is_ok()
        {
            // The old file: not for the next writer, as a process may be reading it.
            let _ = os::unlinkat(below, from, AtFlags::empty());
            return Ok(());
        }
        // Another file system, or there is no such file.
        Ok(os::renameat(below, from, &self.descriptor, name)?)
    }

    /// Opens the subfolder for new files. Creates it if it does not exist, or if something else has its name.
    fn open_spares(&self, below: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match os::openat(&self.descriptor, below, flags, Mode::empty()) {
            Ok(opened) => {
                let stat = os::fstat(&opened)?;
                let mode = Mode::from_raw_mode(stat.st_mode);
                if stat.st_uid == self.owner && !mode.intersects(Mode::WGRP | Mode::WOTH) {
                    if !mode.contains(Mode::RWXU) {
                        os::fchmod(&opened, mode | Mode::RWXU)?;
                    }
                    return Ok(opened);
                }
                self.clear_the_way(below)?;
            }
            Err(Errno::NOENT) => {}
            Err(error) if is_in_the_way(error) => self.clear_the_way(below)?,
            Err(error) => return Err(error.into()),
        }
        os::mkdirat(&self.descriptor, below, Mode::RWXU)?;
        set_private_mode(&self.descriptor, Path::new(below), Mode::RWXU)?;
        Ok(os::openat(&self.descriptor, below, flags, Mode::empty())?)
    }

    /// Opens the subfolder for new files, and in it the empty file that the last writer left.
    fn open_spare(&self, below: &str, spare: &str) -> io::Result<(OwnedFd, File)> {
        let spares = self.open_spares(below)?;
        if let Some(file) = self.empty_file(&spares, spare)? {
            return Ok((spares, file));
        }
        self.clear_the_way(below)?;
        let spares = self.open_spares(below)?;
        let file = self.empty_file(&spares, spare)?.ok_or(ErrorKind::AlreadyExists)?;
        Ok((spares, file))
    }

    /// Opens an empty file, or creates one. Removes what else has the name: a killed writer leaves a new file there, or an old one
    /// that a process may be reading. None: it is a folder that is not empty.
    fn empty_file(&self, below: &OwnedFd, spare: &str) -> io::Result<Option<File>> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match os::openat(below, spare, flags, Mode::empty()) {
            Ok(file) => {
                let stat = os::fstat(&file)?;
                // With a second name it may be a file that another program needs.
                if self.owns(&stat) && stat.st_nlink == 1 && stat.st_size == 0 {
                    return Ok(Some(file.into()));
                }
            }
            Err(Errno::NOENT) => return Ok(Some(create_file(below, spare)?.into())),
            Err(error) if is_in_the_way(error) => {}
            Err(error) => return Err(error.into()),
        }
        match os::unlinkat(below, spare, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => match os::unlinkat(below, spare, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => return Ok(None),
                other => other?,
            },
            other => other?,
        }
        Ok(Some(create_file(below, spare)?.into()))
    }

    /// Renames a file. The caller ensures that `to` does not exist and that there is one writer at a time.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(os::renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        !matches!(os::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW), Err(Errno::NOENT))
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

fn modified(stat: &Stat) -> Option<SystemTime> {
    let time = Duration::new(stat.st_mtime.try_into().ok()?, stat.st_mtime_nsec.try_into().ok()?);
    Some(SystemTime::UNIX_EPOCH + time)
}

/// A longer file than the process may write would raise SIGXFSZ, which ends the process.
fn check_size(bytes: &[u8]) -> io::Result<()> {
    let too_long = getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < bytes.len() as u64);
    if too_long { Err(Errno::FBIG.into()) } else { Ok(()) }
}

/// Errors of opening what is a link, a socket, a folder, no folder, or not to be opened by this user.
fn is_in_the_way(error: Errno) -> bool {
    matches!(error, Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::NOTDIR | Errno::ACCESS)
}
