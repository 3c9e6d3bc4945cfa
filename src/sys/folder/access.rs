//! Who may do what with a folder on Windows: its owner and its access list.

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;
use std::{ptr, slice};

use windows_sys::Win32::Foundation::{CloseHandle, ERROR_ALREADY_EXISTS, HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, EqualSid, GetTokenInformation, IsWellKnownSid, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenOwner, TokenUser,
    WinBuiltinAdministratorsSid, WinCreatorOwnerRightsSid, WinCreatorOwnerSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateDirectoryW, DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_WRITE_DATA, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::entries::{Entry, entries};

pub(super) fn refusal(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, why.into())
}

/// Memory that the system allocated. Freed on drop.
struct Local(*mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: it comes from a function whose documentation says to free it with LocalFree, and only `self` frees it.
        unsafe { LocalFree(self.0) };
    }
}

/// The owner and the access list of a folder.
pub(super) struct Access {
    owner: PSID,
    list: *const ACL,
    /// The memory that `owner` and `list` point into.
    descriptor: Local,
}

impl Access {
    pub(super) fn of(folder: &File) -> io::Result<Self> {
        let (mut owner, mut list, mut descriptor): (PSID, *mut ACL, PSECURITY_DESCRIPTOR) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the handle is open with READ_CONTROL, and the pointers are to local variables.
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

    pub(super) fn check(&self) -> io::Result<()> {
        const WRITING: u32 = FILE_WRITE_DATA
            | FILE_APPEND_DATA
            | FILE_DELETE_CHILD
            | DELETE
            | WRITE_DAC
            | WRITE_OWNER
            | 0x4000_0000 // GENERIC_WRITE
            | 0x1000_0000; // GENERIC_ALL
        if self.owner.is_null() {
            return Err(refusal("it has no owner"));
        }
        // A folder that an elevated program creates belongs to the administrators.
        let is_users = |which| with_account(which, |account| Ok(is_same(self.owner, account)));
        if !is_users(TokenUser)? && !is_users(TokenOwner)? {
            return Err(refusal("it belongs to another user"));
        }
        // Null means no access list: every user has full access.
        let writable_by_others = || refusal("others may write to it");
        if self.list.is_null() {
            return Err(writable_by_others());
        }
        // SAFETY: GetSecurityInfo gave a valid list, which is as long as it says and lives as long as `self.descriptor`.
        let list = unsafe { slice::from_raw_parts(self.list.cast::<u8>(), (*self.list).AclSize.into()) };
        for entry in entries(list) {
            let (mask, sid) = match entry {
                Entry::Nothing => continue,
                Entry::To(mask, account) => (mask, account.as_ptr() as PSID),
                Entry::Unknown => return Err(refusal("its access list has an entry of an unknown kind")),
            };
            let is_user = with_account(TokenUser, |user| Ok(is_same(sid, user)))?;
            if mask & WRITING != 0 && !is_user && !is_same(sid, self.owner) && !is_the_systems(sid) {
                return Err(writable_by_others());
            }
        }
        Ok(())
    }

    pub(super) fn text(&self) -> io::Result<String> {
        let mut text = ptr::null_mut();
        // SAFETY: GetSecurityInfo gave a valid descriptor, and `self` owns it.
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

/// Copies a string that the system allocated, and frees the original.
fn take_text(text: *mut u16) -> String {
    let memory = Local(text.cast());
    // SAFETY: the system ends it with a zero, and it lives as long as `memory`.
    let units = unsafe {
        let len = (0..).take_while(|index| *text.add(*index) != 0).count();
        std::slice::from_raw_parts(text, len)
    };
    let text = String::from_utf16_lossy(units);
    drop(memory);
    text
}

fn is_same(a: PSID, b: PSID) -> bool {
    // SAFETY: the callers pass valid security identifiers.
    unsafe { EqualSid(a, b) != 0 }
}

/// Whether the account has full access in any case, or is a placeholder for the owner.
fn is_the_systems(sid: PSID) -> bool {
    [WinLocalSystemSid, WinBuiltinAdministratorsSid, WinCreatorOwnerSid, WinCreatorOwnerRightsSid]
        .into_iter()
        // SAFETY: the caller passes a valid security identifier.
        .any(|known| unsafe { IsWellKnownSid(sid, known) != 0 })
}

/// Passes an account of this process's access token to `use_it`: the user that the process runs as (`TokenUser`), or the
/// owner of the objects that it creates (`TokenOwner`).
fn with_account<T>(which: TOKEN_INFORMATION_CLASS, use_it: impl FnOnce(PSID) -> io::Result<T>) -> io::Result<T> {
    // Aligned for pointers and large enough for any account. The structure at its start points into the rest of it.
    let mut room = [0u64; 32];
    let mut token: HANDLE = ptr::null_mut();
    let mut len = 0;
    // SAFETY: the pointers are to local variables, and `size` is the size of `room`.
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
    // SAFETY: GetTokenInformation succeeded, so `room` begins with TOKEN_USER or TOKEN_OWNER. Both begin with the PSID.
    use_it(unsafe { room.as_ptr().cast::<PSID>().read() })
}

/// Creates a folder to which only this user has access. Files created in it inherit that.
pub(super) fn create_for_owner_only(path: &Path) -> io::Result<()> {
    let user = with_account(TokenUser, |user| {
        let mut text = ptr::null_mut();
        // SAFETY: `with_account` passes a valid security identifier.
        let done = unsafe { ConvertSidToStringSidW(user, &raw mut text) };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(take_text(text)) }
    })?;
    // Protected from the entries of the parent folder. Full access for the user, inherited by everything below.
    let access: Vec<u16> = format!("O:{user}D:P(A;OICI;FA;;;{user})\0").encode_utf16().collect();
    let mut descriptor = ptr::null_mut();
    // SAFETY: the string ends with a zero.
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
    // SAFETY: the path ends with a zero, and `descriptor` outlives the call.
    if unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) } == 0 {
        let error = io::Error::last_os_error();
        // Another process has created it meanwhile.
        if error.raw_os_error() != Some(ERROR_ALREADY_EXISTS as i32) {
            return Err(error);
        }
    }
    Ok(())
}
