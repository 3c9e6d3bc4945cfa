//! The installed package, moved to another place, and programs built against it as their authors would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{cargo, command, output, run};
use crate::tools::{Tools, debian_packages, or_skipped};
use crate::{Result, remove_folder, root, target, walk};

pub(crate) fn check(tools: &Tools) -> Result<()> {
    let work = target().join("consumers");
    remove_folder(&work)?;
    fs::create_dir_all(&work)?;
    let prefix = install(tools, &work)?;
    find_package(tools, &work, &prefix)?;
    pkg_config(tools, &work, &prefix)?;
    two_in_rust(tools, &work, &prefix)?;
    plugin_in_rust(&work)?;
    examples(tools, &work, &prefix)?;
    event_loops(tools, &work, &prefix)?;
    walk::check(tools, &work, &prefix, &library_folder(&prefix)?)?;
    readme(tools, &work, &prefix)?;
    subdirectory(tools, &work)
}

/// What a part needs that does what a page says.
pub(crate) struct Installed {
    /// A folder of its own, with one for the page in it.
    pub(crate) work: PathBuf,
    pub(crate) prefix: PathBuf,
    /// The folder of the libraries.
    pub(crate) library: PathBuf,
}

/// Installs for a page, of which nothing is left over from before.
pub(crate) fn with_page(tools: &Tools, page: &str) -> Result<Installed> {
    let work = target().join("pages").join(page);
    remove_folder(&work)?;
    fs::create_dir_all(work.join(page))?;
    let prefix = install(tools, &work)?;
    let library = library_folder(&prefix)?;
    Ok(Installed { work, prefix, library })
}

/// Installs, and moves the result away from where it was configured and installed. (`package.pkg-config` in ctest installs
/// into a staging folder, as distributions do: such a package is not moved.)
fn install(tools: &Tools, work: &Path) -> Result<PathBuf> {
    let first = work.join("stage/opt/mapioffline");
    let mut cmake = tools.cmake();
    output(cmake.arg("--install").arg(crate::build_folder()).arg("--prefix").arg(&first))?;
    let prefix = work.join("moved/here");
    fs::create_dir_all(work.join("moved"))?;
    fs::rename(&first, &prefix)?;
    let mut files = list(&prefix, &prefix)?;
    files.sort();
    println!("installed:\n  {}", files.join("\n  "));
    Ok(prefix)
}

fn list(folder: &Path, base: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            files.extend(list(&path, base)?);
        } else {
            files.push(path.strip_prefix(base)?.display().to_string());
        }
    }
    Ok(files)
}

fn find_package(tools: &Tools, work: &Path, prefix: &Path) -> Result<()> {
    for shared in ["ON", "OFF"] {
        let build = work.join(format!("find_package-{shared}"));
        let definitions =
            [format!("-DCMAKE_PREFIX_PATH={}", prefix.display()), format!("-DBUILD_SHARED_LIBS={shared}")];
        tools.configure(&root().join("c-tests/consumer/find_package"), &build, &definitions)?;
        tools.build(&build, &[])?;
        run(tools.ctest(&build).env("MAPIOFFLINE_STORE", "memory"))?;
    }
    Ok(())
}

fn pkg_config(tools: &Tools, work: &Path, prefix: &Path) -> Result<()> {
    let library = library_folder(prefix)?;
    for (compiler, source, language) in [("cc", "consumer.c", "c"), ("c++", "consumer.cpp", "cpp")] {
        for kind in ["shared", "static", "all-static"] {
            let mut flags = flags(tools, &library, kind != "shared")?;
            if kind == "all-static" {
                flags.push("-static".into());
            }
            let program = work.join(format!("pkg-config-{language}-{kind}"));
            let mut compile = command(compiler, ["-Wall", "-Wextra", "-pedantic", "-Werror", "-o"]);
            run(compile.arg(&program).arg(root().join("c-tests/consumer").join(source)).args(flags))?;
            run(Command::new(&program).env("LD_LIBRARY_PATH", &library).env("MAPIOFFLINE_STORE", "memory"))?;
        }
    }
    println!("pkg-config: 6 passed, 0 failed");
    Ok(())
}

