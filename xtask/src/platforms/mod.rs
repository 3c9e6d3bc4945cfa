//! `cargo xtask platforms`: the library on every platform. What can run here runs; the others are proved from what their
//! compilers say.

mod abi;
mod defects;
mod pe;
mod proofs;
mod rust;
mod wine;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::tools::Tools;
use crate::{Result, target};

/// What a part has to say in the table.
#[derive(Default)]
struct Row {
    passed: usize,
    failed: usize,
    skipped: usize,
    /// Of the library, stripped, in bytes.
    size: Option<u64>,
    /// Why cases were skipped, and how many for each reason.
    reasons: Vec<(String, usize)>,
}

struct Part {
    name: &'static str,
    what: &'static str,
    run: fn(&Tools) -> Result<Row>,
}

const PARTS: [Part; 8] = [
    Part { name: "linux-x64", what: "Linux x86-64, native", run: |tools| abi::LINUX_X64.run(tools) },
    Part { name: "linux-x86", what: "Linux i686, gcc -m32, native", run: |tools| abi::LINUX_X86.run(tools) },
    Part { name: "linux-arm64", what: "Linux aarch64, under qemu-user", run: |tools| abi::LINUX_ARM64.run(tools) },
    Part { name: "windows-x64", what: "Windows x64, mingw-w64, under Wine", run: |tools| abi::WINDOWS_X64.run(tools) },
    Part { name: "windows-x86", what: "Windows x86, mingw-w64, under Wine", run: |tools| abi::WINDOWS_X86.run(tools) },
    Part { name: "dll", what: "the DLLs' exports, imports and MSVC import library", run: pe::check },
    Part { name: "proofs", what: "MSVC and macOS, from their compilers' output", run: |_| proofs::check() },
    Part {
        name: "windows-defects",
        what: "the suite under Wine fails when the library is broken",
        run: defects::check,
    },
];

/// Runs all parts, or those that are named.
pub(crate) fn platforms(names: &[&str]) -> Result<()> {
    if names == ["--list"] {
        PARTS.iter().for_each(|part| println!("{:16} {}", part.name, part.what));
        return Ok(());
    }
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|part| part.name != **name)) {
        return Err(format!("there is no part {unknown}; `cargo xtask platforms --list` names them").into());
    }
    let start = Instant::now();
    let tools = Tools::find()?;
    std::fs::create_dir_all(folder())?;
    let mut table = Vec::new();
    for part in PARTS.iter().filter(|part| names.is_empty() || names.contains(&part.name)) {
        println!("\n==== {}: {}", part.name, part.what);
        let start = Instant::now();
        // One that fails does not hide what the others have to say.
        let row = (part.run)(&tools);
        if let Err(error) = &row {
            println!("FAILED: {error}");
        }
        table.push((part, row.ok(), start.elapsed()));
    }
    print_table(&table, start.elapsed());
    let failed: Vec<&str> = table
        .iter()
        .filter(|(_, row, _)| row.as_ref().is_none_or(|row| row.failed > 0 || row.passed == 0))
        .map(|(part, _, _)| part.name)
        .collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

fn print_table(table: &[(&Part, Option<Row>, Duration)], all: Duration) {
    println!("\n{:16} {:>7} {:>7} {:>8} {:>10} {:>8}", "", "passed", "failed", "skipped", "library", "time");
    for (part, row, time) in table {
        let seconds = format!("{:.0} s", time.as_secs_f64());
        match row {
            Some(row) => {
                let size = row.size.map_or_else(String::new, |size| format!("{} KB", size / 1000));
                let Row { passed, failed, skipped, .. } = row;
                println!("{:16} {passed:>7} {failed:>7} {skipped:>8} {size:>10} {seconds:>8}", part.name);
            }
            None => println!("{:16} {:>35} {seconds:>8}", part.name, "DID NOT RUN TO ITS END"),
        }
    }
    println!("{:16} {:>44}", "in all", format!("{:.0} s", all.as_secs_f64()));
    for (part, row, _) in table {
        for (reason, count) in row.iter().flat_map(|row| &row.reasons) {
            println!("skipped in {}: {count} x {reason}", part.name);
        }
    }
}

/// Where everything of this command is built. The standard libraries of the platforms are kept there too.
fn folder() -> PathBuf {
    target().join("platforms")
}

/// Where cargo builds for all of them.
fn cargo_folder() -> PathBuf {
    folder().join("cargo")
}
