//! A folder of the user's own, by its access list. While it is open here it can be neither renamed nor removed, so that
//! what is named below it is in it.

use std::ffi::c_void;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::os::windows::io::AsRawHandle as _;
use std::path::{Component, Path, PathBuf, Prefix};
use std::ptr;
use std::thread::sleep;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_SHARING_VIOLATION, HANDLE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, EqualSid, GetAce, GetTokenInformation,
    IsWellKnownSid, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES,
    TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenOwner, TokenUser, WinBuiltinAdministratorsSid, WinCreatorOwnerRightsSid,
    WinCreatorOwnerSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateDirectoryW, DELETE, FILE_APPEND_DATA, FILE_ATTRIBUTE_REPARSE_POINT, FILE_DELETE_CHILD,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_LIST_DIRECTORY, FILE_SHARE_READ, FILE_SHARE_WRITE,
    FILE_WRITE_DATA, READ_CONTROL, SYNCHRONIZE, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::Found;

/// Where the folder is.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
}

/// The file by whose lock the folder is locked.
pub(crate) struct LockFile {
    pub(crate) file: File,
}

/// The folder, open.
pub(crate) struct Folder {
    path: PathBuf,
    handle: File,
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
        Ok(Folder { path: self.path.clone(), handle })
    }

    /// Makes the folder, and what is missing on the way to it, if it is not there.
    pub(crate) fn open_or_create(&self) -> io::Result<Folder> {
        match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(parent) = self.path.parent() {
                    fs::create_dir_all(parent)?;
                }
                create_for_owner_only(&self.path)?;
                self.open()
            }
            other => other,
        }
    }
}

impl Folder {
    /// The owner and the access list, in Windows' own notation.
    pub(crate) fn permissions(&self) -> io::Result<String> {
        Access::of(&self.handle)?.text()
    }

    /// Whether another machine may change what is in it without this one's noticing.
    pub(crate) fn is_remote(&self) -> bool {
        let Some(Component::Prefix(prefix)) = self.path.components().next() else { return false };
        matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..))
    }

    /// What is in a file, if it is not larger than `limit`.
    pub(crate) fn read(&self, name: &str, limit: usize) -> io::Result<Found> {
        let opened =
            OpenOptions::new().read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(self.path.join(name));
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            // A folder cannot be opened so.
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
        Ok(Found::Bytes(bytes))
    }

    /// The file whose lock is that of the folder. Nobody removes it while it is open.
    pub(crate) fn open_lock(&self, name: &str, _: bool) -> io::Result<LockFile> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
            .open(self.path.join(name))?;
        let metadata = file.metadata()?;
        if is_link(&metadata) || !metadata.is_file() {
            return Err(refusal(format!("its file {name} is a link")));
        }
        Ok(LockFile { file })
    }

    /// Whether `lock` is still the file of that name.
    pub(crate) fn is_still(&self, _: &str, _: &LockFile) -> bool {
        true
    }

    /// Makes `name` have these contents: it is the old file or the new one at every instant. The new one is written as
    /// `spare` in a folder `below`, which nobody watches; one writer at a time.
    pub(crate) fn replace(&self, name: &str, below: &str, spare: &str, bytes: &[u8]) -> io::Result<()> {
        let (name, spare) = (self.path.join(name), self.path.join(spare));
        let create = || OpenOptions::new().write(true).create_new(true).open(&spare);
        let mut file = match create() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir(self.path.join(below))?;
                create()?
            }
            // Of a writer that was killed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                fs::remove_file(&spare)?;
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

    /// Gives a file another name, which nothing has yet; one writer at a time.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        patiently(|| fs::rename(self.path.join(from), self.path.join(to)))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        !matches!(fs::symlink_metadata(self.path.join(name)), Err(error) if error.kind() == ErrorKind::NotFound)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        patiently(|| fs::remove_file(self.path.join(name)))
    }

    /// The names in it that are text.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }
}

/// Virus scanners and indexers open what is new, and hold it for a moment.
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

fn refusal(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, why.into())
}

/// Memory of the system's, given back when it is dropped.
struct Local(*mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: it was given by a function that says to free it so.
        unsafe { LocalFree(self.0) };
    }
}

/// Whom a folder belongs to, and who may do what with it.
struct Access {
    owner: PSID,
    list: *const ACL,
    /// What the two point into.
    descriptor: Local,
}

