//! Paths and the version of the checkout.

use std::path::{Path, PathBuf};

pub(crate) type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Where everything is built.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Where CMake builds for this machine.
pub(crate) fn build_folder() -> PathBuf {
    target().join("cmake")
}

/// The CMake definitions for it.
pub(crate) fn definitions() -> Vec<String> {
    vec![
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo".into(),
        format!("-DMAPIOFFLINE_CARGO_TARGET_DIR={}", target().join("cmake-cargo").display()),
    ]
}

/// The version of the library: the workspace has one.
pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}
