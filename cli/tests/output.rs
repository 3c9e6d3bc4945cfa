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
fn a_field_is_printed_alone() {
    let place = Place::new();
    for name in ["Outlook", "Work"] {
        assert_eq!(place.text(&["-o", "new", "set", name, "offline"]), "offline\n");
    }
    assert_eq!(place.text(&["profiles", "-o", "profile"]), "Outlook\nWork\n");
    assert_eq!(place.text(&["profiles", "--field", "changed_by.program"]), "mapioffline\nmapioffline\n");
    assert_eq!(place.text(&["status", "x", "-o", "capabilities"]), "online,offline\n");
    // A text without a value, as where no program runs.
    assert_eq!(place.text(&["clients", "-o", "pid"]), "");
    for (field, command) in [("nothing", "profiles"), ("changed_by.nothing", "profiles"), ("", "status")] {
        let output = place.run(&[command, "-o", field]);
        let line = String::from_utf8(output.stderr).unwrap();
        let expected = format!("mapioffline: there is no field {field:?}; there are capabilities, changed_at, ");
        assert!(output.status.code() == Some(2) && line.starts_with(&expected), "{line}");
    }
    assert_eq!(place.failure(&["-o", "state", "--json", "status", "x"]).0, 2);
}

#[test]
fn quiet_commands_print_failures_only() {
    let place = Place::new();
    for words in [
        &["set", "Outlook", "offline"][..],
        &["status"],
        &["profiles"],
        &["history", "Outlook"],
        &["wait", "Outlook", "offline"],
        &["remove", "Outlook"],
        &["add", "Outlook"],
        &["clients"],
        &["doctor"],
    ] {
        assert_eq!(place.text(&[&["-q"], words].concat()), "", "{words:?}");
    }
    assert_eq!(place.failure(&["add", "Outlook", "--quiet"]).0, 7);
    assert_eq!(place.failure(&["-q", "--json", "status"]).0, 2);
}

#[test]
fn status_says_by_its_exit_code_whether_a_profile_is_in_a_state() {
    let place = Place::new();
    place.text(&["set", "Outlook", "offline"]);
    for (profile, state, code) in
        [("Outlook", "offline", 0), ("outlook", "online", 10), ("x", "online", 0), ("x", "offline", 10)]
    {
        let output = place.run(&["-q", "status", profile, "--is", state]);
        let is_silent = output.stdout.is_empty() && output.stderr.is_empty();
        assert!(output.status.code() == Some(code) && is_silent, "{profile} {state}");
    }
    assert!(place.run(&["status", "Outlook", "--is", "online"]).stdout.starts_with(b"Outlook is offline\n"));
    fs::write(place.path().join("BROKEN.json"), "{").unwrap();
    assert_eq!(place.run(&["-q", "status", "broken", "--is", "online"]).status.code(), Some(1));
    assert_eq!(place.failure(&["status", "--is", "online"]).0, 2, "of one profile");
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
    assert_eq!(place.run(&["--state-dir", "/dev/null/state", "doctor"]).status.code(), Some(1));
}

#[test]
fn completions_manual_pages_and_help_are_printed() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.text(&["completions", shell]).contains("MAPIOFFLINE_COMPLETE"), "{shell}");
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

/// Commands that print to stdout, each in its own way.
#[cfg(target_os = "linux")]
const PRINTING: [&[&str]; 14] = [
    &["--help"],
    &["--version"],
    &["help", "set"],
    &["set", "-h"],
    &["completions", "bash"],
    &["completions", "zsh"],
    &["man"],
    &["profiles"],
    &["status"],
    &["status", "nowhere"],
    &["doctor"],
    &["set", "Outlook", "offline"],
    &["watch", "Outlook", "--count", "1"],
    &["run", env!("CARGO_BIN_EXE_mapioffline"), "profiles"],
];

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let place = Place::new();
    place.text(&["set", "Outlook", "offline"]);
    for arguments in PRINTING {
        for json in [&[][..], &["--json"]] {
            let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let output = place.command(&[json, arguments].concat()).stdout(full).output().unwrap();
            let line = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {line}");
            assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
            assert!(line.contains("cannot write the output: No space left on device"), "{arguments:?}: {line}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_output_is_no_failure() {
    let place = Place::new();
    place.text(&["set", "Outlook", "offline"]);
    for arguments in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(arguments).stdout(writer).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*line), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn no_command_prints_a_name_that_controls_the_terminal() {
    let place = Place::new();
    let name = "a\u{202e}b\x1b[31m\u{9b}1m\u{2066}";
    let folder = place.path().join(name);
    let mut shown = 0;
    for json in [&[][..], &["--json"]] {
        for (state, arguments) in [
            (&folder, &["status", name][..]),
            (&folder, &["add", name]),
            (&folder, &["add", name]),
            (&folder, &["set", name, "offline"]),
            (&folder, &["set", name, "offline"]),
            (&folder, &["profiles"]),
            (&folder, &["status", name]),
            (&folder, &["watch", name, "--count", "0"]),
            (&folder, &["doctor"]),
            (&folder, &["remove", name]),
            (&folder, &["remove", name]),
            (&folder, &["set", "Outlook", name]),
            (&folder, &[name]),
            (&folder, &["run", name]),
            (&folder, &["man", name]),
            (&folder.join("OUTLOOK.json").join(name), &["status"]),
            (&folder.join("OUTLOOK.json").join(name), &["doctor"]),
        ] {
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
            fs::write(folder.join("OUTLOOK.json"), "{").unwrap();
            let mut command = place.command(&[json, arguments].concat());
            let output = command.env("MAPIOFFLINE_STATE_DIR", state).current_dir(place.path()).output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let raw = ['\u{202e}', '\x1b', '\u{9b}', '\u{2066}'].iter().find(|c| text.contains(**c));
            assert_eq!(raw, None, "{arguments:?}: {text:?}");
            let escaped = if json.is_empty() { "a\\u{202e}b\\u{1b}[31m" } else { "a\\u202eb\\u001b[31m" };
            shown += usize::from(text.contains(escaped));
        }
    }
    assert_eq!(shown, 28, "so many of them print the name");
}
