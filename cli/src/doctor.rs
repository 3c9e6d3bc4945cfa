//! `mapioffline doctor`: what could go wrong, before it does.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use mapioffline::{Noticing, StateFolder, Unread};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Output, shown};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// It works, but somebody may wonder.
    Note,
    Bad,
}

/// What was found, as it is printed.
struct Findings<'a> {
    output: &'a Output,
    worst: Verdict,
}

impl Findings<'_> {
    fn add(&mut self, verdict: Verdict, what: &str, text: &str) {
        let (word, color) = match verdict {
            Verdict::Good => ("ok", AnsiColor::Green),
            Verdict::Note => ("note", AnsiColor::Yellow),
            Verdict::Bad => ("BAD", AnsiColor::Red),
        };
        let style = Style::new().fg_color(Some(color.into()));
        self.output.say(
            || format!("{style}{word:4}{style:#}  {what:12}  {text}"),
            || json!({ "check": what, "verdict": word.to_lowercase(), "text": text }),
        );
        if verdict == Verdict::Bad || self.worst == Verdict::Good {
            self.worst = verdict;
        }
    }
}

pub(crate) fn doctor(chosen: Option<PathBuf>, output: &Output) -> Result<ExitCode, Failure> {
    let mut findings = Findings { output, worst: Verdict::Good };
    findings.add(Verdict::Good, "version", &format!("mapioffline {}", env!("CARGO_PKG_VERSION")));
    look_at_environment(&mut findings);
    let folder = match chosen {
        Some(path) => Ok(StateFolder::at(std::path::absolute(&path).unwrap_or(path))),
        None => StateFolder::of_user(),
    };
    match folder {
        Ok(folder) => look_at_folder(&folder, &mut findings),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            findings.add(Verdict::Note, "store", &error.to_string());
        }
        Err(error) => findings.add(Verdict::Bad, "store", &format!("{error}; every program keeps the state to itself")),
    }
    Ok(if findings.worst == Verdict::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn look_at_environment(findings: &mut Findings) {
    const KNOWN: [&str; 4] = ["MAPIOFFLINE_LOG", "MAPIOFFLINE_STATE_DIR", "MAPIOFFLINE_STORE", "MAPIOFFLINE_STRICT"];
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("MAPIOFFLINE_")) else { continue };
        let text = format!("{name}={}", shown(&value.to_string_lossy()));
        if !KNOWN.contains(&name) {
            findings.add(Verdict::Note, "environment", &format!("{text}: no such variable is known"));
        } else if name == "MAPIOFFLINE_STORE" && value != "memory" && value != "shared" && !value.is_empty() {
            findings.add(Verdict::Bad, "environment", &format!("{text}: neither memory nor shared"));
        } else {
            findings.add(Verdict::Good, "environment", &text);
        }
    }
}

fn look_at_folder(folder: &StateFolder, findings: &mut Findings) {
    let path = folder.path().display();
    match folder.permissions() {
        Ok(permissions) => {
            findings.add(Verdict::Good, "folder", &format!("{path} is this user's own (permissions {permissions})"));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Whether it could be made is best seen by making it, as the first program that opens a profile would.
            match folder.check() {
                Ok(()) => findings.add(Verdict::Good, "folder", &format!("{path} was not there, and has been made")),
                Err(error) => {
                    let text = format!("{path} cannot be made: {error}; every program keeps the state to itself");
                    findings.add(Verdict::Bad, "folder", &text);
                    return;
                }
            }
        }
        Err(error) => {
            let text = format!("{path} is refused: {error}; every program keeps the state to itself");
            findings.add(Verdict::Bad, "folder", &text);
            return;
        }
    }
    let start = Instant::now();
    match folder.try_write() {
        Ok(()) => {
            let took = start.elapsed().as_micros();
            findings.add(
                Verdict::Good,
                "writing",
                &format!("a change can be written (locked and written in {took} µs)"),
            );
        }
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            let text =
                "another program holds the folder's lock; changes fail with MAPI_E_TIMEOUT until it goes on or ends";
            findings.add(Verdict::Bad, "writing", text);
        }
        Err(error) => {
            findings.add(Verdict::Bad, "writing", &format!("{error}; changes fail with MAPI_E_DISK_ERROR"));
        }
    }
    match folder.noticing() {
        Noticing::Watched => findings.add(Verdict::Good, "noticing", "programs are told of changes by the system"),
        Noticing::WatchedAndPolled => {
            let text =
                "the folder is on a network file system: what other machines change is noticed within half a second";
            findings.add(Verdict::Note, "noticing", text);
        }
        Noticing::Polled(why) => {
            let text = format!("programs look twice a second, as the system cannot tell them: {why}{}", limits());
            findings.add(Verdict::Note, "noticing", &text);
        }
        _ => {}
    }
    look_at_profiles(folder, findings);
}

fn look_at_profiles(folder: &StateFolder, findings: &mut Findings) {
    match folder.profiles() {
        Ok(profiles) => {
            let sound = profiles.iter().filter(|profile| profile.record.is_ok()).count();
            findings.add(Verdict::Good, "profiles", &format!("{sound} can be read"));
            for profile in &profiles {
                let name = shown(&profile.name);
                match &profile.record {
                    Ok(_) => {}
                    Err(Unread::Newer(format)) => {
                        let text = format!(
                            "{name} was written by a later version (format {format}); programs of this version keep it to themselves"
                        );
                        findings.add(Verdict::Note, "profiles", &text);
                    }
                    Err(Unread::Unreadable(error)) => {
                        findings.add(Verdict::Bad, "profiles", &format!("{name} cannot be read: {error}"));
                    }
                    Err(_) => {
                        let text = format!("{name} is damaged; it is set aside when a program opens it");
                        findings.add(Verdict::Bad, "profiles", &text);
                    }
                }
            }
        }
        Err(error) => findings.add(Verdict::Bad, "profiles", &error.to_string()),
    }
    for file in folder.set_aside().unwrap_or_default() {
        findings.add(Verdict::Note, "set aside", &format!("{file} was damaged; look at it, and delete it"));
    }
}

/// Linux counts what every user watches.
fn limits() -> String {
    let limit = |name| std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok();
    limit("max_user_instances")
        .map_or_else(String::new, |instances| format!(" (fs.inotify.max_user_instances is {})", instances.trim()))
}
