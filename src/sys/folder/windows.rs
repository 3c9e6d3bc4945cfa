//! A folder that belongs to the user, which its access list decides. While it is open here, no process can rename or remove
//! it, so that a path below it leads into it.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::os::windows::io::AsRawHandle as _;
use std::path::{Component, Path, PathBuf, Prefix};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, DELETE, FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_DELETE_ON_CLOSE, FILE_FLAG_OPEN_REPARSE_POINT, FILE_GENERIC_WRITE, FILE_LIST_DIRECTORY,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, GetDriveTypeW, GetFileInformationByHandle, READ_CONTROL,
    SYNCHRONIZE,
};
use windows_sys::Win32::System::WindowsProgramming::{DRIVE_FIXED, DRIVE_RAMDISK, DRIVE_REMOVABLE};

use super::access::{Access, create_for_owner_only, refusal};
use crate::sys::Found;

/// The path of the folder.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
}

/// The file whose lock locks the folder.
pub(crate) struct LockFile {
    file: File,
}

impl LockFile {
    /// Takes the lock, if no other process or other open of this one has it.
    pub(crate) fn try_lock(&self) -> Result<(), TryLockError> {
        self.file.try_lock()
    }

    pub(crate) fn unlock(&self) {
        let _ = self.file.unlock();
    }
}

/// The open folder.
pub(crate) struct Folder {
    path: PathBuf,
    handle: File,
    pub(super) id: FolderId,
    /// What was set aside, for the log.
    pub(super) warning: Cell<Option<String>>,
}

/// Identifies a folder: the volume's serial number and the file's index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FolderId(u32, u32, u32);

impl FolderId {
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.access_mode(0).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
        Self::of_open(&options.open(folder)?)
    }

    fn of_open(folder: &File) -> io::Result<Self> {
        let mut found = MaybeUninit::<BY_HANDLE_FILE_INFORMATION>::zeroed();
        // SAFETY: `folder` is open, and all zeroes are a valid value.
        let found = unsafe {
            if GetFileInformationByHandle(folder.as_raw_handle(), found.as_mut_ptr()) == 0 {
                return Err(io::Error::last_os_error());
            }
            found.assume_init()
        };
        Ok(Self(found.dwVolumeSerialNumber, found.nFileIndexHigh, found.nFileIndexLow))
    }
}

impl Place {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn open(&self) -> io::Result<Folder> {
        let mut options = OpenOptions::new();
        options
            .access_mode(FILE_LIST_DIRECTORY | READ_CONTROL | SYNCHRONIZE)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
        let handle = patiently(|| options.open(&self.path))?;
        let metadata = handle.metadata()?;
        if is_link(&metadata) || !metadata.is_dir() {
            return Err(refusal("it is a link or not a folder, or something on the way to it is no folder"));
        }
        Access::of(&handle)?.check()?;
        Ok(Folder { path: self.path.clone(), id: FolderId::of_open(&handle)?, handle, warning: Cell::default() })
    }

    /// Whether `open_or_create` could create the folder, as far as that can be said without trying.
    pub(crate) fn check_creation(&self) -> io::Result<()> {
        match self.path.ancestors().find(|folder| folder.exists()) {
            Some(above) if above.is_dir() => Ok(()),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens the folder. Creates it and its missing parents if it does not exist.
    pub(crate) fn open_or_create(&self) -> io::Result<Folder> {
        match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(parent) = self.path.parent() {
                    fs::create_dir_all(parent)?;
                }
                self.open_or_create_in_parent()
            }
            other => other,
        }
    }

    /// Opens the folder. Creates it if its parent exists.
    pub(crate) fn open_or_create_in_parent(&self) -> io::Result<Folder> {
        match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create_for_owner_only(&self.path)?;
                self.open()
            }
            other => other,
        }
    }
}

impl Folder {
    /// The owner and the access list, in SDDL.
    pub(crate) fn permissions(&self) -> io::Result<String> {
        Access::of(&self.handle)?.text()
    }

    /// Whether something may change in the folder without a change notification: it is not on a drive of this machine.
    pub(crate) fn may_change_unnoticed(&self) -> bool {
        let Some(Component::Prefix(prefix)) = self.path.components().next() else { return true };
        let (Prefix::Disk(letter) | Prefix::VerbatimDisk(letter)) = prefix.kind() else { return true };
        let root = [letter.into(), b':'.into(), b'\\'.into(), 0u16];
        // SAFETY: the path ends with a zero.
        !matches!(unsafe { GetDriveTypeW(root.as_ptr()) }, DRIVE_FIXED | DRIVE_REMOVABLE | DRIVE_RAMDISK)
    }

