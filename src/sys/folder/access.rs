//! Who may do what with a folder on Windows: its owner and its access list.

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, ERROR_ALREADY_EXISTS, HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACE_INHERITED_OBJECT_TYPE_PRESENT, ACE_OBJECT_TYPE_PRESENT, ACL,
    DACL_SECURITY_INFORMATION, EqualSid, GetAce, GetTokenInformation, IsWellKnownSid, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenOwner, TokenUser,
    WinBuiltinAdministratorsSid, WinCreatorOwnerRightsSid, WinCreatorOwnerSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateDirectoryW, DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_WRITE_DATA, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

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

/// What an entry of an access list grants.
enum Granted {
    Nothing,
    To(u32, PSID),
    Unknown,
}

/// # Safety
/// `entry` is an entry of a valid access list.
unsafe fn granted(entry: *const ACE_HEADER) -> Granted {
    // By their numbers, which never change. The conditions of callback entries count as met.
    const ALLOWED: u8 = 0;
    const ALLOWED_CALLBACK: u8 = 9;
    const ALLOWED_OBJECT: u8 = 5;
    const ALLOWED_CALLBACK_OBJECT: u8 = 11;
    // Denials and audits, also as object and callback entries, and labels and attributes of the system.
    const GRANT_NOTHING: [u8; 16] = [1, 2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20];
    let plain = entry.cast::<ACCESS_ALLOWED_ACE>();
    // SAFETY: the header says which structure the entry is. All of them have the mask at the same place.
    unsafe {
        match (*entry).AceType {
            ALLOWED | ALLOWED_CALLBACK => Granted::To((*plain).Mask, (&raw const (*plain).SidStart) as PSID),
            ALLOWED_OBJECT | ALLOWED_CALLBACK_OBJECT => {
                // Flags, and up to two GUIDs that the flags announce, come before the account.
                let flags = (&raw const (*plain).SidStart).read();
                let guids =
                    (flags & (ACE_OBJECT_TYPE_PRESENT | ACE_INHERITED_OBJECT_TYPE_PRESENT)).count_ones() as usize;
                let sid = (&raw const (*plain).SidStart).byte_add(4 + 16 * guids);
                Granted::To((*plain).Mask, sid as PSID)
            }
            kind if GRANT_NOTHING.contains(&kind) => Granted::Nothing,
            _ => Granted::Unknown,
        }
    }
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
        // SAFETY: GetSecurityInfo gave a valid list, and it lives as long as `self.descriptor`.
        let count = unsafe { (*self.list).AceCount };
        for index in 0..count {
            let mut entry = ptr::null_mut();
            // SAFETY: the list is valid and has `count` entries. Each begins with an ACE_HEADER.
            let granted = unsafe {
                if GetAce(self.list, u32::from(index), &raw mut entry) == 0 {
                    return Err(io::Error::last_os_error());
                }
                granted(entry.cast())
            };
            let (mask, sid) = match granted {
                Granted::Nothing => continue,
                Granted::To(mask, sid) => (mask, sid),
                Granted::Unknown => return Err(refusal("its access list has an entry of an unknown kind")),
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
