//! Links between the pages of the documentation lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// The Markdown pages of the repository's own folder and of docs/.
fn pages() -> Vec<PathBuf> {
    let in_folder = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = in_folder(root()).chain(in_folder(root().join("docs")));
    pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The lines of a page outside of its blocks of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings =
        prose(page).filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    headings.map(anchor).collect()
}

/// The targets of the links in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// What is wrong with a link of a page.
fn fault(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, name) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.to_path_buf() } else { page.parent()?.join(path) };
    if !file.exists() {
        return Some(format!("{} links to {target}, which is not there", page.display()));
    }
    if name.is_empty() || file.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let is_there = anchors(&fs::read_to_string(&file).ok()?).contains(name);
    (!is_there).then(|| format!("{} links to {target}, which has no such heading", page.display()))
}

#[test]
fn links_of_pages_lead_somewhere() {
    let mut count = 0;
    let mut faults = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in prose(&text).flat_map(links) {
            count += 1;
            faults.extend(fault(&page, target));
        }
    }
    assert!(count > 100, "{count} links");
    assert_eq!(faults, [""; 0]);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = root().join("docs/fleet.md");
    for target in ["nothing.md", "#nothing", "agent.md#nothing", "../docs/nothing"] {
        assert!(fault(&page, target).is_some(), "{target}");
    }
    for target in ["agent.md", "#security", "agent.md#who-wins", "https://example.com/nothing", "../abi"] {
        assert_eq!(fault(&page, target), None);
    }
}