    /// When an entry of the folder was last created, renamed or removed.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.handle.metadata().and_then(|metadata| metadata.modified()).ok()
    }

    /// Reads a file that is at most `limit` bytes long.
    pub(crate) fn read(&self, name: &str, limit: usize) -> io::Result<Found> {
        let opened =
            OpenOptions::new().read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(self.path.join(name));
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            // Opening a folder fails without FILE_FLAG_BACKUP_SEMANTICS.
            Err(_) if fs::symlink_metadata(self.path.join(name)).is_ok_and(|found| found.is_dir()) => {
                return Ok(Found::NotOurs);
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if is_link(&metadata) || !metadata.is_file() || metadata.len() > limit as u64 {
            return Ok(Found::NotOurs);
        }
        let mut bytes = Vec::new();
        let room = metadata.len() as usize;
        bytes.try_reserve_exact(room + 1).map_err(|_| ErrorKind::OutOfMemory)?;
        bytes.resize(room, 0);
        let mut read = 0;
        while read < room {
            match file.read(&mut bytes[read..])? {
                0 => break,
                count => read += count,
            }
        }
        bytes.truncate(read);
        Ok(Found::Bytes(bytes, metadata.modified()?))
    }

    /// Opens the lock file of the folder, and creates it if it does not exist. No process can remove it while it is open.
    pub(crate) fn open_lock(&self, name: &str, _: bool) -> io::Result<LockFile> {
        let path = self.path.join(name);
        let is_in_the_way = |found: &fs::Metadata| is_link(found) || !found.is_file();
        if fs::symlink_metadata(&path).is_ok_and(|found| is_in_the_way(&found)) {
            self.clear_the_way(name)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
            .open(path)?;
        if is_in_the_way(&file.metadata()?) {
            return Err(refusal(format!("its file {name} is a link")));
        }
        Ok(LockFile { file })
    }

    /// Whether the name still refers to the lock file. Always, as an open lock file cannot be removed.
    pub(crate) fn is_still(&self, _: &str, _: &LockFile) -> bool {
        true
    }

    /// Replaces the content of `name` atomically: `name` is the old file or the new one at every instant. The new content is
    /// written to `spare` in the subfolder `below`, which no process watches. The caller ensures that only one writer runs
    /// at a time.
    pub(crate) fn replace(&self, name: &str, below: &str, spare: &str, bytes: &[u8]) -> io::Result<()> {
        let (name, folder) = (self.path.join(name), self.path.join(below));
        let spare = folder.join(spare);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() && !is_link(&found) => {}
            Ok(_) => {
                self.clear_the_way(below)?;
                fs::create_dir(&folder)?;
            }
            Err(_) => fs::create_dir(&folder)?,
        }
        let create = || OpenOptions::new().write(true).create_new(true).open(&spare);
        let mut file = match create() {
            Err(_) if fs::symlink_metadata(&spare).is_ok_and(|found| found.is_dir()) => {
                if fs::remove_dir(&spare).is_err() {
                    self.clear_the_way(below)?;
                    fs::create_dir(&folder)?;
                }
                create()?
            }
            // A killed writer left it.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                patiently(|| fs::remove_file(&spare))?;
                create()?
            }
            other => other?,
        };
        let written = file.write_all(bytes);
        drop(file);
        let replaced = written.and_then(|()| patiently(|| fs::rename(&spare, &name)));
        if replaced.is_err() {
            let _ = fs::remove_file(&spare);
        }
        replaced
    }

    /// Creates a file that the system removes when it is closed, however the process ends.
    pub(crate) fn create_for_process(&self, name: &str, bytes: &[u8]) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.access_mode(FILE_GENERIC_WRITE | DELETE).create_new(true).write(true);
        options
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
            .custom_flags(FILE_FLAG_DELETE_ON_CLOSE);
        let mut file = options.open(self.path.join(name))?;
        file.write_all(bytes)?;
        Ok(Some(file))
    }

    /// Creates a file that must not exist. A reader may find the beginning of it.
    pub(crate) fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        let written = OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(bytes);
        written.inspect_err(|_| drop(fs::remove_file(&path)))
    }

    /// Renames a file. The caller ensures that `to` does not exist and that there is one writer at a time.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        patiently(|| fs::rename(self.path.join(from), self.path.join(to)))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        !matches!(fs::symlink_metadata(self.path.join(name)), Err(error) if error.kind() == ErrorKind::NotFound)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        patiently(|| fs::remove_file(self.path.join(name)))
    }

    /// The names of the folder's entries that are valid UTF-16.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }
}

/// Retries while another program has the file open: virus scanners and indexers briefly open new files.
fn patiently<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const IN_THE_WAY: [Option<i32>; 2] = [Some(ERROR_ACCESS_DENIED as i32), Some(ERROR_SHARING_VIOLATION as i32)];
    for _ in 0..10 {
        match work() {
            Err(error) if IN_THE_WAY.contains(&error.raw_os_error()) => sleep(Duration::from_millis(5)),
            other => return other,
        }
    }
    work()
}

fn is_link(metadata: &fs::Metadata) -> bool {
    metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0
}

/// Where the environment says that a user's state is.
pub(crate) struct UserStateFolder(Option<OsString>);

impl UserStateFolder {
    pub(crate) fn of_environment() -> Self {
        Self(crate::sys::environment("LOCALAPPDATA"))
    }

    /// The system's customary folder for the user's state.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.0.as_ref().map(PathBuf::from).filter(|path| path.is_absolute())
    }
}
