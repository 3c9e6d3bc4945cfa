//! Which store this process uses: decided once, at its first open.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::{fmt, io};

use once_cell::race::OnceBox;

use super::backend::Backend;
use super::folder::SharedFolder;
use super::memory::MEMORY;
use super::program::program;
use super::status::{note_error, warn};
use crate::name::shown_os;
use crate::sys::{self, FolderId, UserStateFolder};

/// The folder's name, below that for the state of all of a user's programs.
const FOLDER: &str = "mapioffline";
/// The variable that names another folder.
const STATE_DIR: &str = "MAPIOFFLINE_STATE_DIR";

/// Not behind a lock or a Once, which a forked child could find locked.
static CHOSEN: OnceBox<Chosen> = OnceBox::new();

struct Chosen {
    /// `None`: the memory of this process.
    folder: Option<SharedFolder>,
    /// How it came to be this one.
    source: Source,
    /// What the environment said then of the folder that programs share if it names none.
    user: UserStateFolder,
}

#[derive(Clone, Copy, PartialEq)]
enum Source {
    /// The environment names it.
    Environment,
    Default,
    /// This program chose it.
    Program,
}

/// Why there is no shared folder.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// `MAPIOFFLINE_STORE=memory`
    Disabled,
    /// Neither the environment nor the account names a folder.
    NoHome,
    Folder(PathBuf, io::Error),
}

/// Decides, unless that is decided. Never under a lock. Only a lasting reason leads to memory: after a transient error the
/// folder is used, and tried again by the next change.
pub(crate) fn decide() {
    if CHOSEN.get().is_some() {
        return;
    }
    let folder = of_user().and_then(|folder| match folder.open_or_create() {
        Ok(_) => Ok(folder),
        Err(error) if sys::is_transient(&error) => {
            note_error(format!("the state folder {} could not be opened: {error}", shown_os(folder.path())));
            Ok(folder)
        }
        Err(error) => Err(Unusable::Folder(folder.path().to_owned(), error)),
    });
    program();
    let (folder, unusable) = match folder {
        Ok(folder) => (Some(folder), None),
        Err(unusable) => (None, Some(unusable)),
    };
    let source = if variable(STATE_DIR).is_some() { Source::Environment } else { Source::Default };
    let won = CHOSEN.set(Box::new(Chosen { folder, source, user: UserStateFolder::of_environment() })).is_ok();
    match unusable {
        Some(unusable @ (Unusable::NoHome | Unusable::Folder(..))) if won => {
            warn(format!("{unusable}; the state of profiles is kept in this process only"));
        }
        _ => {}
    }
}

/// Decides for `folder`, or for memory. False: it was decided before.
pub(crate) fn choose(folder: Option<&Path>) -> bool {
    program();
    let folder = folder.map(|folder| SharedFolder::new(folder.to_owned()));
    CHOSEN.set(Box::new(Chosen { folder, source: Source::Program, user: UserStateFolder::of_environment() })).is_ok()
}

/// What was decided, if it was: memory (`None`) or a folder.
pub(crate) fn chosen() -> Option<Option<&'static Path>> {
    CHOSEN.get().map(|chosen| chosen.folder.as_ref().map(SharedFolder::path))
}

/// The store of every profile.
pub(crate) fn backend() -> &'static dyn Backend {
    shared_backend().unwrap_or(&MEMORY)
}

/// The store of every profile, if other processes share it.
#[inline(always)]
pub(crate) fn shared_backend() -> Option<&'static dyn Backend> {
    match CHOSEN.get() {
        Some(Chosen { folder: Some(folder), .. }) => Some(folder),
        _ => None,
    }
}

/// The folder that processes share, if it was chosen.
pub(crate) fn shared_folder() -> Option<&'static SharedFolder> {
    CHOSEN.get()?.folder.as_ref()
}

/// The chosen folder, if the environment names it: only such a one may ask for faults.
#[inline]
pub(crate) fn folder_of_environment() -> Option<&'static SharedFolder> {
    let chosen = CHOSEN.get()?;
    chosen.folder.as_ref().filter(|_| chosen.source == Source::Environment)
}

