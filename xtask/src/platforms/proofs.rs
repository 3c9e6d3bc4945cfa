//! Platforms that cannot run here, checked by clang's output for them: layouts, vtables, calling conventions. No SDK is
//! needed; c-tests/proofs/sdk declares the few types that the header takes from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::row::{Row, cargo_folder, folder};
use super::rust::Rust;
use crate::run::{command, output, run};
use crate::{Result, root, tools};

struct Platform {
    /// clang's name for it.
    target: &'static str,
    pointer: usize,
    /// The calling convention of every slot and export, as LLVM writes it. Empty: the platform's C convention.
    convention: &'static str,
    /// The .def file that has the decorated names, where exports are decorated.
    decorated: Option<&'static str>,
}

const fn platform(target: &'static str) -> Platform {
    Platform { target, pointer: 8, convention: "", decorated: None }
}

const PLATFORMS: [Platform; 5] = [
    Platform {
        target: "i686-pc-windows-msvc",
        pointer: 4,
        convention: "x86_stdcallcc",
        decorated: Some("windows/mapioffline-x86.def"),
    },
    platform("x86_64-pc-windows-msvc"),
    platform("aarch64-pc-windows-msvc"),
    platform("arm64-apple-darwin"),
    platform("x86_64-apple-darwin"),
];

/// A change to a header that the checks must detect, on 32-bit Windows only if `by_convention_only`.
struct Mutation {
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    by_convention_only: bool,
}

const MUTATIONS: [Mutation; 7] = [
    Mutation {
        what: "a method out of order in C++",
        file: "cpp_view.h",
        from: "GetCapabilities(ULONG *pulCapabilities) = 0",
        to: "GetCurrentState(ULONG *pulState) = 0",
        by_convention_only: false,
    },
    Mutation {
        what: "a method out of order in C",
        file: "c_view.h",
        from: "*Placeholder1)(struct IMAPIOfflineMgr *This);",
        to: "*Unadvise)(struct IMAPIOfflineMgr *This, ULONG ulFlags, ULONG ulAdviseToken);",
        by_convention_only: false,
    },
    Mutation {
        what: "a convention dropped in C++",
        file: "cpp_view.h",
        from: "HRESULT STDMETHODCALLTYPE Unadvise(",
        to: "HRESULT Unadvise(",
        by_convention_only: true,
    },
    Mutation {
        what: "a convention dropped in C",
        file: "c_view.h",
        from: "void (STDMETHODCALLTYPE *Notify)(",
        to: "void (*Notify)(",
        by_convention_only: true,
    },
    Mutation {
        what: "a convention dropped from the log callback",
        file: "extensions.h",
        from: "typedef void (STDMETHODCALLTYPE *MAPIOFFLINE_LOG_CALLBACK)(",
        to: "typedef void (*MAPIOFFLINE_LOG_CALLBACK)(",
        by_convention_only: true,
    },
    Mutation {
        what: "a convention dropped from an export",
        file: "exports.h",
        from: "HRESULT STDMETHODCALLTYPE HrGetGlobalOffline(",
        to: "HRESULT HrGetGlobalOffline(",
        by_convention_only: true,
    },
    Mutation {
        what: "a field moved",
        file: "structs.h",
        from: "MAPIOFFLINE_NOTIFY_TYPE NotifyType;",
        to: "ULONG ulClientToken;",
        by_convention_only: false,
    },
];

