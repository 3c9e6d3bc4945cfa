//! Some of the deliberate defects under 64-bit Wine: the suite must fail there too when the library is broken.

use std::process::Stdio;

use super::abi::WINDOWS_X64;
use super::row::{Row, folder};
use super::wine::Wine;
use crate::run::command;
use crate::tools::{self, Tools};
use crate::{Result, defects};

/// One defect each of slots, order, references, state, process exit and tokens.
const CHOSEN: [&str; 6] = [
    "01-slots-swapped",
    "03-done-before-statechange",
    "06-sink-not-released",
    "12-pending-forgotten",
    "24-notify-after-exit",
    "09-stale-token-accepted",
];

pub(super) fn check(tools: &Tools) -> Result<Row> {
    tools::debian_packages(&["g++-mingw-w64-x86-64", "llvm-22"], "defects under Wine")?;
    let chosen: Vec<_> = defects::read()?.into_iter().filter(|d| CHOSEN.contains(&d.name.as_str())).collect();
    if chosen.len() != CHOSEN.len() {
        return Err("some of the chosen defects are not in c-tests/defects any more".into());
    }
    let suite = WINDOWS_X64.build_folder().join("bin/suite-c-loaded.exe");
    WINDOWS_X64.build(tools, &crate::root(), &WINDOWS_X64.build_folder(), &[])?;
    let tree = folder().join("defects/tree");
    let build = folder().join("defects/build");
    defects::copy_sources(&tree)?;
    let library = build.join("bin/mapioffline.dll");
    let running = Wine::Bits64.start()?;
    let make = || {
        let definitions = ["-DMAPIOFFLINE_TESTS=OFF".to_owned(), "-DMAPIOFFLINE_CARGO_PROFILE=defect".to_owned()];
        WINDOWS_X64.build(tools, &tree, &build, &definitions)
    };
    let passes = |case: &str| {
        // A case that hangs does not pass.
        let mut program = command("timeout", ["20"]);
        program.arg(running.script()).arg(&suite).arg(case).env("MAPIOFFLINE_TEST_LIBRARY", &library);
        let status = program.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        match status.code() {
            Some(0) => Ok(true),
            // It reports a failed check, or hangs.
            Some(1 | 124) => Ok::<bool, Box<dyn std::error::Error>>(false),
            _ => Err(format!("{case} does not exist, is skipped, or does not start: {status}").into()),
        }
    };
    let mut row = Row::default();
    make()?;
    for defect in &chosen {
        if !passes(&defect.case)? {
            return Err(format!("{} fails without a defect", defect.case).into());
        }
    }
    for defect in &chosen {
        defects::apply(&tree, &defect.patch, false)?;
        make().map_err(|error| format!("{}: {error}", defect.name))?;
        if passes(&defect.case)? {
            println!("  {}: {} PASSES", defect.name, defect.case);
            row.failed += 1;
        } else {
            println!("  {}: {} fails, as it must", defect.name, defect.case);
            row.passed += 1;
        }
        defects::apply(&tree, &defect.patch, true)?;
    }
    Ok(row)
}
