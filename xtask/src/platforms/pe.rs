//! Compares the DLLs' exports and imports with the golden files, and tries the import library for MSVC's linker.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::abi::{Abi, WINDOWS_X64, WINDOWS_X86};
use super::beside;
use super::row::{Row, folder};
use super::wine::Wine;
use crate::run::{command, output, run};
use crate::tools::{self, Tools};
use crate::{Result, golden, remove_folder, root};

pub(super) fn check(tools: &Tools) -> Result<Row> {
    tools::debian_packages(&["clang-22", "lld-22", "llvm-22", "binutils-mingw-w64"], "looking at the DLLs")?;
    let mut row = Row::default();
    let mut report = |what: String, result: Result<()>| match result {
        Ok(()) => {
            println!("  {what}");
            row.passed += 1;
        }
        Err(error) => {
            println!("  {what}: FAILED: {error}");
            row.failed += 1;
        }
    };
    for (abi, cpu) in [(&WINDOWS_X64, "x64"), (&WINDOWS_X86, "x86")] {
        abi.build(tools, &root(), &abi.build_folder(), &[])?;
        report(format!("{cpu}: exports and imports of mapioffline.dll"), tables(abi, cpu));
        for name in ["msmapi32.dll", "olmapi32.dll"] {
            report(format!("{cpu}: {name} forwards Outlook's names, and imports nothing"), forwarder(abi, name));
        }
        let running = abi.wine().unwrap_or(Wine::Bits64).start()?;
        for language in ["c", "c++"] {
            let result = freestanding(abi, cpu, language, &running.script());
            report(format!("{cpu}: a client in {language} for MSVC, linked with mapioffline.lib, runs"), result);
        }
        for shared in ["ON", "OFF"] {
            let result = package(tools, abi, cpu, shared);
            report(format!("{cpu}: the installed package by find_package, BUILD_SHARED_LIBS={shared}"), result);
        }
        report(format!("{cpu}: the source by add_subdirectory"), subdirectory(tools, abi, cpu));
        if cpu == "x64" {
            report("a Linux program and a program in Wine share a folder".into(), beside::check(tools, &running));
        }
    }
    Ok(row)
}

/// From `objdump -p`: names of exports, forwarders as `-> WHERE`, DLLs that are imported from.
struct Tables {
    exports: BTreeSet<String>,
    imports: BTreeSet<String>,
}

fn read(library: &Path) -> Result<Tables> {
    let text = output(command("x86_64-w64-mingw32-objdump", ["-p"]).arg(library))?;
    let mut tables = Tables { exports: BTreeSet::new(), imports: BTreeSet::new() };
    let mut names = false;
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix("DLL Name: ") {
            tables.imports.insert(name.to_lowercase());
        }
        if let Some((_, target)) = line.split_once("Forwarder RVA -- ") {
            tables.exports.insert(format!("-> {target}"));
        }
        names = line.starts_with("[Ordinal/Name Pointer] Table") || names && !line.is_empty();
        if names && line.starts_with('\t') {
            tables.exports.extend(line.rsplit(' ').next().map(str::to_owned));
        }
    }
    Ok(tables)
}

fn tables(abi: &Abi, cpu: &str) -> Result<()> {
    let tables = read(&abi.library())?;
    golden::same("exports", &tables.exports, &golden::list(&format!("exports-windows-{cpu}.txt"))?)?;
    golden::same("imports", &tables.imports, &golden::list("imports-windows.txt")?)
}

fn forwarder(abi: &Abi, name: &str) -> Result<()> {
    let tables = read(&abi.build_folder().join("outlook-names").join(name))?;
    let names = ["HrOpenOfflineObj", "HrCreateOfflineObj", "HrGetGlobalOffline"];
    let decorated = ["HrOpenOfflineObj@20", "HrCreateOfflineObj@12", "HrGetGlobalOffline@8"];
    let all = names.iter().chain(&decorated);
    let expected = all.flat_map(|name| [(*name).to_owned(), format!("-> mapioffline.{name}")]).collect();
    golden::same("exports", &tables.exports, &expected)?;
    golden::same("imports", &tables.imports, &BTreeSet::new())
}