/// Sees to it that this process does not use the folder of its user: if nothing has been decided, and that would be it, profiles
/// are kept in memory. False: the process uses that folder already.
pub(crate) fn keep_from_users_folder() -> bool {
    if CHOSEN.get().is_none() {
        // Decided now: what the environment says may change before the first open.
        match of_user() {
            Ok(folder) if is_of_users_programs(folder.path()) => drop(choose(None)),
            _ => decide(),
        }
    }
    !is_users_folder()
}

/// Whether the chosen folder is by now the one that programs of this user share if the environment names none: links may have been
/// turned since.
pub(super) fn is_users_folder() -> bool {
    let Some(Chosen { folder: Some(folder), source, user }) = CHOSEN.get() else { return false };
    *source == Source::Default || is_folder_of(user, folder.path())
}

/// Whether this is the folder that programs of this user share if the environment names none.
pub(crate) fn is_of_users_programs(path: &Path) -> bool {
    is_folder_of(&UserStateFolder::of_environment(), path)
}

fn is_folder_of(user: &UserStateFolder, path: &Path) -> bool {
    folder_of(user).is_some_and(|own| are_same(path, &own))
}

fn folder_of(user: &UserStateFolder) -> Option<PathBuf> {
    Some(user.path()?.join(FOLDER))
}

fn variable(name: &str) -> Option<OsString> {
    sys::environment(name).filter(|value| !value.is_empty())
}

/// By where links and mounts lead to, and by their paths where there are no folders yet.
fn are_same(path: &Path, other: &Path) -> bool {
    FolderId::of(path).is_ok_and(|id| FolderId::of(other).is_ok_and(|other| other == id))
        || resolved(path) == resolved(other)
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let real = |ancestor: &Path| Some((ancestor.canonicalize().ok()?, path.strip_prefix(ancestor).ok()?));
    let Some((mut real, missing)) = path.ancestors().find_map(real) else { return path.to_owned() };
    for component in missing.components() {
        if component == Component::ParentDir {
            real.pop();
        } else {
            real.push(component);
        }
    }
    real
}

/// The folder that the environment names, or that the system's convention gives.
pub(crate) fn of_user() -> Result<SharedFolder, Unusable> {
    match variable("MAPIOFFLINE_STORE") {
        Some(store) if store == "memory" => return Err(Unusable::Disabled),
        Some(store) if store != "shared" => {
            log::warn!("MAPIOFFLINE_STORE={} is neither memory nor shared; taken as shared", shown_os(&store));
        }
        _ => {}
    }
    let path: PathBuf = match variable(STATE_DIR) {
        Some(path) => path.into(),
        None => folder_of(&UserStateFolder::of_environment()).ok_or(Unusable::NoHome)?,
    };
    if path.to_str().is_some_and(|path| path.starts_with('~')) {
        let why = "no shell has replaced the ~; give the path of the folder from / on";
        return Err(Unusable::Folder(path, io::Error::new(io::ErrorKind::InvalidInput, why)));
    }
    match std::path::absolute(&path) {
        Ok(path) => Ok(SharedFolder::new(path)),
        Err(error) => Err(Unusable::Folder(path, error)),
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => {
                f.write_str("MAPIOFFLINE_STORE=memory: every process keeps the state of profiles to itself")
            }
            Self::NoHome => {
                f.write_str("there is no folder for this user's state: neither HOME nor the account names one")
            }
            Self::Folder(path, error) => {
                write!(f, "the state folder {} cannot be used: {error}", shown_os(path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_resolved_as_far_as_it_exists() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().canonicalize().unwrap();
        let expected = folder.join("state/mapioffline");
        for path in ["state/mapioffline", "state/../state/mapioffline", "./state/./mapioffline/"] {
            assert_eq!(resolved(&place.path().join(path)), expected, "{path}");
        }
        std::fs::create_dir(folder.join("state")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("state", folder.join("link")).unwrap();
            assert_eq!(resolved(&folder.join("link/mapioffline")), expected);
            assert_eq!(resolved(&folder.join("link/../state/mapioffline")), expected);
        }
        assert_ne!(resolved(&folder.join("other/mapioffline")), expected);
    }
}
