//! `mapioffline doctor`: checks the environment, the state folder and the stored profiles for problems.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use mapioffline::{ReadError, StateFolder, WatchMode};
use serde_json::json;

#[cfg(not(target_os = "linux"))]
use crate::failure::Code;
use crate::failure::Failure;
use crate::output::{Output, shown};
#[cfg(target_os = "linux")]
use crate::program::{Program, Watching};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// It works, but the user should know of it.
    Note,
    Bad,
}

/// Prints each finding, and keeps the worst verdict for the exit code.
struct Findings<'a> {
    output: &'a Output,
    worst: Verdict,
}

impl Findings<'_> {
    /// Adds a finding. The text may have names and paths in it as they are.
    fn add(&mut self, verdict: Verdict, what: &str, text: &str) {
        let (word, color) = match verdict {
            Verdict::Good => ("ok", AnsiColor::Green),
            Verdict::Note => ("note", AnsiColor::Yellow),
            Verdict::Bad => ("BAD", AnsiColor::Red),
        };
        let style = Style::new().fg_color(Some(color.into()));
        self.output.say(
            || format!("{style}{word:4}{style:#}  {what:12}  {}", shown(text)),
            || json!({ "check": what, "verdict": word.to_lowercase(), "text": text }),
        );
        if verdict == Verdict::Bad || self.worst == Verdict::Good {
            self.worst = verdict;
        }
    }
}

/// Checks as the process `pid` sees it. Returns only if that cannot be done.
#[cfg(target_os = "linux")]
pub(crate) use crate::program::look_as;

#[cfg(not(target_os = "linux"))]
pub(crate) fn look_as(_: u32) -> Failure {
    Failure::new(Code::Usage, "--pid works on Linux only: run doctor in the program's environment instead")
}

/// `program`: the process from whose point of view it is.
pub(crate) fn doctor(chosen: Option<PathBuf>, program: Option<u32>, output: &Output) -> Result<ExitCode, Failure> {
    let mut findings = Findings { output, worst: Verdict::Good };
    findings.add(Verdict::Good, "version", &format!("mapioffline {}", env!("CARGO_PKG_VERSION")));
    check_environment(&mut findings);
    let forced = std::env::var("MAPIOFFLINE_BARRIER").ok();
    let barrier = match (mapioffline::has_asymmetric_barrier(), forced.as_deref()) {
        (false, _) => {
            "each callback costs an atomic exchange, as this system has no barrier for all threads of a process"
        }
        (true, Some("symmetric")) => "each callback costs an atomic exchange, as MAPIOFFLINE_BARRIER says",
        (true, Some("asymmetric")) => "no callback needs an atomic exchange, as MAPIOFFLINE_BARRIER says",
        (true, _) => "programs with many callbacks use the system's barrier: a callback needs no atomic exchange",
    };
    findings.add(Verdict::Good, "callbacks", barrier);
    let folder = match chosen {
        Some(path) => Ok(StateFolder::at(path)),
        None => StateFolder::of_user(),
    };
    match folder {
        Ok(folder) => {
            check_folder(&folder, &mut findings);
            #[cfg(target_os = "linux")]
            if let Some(pid) = program {
                check_program(pid, &folder, &mut findings);
            }
            #[cfg(not(target_os = "linux"))]
            let _ = program;
        }
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            findings.add(Verdict::Note, "store", &error.to_string());
        }
        Err(error) => {
            findings.add(Verdict::Bad, "store", &format!("{error}; each program keeps the state in its own memory"));
        }
    }
    Ok(if findings.worst == Verdict::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check_environment(findings: &mut Findings) {
    const KNOWN: [&str; 5] =
        ["MAPIOFFLINE_BARRIER", "MAPIOFFLINE_LOG", "MAPIOFFLINE_STATE_DIR", "MAPIOFFLINE_STORE", "MAPIOFFLINE_STRICT"];
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("MAPIOFFLINE_")) else { continue };
        let text = format!("{name}={}", value.to_string_lossy());
        if !KNOWN.contains(&name) {
            findings.add(Verdict::Note, "environment", &format!("{text}: unknown variable; check its spelling"));
        } else if name == "MAPIOFFLINE_STORE" && value != "memory" && value != "shared" && !value.is_empty() {
            findings.add(Verdict::Bad, "environment", &format!("{text}: the value must be memory or shared"));
        } else if name == "MAPIOFFLINE_BARRIER" && value != "symmetric" && value != "asymmetric" && !value.is_empty() {
            findings.add(Verdict::Bad, "environment", &format!("{text}: the value must be symmetric or asymmetric"));
        } else {
            findings.add(Verdict::Good, "environment", &text);
        }
    }
}

