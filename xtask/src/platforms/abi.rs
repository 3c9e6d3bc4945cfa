//! A platform that can run here: the library is built for it, and the whole suite runs on it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::row::{Row, cargo_folder, folder};
use super::rust::Rust;
use super::wine::Wine;
use crate::run::{command, run, run_filtered};
use crate::tools::{self, Tools};
use crate::{Result, root};

pub(super) struct Abi {
    /// The name of its toolchain file, and of its folder below target/platforms. `None`: this machine's own platform.
    toolchain: Option<&'static str>,
    /// Rust's name for it.
    pub(super) target: &'static str,
    pub(super) packages: &'static [&'static str],
    runner: Runner,
    /// Why a case may be skipped here; any other reason is a failure.
    skips: &'static [&'static str],
}

const NO_EXCEPTIONS: &str = "C has no exceptions";
const NO_EXTENSIONS: &str = "the library under test has no extension exports";
const IN_MEMORY: &str = "profiles are kept in memory";
const NO_GLOBAL: &str = "the library under test does not export HrGetGlobalOffline";
const NO_SHORTAGE: &str = "the allocations of the library under test cannot be made to fail";
const PUMPED: &str = "a thread of the harness dispatches";
const OF_NOTIFIERS: &str = "about the library's own threads";
const LINUX_SKIPS: [&str; 7] = [NO_EXCEPTIONS, NO_EXTENSIONS, NO_GLOBAL, IN_MEMORY, NO_SHORTAGE, PUMPED, OF_NOTIFIERS];
const WINDOWS_SKIPS: [&str; 10] = [
    PUMPED,
    OF_NOTIFIERS,
    NO_EXCEPTIONS,
    NO_EXTENSIONS,
    IN_MEMORY,
    NO_SHORTAGE,
    "Windows has no fork",
    "Windows has no cancellation of threads",
    "Windows has no signals that come to a thread",
    "on Windows paths of files take memory",
];

enum Runner {
    Native,
    Qemu(&'static str),
    Wine(Wine),
}

pub(super) const LINUX_X64: Abi = Abi {
    toolchain: None,
    target: "x86_64-unknown-linux-gnu",
    packages: &["libwine-dev"],
    runner: Runner::Native,
    skips: &LINUX_SKIPS,
};
pub(super) const LINUX_X86: Abi = Abi {
    toolchain: Some("linux-i686"),
    target: "i686-unknown-linux-gnu",
    packages: &["gcc-12-multilib", "g++-12-multilib", "libwine-dev"],
    runner: Runner::Native,
    skips: &LINUX_SKIPS,
};
pub(super) const LINUX_ARM64: Abi = Abi {
    toolchain: Some("linux-aarch64"),
    target: "aarch64-unknown-linux-gnu",
    packages: &["g++-aarch64-linux-gnu", "qemu-user", "libwine-dev"],
    runner: Runner::Qemu("qemu-aarch64 -L /usr/aarch64-linux-gnu"),
    skips: &[
        NO_EXCEPTIONS,
        NO_EXTENSIONS,
        NO_GLOBAL,
        IN_MEMORY,
        NO_SHORTAGE,
        PUMPED,
        OF_NOTIFIERS,
        "qemu-user cannot start a thread in a child that was forked beside other threads",
    ],
};
pub(super) const WINDOWS_X64: Abi = Abi {
    toolchain: Some("windows-x64"),
    target: "x86_64-pc-windows-gnu",
    packages: &["g++-mingw-w64-x86-64", "llvm-22"],
    runner: Runner::Wine(Wine::Bits64),
    skips: &WINDOWS_SKIPS,
};
pub(super) const WINDOWS_X86: Abi = Abi {
    toolchain: Some("windows-x86"),
    target: "i686-pc-windows-gnu",
    packages: &["g++-mingw-w64-i686", "llvm-22"],
    runner: Runner::Wine(Wine::Bits32),
    skips: &WINDOWS_SKIPS,
};

/// Every platform that runs here, this machine's own excepted.
pub(super) const OTHERS: [&Abi; 4] = [&LINUX_X86, &LINUX_ARM64, &WINDOWS_X64, &WINDOWS_X86];

impl Abi {
    /// Where CMake builds.
    pub(super) fn build_folder(&self) -> PathBuf {
        self.toolchain.map_or_else(crate::build_folder, |name| folder().join(name))
    }

    /// The shared library.
    pub(super) fn library(&self) -> PathBuf {
        match self.runner {
            Runner::Wine(_) => self.build_folder().join("bin/mapioffline.dll"),
            _ => self.build_folder().join(format!("release/libmapioffline.so.{}", crate::version())),
        }
    }

