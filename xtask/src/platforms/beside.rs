//! A Linux program and a Windows program in Wine that share a state folder: none of their changes fails or is lost.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::abi::{LINUX_X64, WINDOWS_X64};
use super::row::folder;
use super::wine::Running;
use crate::shared_state::Folder;
use crate::tools::Tools;
use crate::{Result, root};

/// How long both change their profiles.
const TOGETHER: Duration = Duration::from_secs(3);

/// How long Wine may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn check(tools: &Tools, wine: &Running) -> Result<()> {
    LINUX_X64.build(tools, &root(), &LINUX_X64.build_folder(), &[])?;
    let place = Folder::new(&folder(), "beside")?;
    let place = place.path();
    fs::create_dir_all(place)?;
    let shared = place.join("state");
    let in_wine = format!("Z:{}", shared.display().to_string().replace('/', "\\"));

    let mut linux = Command::new(LINUX_X64.build_folder().join("c-tests/changer"));
    let mut windows = Command::new(wine.script());
    windows.arg(WINDOWS_X64.build_folder().join("bin/changer.exe"));
    let changers = [
        Changer::start("LINUX", &mut linux, place, &shared)?,
        Changer::start("WINDOWS", &mut windows, place, Path::new(&in_wine))?,
    ];
    let record = |name: &str| shared.join(format!("{name}.json"));
    wait_until(|| Ok(changers.iter().all(|changer| record(changer.profile).exists())))?;
    sleep(TOGETHER);
    fs::write(place.join("stop"), "")?;

    for changer in changers {
        let (name, changes) = (changer.profile, changer.changes()?);
        let record: serde_json::Value = serde_json::from_slice(&fs::read(record(name))?)?;
        if changes < 10 || record["revision"] != changes {
            return Err(format!("{name}: {changes} changes, but the revision is {}", record["revision"]).into());
        }
    }
    Ok(())
}

/// Waits for both programs, but not for ever.
fn wait_until(mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > PATIENCE {
            return Err(
                format!("a program that changes profiles did not come so far in {} s", PATIENCE.as_secs()).into()
            );
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A program that changes a profile. It does not outlive this value.
struct Changer {
    profile: &'static str,
    program: Child,
}

impl Changer {
    fn start(profile: &'static str, program: &mut Command, place: &Path, state: &Path) -> Result<Self> {
        program.arg(profile).current_dir(place).env("MAPIOFFLINE_STATE_DIR", state).env_remove("MAPIOFFLINE_STORE");
        let program = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        Ok(Self { profile, program })
    }

    /// Waits for its end, and gives how many changes it made.
    fn changes(mut self) -> Result<u64> {
        wait_until(|| Ok(self.program.try_wait()?.is_some()))?;
        let mut said = String::new();
        if let Some(mut output) = self.program.stdout.take() {
            output.read_to_string(&mut said)?;
        }
        Ok(said.trim().parse().map_err(|_| format!("{}: {said}", self.profile))?)
    }
}

impl Drop for Changer {
    fn drop(&mut self) {
        // It has ended, or it is to.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