/// Compiled and linked as for MSVC, without its libraries, and run.
fn freestanding(abi: &Abi, cpu: &str, language: &str, wine: &Path) -> Result<()> {
    let target = abi.target.replace("gnu", "msvc");
    let work = folder().join("msvc");
    fs::create_dir_all(&work)?;
    let object = work.join(format!("{cpu}.obj"));
    let mut clang =
        command("clang-22", ["-c", "-O1", "-ffreestanding", "-fms-extensions", "-Wall", "-Wextra", "-Werror"]);
    clang.arg(format!("--target={target}")).args(["-x", language, "-isystem"]).arg(root().join("c-tests/proofs/sdk"));
    clang.arg("-I").arg(root().join("include")).arg(root().join("c-tests/windows/freestanding.c"));
    run(clang.arg("-o").arg(&object))?;
    // Beside the DLL, where Windows looks for it.
    let program = abi.build_folder().join(format!("bin/freestanding-{}.exe", language.replace('+', "p")));
    let mut link =
        command("lld-link-22", ["/nologo", "/subsystem:console", "/entry:start", "/nodefaultlib", "/safeseh:no"]);
    link.arg(&object).arg(abi.build_folder().join("mapioffline.lib"));
    run(link.arg(format!("/out:{}", program.display())))?;
    run(command("timeout", ["60"]).arg(wine).arg(program).env("MAPIOFFLINE_STORE", "memory"))
}

/// Installs, and builds and runs consumers against what is installed.
fn package(tools: &Tools, abi: &Abi, cpu: &str, shared: &str) -> Result<()> {
    let work = folder().join("package").join(cpu);
    let prefix = work.join("prefix");
    remove_folder(&prefix)?;
    output(tools.cmake().arg("--install").arg(abi.build_folder()).arg("--prefix").arg(&prefix))?;
    for file in ["bin/mapioffline.dll", "lib/mapioffline/outlook-names/msmapi32.dll", "lib/mapioffline.lib"] {
        if !prefix.join(file).exists() {
            return Err(format!("{file} is not installed").into());
        }
    }
    let mut installed: Vec<_> =
        fs::read_dir(prefix.join("bin"))?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    installed.sort();
    if installed != ["mapioffline-conformance.exe", "mapioffline.dll"] {
        return Err(format!("in bin there is {installed:?}").into());
    }
    let build = work.join(format!("consumer-{shared}"));
    let mut definitions = abi.cross_definitions()?;
    definitions.push(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    definitions.push(format!("-DBUILD_SHARED_LIBS={shared}"));
    // The compiler's own DLLs are not where Wine looks.
    definitions.push("-DCMAKE_EXE_LINKER_FLAGS=-static".into());
    tools.configure(&root().join("c-tests/consumer/find_package"), &build, &definitions)?;
    output(tools.cmake().arg("--build").arg(&build))?;
    run_consumers(tools, &build, &prefix.join("bin"))
}

/// A project that contains the library's source.
fn subdirectory(tools: &Tools, abi: &Abi, cpu: &str) -> Result<()> {
    let build = folder().join("package").join(cpu).join("subdirectory");
    // The compiler's own DLLs are not where Wine looks.
    let more = ["-DCMAKE_EXE_LINKER_FLAGS=-static".to_owned()];
    abi.build(tools, &root().join("c-tests/consumer/subdirectory"), &build, &more)?;
    run_consumers(tools, &build, &build.join("mapioffline"))
}

/// Windows would look for the DLL beside the programs. WINEPATH names its folder for Wine.
fn run_consumers(tools: &Tools, build: &Path, library: &Path) -> Result<()> {
    output(tools.ctest(build).env("WINEPATH", library).env("MAPIOFFLINE_STORE", "memory"))?;
    Ok(())
}
