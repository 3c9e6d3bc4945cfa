//! The tools that the commands need besides Rust, a C and C++ compiler and Python. Missing ones are fetched: wheels from
//! PyPI into target/tools, which needs no root; Debian packages, which needs root.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{command, output, run, run_filtered, succeeds};
use crate::{Result, target};

/// The build tools.
pub(crate) struct Tools {
    pub(crate) cmake: PathBuf,
    pub(crate) ctest: PathBuf,
    pub(crate) ninja: PathBuf,
    pub(crate) pkg_config: PathBuf,
}

impl Tools {
    /// The machine's tools, or else those in target/tools, which are fetched if they are missing.
    pub(crate) fn find() -> Result<Self> {
        let wheels = target().join("tools/python");
        let cmake_of_wheel = wheels.join("cmake/data/bin");
        let on_path = cmake_is_new_enough("cmake");
        let ninja = ["ninja", "ninja-build"].into_iter().find(|name| succeeds(name, &["--version"]));
        let pkg_config = ["pkg-config", "pkgconf"].into_iter().find(|name| succeeds(name, &["--version"]));
        let tools = Self {
            cmake: if on_path { "cmake".into() } else { cmake_of_wheel.join("cmake") },
            ctest: if on_path { "ctest".into() } else { cmake_of_wheel.join("ctest") },
            ninja: ninja.map_or_else(|| wheels.join("bin/ninja"), Into::into),
            pkg_config: pkg_config.map_or_else(|| wheels.join("pkgconf/.bin/pkgconf"), Into::into),
        };
        let mut missing = Vec::new();
        for (package, program) in [("cmake", &tools.cmake), ("ninja", &tools.ninja), ("pkgconf", &tools.pkg_config)] {
            if !succeeds(program, &["--version"]) {
                missing.push(package);
            }
        }
        if !missing.is_empty() {
            fetch_wheels(&wheels, &missing)?;
        }
        Ok(tools)
    }

