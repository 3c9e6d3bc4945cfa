//! Network namespaces for tests: interfaces and routes of their own, which no other program sees.

use std::ffi::OsStr;
use std::process::Command;

use crate::Result;
use crate::run::{command, run};

/// A network namespace. It is removed on drop.
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let namespace = Self(format!("mapioffline-{name}-{}", std::process::id()));
        run(&mut command("ip", ["netns", "add", &namespace.0]))?;
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    pub(crate) fn ip(&self, words: &[&str]) -> Result<()> {
        run(command("ip", ["-n", &self.0]).args(words))
    }

    /// Connects an interface of this namespace to one of the other.
    pub(crate) fn connect(&self, own: &str, other: &Self, others: &str) -> Result<()> {
        self.ip(&["link", "add", own, "type", "veth", "peer", "name", others, "netns", &other.0])
    }

    /// A program that is to run in it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}
