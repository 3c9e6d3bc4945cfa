//! `cargo xtask test`: everything, part by part.

use std::path::PathBuf;
use std::time::Instant;

use crate::run::{cargo, command, run, run_filtered, succeeds};
use crate::tools::{self, Tools};
use crate::{Result, abi, consumers, defects, latency, root, store, target};

struct Part {
    name: &'static str,
    what: &'static str,
    run: fn(&Tools) -> Result<()>,
}

const PARTS: [Part; 10] = [
    Part { name: "lint", what: "formatting and lints", run: |_| lint() },
    Part { name: "rust", what: "Rust tests, documentation examples, header drift", run: |_| rust() },
    Part { name: "build", what: "the library, the suite and the examples", run: build },
    Part { name: "abi", what: "exported names, SONAME, linked libraries", run: |_| abi::check() },
    Part { name: "conformance", what: "the suite: shared, static, panic=abort, plain exports", run: conformance },
    Part { name: "store", what: "processes that share profiles, and are killed", run: |_| store::check() },
    Part { name: "latency", what: "from one process to another, beside D-Bus", run: |_| latency::check() },
    Part { name: "consumers", what: "the installed package", run: consumers::check },
    Part { name: "valgrind", what: "the suite under memcheck, and no leak", run: |_| valgrind() },
    Part { name: "defects", what: "the suite fails when the library is broken", run: |_| defects::check() },
];

/// Runs all parts, or those that are named.
pub(crate) fn test(names: &[&str]) -> Result<()> {
    if names == ["--list"] {
        PARTS.iter().for_each(|part| println!("{:12} {}", part.name, part.what));
        return Ok(());
    }
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|part| part.name != **name)) {
        return Err(format!("there is no part {unknown}; `cargo xtask test --list` names them").into());
    }
    let start = Instant::now();
    let tools = Tools::find()?;
    let mut times = Vec::new();
    for part in PARTS.iter().filter(|part| names.is_empty() || names.contains(&part.name)) {
        println!("\n==== {}: {}", part.name, part.what);
        let start = Instant::now();
        (part.run)(&tools).map_err(|error| format!("{}: {error}", part.name))?;
        times.push((part.name, start.elapsed()));
    }
    println!("\n==== all passed");
    for (name, time) in times {
        println!("{name:12} {:6.1} s", time.as_secs_f64());
    }
    println!("{:12} {:6.1} s", "in all", start.elapsed().as_secs_f64());
    Ok(())
}

/// Where CMake builds for `test` and `demo`.
pub(crate) fn build_folder() -> PathBuf {
    target().join("cmake")
}

/// How it is configured.
pub(crate) fn definitions() -> Vec<String> {
    vec![
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo".into(),
        format!("-DMAPIOFFLINE_CARGO_TARGET_DIR={}", target().join("cmake-cargo").display()),
    ]
}

fn lint() -> Result<()> {
    if has_component("fmt")? {
        run(&mut cargo(["fmt", "--all", "--check"]))?;
    }
    if has_component("clippy")? {
        run(&mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// A small installation of Rust may lack it; CI's must not.
fn has_component(component: &str) -> Result<bool> {
    let there = succeeds("cargo", &[component, "--version"]);
    match (there, std::env::var_os("CI")) {
        (false, Some(_)) => Err(format!("cargo {component} is missing").into()),
        (false, None) => {
            println!("SKIPPED: cargo {component} is not installed (rustup component add {component})");
            Ok(false)
        }
        (true, _) => Ok(true),
    }
}

fn rust() -> Result<()> {
    run(&mut cargo(["test", "--workspace", "--locked", "--quiet"]))?;
    run(cargo(["doc", "--workspace", "--locked", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn build(tools: &Tools) -> Result<()> {
    tools.configure(&root(), &build_folder(), &definitions())?;
    tools.build(&build_folder(), &[])
}

fn conformance(tools: &Tools) -> Result<()> {
    let mut ctest = command(&tools.ctest, ["--output-on-failure", "--no-tests=error", "-j", "2", "--test-dir"]);
    ctest.arg(build_folder());
    let log = target().join("conformance.log");
    // A thousand lines that say "Passed" hide the others; every hundredth shows that it goes on.
    run_filtered(&mut ctest, &log, |line| {
        let number = line.trim_start().split('/').next().and_then(|n| n.parse::<u32>().ok());
        match number {
            Some(number) if line.contains(" Passed ") => number % 100 == 0,
            _ => !line.trim_start().starts_with("Start ") && !line.contains("sec*proc"),
        }
    })
}

fn valgrind() -> Result<()> {
    if let Err(reason) = tools::valgrind() {
        if std::env::var_os("CI").is_some() {
            return Err(reason);
        }
        println!("SKIPPED: {reason}");
        return Ok(());
    }
    let programs = ["suite-c-shared", "suite-cpp-shared", "suite-c-static", "suite-cpp-static"];
    // And once with profiles that processes share.
    for (program, store) in programs.map(|program| (program, "memory")).into_iter().chain([(programs[0], "shared")]) {
        println!("{program}, {store} store");
        let mut valgrind = command("valgrind", ["--quiet", "--fair-sched=yes", "--error-exitcode=99"]);
        valgrind.args(["--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible"]);
        valgrind.args(["--child-silent-after-fork=yes"]);
        valgrind.arg(build_folder().join("c-tests").join(program)).arg("--all");
        valgrind.env("MAPIOFFLINE_TEST_VALGRIND", "1").env("MAPIOFFLINE_TEST_STORE", store).current_dir(target());
        let log = target().join(format!("valgrind-{program}-{store}.log"));
        run_filtered(&mut valgrind, &log, |line| !line.ends_with(": passed"))?;
    }
    Ok(())
}
