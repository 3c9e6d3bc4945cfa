//! The shape of the code, as ARCHITECTURE.md describes it. Tests, no command.

mod links;
mod modules;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use modules::{Crate, code, crates, find};

use crate::root;

/// The layers of src, from the top. A module may use those of its own layer and of those below.
const LAYERS: [&[&str]; 6] = [
    &["api", "client", "delivery", "state_folder", "testing"],
    &["profile"],
    &["model", "store", "deliver", "sink", "exit"],
    &["registration"],
    &["com", "sys", "logging", "trace", "fault"],
    &["abi", "error", "state", "name", "change", "sync", "guard"],
];

/// Where `unsafe` may be.
const UNSAFE: [&str; 4] = ["com", "sink", "api", "sys"];

/// What `model` must not name: it decides, and the profile acts.
const NOT_IN_MODEL: [&str; 10] = [
    "std::sync",
    "std::fs",
    "std::io",
    "std::thread",
    "std::time",
    "crate::sys",
    "crate::sync",
    "crate::store",
    "crate::com",
    "once_cell",
];

/// Files of more than 400 lines, each with its reason.
const LONG: [(&str, &str); 2] = [
    ("src/model/model.rs", "one state: requests, transitions and objects' lives share its fields"),
    ("src/model/tests.rs", "one fixture for the sentences of the contract's sections 3 to 5"),
];

#[test]
fn no_files_use_one_another_in_a_circle() {
    for program in crates() {
        let mut edges = program.edges();
        // A file that uses only files outside circles is in no circle.
        loop {
            let free: Vec<_> = edges.iter().filter(|(_, to)| to.is_empty()).map(|(from, _)| from.clone()).collect();
            if free.is_empty() {
                break;
            }
            for file in free {
                edges.remove(&file);
                edges.values_mut().for_each(|to| {
                    to.remove(&file);
                });
            }
        }
        // Neither is a file that no remaining file uses.
        loop {
            let used: BTreeSet<_> = edges.values().flatten().cloned().collect();
            let before = edges.len();
            edges.retain(|from, _| used.contains(from));
            if edges.len() == before {
                break;
            }
        }
        assert!(edges.is_empty(), "{}: {edges:#?}", program.folder.display());
    }
}

#[test]
fn a_circle_is_detected() {
    let place = root().join("target/xtask/circle");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(place.join("inner")).unwrap();
    fs::write(place.join("lib.rs"), "mod a;\nmod inner;").unwrap();
    fs::write(place.join("a.rs"), "use crate::inner::B;\npub struct A(B);").unwrap();
    fs::write(place.join("inner/mod.rs"), "mod b;\npub use b::B;").unwrap();
    fs::write(place.join("inner/b.rs"), "pub struct B;\nfn f(_: crate::a::A) {}").unwrap();
    let edges = Crate::read(&place).edges();
    let edge = |from: &str, to: &str| {
        let file = |name: &str| Path::new("target/xtask/circle").join(name);
        edges[&file(from)].contains(&file(to))
    };
    assert!(edge("a.rs", "inner/b.rs") && edge("inner/b.rs", "a.rs"), "{edges:#?}");
}

#[test]
fn dependencies_go_downwards() {
    let [library, ..] = crates();
    let layer = |file: &Path| {
        let module = file.strip_prefix("src").ok()?.components().next()?.as_os_str().to_string_lossy().into_owned();
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            return None;
        }
        let layer = LAYERS.iter().position(|layer| layer.contains(&module));
        Some(layer.unwrap_or_else(|| panic!("{module} is in no layer")))
    };
    let mut faults = Vec::new();
    for (from, targets) in library.edges() {
        for to in targets {
            if let (Some(upper), Some(lower)) = (layer(&from), layer(&to))
                && upper > lower
            {
                faults.push(format!("{} uses {}", from.display(), to.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn unsafe_code_and_side_effects_are_only_where_allowed() {
    let folder = root().join("src");
    let mut faults = Vec::new();
    find(&folder, &mut |path| {
        let name = path.strip_prefix(&folder).unwrap();
        let top = name.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let code = code(path);
        let allowed = UNSAFE.contains(&top.as_str());
        let is_facade = name.ends_with("mod.rs") || name.ends_with("lib.rs");
        if !allowed && !is_facade && !code.contains("#![forbid(unsafe_code)]") && top != "abi" {
            faults.push(format!("{} does not forbid unsafe code", name.display()));
        }
        if top == "model" {
            faults.extend(
                NOT_IN_MODEL
                    .iter()
                    .filter(|word| code.contains(**word))
                    .map(|word| format!("{}: {word}", name.display())),
            );
        }
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn long_files_have_a_reason() {
    let files =
        crate::run::output(&mut crate::run::command("git", ["ls-files", "-co", "--exclude-standard", "src"])).unwrap();
    let is_long = |file: &&str| {
        file.ends_with(".rs") && fs::read_to_string(root().join(file)).is_ok_and(|text| text.lines().count() > 400)
    };
    let mut long: Vec<&str> = files.lines().filter(is_long).collect();
    long.sort_unstable();
    assert_eq!(long, LONG.map(|(file, _)| file), "over 400 lines");
    assert!(LONG.iter().all(|(_, reason)| !reason.is_empty()));
}

/// Metaphors, and words that had several meanings here. Names and prose do not use them.
const RETIRED: [&str; 31] = [
    "forest",
    "plant",
    "graft",
    "standing",
    "stands",
    "stood",
    "turn",
    "turns",
    "told",
    "teller",
    "owe",
    "owed",
    "owes",
    "hear",
    "hears",
    "heard",
    "ample",
    "ticket",
    "complaint",
    "complain",
    "trouble",
    "noticing",
    "unread",
    "somebody",
    "nobody",
    "everybody",
    "listener",
    "faces",
    "promise",
    "promised",
    "withdraw",
];

/// Phrases in which a retired word is right.
const RIGHT: [(&str, &str); 2] = [
    ("one listener", "what a performance figure is about"),
    ("10,000 listeners", "what a performance figure is about"),
];

#[test]
fn retired_words_do_not_come_back() {
    let mut faults = Vec::new();
    for place in ["src", "include", "cli", "docs", "ARCHITECTURE.md"] {
        let files =
            crate::run::output(crate::run::command("git", ["ls-files", "-co", "--exclude-standard"]).arg(place))
                .unwrap();
        for file in files.lines() {
            let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
            for (number, line) in text.lines().enumerate() {
                let line = RIGHT.iter().fold(line.to_lowercase(), |line, (right, _)| line.replace(right, ""));
                let words = line.split(|c: char| !c.is_alphanumeric());
                faults.extend(
                    words.filter(|word| RETIRED.contains(word)).map(|word| format!("{file}:{}: {word}", number + 1)),
                );
            }
        }
    }
    assert!(faults.is_empty(), "{} of them: {faults:#?}", faults.len());
}