/// What pkg-config says. With both libraries in the folder, a program names the file to choose the static one.
fn flags(tools: &Tools, library: &Path, use_static: bool) -> Result<Vec<String>> {
    let mut ask = command(&tools.pkg_config, ["--cflags", "--libs", "mapioffline"]);
    ask.env("PKG_CONFIG_PATH", library.join("pkgconfig"));
    if use_static {
        ask.arg("--static");
    }
    let mut flags: Vec<String> = output(&mut ask)?.split_whitespace().map(str::to_owned).collect();
    for flag in flags.iter_mut().filter(|flag| use_static && *flag == "-lmapioffline") {
        "-l:libmapioffline.a".clone_into(flag);
    }
    Ok(flags)
}

/// The static library beside another one in Rust, in either order.
fn two_in_rust(tools: &Tools, work: &Path, prefix: &Path) -> Result<()> {
    let source = |name: &str| root().join("c-tests/consumer").join(name);
    let other = work.join("libneighbour.a");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    run(command(rustc, ["-O", "--edition=2024", "--crate-type=staticlib", "-o"])
        .arg(&other)
        .arg(source("neighbour.rs")))?;
    let flags = flags(tools, &library_folder(prefix)?, true)?;
    for order in ["first", "last"] {
        let program = work.join(format!("neighbour-{order}"));
        let mut compile = command("cc", ["-Wall", "-Wextra", "-pedantic", "-Werror", "-o"]);
        compile.arg(&program).arg(source("neighbour.c"));
        if order == "first" {
            compile.arg(&other).args(&flags);
        } else {
            compile.args(&flags).arg(&other).args(&flags);
        }
        run(&mut compile)?;
        run(Command::new(&program).env("MAPIOFFLINE_STORE", "memory"))?;
    }
    println!("beside a static library in Rust: 2 passed, 0 failed");
    Ok(())
}

/// A shared library in Rust that uses the safe API exports its own names only.
fn plugin_in_rust(work: &Path) -> Result<()> {
    let folder = work.join("plugin");
    fs::create_dir_all(&folder)?;
    // Beside a copy of the lock file, so that the same crates are used.
    let manifest = fs::read_to_string(root().join("c-tests/consumer/plugin/Cargo.toml"))?;
    let here = format!("path = \"{}\"", root().display());
    fs::write(folder.join("Cargo.toml"), manifest.replace("path = \"../../..\"", &here))?;
    fs::copy(root().join("c-tests/consumer/plugin/plugin.rs"), folder.join("plugin.rs"))?;
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut build = cargo(["build", "--quiet", "--manifest-path"]);
    run(build.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(folder.join("target")))?;
    let library = folder.join("target/debug/libplugin.so");
    let symbols = output(command("nm", ["-D", "--defined-only", "--format=posix"]).arg(&library))?;
    let names: Vec<&str> = symbols.lines().filter_map(|line| line.split_whitespace().next()).collect();
    if names != ["plugin_is_online"] {
        return Err(format!("a plug-in in Rust exports {names:?}").into());
    }
    println!("a plug-in in Rust exports its own name only");
    Ok(())
}

/// The monitors against the installed package, by the README's commands.
fn examples(tools: &Tools, work: &Path, prefix: &Path) -> Result<()> {
    let library = library_folder(prefix)?;
    let flags = flags(tools, &library, false)?;
    for (compiler, source) in [("cc", "examples/c/monitor.c"), ("c++", "examples/cpp/monitor.cpp")] {
        let program = work.join(source.replace(['/', '.'], "-"));
        run(command(compiler, ["-o"]).arg(&program).arg(root().join(source)).args(&flags))?;
        let mut check = tools.cmake();
        check.arg(format!("-DMONITOR={}", program.display()));
        check.arg(format!("-DSESSION={}", root().join("examples/session.txt").display()));
        check
            .arg("-P")
            .arg(root().join("examples/check.cmake"))
            .env("LD_LIBRARY_PATH", &library)
            .env("MAPIOFFLINE_STORE", "memory");
        output(&mut check)?;
    }
    println!("examples against the installed package: 2 passed, 0 failed");
    Ok(())
}

