//! What is done to mapioffline: `cargo xtask demo | test | platforms | bench | header`.
//!
//! What a command needs and the machine lacks, it fetches itself and says so: see `tools`.

mod abi;
mod bench;
#[cfg(test)]
mod conformance;
mod consumers;
mod defects;
mod demo;
mod header;
mod latency;
mod platforms;
mod run;
mod store;
mod test;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const HELP: &str = "\
What is done to mapioffline.

usage: cargo xtask COMMAND

  demo            build the library, and have two monitors and the program mapioffline play a short session
  test            run everything: lints, Rust tests, golden files, the conformance suite, profiles shared by processes that
                  are killed, consumers, valgrind, defects
  test PART...    run some parts only; `test --list` names them
  platforms       build for every platform, run the suite on those that can run here, prove the others from their
                  compilers' output, and print a table
  platforms PART...
                  some of that only; `platforms --list` names the parts
  bench           measure every hot path beside its limits and peers; nonzero when a bound is missed three times in a row
  bench --short   only what the bounds are about, as CI does
  bench --write   the same as bench, and write the figures and charts of README.md and docs/performance.md anew
  header          write the generated part of include/mapioffline/ anew
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["demo"] => demo::demo(),
        ["test", ref parts @ ..] => test::test(parts),
        ["platforms", ref parts @ ..] => platforms::platforms(parts),
        ["bench"] => bench::bench(bench::Form::Full),
        ["bench", "--short"] => bench::bench(bench::Form::Short),
        ["bench", "--write"] => bench::bench(bench::Form::Write),
        ["header"] => header::write(&root(), version()),
        ["help" | "--help" | "-h"] | [] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown command: {}; `cargo xtask help` says what there is", words.join(" ")).into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Where everything is built.
fn target() -> PathBuf {
    root().join("target")
}

/// The version of the library: the workspace has one.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
