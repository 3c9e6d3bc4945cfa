//! `clients`, `wait`, and `set --settle`.
#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use common::Place;
use rustix::process::{Pid, Signal, kill_process};

/// A program that has profiles open: `watch`.
struct Watch(Child);

impl Watch {
    /// Returns when it has opened them.
    fn start(place: &Place, profiles: &[&str]) -> Self {
        let mut command = place.command(&[&["watch"], profiles].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in profiles {
            lines.next().unwrap().unwrap();
        }
        thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn clients_lists_programs_and_what_they_do() {
    let place = Place::new();
    assert_eq!(place.text(&["clients"]), "no program has a profile open\n");
    assert_eq!(place.text(&["clients", "Out\u{1b}look"]), "no program has Out\\u{1b}look open\n");
    assert!(!place.path().join("programs").exists(), "looking makes nothing");
    let watch = Watch::start(&place, &["Outlook", "Other"]);
    let pid = watch.0.id();
    let table = place.text(&["clients"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["PID", "PROGRAM", "PROFILE", "STATE", "REGISTRATIONS", "PHASE", "SINCE"]);
    let expected = |profile, state| {
        [&pid.to_string(), "mapioffline", profile, state, "1", "idle", "just", "now"].map(str::to_owned)
    };
    assert_eq!(rows.len(), 3, "{table}");
    assert!(rows[1..].contains(&expected("Outlook", "online").iter().map(String::as_str).collect()), "{table}");
    place.text(&["set", "outlook", "offline", "--settle"]);
    let objects = place.objects(&["clients", "OUTLOOK"]);
    assert_eq!(objects.len(), 1);
    for (key, value) in [("profile", "Outlook"), ("state", "offline"), ("phase", "idle"), ("program", "mapioffline")] {
        assert_eq!(objects[0][key], value, "{objects:?}");
    }
    assert_eq!((&objects[0]["pid"], &objects[0]["registrations"]), (&pid.into(), &1.into()));
    assert_eq!(place.text(&["clients", "Third"]), "no program has Third open\n");
    assert_eq!(place.failure(&["clients", ""]).0, 3);
}

#[cfg(target_os = "linux")]
#[test]
fn settle_names_the_programs_that_have_not_returned() {
    let place = Place::new();
    let watch = Watch::start(&place, &["Outlook"]);
    let second = Watch::start(&place, &["Outlook"]);
    assert_eq!(place.text(&["set", "Outlook", "offline", "--settle"]), "Outlook: online -> offline\n");
    watch.signal(Signal::STOP);
    let output = place.run(&["set", "Outlook", "online", "--settle", "--timeout", "300ms"]);
    assert_eq!(output.status.code(), Some(8));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Outlook: offline -> online\n", "it is set all the same");
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    let late = format!("mapioffline ({}): stopped\n", watch.0.id());
    assert!(line.ends_with(&late) && !line.contains(&format!("({})", second.0.id())), "{line}");
    let table = place.text(&["clients"]);
    assert!(
        table.lines().any(|line| line.starts_with(&watch.0.id().to_string()) && line.contains("stopped")),
        "{table}"
    );
    let objects = place.objects(&["clients"]);
    assert!(objects.iter().any(|object| object["stopped"] == true && object["pid"] == watch.0.id()), "{objects:?}");
    watch.signal(Signal::CONT);
    place.text(&["set", "Outlook", "online", "--settle"]);
    drop(watch);
    place.text(&["set", "Outlook", "offline", "--settle"]);
    for wrong in [&["--timeout", "1s"][..], &["--settle", "--timeout", "1"], &["--settle", "--timeout", "-1s"]] {
        assert_eq!(place.failure(&[&["set", "Outlook", "online"], wrong].concat()).0, 2, "{wrong:?}");
    }
}

#[test]
fn wait_returns_when_one_of_the_profiles_is_in_the_state() {
    let place = Place::new();
    assert_eq!(place.text(&["wait", "Outlook", "online"]), "Outlook is online\n", "it is not stored");
    let start = Instant::now();
    let (code, line) = place.failure(&["wait", "One", "Outlook", "offline", "--timeout", "200ms"]);
    assert_eq!((code, &*line), (8, "mapioffline: One or Outlook did not come to be offline"));
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(place.failure(&["wait", "Outlook", "exists", "--timeout", "0s"]).0, 8);
    assert_eq!(place.failure(&["wait", "Outlook", "away"]).0, 2);
    assert_eq!(place.failure(&["wait", "offline"]).0, 2, "there is no profile");
    assert_eq!(place.failure(&["wait", "", "offline"]).0, 3);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "waiting makes nothing");
    let mut waiting = place.command(&["wait", "One", "Outlook", "exists", "--timeout", "20s"]);
    let waiting = waiting.stdout(Stdio::piped()).spawn().unwrap();
    sleep(Duration::from_millis(50));
    place.text(&["set", "Outlook", "offline"]);
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Outlook is offline\n");
    let object = &place.objects(&["wait", "Outlook", "offline"])[0];
    assert_eq!((&object["profile"], &object["state"]), (&"Outlook".into(), &"offline".into()));
    std::fs::write(place.path().join("OUTLOOK.json"), r#"{"format": 2}"#).unwrap();
    let (code, line) = place.failure(&["wait", "Outlook", "online"]);
    assert_eq!((code, line.contains("later version")), (1, true), "{line}");
    std::fs::write(place.path().join("OUTLOOK.json"), "x").unwrap();
    let (code, line) = place.failure(&["wait", "Outlook", "online", "--timeout", "100ms"]);
    assert_eq!((code, line.contains("cannot be read")), (1, true), "{line}");
}
