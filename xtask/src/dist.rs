//! `cargo xtask dist`: packages.

use std::fs;
use std::path::PathBuf;

use crate::run::{command, output, run, run_filtered};
use crate::tools::{self, Tools};
use crate::{Result, remove_folder, root, target, version};

/// The Debian packages, in the order in which they depend on each other.
pub(crate) const DEBIAN: [&str; 4] =
    ["libmapioffline0", "libmapioffline-dev", "mapioffline", "mapioffline-conformance"];

/// Builds what can be built on this machine, and says where it is.
pub(crate) fn dist() -> Result<()> {
    debian(&Tools::find()?)?.iter().for_each(|package| println!("{}", package.display()));
    Ok(())
}

pub(crate) fn folder() -> PathBuf {
    target().join("dist")
}

/// Builds the Debian packages for this machine, and checks them with lintian.
pub(crate) fn debian(tools: &Tools) -> Result<Vec<PathBuf>> {
    tools::debian_packages(&["debhelper", "lintian"], "Debian packages")?;
    let work = folder().join("debian");
    remove_folder(&work)?;
    // The packages come to be beside the folder in which they are built.
    let tree = work.join("tree");
    fs::create_dir_all(&tree)?;
    run(command("cp", ["-r"]).arg(root().join("packaging/debian")).arg(tree.join("debian")))?;
    let mut build = command("dpkg-buildpackage", ["-b", "-us", "-uc", "-d"]);
    build.current_dir(&tree).env("PATH", tools.path(&[])?);
    build.env("source", root()).env("cargo_folder", target().join("cmake-cargo"));
    let log = work.join("log");
    run_filtered(&mut build, &log, |_| false)?;
    let architecture = output(&mut command("dpkg", ["--print-architecture"]))?;
    let package = |name: &str| work.join(format!("{name}_{}_{}.deb", version(), architecture.trim()));
    let packages = DEBIAN.map(package).to_vec();
    if let Some(missing) = packages.iter().find(|package| !package.exists()) {
        return Err(format!("{} was not built", missing.display()).into());
    }
    let mut lintian = command("lintian", ["--allow-root", "--fail-on", "error,warning", "--display-info"]);
    run(lintian.args(&packages))?;
    println!("lintian: {} packages, clean", packages.len());
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_symbols_of_the_package_are_the_exports() {
        let exports = fs::read_to_string(root().join("abi/exports.txt")).unwrap();
        let names: Vec<&str> = exports.lines().filter(|line| !line.starts_with('#')).collect();
        let symbols = fs::read_to_string(root().join("packaging/debian/libmapioffline0.symbols")).unwrap();
        let symbols = symbols.lines().filter_map(|line| line.strip_prefix(' ')?.split_once("@Base "));
        let (listed, versions): (Vec<&str>, Vec<&str>) = symbols.unzip();
        assert_eq!(listed, names);
        // The version in which each came. None has come since the first packages.
        assert!(versions.iter().all(|since| *since == "0.1.0"), "{versions:?}");
    }

    #[test]
    fn the_changelog_of_the_package_has_the_version() {
        let changelog = fs::read_to_string(root().join("packaging/debian/changelog")).unwrap();
        assert!(changelog.starts_with(&format!("mapioffline ({}) ", version())), "{changelog}");
    }
}