pub(super) fn check() -> Result<Row> {
    tools::debian_packages(&["clang-22"], "the proofs of other platforms")?;
    let mut row = Row::default();
    let mut report = |what: String, faults: Vec<String>| {
        if faults.is_empty() {
            println!("  {what}");
            row.passed += 1;
        } else {
            println!("  {what}: FAILED\n    {}", faults.join("\n    "));
            row.failed += 1;
        }
    };
    let include = root().join("include");
    for platform in &PLATFORMS {
        for language in ["c", "c++"] {
            report(format!("{} in {language}: as in abi/", platform.target), platform.faults(&include, language)?);
        }
    }
    for mutation in &MUTATIONS {
        let include = mutation.apply()?;
        for platform in PLATFORMS.iter().filter(|p| !mutation.by_convention_only || !p.convention.is_empty()) {
            let faults = [platform.faults(&include, "c")?, platform.faults(&include, "c++")?].concat();
            let result = if faults.is_empty() { vec!["it goes unnoticed".to_owned()] } else { Vec::new() };
            report(format!("{} for {}: detected", mutation.what, platform.target), result);
        }
    }
    for target in ["x86_64-pc-windows-msvc", "aarch64-apple-darwin"] {
        let rust = Rust::find(target)?;
        let mut cargo = command(
            rust.cargo(),
            [
                "check",
                "--quiet",
                "--locked",
                "--package",
                "mapioffline",
                "--lib",
                "--package",
                "mapioffline-cli",
                "--bins",
            ],
        );
        cargo.args(["--target", target]).args(rust.arguments()).env("CARGO_TARGET_DIR", cargo_folder());
        // A check links nothing, and there is no SDK for the C code of dependencies.
        let key = target.replace('-', "_");
        cargo.env(format!("CC_{key}"), "true").env(format!("AR_{key}"), archiver_of_nothing()?);
        let result = run(rust.environment(&mut cargo));
        report(format!("cargo check --target {target}"), result.err().map(|e| e.to_string()).into_iter().collect());
    }
    Ok(row)
}

/// A program that makes the archives that it is asked for, with nothing in them.
fn archiver_of_nothing() -> Result<PathBuf> {
    let path = cargo_folder().join("archiver-of-nothing");
    fs::create_dir_all(cargo_folder())?;
    let script = "#!/bin/sh\nfor word; do\n  case $word in\n    -out:*) : > \"${word#*:}\" ;;\n    *.a | *.lib) : > \"$word\" ;;\n  \
                  esac\ndone\n";
    fs::write(&path, script)?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(path)
}

impl Mutation {
    /// Writes the changed headers. Fails if the header does not have the texts to exchange.
    fn apply(&self) -> Result<PathBuf> {
        let copy = folder().join("proofs/include");
        fs::create_dir_all(copy.join("mapioffline"))?;
        fs::copy(root().join("include/mapioffline.h"), copy.join("mapioffline.h"))?;
        for entry in fs::read_dir(root().join("include/mapioffline"))? {
            let path = entry?.path();
            fs::copy(&path, copy.join("mapioffline").join(path.file_name().unwrap_or_default()))?;
        }
        let file = copy.join("mapioffline").join(self.file);
        let text = fs::read_to_string(&file)?;
        let moves = !self.by_convention_only;
        if !text.contains(self.from) || moves && !text.contains(self.to) {
            return Err(format!("{}: {} does not have the expected text any more", self.what, self.file).into());
        }
        let text = if moves {
            text.replace(self.from, "\0").replace(self.to, self.from).replace('\0', self.to)
        } else {
            text.replace(self.from, self.to)
        };
        fs::write(&file, text)?;
        Ok(copy)
    }
}