/// Notify on the threads of GLib's and Qt's event loops, against the installed package.
fn event_loops(tools: &Tools, work: &Path, prefix: &Path) -> Result<()> {
    let packages = debian_packages(&["libglib2.0-dev", "qtbase5-dev", "pkg-config"], "examples of event loops");
    let Some(()) = or_skipped(packages)? else { return Ok(()) };
    let library = library_folder(prefix)?;
    for (compiler, source, package) in [("cc", "glib.c", "glib-2.0"), ("c++", "qt.cpp", "Qt5Core")] {
        let program = work.join(source.replace('.', "-"));
        let of_the_loop = output(&mut command("pkg-config", ["--cflags", "--libs", package]))?;
        let mut compile = command(compiler, ["-Wall", "-Wextra", "-Werror", "-fPIC", "-o"]);
        compile.arg(&program).arg(root().join("examples/event-loops").join(source));
        run(compile.args(flags(tools, &library, false)?).args(of_the_loop.split_whitespace()))?;
        let mut check = tools.cmake();
        check.arg(format!("-DLOOP={}", program.display()));
        check.arg("-P").arg(root().join("examples/event-loops/check.cmake"));
        output(check.env("LD_LIBRARY_PATH", &library).env("MAPIOFFLINE_STORE", "memory"))?;
    }
    println!("examples of event loops: 2 passed, 0 failed");
    Ok(())
}

/// The README's programs in C and C++, word for word. (The one in Rust is a documentation test.)
fn readme(tools: &Tools, work: &Path, prefix: &Path) -> Result<()> {
    let library = library_folder(prefix)?;
    let flags = flags(tools, &library, false)?;
    let text = fs::read_to_string(root().join("README.md"))?;
    for (compiler, language) in [("cc", "c"), ("c++", "cpp")] {
        let begin = format!("```{language}\n");
        let block = text.split_once(&begin).and_then(|(_, rest)| rest.split_once("```"));
        let (program, _) = block.ok_or_else(|| format!("the README has no program in {language}"))?;
        let source = work.join(format!("state.{language}"));
        let binary = work.join(format!("readme-{language}"));
        fs::write(&source, program)?;
        let mut compile = command(compiler, ["-Wall", "-Wextra", "-pedantic", "-Werror", "-o"]);
        run(compile.arg(&binary).arg(&source).args(&flags))?;
        let printed =
            output(Command::new(&binary).env("LD_LIBRARY_PATH", &library).env("MAPIOFFLINE_STORE", "memory"))?;
        if printed.trim() != "online" {
            return Err(format!("the README's program in {language} prints {printed:?}").into());
        }
    }
    println!("the README's programs: 2 passed, 0 failed");
    Ok(())
}

fn subdirectory(tools: &Tools, work: &Path) -> Result<()> {
    let build = work.join("subdirectory");
    tools.configure(&root().join("c-tests/consumer/subdirectory"), &build, &crate::definitions())?;
    tools.build(&build, &[])?;
    run(tools.ctest(&build).env("MAPIOFFLINE_STORE", "memory"))
}

/// lib, lib64 or Debian's lib/TRIPLET.
fn library_folder(prefix: &Path) -> Result<PathBuf> {
    let mut folders = vec![prefix.join("lib64"), prefix.join("lib")];
    if let Ok(entries) = fs::read_dir(prefix.join("lib")) {
        folders.extend(entries.flatten().map(|entry| entry.path()));
    }
    let found = folders.into_iter().find(|folder| folder.join("libmapioffline.so").exists());
    found.ok_or_else(|| format!("there is no libmapioffline.so below {}", prefix.display()).into())
}
