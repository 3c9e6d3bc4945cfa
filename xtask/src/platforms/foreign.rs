//! Debian packages of another architecture, unpacked into a folder: this machine's apt stays as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::row::folder;
use crate::run::{run, run_filtered};
use crate::{Result, remove_folder};

/// Unpacks packages into `into`, completely or not at all.
pub(super) fn unpack(architecture: &str, packages: &[&str], into: &Path) -> Result<()> {
    if into.exists() {
        return Ok(());
    }
    println!("unpacking Debian packages for {architecture} into {}: {}", into.display(), packages.join(" "));
    // The folder gets its final name when it is complete.
    let unpacked = into.with_extension("part");
    let work = folder().join(format!("tools/apt-{architecture}"));
    for folder in [&unpacked, &work.join("packages")] {
        remove_folder(folder)?;
    }
    for folder in ["lists/partial", "cache/archives/partial", "packages"] {
        fs::create_dir_all(work.join(folder))?;
    }
    fs::write(work.join("status"), "")?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.arg("-qq").arg("-o").arg(format!("APT::Architecture={architecture}"));
        apt.arg("-o").arg(format!("APT::Architectures={architecture}"));
        apt.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"]);
        for (option, folder) in
            [("State", ""), ("State::status", "status"), ("State::lists", "lists"), ("Cache", "cache")]
        {
            apt.arg("-o").arg(format!("Dir::{option}={}", work.join(folder).display()));
        }
        apt.args(arguments).current_dir(work.join("packages"));
        apt
    };
    if let Err(error) = run(&mut apt(&["update"])) {
        println!("{error}; continuing with the lists that were fetched");
    }
    let log = folder().join(format!("packages-{architecture}.log"));
    run_filtered(apt(&["download"]).args(packages), &log, |_| false)?;
    for package in fs::read_dir(work.join("packages"))? {
        run(Command::new("dpkg").arg("-x").arg(package?.path()).arg(&unpacked))?;
    }
    fs::rename(unpacked, into)?;
    Ok(())
}