    pub(super) fn wine(&self) -> Option<Wine> {
        match self.runner {
            Runner::Wine(wine) => Some(wine),
            _ => None,
        }
    }

    pub(super) fn run(&self, tools: &Tools) -> Result<Row> {
        tools::debian_packages(self.packages, self.target)?;
        self.build(tools, &root(), &self.build_folder(), &[])?;
        let _running = self.wine().map(Wine::start).transpose()?;
        let mut ctest = tools.suite(&self.build_folder());
        ctest.args(["-LE", "abort"]);
        let log = folder().join(format!("{}.log", self.toolchain.unwrap_or("linux-x64")));
        // Failures are in the counts. The output of the failed cases is in the log.
        let result = run_filtered(&mut ctest, &log, |line| line.contains("tests passed"));
        let mut row = count(&fs::read_to_string(&log)?);
        row.add_together(&self.last_log()?);
        row.size = Some(self.stripped_size()?);
        row.reasons = self.reasons()?;
        if let Some((reason, _)) = row.reasons.iter().find(|(reason, _)| !self.skips.contains(&reason.as_str())) {
            return Err(format!("skipped for a reason that this platform does not list: {reason}").into());
        }
        if row.skipped != row.reasons.iter().map(|(_, count)| count).sum::<usize>() {
            return Err(format!("{} cases are skipped, and not all of them print a reason", row.skipped).into());
        }
        // Wine 8 may fault or hang in its own code when a process ends while it has other threads: up to three of 966 programs
        // did, one of them twice in a row.
        let (mut last_log, mut result) = (log.clone(), result);
        for _ in 0..3 {
            let died = died_after_passing(&fs::read_to_string(&last_log)?);
            if self.wine().is_none() || died == 0 || died != row.failed {
                break;
            }
            println!("{died} programs passed, and died in Wine's exit: they are run once more");
            let mut again = tools.suite(&self.build_folder());
            again.arg("--rerun-failed");
            last_log = log.with_extension("again.log");
            result = run_filtered(&mut again, &last_log, |line| line.contains("tests passed"));
            let again = count(&fs::read_to_string(&last_log)?);
            row.passed += again.passed;
            row.failed -= again.passed;
        }
        if row.failed > 0 {
            let text = fs::read_to_string(&last_log)?;
            text.lines()
                .filter(|line| line.contains("***") && !line.contains("***Skipped"))
                .take(40)
                .for_each(|line| println!("{line}"));
            println!("their output is in {}", last_log.display());
        } else {
            result?;
        }
        Ok(row)
    }

    /// Configures and builds `source` for this platform.
    pub(super) fn build(&self, tools: &Tools, source: &Path, build: &Path, more: &[String]) -> Result<()> {
        let Some(toolchain) = self.toolchain else {
            tools.configure(source, build, &crate::definitions())?;
            return tools.build(build, &[]);
        };
        let rust = Rust::find(self.target)?;
        let mut definitions = self.cross_definitions()?;
        definitions.extend([
            format!("-DMAPIOFFLINE_CARGO={}", rust.cargo()),
            format!("-DMAPIOFFLINE_CARGO_ARGS={}", rust.arguments().join(" ")),
            format!("-DMAPIOFFLINE_CARGO_TARGET_DIR={}", cargo_folder().display()),
        ]);
        if matches!(self.runner, Runner::Wine(_)) {
            definitions.push("-DMAPIOFFLINE_FORWARDERS=ON".into());
        }
        definitions.extend_from_slice(more);
        tools.configure(source, build, &definitions)?;
        if rust.is_from_source() && !cargo_folder().join(self.target).exists() {
            println!("building the standard library for {} from source: about two minutes", self.target);
        }
        let log = folder().join(format!("{toolchain}-build.log"));
        let mut cmake = tools.cmake();
        cmake.arg("--build").arg(build);
        run_filtered(rust.environment(&mut cmake), &log, |line| line.contains("FAILED") || line.contains("error"))
    }

    /// The definitions with which CMake builds for the platform.
    pub(super) fn cross_definitions(&self) -> Result<Vec<String>> {
        let Some(toolchain) = self.toolchain else { return Ok(Vec::new()) };
        let toolchain = root().join(format!("cmake/toolchains/{toolchain}.cmake"));
        Ok(vec![
            format!("-DCMAKE_TOOLCHAIN_FILE={}", toolchain.display()),
            "-DCMAKE_BUILD_TYPE=RelWithDebInfo".into(),
            format!("-DCMAKE_CROSSCOMPILING_EMULATOR={}", self.emulator()?),
        ])
    }

