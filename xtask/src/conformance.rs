//! docs/conformance.md and the suite name the same cases. A test, no command.

use std::collections::BTreeSet;
use std::fs;

use crate::root;

/// `subject.case` of every case that is not the child of another.
fn cases() -> BTreeSet<String> {
    let mut cases = BTreeSet::new();
    for entry in fs::read_dir(root().join("c-tests/suite")).unwrap() {
        let path = entry.unwrap().path();
        let subject = path.file_stem().unwrap().to_string_lossy().into_owned();
        for line in fs::read_to_string(&path).unwrap().lines() {
            let name = line.strip_prefix("CASE(").and_then(|rest| rest.split(')').next());
            cases.extend(name.filter(|name| !name.starts_with("helper_")).map(|name| format!("{subject}.{name}")));
        }
    }
    cases
}

#[test]
fn the_table_names_every_case_and_nothing_else() {
    let cases = cases();
    let subjects: BTreeSet<&str> = cases.iter().filter_map(|case| case.split('.').next()).collect();
    let table = fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|'));
    let named: BTreeSet<String> = rows
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|word| word.split_once('.').is_some_and(|(subject, _)| subjects.contains(subject)))
        .map(str::to_owned)
        .collect();
    assert_eq!(cases.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "not in docs/conformance.md");
    assert_eq!(named.difference(&cases).collect::<Vec<_>>(), Vec::<&String>::new(), "no such case");
}
