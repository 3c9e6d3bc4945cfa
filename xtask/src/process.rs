//! Processes that tests start, and what they cost.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::run::{command, run};

/// A process that is killed with all that it started.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.process_group(0).spawn()?))
    }

    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        run(&mut command("kill", ["-s", signal, "--", &format!("-{}", self.0.id())]))
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.0.id()))
    }

    /// The seconds of a processor that it has used, in user mode and in the kernel.
    pub(crate) fn seconds_used(&self) -> Result<f64> {
        // On every Linux that there is: `getconf CLK_TCK`.
        const TICKS_A_SECOND: f64 = 100.0;
        let text = fs::read_to_string(self.folder().join("stat"))?;
        let (_, behind_name) = text.rsplit_once(") ").ok_or("no stat")?;
        let times = behind_name.split(' ').skip(11).take(2).map(str::parse::<f64>);
        Ok(times.sum::<std::result::Result<f64, _>>()? / TICKS_A_SECOND)
    }

    /// Its resident memory, in MB.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(self.folder().join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for signal in ["CONT", "KILL"] {
            let group = format!("-{}", self.0.id());
            let mut kill = Command::new("kill");
            let _ = kill.args(["-s", signal, "--", &group]).stderr(Stdio::null()).status();
        }
        let _ = self.0.wait();
    }
}
