//! The state folder, and the profiles in it.

use std::io;
use std::path::PathBuf;

use mapioffline::{OfflineObject, StateFolder};

use crate::failure::{Code, Failure};

/// Returns the state folder, and makes this process use it.
pub(crate) fn folder(chosen: Option<PathBuf>) -> Result<StateFolder, Failure> {
    let folder = match chosen {
        Some(path) => {
            let path = std::path::absolute(&path)
                .map_err(|error| Failure::new(Code::NoFolder, format!("{}: {error}", path.display())))?;
            StateFolder::at(path)
        }
        None => StateFolder::of_user().map_err(|error| {
            let unset = "; unset the variable to see the shared state";
            let advice = if error.kind() == io::ErrorKind::Unsupported { unset } else { "" };
            Failure::new(Code::NoFolder, format!("{error}{advice}"))
        })?,
    };
    folder.use_in_this_process();
    Ok(folder)
}

/// Opens a profile. Creates and checks the folder first: the library would keep the state in memory if the folder is unusable.
pub(crate) fn open(folder: &StateFolder, profile: &str) -> Result<OfflineObject, Failure> {
    folder.create().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    OfflineObject::open(profile).map_err(|error| Failure::of_profile(profile, &error))
}

/// Returns the stored spelling of the name, or `profile` if no spelling is stored.
pub(crate) fn spelled(folder: &StateFolder, profile: &str) -> String {
    folder.profile(profile).ok().flatten().map_or_else(|| profile.to_owned(), |stored| stored.name)
}