    /// PATH, with the folders of the tools that were fetched in front, and before them those of `more`.
    pub(crate) fn path(&self, more: &[PathBuf]) -> Result<OsString> {
        let tools = [&self.cmake, &self.ninja].into_iter().filter_map(|tool| Some(tool.parent()?.to_path_buf()));
        // Those that are on the PATH have no folder.
        let folders = more.iter().cloned().chain(tools.filter(|folder| folder.is_absolute()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths(folders.chain(std::env::split_paths(&path)))?)
    }

    pub(crate) fn cmake(&self) -> Command {
        let mut cmake = command(&self.cmake, [""; 0]);
        cmake.env("CMAKE_GENERATOR", "Ninja");
        cmake
    }

    /// Configures `source` into `build`.
    pub(crate) fn configure(&self, source: &Path, build: &Path, definitions: &[String]) -> Result<()> {
        let mut cmake = self.cmake();
        cmake.arg("-S").arg(source).arg("-B").arg(build);
        cmake.arg(format!("-DCMAKE_MAKE_PROGRAM={}", self.ninja.display())).args(definitions);
        cmake.arg("--log-level=WARNING");
        run(&mut cmake)
    }

    pub(crate) fn build(&self, build: &Path, targets: &[&str]) -> Result<()> {
        let mut cmake = self.cmake();
        cmake.arg("--build").arg(build);
        for target in targets {
            cmake.args(["--target", target]);
        }
        run(&mut cmake)
    }

    /// ctest for the tests below `build`.
    pub(crate) fn ctest(&self, build: &Path) -> Command {
        let mut ctest = command(&self.ctest, ["--output-on-failure", "--no-tests=error", "--test-dir"]);
        ctest.arg(build);
        ctest
    }

    /// ctest for the suite below `build`. Most cases wait most of the time, so more run at once than there are processors.
    pub(crate) fn suite(&self, build: &Path) -> Command {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let mut ctest = self.ctest(build);
        ctest.arg("-j").arg((3 * processors).to_string());
        ctest
    }
}

fn cmake_is_new_enough(cmake: &str) -> bool {
    let Ok(output) = Command::new(cmake).arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<u32> =
        text.split_whitespace().nth(2).unwrap_or("").split('.').filter_map(|n| n.parse().ok()).collect();
    numbers.as_slice() >= [3, 22].as_slice()
}

/// Fetches packages from PyPI into a folder.
pub(crate) fn fetch_wheels(folder: &Path, packages: &[&str]) -> Result<()> {
    let python = ["python3", "python"]
        .into_iter()
        .find(|name| succeeds(name, &["--version"]))
        .ok_or("there is no Python: install python3, or cmake, ninja and pkg-config")?;
    if !succeeds(python, &["-m", "pip", "--version"]) {
        debian_package("python3-pip", "pip, which fetches the other tools")?;
    }
    println!("fetching {} from PyPI into {}", packages.join(", "), folder.display());
    let mut pip = command(python, ["-m", "pip", "install", "--quiet", "--upgrade", "--no-warn-script-location"]);
    // A newer major version may build differently.
    let pinned = packages.iter().map(|package| match *package {
        "cmake" => "cmake>=3.22,<5",
        "ninja" => "ninja>=1.11,<2",
        "pkgconf" => "pkgconf>=2,<4",
        "pytest" => "pytest>=7,<10",
        "mypy" => "mypy>=1.10,<3",
        "auditwheel" => "auditwheel>=6,<7",
        "scikit-build-core" => "scikit-build-core>=0.10,<1",
        "ziglang" => "ziglang>=0.13,<0.18",
        other => other,
    });
    pip.env("PIP_ROOT_USER_ACTION", "ignore").arg("--target").arg(folder).args(pinned);
    run(&mut pip)
}

/// What could be installed, or `None`: then the reason is printed. In CI that is an error.
pub(crate) fn or_skipped<T>(installed: Result<T>) -> Result<Option<T>> {
    match installed {
        Err(reason) if std::env::var_os("CI").is_none() => {
            println!("SKIPPED: {reason}");
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Fetches pytest if it is missing. The folder that Python has to look in, if it was fetched.
pub(crate) fn pytest() -> Result<Option<PathBuf>> {
    if succeeds("python3", &["-m", "pytest", "--version"]) {
        return Ok(None);
    }
    let folder = target().join("tools/pytest");
    if !folder.join("pytest").exists() {
        fetch_wheels(&folder, &["pytest"])?;
    }
    Ok(Some(folder))
}

/// Installs valgrind if it is missing. The error says why that is not possible.
pub(crate) fn valgrind() -> Result<()> {
    if succeeds("valgrind", &["--version"]) { Ok(()) } else { debian_package("valgrind", "the memory checker") }
}

fn debian_package(package: &str, what: &str) -> Result<()> {
    install_debian_packages(&[package], what)
}

/// Installs the packages that are missing, and prints their names.
pub(crate) fn debian_packages(packages: &[&str], what: &str) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() { Ok(()) } else { install_debian_packages(&missing, what) }
}

fn is_installed(package: &str) -> bool {
    let status = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]).output();
    status.is_ok_and(|output| output.stdout == b"installed")
}

fn install_debian_packages(packages: &[&str], what: &str) -> Result<()> {
    let list = packages.join(" ");
    let is_root = output(&mut command("id", ["-u"])).is_ok_and(|id| id.trim() == "0");
    if !is_root || !succeeds("apt-get", &["--version"]) {
        return Err(format!("missing for {what}: {list}; install it, or run this as root on Debian").into());
    }
    println!("installing Debian packages for {what}: {list}");
    let mut apt = command("apt-get", ["update", "-qq"]);
    if let Err(error) = run(apt.env("DEBIAN_FRONTEND", "noninteractive")) {
        // The mirror may be updating itself. The packages may be available all the same.
        println!("{error}; continuing with the existing package lists");
    }
    let mut apt = command("apt-get", ["install", "-y", "-qq", "--no-install-recommends"]);
    let log = target().join("debian-packages.log");
    run_filtered(apt.args(packages).env("DEBIAN_FRONTEND", "noninteractive"), &log, |_| false)
}
