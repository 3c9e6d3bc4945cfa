//! The modules of the crates, and which file uses which.
//!
//! A file that only declares modules and re-exports their items is a facade and does not count: a path through it resolves
//! to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// The C declarations count as one file: structures and interfaces refer to each other.
const ONE_PLACE: &str = "src/abi/";

type Module = Vec<String>;

/// The modules of a crate.
pub(super) struct Crate {
    pub(super) folder: PathBuf,
    files: BTreeMap<Module, PathBuf>,
    /// Files that only declare modules and re-export their items.
    facades: BTreeSet<PathBuf>,
    /// Module, item -> where it is re-exported from, as written.
    exports: BTreeMap<(Module, String), Vec<String>>,
}

pub(super) fn crates() -> [Crate; 3] {
    ["src", "cli/src", "xtask/src"].map(|folder| Crate::read(&root().join(folder)))
}

impl Crate {
    pub(super) fn read(folder: &Path) -> Self {
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
    pub(super) fn edges(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
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
pub(super) fn find(folder: &Path, visit: &mut impl FnMut(&Path)) {
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
pub(super) fn code(path: &Path) -> String {
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
