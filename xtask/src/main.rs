//! The project's tasks: `cargo xtask demo | test | ci | platforms | bench | generate`.
//!
//! A command fetches the tools that it needs and the machine lacks, and prints what it fetches: see `tools`.

mod abi;
mod agent;
mod bench;
mod checkout;
#[cfg(test)]
mod conformance;
mod consumers;
mod csharp;
mod defects;
mod demo;
mod dist;
mod exports;
mod fleet;
mod generate;
mod golden;
mod header;
mod latency;
mod network;
mod pascal;
mod platforms;
mod process;
mod python;
mod reach;
mod run;
mod shared_state;
mod store;
#[cfg(test)]
mod structure;
mod suite_program;
mod test;
mod tools;
mod walk;

use std::process::ExitCode;

pub(crate) use checkout::{Result, build_folder, definitions, remove_folder, root, target, version};

const HELP: &str = "\
Builds, tests and measures mapioffline.

usage: cargo xtask COMMAND

  demo            build the library, and run a short session of two monitors and the program mapioffline
  test            check the checkout on this machine: lints, Rust tests, the conformance suite, the installed package
  test PART...    run the named parts; `test --list` names them
  ci              run every part, as CI does
  platforms       build for every platform, run the suite on those that can run here, check the others by their
                  compilers' output, and print a table
  platforms PART...
                  run the named parts; `platforms --list` names them
  bench           measure every hot path, its limits and its peers; fail if a bound is missed three times in a row
  bench --short   only the figures that have bounds, as CI does
  bench --write   the same as bench, and update the figures and charts of README.md and docs/performance.md
  dist            build the Debian packages into target/dist (Debian 12, root for what is missing)
  wheel           build the Python package, with the library inside, into target/python/dist
  generate        write the committed files that are generated: headers, .def files, lists of exports
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["demo"] => demo::demo(),
        ["dist"] => dist::dist(),
        ["wheel"] => python::wheel(),
        ["test", ref parts @ ..] => test::test(parts),
        ["ci"] => test::ci(),
        ["platforms", ref parts @ ..] => platforms::platforms(parts),
        ["bench"] => bench::bench(bench::Form::Full),
        ["bench", "--short"] => bench::bench(bench::Form::Short),
        ["bench", "--write"] => bench::bench(bench::Form::Write),
        ["generate"] => generate::write(&root(), version()),
        ["help" | "--help" | "-h"] | [] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown command: {}; `cargo xtask help` lists the commands", words.join(" ")).into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