fn check_folder(folder: &StateFolder, findings: &mut Findings) {
    let path = folder.path().display();
    // Creates nothing: who looks as another user would leave folders behind that the user cannot write to.
    match folder.check().and_then(|exists| if exists { folder.permissions().map(Some) } else { Ok(None) }) {
        Ok(Some(permissions)) => {
            findings.add(Verdict::Good, "folder", &format!("{path} belongs to this user (permissions {permissions})"));
        }
        Ok(None) => {
            let text = format!("{path} does not exist yet; the first program that opens a profile creates it");
            findings.add(Verdict::Good, "folder", &text);
            return;
        }
        Err(error) => {
            let text = format!("{path} cannot be used: {error}; each program keeps the state in its own memory");
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
                &format!("changes can be written (locking and writing took {took} µs)"),
            );
        }
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            let text = "another program holds the lock of the state folder; changes fail with MAPI_E_TIMEOUT until it \
                releases the lock or ends";
            findings.add(Verdict::Bad, "writing", text);
        }
        Err(error) => {
            findings.add(Verdict::Bad, "writing", &format!("{error}; changes fail with MAPI_E_DISK_ERROR"));
        }
    }
    match folder.watch_mode() {
        WatchMode::Watched => {
            findings.add(Verdict::Good, "watching", "the operating system notifies programs of changes");
        }
        WatchMode::WatchedAndPolled => {
            let text = "programs also check for changes twice a second, as the file system is not known to notify them of each \
                change";
            findings.add(Verdict::Note, "watching", text);
        }
        WatchMode::Polled(why) => {
            let text = format!(
                "programs check for changes twice a second, as the operating system cannot notify them: {why}{}",
                inotify_limit()
            );
            findings.add(Verdict::Note, "watching", &text);
        }
        _ => {}
    }
    check_profiles(folder, findings);
}

#[cfg(target_os = "linux")]
fn check_program(pid: u32, folder: &StateFolder, findings: &mut Findings) {
    let Program { name, library, watching } = Program::look(pid, folder.path());
    let library = library.map_or_else(String::new, |path| format!("; it has loaded {path}"));
    findings.add(
        Verdict::Good,
        "program",
        &format!("{pid} is {name}, seen with the environment that it was started with{library}"),
    );
    let folder = folder.path().display();
    match watching {
        Watching::This => findings.add(Verdict::Good, "program", &format!("it watches {folder}")),
        Watching::Another => {
            let text = format!(
                "it watches another folder than {folder}: its environment has changed since it was started, \
                or it was given a folder"
            );
            findings.add(Verdict::Bad, "program", &text);
        }
        Watching::No => {
            let text = "no thread of it watches a folder: it has no profile open, keeps the state in its own memory, checks \
                twice a second, or does not use this library";
            findings.add(Verdict::Note, "program", text);
        }
        Watching::Unknown(error) => {
            findings.add(Verdict::Note, "program", &format!("which folder it watches cannot be seen: {error}"));
        }
    }
}

fn check_profiles(folder: &StateFolder, findings: &mut Findings) {
    match folder.profiles() {
        Ok(profiles) => {
            let readable = profiles.iter().filter(|profile| profile.record.is_ok()).count();
            findings.add(Verdict::Good, "profiles", &format!("profiles that can be read: {readable}"));
            for profile in &profiles {
                let name = &profile.name;
                match &profile.record {
                    Ok(_) => {}
                    Err(ReadError::LaterFormat(format)) => {
                        let text = format!(
                            "{name} was written by a later version of mapioffline (format {format}); programs with this \
                            version keep its state in their own memory"
                        );
                        findings.add(Verdict::Note, "profiles", &text);
                    }
                    Err(ReadError::Unreadable(error)) => {
                        findings.add(Verdict::Bad, "profiles", &format!("{name} cannot be read: {error}"));
                    }
                    Err(_) => {
                        let text = format!("{name} is damaged; the next program that opens it sets the file aside");
                        findings.add(Verdict::Bad, "profiles", &text);
                    }
                }
            }
        }
        Err(error) => findings.add(Verdict::Bad, "profiles", &error.to_string()),
    }
    for file in folder.set_aside().unwrap_or_default() {
        findings.add(Verdict::Note, "set aside", &format!("{file} was damaged; inspect it, then delete it"));
    }
}

/// Says how many inotify instances Linux allows each user; empty on other systems.
fn inotify_limit() -> String {
    let limit = |name| std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok();
    limit("max_user_instances")
        .map_or_else(String::new, |instances| format!(" (fs.inotify.max_user_instances is {})", instances.trim()))
}
