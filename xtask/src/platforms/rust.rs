//! The Rust that compiles for another platform: the machine's own where it has the platform's standard library, or else
//! Debian's, with Debian's standard library for that architecture, or one that is built from source.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::foreign;
use super::row::folder;
use crate::run::output;
use crate::{Result, tools};

pub(super) enum Rust {
    /// Has the standard library already.
    Own,
    /// Debian's, with the standard library in this system root.
    Unpacked { target: String, root: PathBuf },
    /// Debian's, which builds the standard library.
    FromSource,
}

/// Debian's names of the architectures for which it has the standard library.
const ARCHITECTURES: [(&str, &str); 2] = [("aarch64-unknown-linux-gnu", "arm64"), ("i686-unknown-linux-gnu", "i386")];

pub(super) const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

impl Rust {
    pub(super) fn find(target: &str) -> Result<Self> {
        let mut ask = Command::new("rustc");
        let libraries = output(ask.args(["--print", "target-libdir", "--target", target]))?;
        if Path::new(libraries.trim()).exists() {
            return Ok(Self::Own);
        }
        tools::debian_packages(&PACKAGES, "the standard library of other platforms")?;
        if let Some((_, architecture)) = ARCHITECTURES.iter().find(|(name, _)| *name == target) {
            match Self::unpack(architecture) {
                Ok(root) => return Ok(Self::Unpacked { target: target.to_owned(), root }),
                Err(error) => println!("{error}; the standard library is built from source instead"),
            }
        }
        Ok(Self::FromSource)
    }

    /// Debian's standard library, of the same version as its compiler.
    fn unpack(architecture: &str) -> Result<PathBuf> {
        let version = output(Command::new("dpkg-query").args(["-W", "-f", "${Version}", "rustc-web"]))?;
        let root = folder().join(format!("tools/rust-{architecture}"));
        foreign::unpack(architecture, &[&format!("libstd-rust-web-dev={version}")], &root)?;
        Ok(root.join("usr"))
    }

    pub(super) fn cargo(&self) -> &'static str {
        match self {
            Self::Own => "cargo",
            Self::Unpacked { .. } | Self::FromSource => "/usr/bin/cargo",
        }
    }

    /// Additional arguments of `cargo build`.
    pub(super) fn arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Own | Self::Unpacked { .. } => &[],
            Self::FromSource => &["-Zbuild-std=std,panic_unwind"],
        }
    }

    pub(super) fn is_from_source(&self) -> bool {
        matches!(self, Self::FromSource)
    }

    /// Makes `command` and the programs that it starts use this Rust.
    pub(super) fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // Set by the cargo that runs this program, for libraries of its own compiler.
        command.env_remove("LD_LIBRARY_PATH");
        match self {
            Self::Own => command,
            Self::Unpacked { target, root } => {
                let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
                command.env("RUSTC", "/usr/bin/rustc").env(variable, format!("--sysroot={}", root.display()))
            }
            Self::FromSource => command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1"),
        }
    }
}
