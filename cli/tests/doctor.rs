//! `doctor`.
#![cfg(unix)]

mod common;

use std::fs;

use common::Place;
use serde_json::Value;

#[test]
fn doctor_reports_problems() {
    let place = Place::new();
    let verdicts = |arguments: &[&str]| {
        let output = place.run(&[&["--json", "doctor"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status.code().unwrap(), lines)
    };
    let text_of = |lines: &[Value], check: &str| {
        lines.iter().filter(|line| line["check"] == check).map(|line| line["text"].to_string()).collect::<String>()
    };
    let (code, lines) = verdicts(&[]);
    assert_eq!(code, 0, "{lines:?}");
    assert!(lines.iter().all(|line| line["verdict"] == "ok"), "{lines:?}");
    assert!(text_of(&lines, "folder").contains("permissions 0700"), "{lines:?}");
    fs::write(place.path().join("BROKEN.json"), "{").unwrap();
    fs::write(place.path().join("NEWER.json"), "{\"format\": 7}").unwrap();
    let (code, lines) = verdicts(&[]);
    assert_eq!(code, 1, "{lines:?}");
    assert!(text_of(&lines, "profiles").contains("BROKEN is damaged"), "{lines:?}");
    assert!(text_of(&lines, "profiles").contains("format 7"), "{lines:?}");
    // `set` opens the profile, and so sets the damaged file aside.
    place.text(&["set", "broken", "offline"]);
    let (code, lines) = verdicts(&[]);
    assert_eq!(code, 0, "{lines:?}");
    assert!(text_of(&lines, "set aside").contains("BROKEN.json.damaged-"), "{lines:?}");
    let odd = place.command(&["doctor"]).env("MAPIOFFLINE_STORES", "memory").output().unwrap();
    assert!(String::from_utf8_lossy(&odd.stdout).contains("unknown variable"));
}

#[test]
fn looking_creates_nothing() {
    let place = Place::new();
    let missing = place.path().join("a/b");
    for arguments in [&["doctor"][..], &["profiles"], &["status"], &["status", "Profile"], &["remove", "Profile"]] {
        let output = place.command(arguments).env("MAPIOFFLINE_STATE_DIR", &missing).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(arguments != ["doctor"] || text.contains("does not exist yet"), "{text}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "{arguments:?}");
    }
}
