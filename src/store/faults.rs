//! The file of faults in a state folder, and in which folders it counts.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};

use super::backend::StoreError;
use super::choice::{is_private, shared_folder};
use super::file_name::FAULTS;
use super::folder::SharedFolder;
use super::status::warn;
use crate::fault;
use crate::name::shown_os;
use crate::sys::Found;

/// The largest that is read.
const LARGEST: usize = 64 * 1024;

/// Takes the faults that the state folder asks for, if it is a private one. Whether they have changed.
pub(crate) fn load_faults() -> bool {
    if !is_private() {
        return false;
    }
    let Some(folder) = shared_folder() else { return false };
    let text = match folder.read_faults() {
        Ok(text) => text,
        // For the moment what was read before counts.
        Err(_) => return false,
    };
    let Some(wrong) = fault::set_stored(&text) else { return false };
    for what in wrong {
        warn(format!("{}: {what}; the line is ignored", shown_os(folder.path().join(FAULTS))));
    }
    true
}

impl SharedFolder {
    /// The text of the file; empty if there is none.
    pub(crate) fn read_faults(&self) -> io::Result<String> {
        let found = match self.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            other => other?.0.read(FAULTS, LARGEST)?,
        };
        match found {
            Found::Nothing => Ok(String::new()),
            Found::Bytes(text, _) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Found::NotOurs => {
                Err(io::Error::other(format!("{FAULTS} is no file of this user's, or larger than {LARGEST} bytes")))
            }
        }
    }

    /// Has `change` change the lines. The file is removed with the last fault.
    pub(crate) fn change_faults<R>(&self, change: impl FnOnce(&mut Vec<String>) -> R) -> Result<R, StoreError> {
        let locked = self.lock()?;
        let mut lines: Vec<String> = self.read_faults()?.lines().map(str::to_owned).collect();
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
