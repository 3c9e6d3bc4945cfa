//! docs/conformance.md and the suite name the same cases, with the same provenance. Tests, no command.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::root;

/// What a case rests on, and the page, rule or decision that it cites.
struct Provenance {
    word: String,
    source: String,
}

/// Parses `CASE(name, provenance, "source")` at the start of a line.
fn parse(line: &str) -> Option<(&str, Provenance)> {
    let (name, rest) = line.strip_prefix("CASE(")?.split_once(", ")?;
    let (word, rest) = rest.split_once(", \"")?;
    let (source, _) = rest.split_once("\")")?;
    Some((name, Provenance { word: word.to_owned(), source: source.to_owned() }))
}

/// `subject.case` of every case in c-tests/suite, helpers included.
fn all_cases() -> BTreeMap<String, Provenance> {
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(root().join("c-tests/suite")).unwrap() {
        let path = entry.unwrap().path();
        let subject = path.file_stem().unwrap().to_string_lossy().into_owned();
        for line in fs::read_to_string(&path).unwrap().lines().filter(|line| line.starts_with("CASE(")) {
            let (name, provenance) = parse(line)
                .unwrap_or_else(|| panic!("{}: not CASE(name, provenance, \"source\"): {line}", path.display()));
            cases.insert(format!("{subject}.{name}"), provenance);
        }
    }
    cases
}

/// The cases that are not helpers of other cases.
fn cases() -> BTreeMap<String, Provenance> {
    let mut cases = all_cases();
    cases.retain(|_, provenance| provenance.word != "helper");
    cases
}

fn conformance() -> String {
    fs::read_to_string(root().join("docs/conformance.md")).unwrap()
}

const TABLE: &str = "\n## Provenance of each case\n";

#[test]
fn the_table_names_every_case_and_nothing_else() {
    let cases: BTreeSet<String> = cases().into_keys().collect();
    let subjects: BTreeSet<&str> = cases.iter().filter_map(|case| case.split('.').next()).collect();
    let page = conformance();
    // Without the table of provenances, which names every case once more.
    let (points, _) = page.split_once(TABLE).unwrap();
    let rows = points.lines().filter(|line| line.starts_with('|'));
    let named: BTreeSet<String> = rows
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|word| word.split_once('.').is_some_and(|(subject, _)| subjects.contains(subject)))
        .map(str::to_owned)
        .collect();
    assert_eq!(cases.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "not in docs/conformance.md");
    assert_eq!(named.difference(&cases).collect::<Vec<_>>(), Vec::<&String>::new(), "no such case");
}

#[test]
fn the_table_of_provenances_equals_the_sources() {
    let page = conformance();
    let (_, table) = page.split_once(TABLE).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> =
        cases().iter().map(|(case, Provenance { word, source })| format!("| `{case}` | {word} | {source} |")).collect();
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected, "the table in docs/conformance.md is sorted, with one row for each case");
    }
    assert_eq!(rows.len(), expected.len(), "rows in the table and cases in the suite");
}

#[test]
fn every_provenance_and_every_cited_decision_exists() {
    let decisions = fs::read_to_string(root().join("docs/decisions.md")).unwrap();
    for (case, Provenance { word, source }) in all_cases() {
        if case.contains(".helper_") {
            assert_eq!((word.as_str(), source.as_str()), ("helper", ""), "{case}");
            continue;
        }
        assert!(["reference", "com", "decision"].contains(&word.as_str()), "{case}: no provenance {word}");
        assert!(!source.is_empty(), "{case} cites nothing");
        for cited in source.split(", ").filter(|cited| word == "decision" || cited.starts_with("D ")) {
            assert!(decisions.contains(&format!("\n**{cited}, ")), "{case}: docs/decisions.md has no {cited}");
        }
    }
}
