//! `cargo xtask test` and `cargo xtask ci`, part by part.

use std::time::Instant;

use crate::run::{cargo, command, run, run_filtered, succeeds};
use crate::tools::{self, Tools};
use crate::{
    Result, abi, agent, bench, build_folder, consumers, defects, definitions, latency, platforms, root, store,
    suite_program, target,
};

struct Part {
    name: &'static str,
    what: &'static str,
    /// Whether `cargo xtask test` without names runs it.
    in_test: bool,
    run: fn(&Tools) -> Result<()>,
}

const PARTS: [Part; 13] = [
    Part { name: "lint", what: "formatting and lints", in_test: true, run: |_| lint() },
    Part { name: "rust", what: "Rust tests, documentation examples, generated files", in_test: true, run: rust },
    Part { name: "build", what: "the library, the suite and the examples", in_test: true, run: build },
    Part { name: "abi", what: "exported names, SONAME, linked libraries", in_test: true, run: |_| abi::check() },
    Part { name: "conformance", what: "the suite, against every kind of library", in_test: true, run: conformance },
    Part { name: "consumers", what: "the installed package", in_test: true, run: consumers::check },
    Part {
        name: "store",
        what: "processes that share profiles, and are killed",
        in_test: false,
        run: |_| store::check(),
    },
    Part {
        name: "agent",
        what: "the agent with a real mail server and real interfaces",
        in_test: false,
        run: |_| agent::check(),
    },
    Part { name: "latency", what: "between processes, compared to D-Bus", in_test: false, run: |_| latency::check() },
    Part { name: "valgrind", what: "the suite under memcheck, and no leak", in_test: false, run: |_| valgrind() },
    Part {
        name: "defects",
        what: "the suite fails when the library is broken",
        in_test: false,
        run: |_| defects::check(),
    },
    Part {
        name: "bench",
        what: "every hot path within its bounds",
        in_test: false,
        run: |_| bench::bench(bench::Form::Short),
    },
    Part { name: "platforms", what: "every other platform", in_test: false, run: |_| platforms::other_platforms() },
];

/// Runs the default parts, or the named ones.
pub(crate) fn test(names: &[&str]) -> Result<()> {
    if names == ["--list"] {
        for part in &PARTS {
            println!("{:12} {}{}", part.name, part.what, if part.in_test { "" } else { " (only by name)" });
        }
        return Ok(());
    }
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|part| part.name != **name)) {
        return Err(format!("there is no part {unknown}; `cargo xtask test --list` names them").into());
    }
    let chosen = |part: &Part| if names.is_empty() { part.in_test } else { names.contains(&part.name) };
    let length = if names.is_empty() {
        ": up to 5 minutes, and about 5 more where nothing is built yet. `cargo xtask ci` runs everything"
    } else {
        ""
    };
    run_parts(chosen, length)
}

/// Runs everything, as CI does.
pub(crate) fn ci() -> Result<()> {
    run_parts(|_| true, ": up to 40 minutes on two processors where nothing is built yet")
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
        // The agent asks NetworkManager over a bus.
        tools::debian_packages(&["dbus-daemon"], "a bus")?;
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
