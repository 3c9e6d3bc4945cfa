//! The shape of the code, as ARCHITECTURE.md describes it. Tests, no command.
//!
//! A file that only declares modules and re-exports their items is a facade and does not count: a path through it resolves
//! to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// The layers of src, from the top. A module may use those of its own layer and of those below.
const LAYERS: [&[&str]; 6] = [
    &["api", "client", "state_folder"],
    &["profile"],
    &["model", "store", "deliver", "sink", "exit"],
    &["registration"],
    &["com", "sys", "logging"],
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

/// The C declarations count as one file: structures and interfaces refer to each other.
const ONE_PLACE: &str = "src/abi/";

type Module = Vec<String>;

/// The modules of a crate.
struct Crate {
    folder: PathBuf,
    files: BTreeMap<Module, PathBuf>,
    /// Files that only declare modules and re-export their items.
    facades: BTreeSet<PathBuf>,
    /// Module, item -> where it is re-exported from, as written.
    exports: BTreeMap<(Module, String), Vec<String>>,
}

fn crates() -> [Crate; 3] {
    ["src", "cli/src", "xtask/src"].map(|folder| Crate::read(&root().join(folder)))
}

impl Crate {
    fn read(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        find(folder, &mut |path| {
            let mut module: Module = path
                .strip_prefix(folder)
                .unwrap()
                .with_extension("")
                .components()
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect();
            if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
                module.pop();
            }
            files.insert(module, path.to_owned());
        });
        let mut exports = BTreeMap::new();
        for (module, path) in &files {
            for (segments, name) in uses(&code(path)) {
                exports.insert((module.clone(), name), segments);
            }
        }
        let facades = files.values().filter(|path| is_facade(path)).cloned().collect();
        Self { folder: folder.to_owned(), files, facades, exports }
    }

    /// The file that defines the item of a path, resolved from a module.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<PathBuf> {
        let mut module = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            "self" => from.clone(),
            first if self.files.contains_key(&[from.as_slice(), &[first.to_owned()]].concat()) => {
                return self.resolve(from, &[&["self".to_owned()], path].concat(), depth);
            }
            _ => return None,
        };
        for (index, segment) in path.iter().enumerate().skip(1) {
            if segment == "super" {
                module.pop();
                continue;
            }
            let below = [module.as_slice(), std::slice::from_ref(segment)].concat();
            if self.files.contains_key(&below) {
                module = below;
                continue;
            }
            if let Some(target) = self.exports.get(&(module.clone(), segment.clone())).filter(|_| depth < 8) {
                let rest = [target.as_slice(), &path[index + 1..]].concat();
                if let Some(file) = self.resolve(&module, &rest, depth + 1) {
                    return Some(file);
                }
            }
            break;
        }
        self.files.get(&module).cloned()
    }

    /// Which files each file uses.
    fn edges(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let mut edges: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        for (module, path) in &self.files {
            if self.facades.contains(path) {
                continue;
            }
            let code = code(path);
            let targets = edges.entry(self.place(path)).or_default();
            let mut used = inline_paths(&code, &["crate".to_owned(), "super".to_owned()]);
            for (segments, name) in uses(&code) {
                // Where a whole module is imported: the items that are used through it.
                let of_it = inline_paths(&code, &[name]).into_iter();
                used.extend(of_it.map(|path| [segments.as_slice(), &path[1..]].concat()));
                used.push(segments);
            }
            for segments in used {
                let file = self.resolve(module, &segments, 0).filter(|file| !self.facades.contains(file));
                targets.extend(file.map(|file| self.place(&file)));
            }
        }
        for (from, to) in &mut edges {
            to.remove(from);
        }
        edges
    }

    /// The file's name in messages. The C declarations are one file.
    fn place(&self, file: &Path) -> PathBuf {
        let name = file.strip_prefix(root()).unwrap_or(file);
        if name.starts_with(ONE_PLACE) { ONE_PLACE.into() } else { name.to_owned() }
    }
}

/// Whether a file only declares modules and re-exports their items.
fn is_facade(path: &Path) -> bool {
    if path.ends_with("lib.rs") {
        return true;
    }
    let items = syn::parse_file(&code(path)).unwrap().items;
    path.ends_with("mod.rs") && items.iter().all(|item| matches!(item, syn::Item::Mod(_) | syn::Item::Use(_)))
}

/// Rust files that are not tests.
fn find(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.file_stem().unwrap() != "tests" {
            visit(&path);
        }
    }
}

/// The code of a file without its tests, and without lines that are comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every path of every `use`, with the name under which it is imported.
fn uses(code: &str) -> Vec<(Vec<String>, String)> {
    fn flatten(tree: &syn::UseTree, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
        match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                flatten(&part.tree, path, found);
                path.pop();
            }
            syn::UseTree::Name(name) => {
                let mut whole = path.clone();
                let name = name.ident.to_string();
                if name != "self" {
                    whole.push(name.clone());
                }
                found.push((whole, name));
            }
            syn::UseTree::Rename(rename) => {
                let mut whole = path.clone();
                whole.push(rename.ident.to_string());
                found.push((whole, rename.rename.to_string()));
            }
            syn::UseTree::Glob(_) => found.push((path.clone(), "*".to_owned())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, path, found)),
        }
    }
    let mut found = Vec::new();
    for item in syn::parse_file(code).unwrap().items {
        if let syn::Item::Use(item) = item {
            flatten(&item.tree, &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Paths in code that begin with one of these names.
fn inline_paths(code: &str, names: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for name in names {
        for (at, _) in code.match_indices(&format!("{name}::")) {
            if code[..at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before)) {
                continue;
            }
            let path: String = code[at..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
            found.push(path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
        }
    }
    found
}

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
const RETIRED: [&str; 34] = [
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
    "settle",
    "settles",
    "settled",
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
