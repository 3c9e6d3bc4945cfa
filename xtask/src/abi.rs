//! Compares the built library with the golden files, and with what CMake and pkg-config state.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::run::{cargo, command, output, run};
use crate::{Result, golden, root, target, version};

/// Every check that does not run the library.
pub(crate) fn check() -> Result<()> {
    let library = crate::build_folder().join(format!("release/libmapioffline.so.{}", version()));
    exports(&library)?;
    dynamic_section(&library)?;
    size(&library)?;
    own_names()?;
    for name in [library.as_path(), Path::new("release/libmapioffline.a"), Path::new("release/mapioffline")] {
        names_no_folder_of_the_builder(&crate::build_folder().join(name))?;
    }
    native_libraries()
}

/// The static library defines the names of abi/exports.txt and no others, so that it can be linked beside other Rust.
fn own_names() -> Result<()> {
    let library = crate::build_folder().join("release/libmapioffline.a");
    let symbols = output(command("nm", ["--defined-only", "--extern-only", "--format=posix"]).arg(library))?;
    // A line without a type is a member's name.
    let defined = symbols.lines().filter_map(|line| line.split_once(' ').map(|(name, _)| name.to_owned())).collect();
    golden::same("the static library's names", &defined, &golden::list("exports.txt")?)?;
    println!("the static library defines the same {} names and no others", defined.len());
    Ok(())
}

fn names_no_folder_of_the_builder(file: &Path) -> Result<()> {
    let content = fs::read(file)?;
    let cargo_home = match std::env::var("CARGO_HOME") {
        Ok(folder) => folder,
        Err(_) => std::env::var("HOME")? + "/.cargo",
    };
    for folder in [cargo_home.as_bytes(), root().as_os_str().as_encoded_bytes()] {
        if content.windows(folder.len()).any(|part| part == folder) {
            return Err(format!("{} has {} in it", file.display(), String::from_utf8_lossy(folder)).into());
        }
    }
    Ok(())
}

/// The exported names are those of abi/exports.txt, compared both ways.
fn exports(library: &Path) -> Result<()> {
    let symbols = output(command("nm", ["-D", "--defined-only", "--format=posix"]).arg(library))?;
    let exported = symbols.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    golden::same("exports", &exported, &golden::list("exports.txt")?)?;
    println!("{} names are exported, those of abi/exports.txt", exported.len());
    Ok(())
}

/// SONAME, nodelete, and nothing linked but the C library.
fn dynamic_section(library: &Path) -> Result<()> {
    let section = output(command("readelf", ["--dynamic", "--wide"]).arg(library))?;
    let values = |tag: &str| -> Vec<&str> {
        let lines = section.lines().filter(|line| line.contains(tag));
        lines.filter_map(|line| line.split_once('[')?.1.split_once(']').map(|(value, _)| value)).collect()
    };
    if values("(SONAME)") != ["libmapioffline.so.0"] {
        return Err(format!("SONAME is {:?}", values("(SONAME)")).into());
    }
    if !section.lines().any(|line| line.contains("(FLAGS_1)") && line.contains("NODELETE")) {
        return Err("the library is not marked nodelete".into());
    }
    let allowed = ["libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "libpthread.so.0", "libdl.so.2"];
    let needed = values("(NEEDED)");
    if let Some(other) = needed.iter().find(|name| !allowed.contains(name)) {
        return Err(format!("the library is linked with {other}").into());
    }
    println!("SONAME libmapioffline.so.0, nodelete, linked with {}", needed.join(" and "));
    Ok(())
}

/// Bounds the size: the library is loaded into other programs' processes.
fn size(library: &Path) -> Result<()> {
    const BOUND: u64 = 1_000_000;
    let copy = target().join("stripped.so");
    run(command("strip", ["-o"]).arg(&copy).arg(library))?;
    let size = fs::metadata(copy)?.len();
    println!("stripped it has {size} bytes (bound {BOUND})");
    if size < BOUND { Ok(()) } else { Err("the library is too large".into()) }
}

/// The libraries that rustc names for a static link are those that CMake and the .pc file name.
fn native_libraries() -> Result<()> {
    let mut rustc = cargo(["rustc", "--quiet", "--locked", "--lib", "--crate-type", "staticlib", "--release"]);
    rustc.args(["--target-dir"]).arg(crate::build_folder().join("cargo-native-libraries"));
    rustc.args(["--", "--print", "native-static-libs"]);
    let printed = rustc.output()?;
    let text = String::from_utf8_lossy(&printed.stderr).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.split_once("native-static-libs:"))
        .map(|(_, libraries)| libraries)
        .ok_or_else(|| format!("rustc does not print native-static-libs: {text}"))?;
    // The compiler links the unwinder by itself: see cmake/MapiofflineCargo.cmake.
    let rustc: BTreeSet<&str> =
        line.split_whitespace().filter_map(|word| word.strip_prefix("-l")).filter(|name| *name != "gcc_s").collect();
    let cmake = fs::read_to_string(root().join("cmake/MapiofflineCargo.cmake"))?;
    let cmake: BTreeSet<&str> = cmake
        .lines()
        .find_map(|line| line.strip_prefix("set(native_libraries_Linux "))
        .map(|rest| rest.trim_end_matches(')').split_whitespace().collect())
        .ok_or("cmake/MapiofflineCargo.cmake does not set native_libraries_Linux")?;
    if rustc == cmake {
        println!("a static link needs {}, as CMake and pkg-config state", line.trim());
        Ok(())
    } else {
        Err(format!("a static link needs {rustc:?}; cmake/MapiofflineCargo.cmake says {cmake:?}").into())
    }
}
