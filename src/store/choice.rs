//! Which store this process uses: decided once, at its first open, and never again.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{fmt, io};

use once_cell::race::OnceBox;

use super::{Content, Entry, Shared};
use crate::name::Name;
use crate::sys;

/// `None`: the memory of this process. Not behind a lock or a Once, which a forked child could find taken.
static CHOSEN: OnceBox<Option<Shared>> = OnceBox::new();
static PROGRAM: OnceBox<String> = OnceBox::new();

/// Why there is no folder to share.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// `MAPIOFFLINE_STORE=memory`
    NotWanted,
    /// Neither the environment nor the account says where.
    NoHome,
    Folder(PathBuf, io::Error),
}

/// Decides, unless that is settled. Never under a lock.
pub(crate) fn decide() {
    if CHOSEN.get().is_some() {
        return;
    }
    let folder = of_user().and_then(|folder| match folder.open_or_create() {
        Ok(_) => Ok(folder),
        Err(error) => Err(Unusable::Folder(folder.path().to_owned(), error)),
    });
    program();
    let (folder, unusable) = match folder {
        Ok(folder) => (Some(folder), None),
        Err(unusable) => (None, Some(unusable)),
    };
    let won = CHOSEN.set(Box::new(folder)).is_ok();
    match unusable {
        Some(unusable @ (Unusable::NoHome | Unusable::Folder(..))) if won => {
            log::warn!("{unusable}; the state of profiles is kept in this process only");
        }
        _ => {}
    }
}

/// Decides for `folder`, or for memory. False: it was settled before.
pub(crate) fn choose(folder: Option<&Path>) -> bool {
    program();
    CHOSEN.set(Box::new(folder.map(|folder| Shared::new(folder.to_owned())))).is_ok()
}

/// The folder, if the shared store is in use.
pub(crate) fn shared() -> Option<&'static Shared> {
    CHOSEN.get().and_then(Option::as_ref)
}

/// A profile's entry. Opening makes nothing that outlives the process.
pub(crate) fn open() -> Entry {
    Entry::new(shared())
}

/// Whether some process made this profile's global object.
pub(crate) fn is_hosted(profile: &Name) -> bool {
    let reading = shared().and_then(|folder| folder.open().and_then(|folder| folder.read(profile)).ok());
    matches!(reading.as_ref().and_then(|reading| reading.content(profile)), Some(Content::Record(stored)) if stored.hosted)
}

/// The folder that the environment names, or the custom of the system.
pub(crate) fn of_user() -> Result<Shared, Unusable> {
    let variable = |name| sys::environment(name).filter(|value| !value.is_empty());
    match variable("MAPIOFFLINE_STORE") {
        Some(store) if store == "memory" => return Err(Unusable::NotWanted),
        Some(store) if store != "shared" => {
            log::warn!("MAPIOFFLINE_STORE={} is neither memory nor shared; taken as shared", store.display());
        }
        _ => {}
    }
    let path = match variable("MAPIOFFLINE_STATE_DIR") {
        Some(path) => path.into(),
        None => sys::user_state_folder().ok_or(Unusable::NoHome)?.join("mapioffline"),
    };
    match std::path::absolute(&path) {
        Ok(path) => Ok(Shared::new(path)),
        Err(error) => Err(Unusable::Folder(path, error)),
    }
}

/// What this program is called in the records that it writes. Asked for before anything runs where memory may be short.
pub(crate) fn program() -> &'static str {
    PROGRAM.get_or_init(|| {
        let path = std::env::current_exe().ok().or_else(|| std::env::args_os().next().map(PathBuf::from));
        let name = path.as_deref().and_then(Path::file_stem).unwrap_or_default();
        Box::new(name.to_string_lossy().chars().take(64).collect())
    })
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWanted => {
                f.write_str("MAPIOFFLINE_STORE=memory: every process keeps the state of profiles to itself")
            }
            Self::NoHome => {
                f.write_str("nothing says where this user's state is kept: neither HOME nor the account has a folder")
            }
            Self::Folder(path, error) => write!(f, "the state folder {} cannot be used: {error}", path.display()),
        }
    }
}
