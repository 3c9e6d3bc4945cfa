//! The unit for Free Pascal: its tests, and its page.

use std::fs;
use std::process::Command;

use crate::consumers::{self, Installed};
use crate::run::{command, run};
use crate::tools::{self, Tools, or_skipped};
use crate::{Result, root, walk};

pub(crate) fn check(tools: &Tools) -> Result<()> {
    let compiler = tools::debian_packages(&["fp-compiler", "fp-units-rtl"], "Free Pascal");
    let Some(()) = or_skipped(compiler)? else { return Ok(()) };
    let Installed { work, prefix, library } = consumers::with_page(tools, "pascal")?;
    let unit = root().join("bindings/pascal/mapioffline.pas");
    fs::copy(&unit, work.join("pascal/mapioffline.pas"))?;
    // Warnings and notes are errors.
    let mut compile = command("fpc", ["-B", "-v0ewn", "-Sewn"]);
    compile.arg(format!("-FE{}", work.display())).arg(format!("-Fu{}", root().join("bindings/pascal").display()));
    compile.arg(format!("-Fl{}", library.display())).arg(root().join("bindings/pascal/tests/test_mapioffline.pas"));
    run(&mut compile)?;
    let mut tests = Command::new(work.join("test_mapioffline"));
    run(tests.env("LD_LIBRARY_PATH", &library).env("MAPIOFFLINE_STORE", "memory"))?;
    walk::walk("pascal", None, tools, &work, &prefix, &library)
}
