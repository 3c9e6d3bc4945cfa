//! `scenario`, `run --scenario`, and `run --set`.
#![cfg(unix)]

mod common;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Place;
use serde_json::Value;

/// A folder for scenarios, beside the state folder.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn scenario(&self, text: &str) -> String {
        let path = self.path("outage.scenario");
        fs::write(&path, text).unwrap();
        path
    }
}

#[test]
fn a_scenario_is_played_in_order_and_at_its_times() {
    let (place, files) = (Place::new(), Files::new());
    let file = files.scenario(
        "profiles Outlook \"Work mail\"\nset offline\npause 100ms\nrepeat 2\n  set online Other\n  set offline Other\nend\nset online \"Work mail\"\nwait offline Outlook\nsettle\n",
    );
    let begun = Instant::now();
    let text = place.text(&["scenario", &file]);
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let lines: Vec<&str> = text.lines().collect();
    let steps = [
        "set offline",
        "pause 100ms",
        "set online Other",
        "set offline Other",
        "set online Other",
        "set offline Other",
    ];
    for (line, step) in lines.iter().zip(steps) {
        assert!(line.ends_with(step), "{text}");
    }
    assert!(lines[9].starts_with("played 9 steps in ") && lines[9].ends_with("seed 0"), "{text}");
    let state = |profile: &str| place.objects(&["status", profile])[0]["state"].as_str().unwrap().to_owned();
    assert_eq!([state("Outlook"), state("Work mail"), state("Other")], ["offline", "online", "offline"]);
    let objects = place.objects(&["scenario", &file, "--profile", "Chosen"]);
    assert_eq!((&objects[0]["line"], &objects[0]["step"]), (&2.into(), &"set offline".into()));
    assert!(objects[1]["seconds"].as_f64().unwrap() >= 0.1);
    assert_eq!(objects[9]["steps"], 9);
    assert_eq!(state("Chosen"), "offline");
}

#[test]
fn what_is_random_depends_on_the_seed() {
    let (place, files) = (Place::new(), Files::new());
    let pauses = |seed: u32| -> Vec<f64> {
        let file =
            files.scenario(&format!("profiles P\nseed {seed}\nrepeat 8\npause 1ms..40ms\nend\nflap 3 every 1ms..2ms"));
        let objects = place.objects(&["scenario", &file]);
        objects.iter().filter(|object| object["line"] == 4).map(|object| object["seconds"].as_f64().unwrap()).collect()
    };
    let (first, again, other) = (pauses(1), pauses(1), pauses(2));
    let close = |one: &[f64], two: &[f64]| one.iter().zip(two).filter(|(a, b)| (*a - *b).abs() < 0.003).count();
    assert_eq!(first.len(), 8);
    assert!(close(&first, &again) > close(&first, &other), "{first:?} {again:?} {other:?}");
    assert!(first.iter().any(|pause| (pause - first[0]).abs() > 0.003), "{first:?}");
    assert_eq!(place.objects(&["status", "P"])[0]["state"], "offline", "nine times the other state");
}

#[test]
fn a_scenario_that_is_wrong_is_not_begun() {
    let (place, files) = (Place::new(), Files::new());
    let file = files.scenario("profiles Outlook\nset offline\nset away\n");
    let (code, line) = place.failure(&["scenario", &file]);
    assert_eq!((code, &*line), (2, &*format!("mapioffline: {file}:3: away is neither online nor offline")));
    let (code, line) = place.failure(&["run", "--scenario", &file, "--", "touch", &files.path("ran")]);
    assert_eq!((code, line.contains(":3: away")), (2, true), "{line}");
    assert!(!fs::exists(files.path("ran")).unwrap());
    assert_eq!(place.failure(&["scenario", &files.path("none")]).0, 1);
    let stop = files.scenario("profiles Outlook\nstop\n");
    let (code, line) = place.failure(&["scenario", &stop]);
    assert_eq!((code, line.contains(":2: `stop` is for")), (2, true), "{line}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing was set");
    for wrong in ["Outlook", "Outlook=away", "=offline"] {
        let code = place.failure(&["run", "--set", wrong, "--", "true"]).0;
        assert_eq!(code, if wrong.starts_with('=') { 3 } else { 2 }, "{wrong}");
    }
    assert_eq!(place.failure(&["run", "--report", "x", "--", "true"]).0, 2, "a report of nothing");
}

#[test]
fn run_sets_states_before_the_program_starts() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_mapioffline");
    let script = format!("'{program}' --json status a=b; '{program}' --json status Other");
    let output = place.run(&["run", "--set", "a=b=offline", "--set", "Other=online", "--", "sh", "-c", &script]);
    let text = String::from_utf8(output.stdout).unwrap();
    let states: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&states[0]["state"], &states[0]["stored"]), (&"offline".into(), &true.into()), "{text}");
    assert_eq!((&states[1]["state"], &states[1]["stored"]), (&"online".into(), &true.into()), "{text}");
}

/// A scenario is played to a program, which is asked to end, and the report says what the program was notified of.
#[test]
fn run_plays_a_scenario_to_its_program() {
    let (place, files) = (Place::new(), Files::new());
    let file = files.scenario(
        "profiles Outlook\nclients 1\nrepeat 5\n  set offline\n  settle\n  set online\n  settle\nend\nclients 1 within 1s\nstop\n",
    );
    let program = env!("CARGO_BIN_EXE_mapioffline");
    let output = place.run(&["run", "--scenario", &file, "--", program, "watch", "Outlook"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(128 + 15), "the signal that ended it: {errors}");
    let notifications = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains("->")).count();
    assert_eq!(notifications, 3 * 10, "each change in three phases: {}", String::from_utf8_lossy(&output.stdout));
    assert!(errors.contains("mapioffline: played 23 steps in "), "{errors}");
    assert!(errors.contains("Outlook: notified of 10 changes; settled 10 times, in "), "{errors}");

    let report = files.path("report.json");
    let script = format!("'{program}' watch Outlook --count 3 > /dev/null; exit 7");
    let arguments = ["run", "--scenario", &file, "--report", &report, "--", "sh", "-c", &script];
    let output = place.run(&arguments);
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert!(report["ended_at_line"].as_u64().is_some_and(|line| line > 2), "{report}");
    assert!(report["steps"].as_u64().is_some_and(|steps| (1..23).contains(&steps)), "{report}");
}

#[test]
fn the_example_can_be_played() {
    let place = Place::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/outage.scenario");
    let output = place.run(&["run", "--scenario", file, "--", env!("CARGO_BIN_EXE_mapioffline"), "watch", "Outlook"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(128 + 15), "{errors}");
    assert!(errors.contains("mapioffline: played 14 steps in "), "{errors}");
}

#[test]
fn a_scenario_that_fails_ends_the_program() {
    let (place, files) = (Place::new(), Files::new());
    let file = files.scenario("profiles Outlook\nset offline\nclients 2 within 200ms\n");
    let mut child = place.command(&["run", "--scenario", &file, "--", "sleep", "60"]);
    let begun = Instant::now();
    let output = child.stderr(Stdio::piped()).output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(output.status.code(), Some(8));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.ends_with(":3: 0 of 2 programs are registered after 200ms\n"), "{errors}");
    let (code, line) = {
        let output = place.run(&["scenario", &files.scenario("profiles P\nwait offline within 50ms\n")]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(code, Some(8));
    assert!(line.ends_with(":2: P did not come to be offline within 50ms\n"), "{line}");
}
