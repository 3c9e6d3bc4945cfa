//! The name of this program, for the records that it writes.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use once_cell::race::OnceBox;

static PROGRAM: OnceBox<String> = OnceBox::new();

/// The program's file name without folder and extension. First called before memory may be short.
pub(crate) fn program() -> &'static str {
    PROGRAM.get_or_init(|| {
        let path = std::env::current_exe().ok().or_else(|| std::env::args_os().next().map(PathBuf::from));
        let name = path.as_deref().and_then(Path::file_stem).unwrap_or_default();
        Box::new(name.to_string_lossy().chars().take(64).collect())
    })
}