impl Platform {
    /// The differences from the golden files.
    fn faults(&self, include: &Path, language: &str) -> Result<Vec<String>> {
        let code = folder().join("proofs/proof.ll");
        fs::create_dir_all(folder().join("proofs"))?;
        let dump = output(self.clang(include, language, &code).args(["-Xclang", "-fdump-vtable-layouts"]))?
            + &output(self.clang(include, language, &code).args(["-Xclang", "-fdump-record-layouts-complete"]))?;
        let code = fs::read_to_string(code)?;
        let golden = fs::read_to_string(root().join(format!("abi/layout-{}.txt", self.pointer)))?;

        let mut facts = records(&dump);
        let slots = if language == "c" { self.slots_of_structures(&facts) } else { slots_of_vtables(&dump) };
        let calls = calls(&code, self.convention);
        let mut faults = Vec::new();
        let mut expected_slots = 0;
        for line in golden.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                // IMAPIOffline  3 SetCurrentState
                [interface, number, method] if number.parse::<usize>().is_ok() => {
                    expected_slots += 1;
                    let number: usize = number.parse()?;
                    let key = format!("{interface}.{method}");
                    if slots.get(&key) != Some(&number) {
                        faults.push(format!("slot of {key}: {:?}, not {number}", slots.get(&key)));
                    }
                    if calls.get(&key) != Some(&Ok(number)) {
                        faults.push(format!("call of {key}: {:?}, not {number}", calls.get(&key)));
                    }
                }
                // MAPIOFFLINE_NOTIFY size 24
                [structure, "size", size] => {
                    check_fact(&mut facts, &format!("{structure} size"), size, &mut faults);
                }
                // MAPIOFFLINE_NOTIFY.ulSize 0
                [member, offset] => check_fact(&mut facts, member, offset, &mut faults),
                _ => return Err(format!("abi/layout-{}.txt: {line}", self.pointer).into()),
            }
        }
        if slots.len() != expected_slots {
            faults.push(format!("{} slots, not {expected_slots}", slots.len()));
        }
        faults.extend(self.export_faults(&code)?);
        Ok(faults)
    }

    fn clang(&self, include: &Path, language: &str, code: &Path) -> Command {
        let mut clang = command("clang-22", ["-fms-extensions", "-Wall", "-Wextra", "-Werror", "-S", "-emit-llvm"]);
        clang.arg(format!("--target={}", self.target)).args(["-O0", "-x", language, "-o"]).arg(code);
        clang.arg("-isystem").arg(root().join("c-tests/proofs/sdk")).arg("-I").arg(include);
        clang.arg(root().join("c-tests/proofs/proof.c"));
        clang
    }

    /// In C the slots are members of structures.
    fn slots_of_structures(&self, facts: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
        let mut slots = BTreeMap::new();
        for (member, offset) in facts {
            if let Some((interface, method)) = member.split_once("Vtbl.")
                && interface.starts_with("IMAPI")
            {
                slots.insert(format!("{interface}.{method}"), offset / self.pointer);
            }
        }
        slots
    }

    /// Every export is declared with the convention, and under the name that the linker will look for.
    fn export_faults(&self, code: &str) -> Result<Vec<String>> {
        let golden = fs::read_to_string(root().join("abi/exports.txt"))?;
        let decorated = match self.decorated {
            Some(file) => fs::read_to_string(root().join(file))?,
            None => String::new(),
        };
        let mut faults = Vec::new();
        let callback = code.split_once("@through_log_callback(").and_then(|(_, rest)| rest.split_once("call "));
        let called = callback.and_then(|(_, call)| call.split('%').next()).unwrap_or("nothing");
        if called.contains("x86_stdcallcc") == self.convention.is_empty() || !called.contains("void") {
            faults.push(format!("the log callback is called as {called:?}"));
        }
        for name in golden.lines().filter(|line| !line.starts_with('#')) {
            let declared = code.lines().find(|line| {
                line.starts_with("declare ")
                    && line.split(['@', '"', '(']).any(|word| word.trim_start_matches("\\01_") == name)
            });
            let Some(line) = declared else {
                faults.push(format!("{name} is not declared"));
                continue;
            };
            let symbol = line.split('@').skip(1).collect::<Vec<_>>().join("@");
            let symbol = symbol.trim_matches('"').split(['"', '(']).next().unwrap_or_default();
            let symbol = symbol.trim_start_matches("\\01_");
            let right = match self.decorated {
                Some(_) => decorated.lines().any(|line| line.trim() == symbol),
                None => symbol == name,
            };
            let called = line.contains("x86_stdcallcc");
            if !right || called == self.convention.is_empty() {
                faults.push(format!("{name} is declared as {line}"));
            }
        }
        Ok(faults)
    }
}

