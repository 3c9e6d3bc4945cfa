//! What is printed, for people and for scripts; failures; help, completions and manual pages.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::Place;
use serde_json::{Value, json};

#[test]
fn json_prints_one_object_per_line() {
    let place = Place::new();
    assert_eq!(place.objects(&["profiles"]), Vec::<Value>::new());
    let set = json!({ "profile": "a b", "old": "online", "new": "offline", "changed": true });
    assert_eq!(place.objects(&["set", "a b", "offline"]), [set]);
    let again = json!({ "profile": "a b", "old": "offline", "new": "offline", "changed": false });
    assert_eq!(place.objects(&["set", "a b", "offline"]), [again]);
    let stored = &place.objects(&["profiles"])[0];
    for (field, value) in [
        ("profile", json!("a b")),
        ("stored", json!(true)),
        ("state", json!("offline")),
        ("capabilities", json!(["online", "offline"])),
        ("hosted", json!(false)),
        ("revision", json!(1)),
    ] {
        assert_eq!(stored[field], value, "{stored}");
    }
    assert_eq!(stored["changed_by"]["program"], "mapioffline");
    assert!(stored["changed_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(place.objects(&["status"]), std::slice::from_ref(stored));
    let unset = json!({ "profile": "x", "stored": false, "state": "online", "capabilities": ["online", "offline"] });
    assert_eq!(place.objects(&["status", "x"]), [unset]);
    let output = place.run(&["--json", "remove", "x"]);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["code"], 3);
}

#[test]
fn table_aligns_columns_and_escapes_names() {
    let place = Place::new();
    for name in ["Outlook", "日本語", "with\x1b[31mescape"] {
        place.text(&["set", name, "offline"]);
    }
    place.text(&["add", "fixed", "--can", "none"]);
    let table = place.text(&["profiles"]);
    assert!(table.contains("with\\u{1b}[31mescape"), "{table}");
    assert!(!table.contains('\x1b'), "no colour without a terminal: {table}");
    let line = |name: &str| table.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line("fixed").contains("online   nothing"), "{table}");
    let before = |line: &str| line.split("offline").next().unwrap().to_owned();
    // Three characters that take two columns each.
    assert_eq!(before(&line("Outlook")).chars().count(), before(&line("日本語")).chars().count() + 3, "{table}");
    assert!(place.text(&["--color", "always", "profiles"]).contains("\x1b[33moffline\x1b[0m"));
}

#[test]
fn each_failure_prints_one_line_and_has_an_exit_code() {
    let place = Place::new();
    for (arguments, code, part) in [
        (&["set", "", "online"][..], 3, "must not be empty"),
        (&["set", &"n".repeat(65), "online"], 3, "64 UTF-16 units"),
        (&["status", &"n".repeat(65)], 3, "64 UTF-16 units"),
        (&["watch", ""], 3, "must not be empty"),
    ] {
        let (got, line) = place.failure(arguments);
        assert_eq!((got, line.contains(part)), (code, true), "{arguments:?}: {line}");
    }
    let (code, line) = place.failure(&["set", "Outlook", "away"]);
    assert_eq!((code, line.contains("possible values: online, offline")), (2, true), "{line}");
    assert_eq!(place.failure(&["run", "--state-dir", "/tmp", "--", "true"]).0, 2);
    let json = place.run(&["set", "Outlook", "away", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&json.stderr).unwrap()["code"], 2);
    assert_eq!(place.run(&[]).status.code(), Some(2));
    let memory = place.command(&["profiles"]).env("MAPIOFFLINE_STORE", "memory").output().unwrap();
    assert_eq!(memory.status.code(), Some(6));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (code, line) = place.failure(&["set", "Outlook", "offline"]);
    assert_eq!((code, line.contains("others may write to it")), (6, true), "{line}");
    assert_eq!(place.run(&["doctor"]).status.code(), Some(1));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn the_folder_name_may_be_invalid_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let folder = place.path().join(OsStr::from_bytes(b"not text \xff\n"));
    let set = place.command(&["set", "Outlook", "offline"]).env("MAPIOFFLINE_STATE_DIR", &folder).status().unwrap();
    assert!(set.success());
    assert!(folder.join("OUTLOOK.json").exists());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = place.command(&["status"]).env("MAPIOFFLINE_STATE_DIR", &folder).output().unwrap();
    assert_eq!(String::from_utf8(refused.stderr).unwrap().lines().count(), 1);
    assert_eq!(place.run(&["--state-dir", "/proc/nowhere", "doctor"]).status.code(), Some(1));
}

#[test]
fn completions_manual_pages_and_help_are_printed() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.text(&["completions", shell]).contains("watch"), "{shell}");
    }
    assert!(place.text(&["man"]).contains(".TH mapioffline 1"));
    place.text(&["man", place.path().to_str().unwrap()]);
    let page = fs::read_to_string(place.path().join("mapioffline-set.1")).unwrap();
    assert!(
        page.contains("mapioffline set") || page.contains("mapioffline-set") || page.contains("mapioffline\\-set"),
        "{page}"
    );
    let help = place.text(&["--help"]);
    for part in ["Exit codes:", "MAPIOFFLINE_STATE_DIR", "doctor"] {
        assert!(help.contains(part), "{help}");
    }
}
