//! A state folder and the program `mapioffline`, for tests with shared profiles.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, remove_folder};

/// A folder that only this program uses. It is removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!("{name}-{}", std::process::id()));
        remove_folder(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program with these arguments, on this state folder.
pub(crate) fn mapioffline(folder: &Path, arguments: &[&str]) -> Command {
    with(&program(), folder, arguments)
}

/// The same with another build of the program.
pub(crate) fn with(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("MAPIOFFLINE_STATE_DIR", folder).env_remove("MAPIOFFLINE_STORE");
    command
}

/// The program `mapioffline`.
pub(crate) fn program() -> PathBuf {
    crate::build_folder().join("release/mapioffline")
}
