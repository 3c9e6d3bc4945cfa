//! `cargo xtask test` and `cargo xtask ci`, part by part.

use std::time::Instant;

use Runs::{Always, InCi, Never};

use crate::run::{cargo, command, run, run_filtered, succeeds};
use crate::tools::{self, Tools};
use crate::{
    Result, abi, agent, bench, build_folder, consumers, csharp, defects, definitions, fleet, latency, pascal,
    platforms, python, reach, root, store, suite_program, target,
};

/// When a part runs that is not named.
#[derive(PartialEq, PartialOrd)]
enum Runs {
    Never,
    InCi,
    /// And in `cargo xtask test`.
    Always,
}

struct Part {
    name: &'static str,
    what: &'static str,
    runs: Runs,
    run: fn(&Tools) -> Result<()>,
}

const PARTS: [Part; 19] = [
    Part { name: "lint", what: "formatting and lints", runs: Always, run: |_| lint() },
    Part { name: "rust", what: "Rust tests, documentation examples, generated files", runs: Always, run: rust },
    Part { name: "build", what: "the library, the suite and the examples", runs: Always, run: build },
    Part { name: "abi", what: "exported names, SONAME, linked libraries", runs: Always, run: |_| abi::check() },
    Part { name: "conformance", what: "the suite, against every kind of library", runs: Always, run: conformance },
    Part { name: "consumers", what: "the installed package", runs: Always, run: consumers::check },
    Part {
        name: "python",
        what: "the Python package: its wheel, tests, types and page",
        runs: InCi,
        run: python::check,
    },
    Part {
        name: "csharp",
        what: "the files for C#: their tests, with Mono, and their page",
        runs: InCi,
        run: csharp::check,
    },
    Part { name: "pascal", what: "the unit for Free Pascal: its tests and its page", runs: InCi, run: pascal::check },
    Part {
        name: "reach",
        what: "packages on a fresh Debian, as docs/first-steps.md says; upgraded and removed",
        runs: InCi,
        run: reach::check,
    },
    Part { name: "store", what: "processes that share profiles, and are killed", runs: InCi, run: |_| store::check() },
    Part {
        name: "agent",
        what: "the agent with a real mail server and real interfaces",
        runs: InCi,
        run: |_| agent::check(),
    },
    Part {
        name: "fleet-short",
        what: "60 agents that follow a server: half a minute of the part fleet",
        runs: InCi,
        run: |_| fleet::check_shortly(),
    },
    Part {
        name: "fleet",
        what: "200 agents that follow a server, clocks that differ, a cluster of three",
        runs: Never,
        run: |_| fleet::check(),
    },
    Part { name: "latency", what: "between processes, compared to D-Bus", runs: InCi, run: |_| latency::check() },
    Part { name: "valgrind", what: "the suite under memcheck, and no leak", runs: InCi, run: |_| valgrind() },
    Part { name: "defects", what: "the suite fails when the library is broken", runs: InCi, run: |_| defects::check() },
    Part {
        name: "bench",
        what: "every hot path within its bounds",
        runs: InCi,
        run: |_| bench::bench(bench::Form::Short),
    },
    Part { name: "platforms", what: "every other platform", runs: InCi, run: |_| platforms::other_platforms() },
];

/// Runs the default parts, or the named ones.
pub(crate) fn test(names: &[&str]) -> Result<()> {
    if names == ["--list"] {
        for part in &PARTS {
            let when = match part.runs {
                Always => "",
                InCi => " (in CI, or by name)",
                Never => " (only by name)",
            };
            println!("{:12} {}{when}", part.name, part.what);
        }
        return Ok(());
    }
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|part| part.name != **name)) {
        return Err(format!("there is no part {unknown}; `cargo xtask test --list` names them").into());
    }
    let chosen = |part: &Part| if names.is_empty() { part.runs == Always } else { names.contains(&part.name) };
    let length = if names.is_empty() {
        ": up to 5 minutes, and up to 20 more where nothing is built yet. `cargo xtask ci` runs everything"
    } else {
        ""
    };
    run_parts(chosen, length)
}

/// Runs everything, as CI does.
pub(crate) fn ci() -> Result<()> {
    run_parts(|part| part.runs >= InCi, ": up to an hour on two processors where nothing is built yet")
}

fn run_parts(chosen: impl Fn(&Part) -> bool, length: &str) -> Result<()> {
    let parts: Vec<&Part> = PARTS.iter().filter(|part| chosen(part)).collect();
    println!("{} parts{length}", parts.len());
    parts.iter().for_each(|part| println!("  {:12} {}", part.name, part.what));
    let start = Instant::now();
    let tools = Tools::find()?;
    let mut times = Vec::new();
    for part in parts {
        println!("\n==== {}: {}", part.name, part.what);
        let start = Instant::now();
        (part.run)(&tools).map_err(|error| format!("{}: {error}", part.name))?;
        println!("==== {} took {:.0} s", part.name, start.elapsed().as_secs_f64());
        times.push((part.name, start.elapsed()));
    }
    println!("\n==== all passed");
    for (name, time) in times {
        println!("{name:12} {:6.1} s", time.as_secs_f64());
    }
    println!("{:12} {:6.1} s", "in all", start.elapsed().as_secs_f64());
    Ok(())
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

/// A minimal installation of Rust may lack the component. In CI that is an error.
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

fn rust(_: &Tools) -> Result<()> {
    if std::env::var_os("CI").is_some() {
        // The agent asks NetworkManager over a bus, and follows a fleet's server.
        tools::debian_packages(&["dbus-daemon", "nats-server"], "a bus and a fleet")?;
    }
    run(&mut cargo(["test", "--workspace", "--locked", "--quiet"]))?;
    run(cargo(["doc", "--workspace", "--locked", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn build(tools: &Tools) -> Result<()> {
    if std::env::var_os("CI").is_some() {
        // The header is tested together with Wine's headers.
        tools::debian_packages(&["libwine-dev"], "Wine's headers")?;
    }
    tools.configure(&root(), &build_folder(), &definitions())?;
    tools.build(&build_folder(), &[])
}

fn conformance(tools: &Tools) -> Result<()> {
    let mut ctest = tools.suite(&build_folder());
    let log = target().join("conformance.log");
    // A thousand lines that say "Passed" would hide the others. Every hundredth shows progress.
    run_filtered(&mut ctest, &log, |line| {
        let number = line.trim_start().split('/').next().and_then(|n| n.parse::<u32>().ok());
        match number {
            Some(number) if line.contains(" Passed ") => number % 100 == 0,
            _ => !line.trim_start().starts_with("Start ") && !line.contains("sec*proc"),
        }
    })?;
    suite_program::check(&build_folder())
}

fn valgrind() -> Result<()> {
    let Some(()) = tools::or_skipped(tools::valgrind())? else { return Ok(()) };
    let programs = ["suite-c-shared", "suite-cpp-shared", "suite-c-static", "suite-cpp-static"];
    // And one of them with the shared store.
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
