//! `watch`.
#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use common::Place;
use serde_json::{Value, json};

/// A running `watch`, and its output.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn begin(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place.command(&[&["watch"], arguments].concat()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn watch_prints_each_notification_as_it_comes() {
    let place = Place::new();
    let mut watch = Watch::begin(&place, &["Outlook", "--count", "6", "--json"]);
    assert!(watch.line().contains(r#""phase":"watching""#));
    for (state, old) in [("offline", "online"), ("online", "offline")] {
        place.text(&["set", "Outlook", state]);
        for phase in ["start", "statechange", "done"] {
            let line: Value = serde_json::from_str(&watch.line()).unwrap();
            let fields = [&line["profile"], &line["phase"], &line["old"], &line["new"]];
            assert_eq!(fields, [&json!("Outlook"), &json!(phase), &json!(old), &json!(state)]);
        }
    }
    assert!(watch.child.wait().unwrap().success());
}

#[test]
fn watch_follows_new_profiles_and_ends_when_its_output_is_closed() {
    let place = Place::new();
    let mut watch = Watch::begin(&place, &[]);
    assert_eq!(watch.line(), "no profile has been set or added yet; waiting for the first");
    place.text(&["set", "Later", "offline"]);
    let line = watch.line();
    assert!(line.ends_with("  Later is offline"), "{line}");
    place.text(&["set", "later", "online"]);
    for phase in ["START      ", "STATECHANGE", "DONE       "] {
        let line = watch.line();
        assert!(line.ends_with(&format!("  Later  {phase}  offline -> online")), "{line}");
    }
    drop(watch.lines);
    place.text(&["set", "later", "offline"]);
    let start = Instant::now();
    while watch.child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(5), "watch still runs although its output is closed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn set_notifies_a_program_that_has_a_removed_profile_open() {
    let place = Place::new();
    place.text(&["set", "Outlook", "offline"]);
    let mut watch = Watch::begin(&place, &["OUTLOOK", "outlook", "--count", "3"]);
    assert!(watch.line().ends_with("Outlook is offline"));
    place.text(&["remove", "Outlook"]);
    // For this process the profile is online, as it is not stored. For the watcher it is still offline.
    assert_eq!(place.text(&["set", "Outlook", "online"]), "Outlook is online already\n");
    for phase in ["START      ", "STATECHANGE", "DONE       "] {
        let line = watch.line();
        assert!(
            line.ends_with(&format!("  Outlook  {phase}  offline -> online")),
            "each phase once for both spellings: {line}"
        );
    }
    assert!(watch.child.wait().unwrap().success());
}
