//! The rows of the table, and the folders of the builds.

use std::path::PathBuf;

use crate::target;

/// A part's row of the table.
#[derive(Default)]
pub(super) struct Row {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    /// Of the library, stripped, in bytes.
    pub(super) size: Option<u64>,
    /// Why cases were skipped, and how many for each reason.
    pub(super) reasons: Vec<(String, usize)>,
}

/// Where everything of this command is built. The standard libraries of the platforms are kept there too.
pub(super) fn folder() -> PathBuf {
    target().join("platforms")
}

/// Where cargo builds for all of them.
pub(super) fn cargo_folder() -> PathBuf {
    folder().join("cargo")
}