impl Access {
    fn of(folder: &File) -> io::Result<Self> {
        let (mut owner, mut list, mut descriptor): (PSID, *mut ACL, PSECURITY_DESCRIPTOR) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the handle is open with READ_CONTROL, and the pointers are to variables.
        let error = unsafe {
            GetSecurityInfo(
                folder.as_raw_handle(),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                &raw mut owner,
                ptr::null_mut(),
                &raw mut list,
                ptr::null_mut(),
                &raw mut descriptor,
            )
        };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error as i32));
        }
        Ok(Self { owner, list, descriptor: Local(descriptor) })
    }

    fn check(&self) -> io::Result<()> {
        const WRITING: u32 = FILE_WRITE_DATA
            | FILE_APPEND_DATA
            | FILE_DELETE_CHILD
            | DELETE
            | WRITE_DAC
            | WRITE_OWNER
            | 0x4000_0000 // GENERIC_WRITE
            | 0x1000_0000; // GENERIC_ALL
        const ACCESS_ALLOWED: u8 = 0;
        if self.owner.is_null() {
            return Err(refusal("it belongs to nobody"));
        }
        // What an elevated program makes belongs to the administrators.
        let is_users = |which| with_account(which, |account| Ok(is_same(self.owner, account)));
        if !is_users(TokenUser)? && !is_users(TokenOwner)? {
            return Err(refusal("it belongs to another user"));
        }
        // Null is no list: everybody may do everything.
        let everybody = || refusal("others may write to it");
        if self.list.is_null() {
            return Err(everybody());
        }
        // SAFETY: it is a list, and lives as long as the descriptor.
        let count = unsafe { (*self.list).AceCount };
        for index in 0..count {
            let mut entry = ptr::null_mut();
            // SAFETY: the list has so many entries, each of which begins with a header that says what it is.
            let (kind, entry) = unsafe {
                if GetAce(self.list, u32::from(index), &raw mut entry) == 0 {
                    return Err(io::Error::last_os_error());
                }
                ((*entry.cast::<ACE_HEADER>()).AceType, entry.cast::<ACCESS_ALLOWED_ACE>())
            };
            if kind != ACCESS_ALLOWED {
                // Those that deny take nothing away from what is asked here.
                continue;
            }
            // SAFETY: the header says that it is one.
            let (mask, sid) = unsafe { ((*entry).Mask, (&raw const (*entry).SidStart) as PSID) };
            let is_user = with_account(TokenUser, |user| Ok(is_same(sid, user)))?;
            if mask & WRITING != 0 && !is_user && !is_same(sid, self.owner) && !is_the_systems(sid) {
                return Err(everybody());
            }
        }
        Ok(())
    }

    fn text(&self) -> io::Result<String> {
        let mut text = ptr::null_mut();
        // SAFETY: the descriptor is one.
        let done = unsafe {
            ConvertSecurityDescriptorToStringSecurityDescriptorW(
                self.descriptor.0,
                SDDL_REVISION_1,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                &raw mut text,
                ptr::null_mut(),
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(take_text(text)) }
    }
}

/// Text that the system gave.
fn take_text(text: *mut u16) -> String {
    let memory = Local(text.cast());
    // SAFETY: it ends with a zero, and lives as long as `memory`.
    let units = unsafe {
        let len = (0..).take_while(|index| *text.add(*index) != 0).count();
        std::slice::from_raw_parts(text, len)
    };
    let text = String::from_utf16_lossy(units);
    drop(memory);
    text
}

fn is_same(a: PSID, b: PSID) -> bool {
    // SAFETY: both are identifiers.
    unsafe { EqualSid(a, b) != 0 }
}

/// Accounts that could do as they like anyway, or that stand for the owner.
fn is_the_systems(sid: PSID) -> bool {
    [WinLocalSystemSid, WinBuiltinAdministratorsSid, WinCreatorOwnerSid, WinCreatorOwnerRightsSid]
        .into_iter()
        // SAFETY: it is an identifier.
        .any(|known| unsafe { IsWellKnownSid(sid, known) != 0 })
}

/// Hands out an account as this process's token names it: whom it runs for (`TokenUser`), or to whom belongs what it makes
/// (`TokenOwner`).
fn with_account<T>(which: TOKEN_INFORMATION_CLASS, use_it: impl FnOnce(PSID) -> io::Result<T>) -> io::Result<T> {
    // Aligned for pointers, and large enough for any account. The structure points into the memory behind itself.
    let mut room = [0u64; 32];
    let mut token: HANDLE = ptr::null_mut();
    let mut len = 0;
    // SAFETY: the pointers are to variables, and `room` is as large as is said.
    let done = unsafe {
        if OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) == 0 {
            return Err(io::Error::last_os_error());
        }
        let size = size_of_val(&room) as u32;
        let done = GetTokenInformation(token, which, room.as_mut_ptr().cast(), size, &raw mut len);
        CloseHandle(token);
        done
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both structures begin with the pointer.
    use_it(unsafe { room.as_ptr().cast::<PSID>().read() })
}

/// Makes a folder that nobody but this user may open, nor what is made in it.
fn create_for_owner_only(path: &Path) -> io::Result<()> {
    let user = with_account(TokenUser, |user| {
        let mut text = ptr::null_mut();
        // SAFETY: the identifier is one.
        let done = unsafe { ConvertSidToStringSidW(user, &raw mut text) };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(take_text(text)) }
    })?;
    // Protected from what the folder above would hand down; full access for the owner, handed down to all below.
    let access: Vec<u16> = format!("O:{user}D:P(A;OICI;FA;;;{user})\0").encode_utf16().collect();
    let mut descriptor = ptr::null_mut();
    // SAFETY: the text ends with a zero.
    let done = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            access.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            ptr::null_mut(),
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    let descriptor = Local(descriptor);
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: the path ends with a zero, and the descriptor lives.
    if unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) } == 0 {
        let error = io::Error::last_os_error();
        // Another process was faster.
        if error.raw_os_error() != Some(ERROR_ALREADY_EXISTS as i32) {
            return Err(error);
        }
    }
    Ok(())
}

/// Where the user's state is kept, by the custom of the system.
pub(crate) fn user_state_folder() -> Option<PathBuf> {
    super::environment("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute())
}
