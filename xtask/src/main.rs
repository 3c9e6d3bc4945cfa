//! What is done to mapioffline.

mod header;

use std::path::{Path, PathBuf};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

fn main() -> Result<()> {
    header::write(&root(), env!("CARGO_PKG_VERSION"))
}
