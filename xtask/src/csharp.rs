//! C#: the tests of its files, with Mono, and their page.

use std::fs;

use crate::run::{command, run};
use crate::tools::{self, Tools, or_skipped};
use crate::{Result, consumers, root, target, walk};

pub(crate) fn check(tools: &Tools) -> Result<()> {
    let Some(()) = or_skipped(tools::debian_packages(&["mono-mcs", "mono-runtime"], "Mono"))? else { return Ok(()) };
    let work = target().join("csharp");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(work.join("csharp"))?;
    let sources = root().join("bindings/csharp");
    fs::copy(sources.join("Mapioffline.cs"), work.join("csharp/Mapioffline.cs"))?;
    let prefix = consumers::install(tools, &work)?;
    let library = consumers::library_folder(&prefix)?;
    let program = work.join("tests.exe");
    let mut compile = command("mcs", ["-warnaserror", "-warn:4"]);
    compile.arg(format!("-out:{}", program.display()));
    run(compile.args(["Mapioffline.cs", "MapiofflineCom.cs", "tests/Tests.cs"].map(|name| sources.join(name))))?;
    let mut tests = command("mono", ["--debug"]);
    run(tests.arg(&program).env("LD_LIBRARY_PATH", &library).env("MAPIOFFLINE_STORE", "memory"))?;
    walk::walk("csharp", None, tools, &work, &prefix, &library)
}
