//! The Rust that compiles for another platform: the machine's own where it has the platform's standard library, or
//! else Debian's, which builds it from source.

use std::path::Path;
use std::process::Command;

use crate::run::output;
use crate::{Result, tools};

pub(super) enum Rust {
    /// Has the standard library already.
    Own,
    /// Builds it.
    Debian,
}

impl Rust {
    pub(super) fn find(target: &str) -> Result<Self> {
        let mut ask = Command::new("rustc");
        let folder = output(ask.args(["--print", "target-libdir", "--target", target]))?;
        if Path::new(folder.trim()).exists() {
            return Ok(Self::Own);
        }
        let packages = ["rustc-web", "cargo-web", "rust-web-src"];
        tools::debian_packages(&packages, "the standard library of other platforms, from source")?;
        Ok(Self::Debian)
    }

    pub(super) fn cargo(&self) -> &'static str {
        match self {
            Self::Own => "cargo",
            Self::Debian => "/usr/bin/cargo",
        }
    }

    /// What `cargo build` is told besides.
    pub(super) fn arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Own => &[],
            Self::Debian => &["-Zbuild-std=std,panic_unwind"],
        }
    }

    /// Has `command` use it, whatever it starts.
    pub(super) fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // Set by the cargo that runs this program, for libraries of its own compiler.
        command.env_remove("LD_LIBRARY_PATH");
        match self {
            Self::Own => command,
            Self::Debian => command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1"),
        }
    }
}