    /// The command that runs the platform's programs, for CMake and for the suite. Empty: none is needed.
    fn emulator(&self) -> Result<String> {
        let script = match self.runner {
            Runner::Native => return Ok(String::new()),
            Runner::Wine(wine) => wine.script(),
            Runner::Qemu(command) => {
                let script = folder().join("bin/qemu-aarch64");
                fs::create_dir_all(folder().join("bin"))?;
                fs::write(&script, format!("#!/bin/sh\nexec {command} \"$@\"\n"))?;
                fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
                script
            }
        };
        Ok(script.display().to_string())
    }

    fn stripped_size(&self) -> Result<u64> {
        let copy = folder().join("stripped");
        if matches!(self.runner, Runner::Wine(_)) {
            return Ok(fs::metadata(self.library())?.len());
        }
        let strip = match self.runner {
            Runner::Qemu(_) => "aarch64-linux-gnu-strip",
            _ => "strip",
        };
        run(command(strip, ["-o"]).arg(&copy).arg(self.library()))?;
        Ok(fs::metadata(copy)?.len())
    }

    /// What all programs printed.
    fn last_log(&self) -> Result<String> {
        let text = fs::read(self.build_folder().join("Testing/Temporary/LastTest.log"))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Why cases were skipped, from their output.
    fn reasons(&self) -> Result<Vec<(String, usize)>> {
        let mut reasons = BTreeMap::new();
        for line in self.last_log()?.lines() {
            if let Some((_, reason)) = line.split_once("SKIPPED: ") {
                *reasons.entry(reason.trim().to_owned()).or_insert(0) += 1;
            }
        }
        Ok(reasons.into_iter().collect())
    }
}

/// How many programs printed that their case passed, and then crashed, hung, or were ended by Wine with an error of its own.
fn died_after_passing(log: &str) -> usize {
    let mut died = 0;
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let crashed = line.contains("***Exception") || line.contains("***Timeout");
        if !crashed && !line.contains("***Failed") {
            continue;
        }
        let (mut passed, mut wine) = (false, crashed);
        // A program's output comes before the next test begins or ends. The last verdict is that of the case itself.
        while let Some(printed) = lines.next_if(|line| !line.contains("Start ") && !line.contains(" Test ")) {
            passed = (passed || printed.ends_with(": passed")) && !printed.ends_with(": FAILED");
            wine |= printed.starts_with("wine client error:");
        }
        died += usize::from(passed && wine);
    }
    died
}

impl Row {
    /// Programs that run all cases count for their cases: `N passed, N failed, N skipped`.
    fn add_together(&mut self, log: &str) {
        for line in log.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [passed, "passed,", failed, "failed,", skipped, "skipped"] = words[..] else { continue };
            let number = |text: &str| text.parse::<usize>();
            if let (Ok(passed), Ok(failed), Ok(skipped)) = (number(passed), number(failed), number(skipped)) {
                // The program itself is in the row already.
                let (ok, broken) = if failed == 0 { (1, 0) } else { (0, 1) };
                self.passed = self.passed + passed - ok;
                self.failed = self.failed + failed - broken;
                self.skipped += skipped;
            }
        }
    }
}

/// Counts ctest's lines, one for each test.
fn count(log: &str) -> Row {
    let mut row = Row::default();
    for line in log.lines().filter(|line| line.contains(" Test ") && line.contains('#') && line.contains(" sec")) {
        if line.contains(" Passed ") {
            row.passed += 1;
        } else if line.contains("***Skipped") {
            row.skipped += 1;
        } else {
            row.failed += 1;
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_die_after_passing_are_distinguished_from_failures() {
        let died =
            " 1/3 Test #1: a ....Subprocess killed***Exception:   0.54 sec\ncreate.x: passed\n\n      Start  2: b\n";
        let failed = " 2/3 Test #2: b ....***Failed    0.05 sec\nopen.y: FAILED\n";
        let hung = " 3/3 Test #3: c ....***Timeout 120.05 sec\n";
        let wines_error = " 4/4 Test #4: d ....***Failed    0.15 sec\nshared.helper: passed\nopen.z: passed\n\
            wine client error:50c: write: Bad file descriptor\n";
        let after_failing = wines_error.replace("open.z: passed", "open.z: FAILED");
        assert_eq!(died_after_passing(&[died, failed, hung].concat()), 1);
        assert_eq!(died_after_passing(&[wines_error, &after_failing].concat()), 1);
        assert_eq!(count(&[died, failed, hung].concat()).failed, 3);
    }
}
