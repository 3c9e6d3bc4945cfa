//! The golden lists of names in abi/.

use std::collections::BTreeSet;
use std::fs;

use crate::{Result, root};

/// The names in a file of abi/.
pub(crate) fn list(file: &str) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(root().join("abi").join(file))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

/// Compares both ways.
pub(crate) fn same(what: &str, found: &BTreeSet<String>, golden: &BTreeSet<String>) -> Result<()> {
    let more: Vec<_> = found.difference(golden).collect();
    let fewer: Vec<_> = golden.difference(found).collect();
    if more.is_empty() && fewer.is_empty() {
        Ok(())
    } else {
        Err(format!("{what}: {more:?} too many, {fewer:?} missing").into())
    }
}
