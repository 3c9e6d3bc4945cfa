//! The file of faults in a state folder, and in which folders it counts.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};

use super::backend::StoreError;
use super::choice::{folder_of_environment, is_users_folder};
use super::file_name::FAULTS;
use super::folder::SharedFolder;
use super::status::{note_error, warn};
use crate::fault;
use crate::name::shown_os;
use crate::sys::Found;

/// The largest that is read.
const LARGEST: usize = 64 * 1024;

/// What came of reading the file.
pub(crate) enum Loaded {
    Same,
    Changed,
    /// It cannot be read for the moment: what was read before counts.
    Unreadable,
}

/// Takes the faults that the state folder asks for, if it is a private one.
pub(crate) fn load_faults() -> Loaded {
    let Some(folder) = folder_of_environment() else { return Loaded::Same };
    let mut loaded = Loaded::Same;
    loop {
        let text = match folder.read_faults() {
            Ok(Some(text)) => text,
            Ok(None) => String::new(),
            Err(error) => {
                note_error(format!("{}: {error}", shown_os(folder.path())));
                if error.kind() != ErrorKind::InvalidData {
                    return Loaded::Unreadable;
                }
                String::new()
            }
        };
        // Asked each time, as links may lead elsewhere by now; and only of a folder with such a file, as a home may hang.
        let text = if text.is_empty() || is_users_folder() { "" } else { &text };
        let Some(wrong) = fault::set_stored(text) else { return loaded };
        for what in wrong {
            warn(format!("{}: {what}; the line is ignored", shown_os(folder.path().join(FAULTS))));
        }
        // Once more: another thread may have taken what is older than this.
        loaded = Loaded::Changed;
    }
}

impl SharedFolder {
    /// The text of the file, if there is one. `InvalidData`: it is not this user's own, or too large.
    pub(crate) fn read_faults(&self) -> io::Result<Option<String>> {
        let found = match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?.0.read(FAULTS, LARGEST)?,
        };
        Ok(match found {
            Found::Bytes(text, _) => Some(String::from_utf8_lossy(&text).into_owned()),
            Found::Nothing => None,
            Found::NotOurs => {
                let why = format!("{FAULTS} is no file of this user's, or larger than {LARGEST} bytes");
                return Err(io::Error::new(ErrorKind::InvalidData, why));
            }
        })
    }

    /// Has `change` change the lines. The file is removed with the last fault.
    pub(crate) fn change_faults<R>(&self, change: impl FnOnce(&mut Vec<String>) -> R) -> Result<R, StoreError> {
        let locked = self.lock()?;
        let mut lines: Vec<String> = self.read_faults()?.unwrap_or_default().lines().map(str::to_owned).collect();
        let result = change(&mut lines);
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        if text.len() > LARGEST {
            return Err(io::Error::other(format!("{FAULTS} would be larger than {LARGEST} bytes")).into());
        }
        if lines.iter().all(String::is_empty) {
            locked.remove_file(FAULTS)?;
        } else {
            locked.put(FAULTS, text.as_bytes())?;
        }
        Ok(result)
    }
}