fn check_fact(facts: &mut BTreeMap<String, usize>, key: &str, value: &str, faults: &mut Vec<String>) {
    let found = facts.get(key).copied();
    if found.map(|found| found.to_string()).as_deref() != Some(value) {
        faults.push(format!("{key}: {found:?}, not {value}"));
    }
}

/// `STRUCTURE size` and `STRUCTURE.MEMBER`, members of members included, from -fdump-record-layouts.
fn records(dump: &str) -> BTreeMap<String, usize> {
    let mut facts = BTreeMap::new();
    let mut path: Vec<&str> = Vec::new();
    for line in dump.lines() {
        let Some((offset, rest)) = line.split_once(" | ") else { continue };
        let depth = (rest.len() - rest.trim_start().len()) / 2;
        let words = rest.trim();
        let Some(name) = words.rsplit([' ', '*']).next() else { continue };
        if let Some((_, size)) = words.split_once("[sizeof=") {
            let size = size.split([',', ']']).next().and_then(|size| size.parse().ok());
            if let (Some(structure), Some(size)) = (path.first(), size) {
                facts.insert(format!("{structure} size"), size);
            }
        } else if let Ok(offset) = offset.trim().parse() {
            path.truncate(depth);
            path.push(name);
            if path.len() > 1 {
                facts.insert(path.join("."), offset);
            }
        }
    }
    facts
}

/// `INTERFACE.METHOD` from -fdump-vtable-layouts: the entries that are methods, counted from the first.
fn slots_of_vtables(dump: &str) -> BTreeMap<String, usize> {
    let probes = [
        ("offline_probe", "IMAPIOffline"),
        ("manager_probe", "IMAPIOfflineMgr"),
        ("notify_probe", "IMAPIOfflineNotify"),
    ];
    let mut slots = BTreeMap::new();
    let mut current = None;
    for line in dump.lines() {
        if line.contains("able for '") || line.contains("able indices for '") {
            let probe = probes.iter().find(|(probe, _)| line.contains(&format!("'{probe}' (")));
            current = probe.filter(|_| !line.contains("indices")).map(|(_, interface)| (*interface, 0));
        } else if let Some((interface, next)) = &mut current {
            let Some((before, _)) = line.split_once(" | ").and_then(|(_, rest)| rest.split_once('(')) else { continue };
            if let Some((_, method)) = before.rsplit_once("::") {
                slots.insert(format!("{interface}.{method}"), *next);
                *next += 1;
            }
        }
    }
    slots
}

/// Which slot each `call_INTERFACE_METHOD` calls, or what is wrong with the call.
fn calls(code: &str, convention: &str) -> BTreeMap<String, std::result::Result<usize, String>> {
    let mut calls = BTreeMap::new();
    let mut name: Option<String> = None;
    let mut slot = None;
    for line in code.lines() {
        if line.starts_with("define ") {
            let function = line.split_once("@call_").and_then(|(_, rest)| rest.split('(').next());
            name = function.and_then(|function| function.rsplit_once('_')).map(|(i, m)| format!("{i}.{m}"));
            slot = None;
        } else if let Some(key) = &name {
            if line.contains("getelementptr") {
                slot = line.rsplit(' ').next().and_then(|index| index.parse().ok());
            } else if let Some((_, call)) = line.split_once("call ") {
                let words = call.split('%').next().unwrap_or_default();
                let found = words.split_whitespace().find(|word| word.ends_with("cc")).unwrap_or_default();
                let result = match slot {
                    Some(slot) if found == convention => Ok(slot),
                    _ => Err(format!("slot {slot:?} called as {words:?}")),
                };
                calls.insert(key.clone(), result);
            }
        }
    }
    calls
}
