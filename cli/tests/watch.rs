//! `watch`.
#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::Place;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

const PHASES: [&str; 3] = ["START      ", "STATECHANGE", "DONE       "];

/// Waits for the end of a process, which must come soon.
fn end_of(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > Duration::from_secs(5) {
            drop(child.kill());
            panic!("it still runs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

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

    /// The next line, which must come soon.
    fn line(&mut self) -> String {
        if self.lines.buffer().is_empty() {
            let mut descriptors = [PollFd::new(self.lines.get_ref(), PollFlags::IN)];
            let limit = Timespec { tv_sec: 10, tv_nsec: 0 };
            assert_eq!(poll(&mut descriptors, Some(&limit)), Ok(1), "no line comes");
        }
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Ends it by closing its output.
    fn end(self) -> ExitStatus {
        let Self { mut child, lines } = self;
        drop(lines);
        end_of(&mut child)
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
            assert_eq!(line["changed_by"]["program"], "mapioffline");
        }
    }
    assert!(watch.child.wait().unwrap().success());
}

#[test]
fn watch_prints_the_first_change_of_a_new_profile() {
    let place = Place::new();
    let mut watch = Watch::begin(&place, &[]);
    assert_eq!(watch.line(), "no profile has been set or added yet; waiting for the first");
    place.text(&["set", "Later", "offline"]);
    let line = watch.line();
    assert!(line.ends_with("  Later is online"), "not stored until then: {line}");
    for phase in PHASES {
        let line = watch.line();
        assert!(line.contains(&format!("  Later  {phase}  online -> offline  by mapioffline (")), "{line}");
    }
    place.text(&["set", "later", "online"]);
    for phase in PHASES {
        let line = watch.line();
        assert!(line.contains(&format!("  Later  {phase}  offline -> online  by mapioffline (")), "{line}");
    }
    watch.end();
}

#[test]
fn watch_prints_each_of_two_changes_that_follow_one_another() {
    let place = Place::new();
    let mut watch = Watch::begin(&place, &[]);
    assert!(watch.line().ends_with("waiting for the first"));
    place.text(&["set", "A", "offline"]);
    place.text(&["set", "A", "online"]);
    place.text(&["add", "B"]);
    assert!(watch.line().ends_with("  A is online"));
    for change in ["online -> offline", "offline -> online"] {
        for phase in PHASES {
            let line = watch.line();
            // By whom is said if the state is still that one.
            assert!(line.contains(&format!("  A  {phase}  {change}")), "{line}");
        }
    }
    assert!(watch.line().ends_with("  B is online"), "it was added and not changed");
    place.text(&["set", "B", "offline"]);
    assert!(watch.line().contains("  B  START"));
    watch.end();
}

#[test]
fn watch_finds_new_profiles_while_another_one_changes_all_the_time() {
    let place = Place::new();
    place.text(&["set", "Busy", "offline"]);
    let mut watch = Watch::begin(&place, &[]);
    assert!(watch.line().ends_with("  Busy is offline"));
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for state in ["online", "offline"] {
                    place.run(&["set", "Busy", state, "--wait"]);
                }
            }
        });
        std::thread::sleep(Duration::from_millis(700));
        place.text(&["set", "New", "offline", "--wait"]);
        let since = Instant::now();
        let found = loop {
            if watch.line().contains("  New  DONE         online -> offline") {
                break true;
            }
            if since.elapsed() > Duration::from_secs(5) {
                break false;
            }
        };
        stop.store(true, Ordering::Relaxed);
        assert!(found, "a new profile is not seen while another one changes");
    });
    watch.end();
}

#[test]
fn watch_ends_with_the_reader_of_its_output() {
    let place = Place::new();
    place.text(&["set", "Outlook", "offline"]);
    for arguments in [&[][..], &["Outlook", "--json"]] {
        let mut watch = Watch::begin(&place, arguments);
        watch.line();
        assert_eq!(watch.end().code(), Some(0), "as when it cannot write the next line");
    }
}

/// Default dispositions have no effect on the first process of a container.
#[cfg(target_os = "linux")]
#[test]
fn watch_and_run_end_at_a_signal_as_the_first_process() {
    let place = Place::new();
    let run = ["run", "sh", "-c", "echo ready; exec sleep 20"];
    for arguments in [&["watch"][..], &run] {
        for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("QUIT", 131)] {
            let mut command = std::process::Command::new("unshare");
            command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]);
            command.args(["env", "--default-signal", env!("CARGO_BIN_EXE_mapioffline")]).args(arguments);
            command.env("MAPIOFFLINE_STATE_DIR", place.path());
            let mut unshare = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            // Kept open: `watch` ends with its reader.
            let mut output = BufReader::new(unshare.stdout.take().unwrap());
            output.read_line(&mut line).unwrap();
            if line.is_empty() {
                eprintln!("skipped: no process namespaces here");
                drop(unshare.wait());
                return;
            }
            let children = format!("/proc/{0}/task/{0}/children", unshare.id());
            let child = std::fs::read_to_string(children).unwrap();
            let kill = std::process::Command::new("kill").args(["-s", signal, child.trim()]).status().unwrap();
            assert!(kill.success());
            assert_eq!(end_of(&mut unshare).code(), Some(code), "{arguments:?} {signal}");
        }
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
    let stored = "Outlook is online (no state was stored for it before)\n";
    assert_eq!(place.text(&["set", "Outlook", "online"]), stored);
    for phase in PHASES {
        let line = watch.line();
        assert!(
            line.contains(&format!("  Outlook  {phase}  offline -> online")),
            "each phase once for both spellings: {line}"
        );
    }
    assert!(watch.child.wait().unwrap().success());
}
