//! `set`, `add` and `remove`.
#![cfg(unix)]

mod common;

use std::fs;
use std::time::Duration;

use common::Place;
use serde_json::json;

#[test]
fn set_changes_what_status_shows() {
    let place = Place::new();
    assert_eq!(place.text(&["profiles"]), "no profile has been set or added: all are online\n");
    assert_eq!(place.text(&["status", "Outlook"]), "Outlook is online (no state is stored for it)\n");
    assert_eq!(place.text(&["set", "Outlook", "offline"]), "Outlook: online -> offline\n");
    assert_eq!(place.text(&["set", "OUTLOOK", "offline"]), "Outlook is offline already\n");
    let status = place.text(&["status", "outlook"]);
    let lines: Vec<&str> = status.lines().collect();
    assert_eq!(lines[0], "Outlook is offline");
    assert!(lines[1].starts_with("  changed   ") && lines[1].contains(" by mapioffline ("), "{status}");
    assert!(lines[2].starts_with("  because   set by hand by ") && lines.len() == 4, "{status}");
    assert_eq!(place.text(&["set", "outlook", "online", "--wait"]), "Outlook: offline -> online\n");
    assert!(place.path().join("OUTLOOK.json").exists());
}

#[test]
fn add_stores_capabilities_until_remove() {
    let place = Place::new();
    assert_eq!(place.text(&["add", "Work", "--can", "offline"]), "Work added: online, can be set to offline\n");
    assert_eq!(place.failure(&["add", "Work"]).0, 7);
    place.text(&["set", "Work", "offline"]);
    let status = place.text(&["status", "Work"]);
    assert!(status.contains("\n  can be    offline\n  hosted    "), "{status}");
    let (code, line) = place.failure(&["set", "Work", "online"]);
    assert_eq!((code, line.contains("cannot be set to that state")), (4, true), "{line}");
    assert!(place.objects(&["profiles"])[0]["hosted"].as_bool().unwrap());
    let removed = place.text(&["remove", "Work"]);
    assert!(removed.starts_with("Work removed (programs "), "{removed}");
    assert_eq!(place.failure(&["remove", "Work"]).0, 3);
    let stored = "Work is online (no state was stored for it before)\n";
    assert_eq!(place.text(&["set", "Work", "online"]), stored);
}

#[test]
fn set_with_wait_waits_for_the_lock_of_the_folder() {
    let place = Place::new();
    place.text(&["profiles"]);
    let lock = fs::File::create(place.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let (code, line) = place.failure(&["set", "Outlook", "offline"]);
    assert_eq!((code, line.contains("--wait")), (5, true), "{line}");
    for words in [&["remove", "Outlook"][..], &["add", "Other"]] {
        let (code, line) = place.failure(words);
        assert_eq!((code, line.contains("--wait")), (5, false), "{words:?} has no such option: {line}");
    }
    let doctor = place.run(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("another program holds the lock of the state folder"));
    let mut waiting = place.command(&["set", "Outlook", "offline", "--wait"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(600));
    assert!(waiting.try_wait().unwrap().is_none());
    lock.unlock().unwrap();
    assert!(waiting.wait().unwrap().success());
}

#[test]
fn set_refuses_a_profile_in_a_later_format() {
    let place = Place::new();
    fs::write(place.path().join("NEWER.json"), "{\"format\": 7}").unwrap();
    for state in ["online", "offline"] {
        let (code, line) = place.failure(&["set", "newer", state]);
        assert_eq!((code, line.contains("later version of mapioffline (format 7)")), (1, true), "{line}");
    }
    let strict = place.command(&["set", "Outlook", "offline"]).env("MAPIOFFLINE_STRICT", "1").status().unwrap();
    assert!(strict.success(), "set ignores MAPIOFFLINE_STRICT");
}

#[test]
fn set_stores_a_profile_that_was_not_stored_whatever_the_state() {
    for state in ["online", "offline"] {
        let place = Place::new();
        let set = &place.objects(&["set", "New", state])[0];
        assert_eq!((&set["old"], &set["new"], &set["changed"]), (&json!("online"), &json!(state), &json!(true)));
        let stored = &place.objects(&["profiles"])[0];
        assert_eq!((&stored["state"], &stored["revision"]), (&json!(state), &json!(1)), "{stored}");
        assert_eq!(stored["hosted"], json!(false), "only `add` makes it hosted: {stored}");
        assert_eq!(place.objects(&["set", "New", state])[0]["changed"], json!(false));
        assert_eq!(place.text(&["set", "New", state]), format!("New is {state} already\n"));
    }
}

#[test]
fn the_help_says_what_wait_does_not_wait_for() {
    let place = Place::new();
    let help = place.text(&["set", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("does not wait for the notifications in other programs"), "{help}");
    assert!(help.contains("A profile that is not stored is stored"), "{help}");
}
