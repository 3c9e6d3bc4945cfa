//! Folders and files for the user alone, and where such a folder is.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self as os, AtFlags, Mode, OFlags};
use rustix::process::geteuid;

use crate::name::shown_os;

/// The folders that have to be created for `folder`, innermost first, and the one above them. Refuses a folder of another
/// user but root there: a program that runs as root with a user's HOME would leave folders that the user cannot write to.
pub(super) fn missing(folder: &Path) -> io::Result<(Vec<&Path>, &Path)> {
    let is_missing = |folder: &&Path| matches!(os::stat(*folder), Err(rustix::io::Errno::NOENT));
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    let above = folder.ancestors().nth(missing.len()).unwrap_or(folder);
    let owner = os::stat(above)?.st_uid;
    if owner != geteuid().as_raw() && owner != 0 {
        let above = shown_os(above);
        return Err(refusal(format!("it would be created in {above}, which belongs to another user ({owner})")));
    }
    Ok((missing, above))
}

/// Creates a folder and its missing parents, for the user alone, whatever the umask is.
pub(super) fn create_private(folder: &Path) -> io::Result<()> {
    let (missing, _) = missing(folder)?;
    missing.into_iter().rev().try_for_each(create_one)
}

/// Creates a folder whose parent exists.
pub(super) fn create_one(folder: &Path) -> io::Result<()> {
    match os::mkdir(folder, Mode::RWXU) {
        Ok(()) => set_private_mode(os::CWD, folder, Mode::RWXU),
        // Another process was faster.
        Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives what was just created the mode that the umask may have reduced.
pub(super) fn set_private_mode(folder: impl AsFd, name: &Path, mode: Mode) -> io::Result<()> {
    let stat = os::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if Mode::from_raw_mode(stat.st_mode).contains(mode) {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match os::openat(&folder, name, flags, Mode::empty()) {
        Ok(opened) => Ok(os::fchmod(opened, mode)?),
        // The umask took even the right to read it.
        Err(rustix::io::Errno::ACCESS) => Ok(os::chmodat(&folder, name, mode, AtFlags::empty())?),
        Err(error) => Err(error.into()),
    }
}

/// Creates a file for the user alone, whatever the umask is.
pub(super) fn create_file(folder: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = os::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    // Not where it has that mode: some file systems allow no change of modes.
    if !Mode::from_raw_mode(os::fstat(&file)?.st_mode).contains(Mode::RUSR | Mode::WUSR) {
        os::fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    }
    Ok(file)
}

pub(super) fn refusal(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, why.into())
}

/// Where the environment says that a user's state is. Taking it asks nothing of a home, which may hang.
pub(crate) struct UserStateFolder {
    xdg: Option<OsString>,
    home: Option<OsString>,
}

impl UserStateFolder {
    pub(crate) fn of_environment() -> Self {
        Self { xdg: crate::sys::environment("XDG_STATE_HOME"), home: crate::sys::environment("HOME") }
    }

    /// The system's customary folder for the user's state.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        if cfg!(target_vendor = "apple") {
            return Some(self.home()?.join("Library/Application Support"));
        }
        // The XDG specification says to ignore a relative path.
        let xdg = self.xdg.as_ref().and_then(absolute);
        xdg.or_else(|| Some(self.home()?.join(".local/state")))
    }

    /// The home folder of the effective user: HOME, unless that belongs to another user but root, as it does where root has a
    /// user's environment.
    fn home(&self) -> Option<PathBuf> {
        let is_own =
            |home: &PathBuf| os::stat(home).map_or(true, |stat| [geteuid().as_raw(), 0].contains(&stat.st_uid));
        let account = || crate::sys::home_of_account().as_ref().and_then(absolute);
        match self.home.as_ref().and_then(absolute) {
            Some(home) if is_own(&home) => Some(home),
            named => account().or(named),
        }
    }
}

fn absolute(path: &OsString) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}
