//! `cargo xtask platforms`: the library on every platform. The suite runs on those that can run here; the others are checked
//! by their compilers' output.

mod abi;
mod beside;
mod defects;
mod foreign;
mod pe;
mod proofs;
mod row;
mod rust;
mod wine;

use std::time::{Duration, Instant};

use row::{Row, folder};

use crate::Result;
use crate::tools::{self, Tools};

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
    run(|part| names.is_empty() || names.contains(&part.name))
}

/// Runs all parts but this machine's own platform, which `cargo xtask ci` has run by then.
pub(crate) fn other_platforms() -> Result<()> {
    // All at once: apt takes a while for each installation.
    let packages: Vec<&str> = abi::OTHERS.iter().flat_map(|abi| abi.packages).chain(&rust::PACKAGES).copied().collect();
    let more = ["wine64", "libc6-i386", "libz-mingw-w64", "clang-22", "lld-22", "binutils-mingw-w64"];
    tools::debian_packages(&[packages.as_slice(), &more].concat(), "every platform")?;
    run(|part| part.name != "linux-x64")
}

fn run(chosen: impl Fn(&Part) -> bool) -> Result<()> {
    let start = Instant::now();
    let tools = Tools::find()?;
    std::fs::create_dir_all(folder())?;
    let mut table = Vec::new();
    for part in PARTS.iter().filter(|part| chosen(part)) {
        println!("\n==== {}: {}", part.name, part.what);
        let start = Instant::now();
        // The other parts run also if one fails.
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
