//! A Linux program and a Windows program in Wine that share a state folder: none of their changes fails or is lost.

use std::fs;
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

    let linux = start(&mut Command::new(LINUX_X64.build_folder().join("c-tests/changer")), "LINUX", place, &shared)?;
    let mut windows = Command::new(wine.script());
    windows.arg(WINDOWS_X64.build_folder().join("bin/changer.exe"));
    let windows = start(&mut windows, "WINDOWS", place, Path::new(&in_wine))?;
    let start = Instant::now();
    let record = |name: &str| shared.join(format!("{name}.json"));
    while !(record("LINUX").exists() && record("WINDOWS").exists()) && start.elapsed() < PATIENCE {
        sleep(Duration::from_millis(10));
    }
    sleep(TOGETHER);
    fs::write(place.join("stop"), "")?;

    for (name, program) in [("LINUX", linux), ("WINDOWS", windows)] {
        let output = program.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let changes: u64 = said.trim().parse().map_err(|_| format!("{name}: {said}"))?;
        let record: serde_json::Value = serde_json::from_slice(&fs::read(record(name))?)?;
        if changes < 10 || record["revision"] != changes {
            return Err(format!("{name}: {changes} changes, but the revision is {}", record["revision"]).into());
        }
    }
    Ok(())
}

fn start(program: &mut Command, profile: &str, place: &Path, state: &Path) -> Result<Child> {
    program.arg(profile).current_dir(place).env("MAPIOFFLINE_STATE_DIR", state).env_remove("MAPIOFFLINE_STORE");
    Ok(program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
}
