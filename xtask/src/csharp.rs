//! C#: the tests of its files, with Mono, and their page.

use std::fs;

use crate::consumers::{self, Installed};
use crate::run::{command, run};
use crate::tools::{self, Tools, or_skipped};
use crate::{Result, root, walk};

pub(crate) fn check(tools: &Tools) -> Result<()> {
    let Some(()) = or_skipped(tools::debian_packages(&["mono-mcs", "mono-runtime"], "Mono"))? else { return Ok(()) };
    let Installed { work, prefix, library } = consumers::with_page(tools, "csharp")?;
    let sources = root().join("bindings/csharp");
    fs::copy(sources.join("Mapioffline.cs"), work.join("csharp/Mapioffline.cs"))?;
    let program = work.join("tests.exe");
    let mut compile = command("mcs", ["-warnaserror", "-warn:4"]);
    compile.arg(format!("-out:{}", program.display()));
    run(compile.args(["Mapioffline.cs", "MapiofflineCom.cs", "tests/Tests.cs"].map(|name| sources.join(name))))?;
    let mut tests = command("mono", ["--debug"]);
    run(tests.arg(&program).env("LD_LIBRARY_PATH", &library).env("MAPIOFFLINE_STORE", "memory"))?;
    walk::walk("csharp", None, tools, &work, &prefix, &library)
}
