//! `doctor`.
#![cfg(unix)]

mod common;

use std::fs;
#[cfg(target_os = "linux")]
use std::io::{BufRead as _, BufReader};
#[cfg(target_os = "linux")]
use std::process::{Child, ChildStdout, Stdio};

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
    assert!(text_of(&lines, "callbacks").contains("exchange"), "{lines:?}");
    for forced in ["symmetric", "asymmetric"] {
        let output = place.command(&["doctor"]).env("MAPIOFFLINE_BARRIER", forced).output().unwrap();
        let says = String::from_utf8_lossy(&output.stdout).contains("as MAPIOFFLINE_BARRIER says");
        assert_eq!(says, mapioffline::has_asymmetric_barrier(), "{forced}");
    }
    let unknown = place.command(&["doctor"]).env("MAPIOFFLINE_BARRIER", "none").output().unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("must be symmetric or asymmetric"));
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

/// A program that has a profile open.
#[cfg(target_os = "linux")]
struct Running {
    program: Child,
    /// `watch` ends when nothing reads it any more.
    _lines: BufReader<ChildStdout>,
}

#[cfg(target_os = "linux")]
impl Running {
    fn start(mut command: std::process::Command) -> Self {
        let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("online"), "{line}");
        Self { program, _lines: lines }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Running {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn doctor_sees_as_a_running_program_does() {
    let (place, other) = (Place::new(), Place::new());
    // In the folder of its environment, and in one that it was given.
    let at_home = Running::start(place.command(&["watch", "Seen"]));
    let elsewhere = Running::start(place.command(&["--state-dir", other.path().to_str().unwrap(), "watch", "Seen"]));
    let look = |pid: u32| {
        // With another folder of its own.
        let output = other.run(&["--json", "doctor", "--pid", &pid.to_string()]);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let here = place.path().to_str().unwrap();
    // The thread that watches begins when the profile is open.
    let mut seen = look(at_home.program.id());
    for _ in 0..100 {
        if seen.1.contains("it watches") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        seen = look(at_home.program.id());
    }
    assert!(seen.0 == 0 && seen.1.contains(&format!("it watches {here}")), "{seen:?}");
    assert!(seen.1.contains(&format!("MAPIOFFLINE_STATE_DIR={here}")), "{seen:?}");
    let (code, text) = look(elsewhere.program.id());
    assert!(code == 1 && text.contains(&format!("it watches another folder than {here}")), "{text}");
    let (code, text) = look(std::process::id());
    assert!(code == 0 && text.contains("no thread of it watches"), "{text}");
    let gone = at_home.program.id();
    drop(at_home);
    assert_eq!(
        place.failure(&["doctor", "--pid", &gone.to_string()]).1,
        format!("mapioffline: there is no process {gone}")
    );
    let output = place.run(&["--state-dir", here, "doctor", "--pid", "1"]);
    assert_eq!(output.status.code(), Some(2));
}
