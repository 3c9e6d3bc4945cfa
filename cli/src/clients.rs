//! The commands about programs that have profiles open, and waiting.

use std::io;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mapioffline::{OpenProfile, Program, Progress, ReadError, State, StateFolder};
use serde_json::{Value, json};

use crate::arguments::Condition;
use crate::failure::{Code, Failure};
use crate::output::{Cell, Output, ago, bad, shown, timestamp, word};

/// How long `clients` waits for answers. A program that does not answer by then has been stopped, or the machine is busy.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a file is looked at.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) fn clients(folder: &StateFolder, profile: Option<&str>, output: &Output) -> Result<ExitCode, Failure> {
    let programs = folder.programs(profile, PATIENCE).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    let mut rows = Vec::new();
    for program in &programs {
        match &program.profiles {
            Some(profiles) => {
                rows.extend(profiles.iter().map(|profile| (row(program, profile), object(program, profile))))
            }
            None => rows.push((silent_row(program), silent_object(program))),
        }
    }
    if rows.is_empty() {
        match profile {
            Some(profile) => output.remark(&format!("no program has {} open", shown(profile))),
            None => output.remark("no program has a profile open"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    output.table(&["PID", "PROGRAM", "PROFILE", "STATE", "REGISTRATIONS", "PHASE", "SINCE"], rows);
    Ok(ExitCode::SUCCESS)
}

fn row(program: &Program, profile: &OpenProfile) -> Vec<Cell> {
    vec![
        program.pid.to_string().into(),
        shown(&program.name).into(),
        shown(&profile.name).into(),
        profile.state.into(),
        profile.registrations.to_string().into(),
        phase(profile.progress).to_owned().into(),
        ago(profile.since).into(),
    ]
}

fn object(program: &Program, profile: &OpenProfile) -> Value {
    json!({
        "pid": program.pid,
        "program": program.name,
        "profile": profile.name,
        "state": word(profile.state),
        "registrations": profile.registrations,
        "phase": phase(profile.progress),
        "since": timestamp(profile.since),
    })
}

fn silent_row(program: &Program) -> Vec<Cell> {
    let empty = || Cell::from(String::new());
    let (pid, name) = (program.pid.to_string().into(), shown(&program.name).into());
    vec![pid, name, empty(), empty(), empty(), bad(silence(program)), ago(program.since).into()]
}

fn silent_object(program: &Program) -> Value {
    json!({
        "pid": program.pid,
        "program": program.name,
        "answered": false,
        "stopped": program.stopped,
        "since": timestamp(program.since),
    })
}

/// Why there is no answer.
fn silence(program: &Program) -> &'static str {
    match program {
        Program { stopped: true, .. } => "stopped",
        Program { elsewhere: true, .. } => "no answer; it may have ended",
        _ => "no answer",
    }
}

/// The word for how far a program is with a change.
fn phase(progress: Progress) -> &'static str {
    match progress {
        Progress::Idle => "idle",
        Progress::Pending => "pending",
        Progress::Start => "start",
        Progress::Change => "change",
        Progress::Done => "done",
        _ => "unreadable",
    }
}

/// Waits until every program has returned from its notifications; names those that have not.
pub(crate) fn settle(folder: &StateFolder, profile: &str, timeout: Duration) -> Result<(), Failure> {
    let late = folder.settle(profile, timeout).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    if late.is_empty() {
        return Ok(());
    }
    let late: Vec<String> = late.iter().map(describe).collect();
    let line =
        format!("{profile} is set, and not every program has returned from its notifications: {}", late.join(", "));
    Err(Failure::new(Code::TimedOut, line))
}

/// A program that has not settled, and what it is doing.
pub(crate) fn describe(program: &Program) -> String {
    let busy = program.profiles.iter().flatten().find(|profile| profile.progress != Progress::Idle);
    let doing = busy.map_or(silence(program), |profile| phase(profile.progress));
    format!("{} ({}): {doing}", program.name, program.pid)
}

/// Whether the profile is stored in this state; a profile that is not stored is online.
pub(crate) fn is_in(folder: &StateFolder, profile: &str, state: State) -> Result<bool, Failure> {
    let condition = if state == State::Online { Condition::Online } else { Condition::Offline };
    Ok(matches!(look(folder, profile, condition)?, Look::Met(_)))
}

pub(crate) fn wait(
    folder: &StateFolder,
    profiles: &[String],
    condition: Condition,
    timeout: Option<Duration>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let begun = Instant::now();
    let list = || profiles.iter().map(|profile| shown(profile)).collect::<Vec<_>>().join(" or ");
    let mut progress = output.progress(&format!("waiting for {}", list()));
    loop {
        let mut passing = None;
        for profile in profiles {
            match look(folder, profile, condition)? {
                Look::Not => {}
                Look::Unreadable(failure) => passing = Some(failure),
                Look::Met(state) => {
                    drop(progress);
                    output.say(
                        || format!("{} is {}", shown(profile), word(state)),
                        || json!({ "profile": profile, "state": word(state), "seconds": begun.elapsed().as_secs_f64() }),
                    );
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
        if timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
            let line = format!("{} did not come to be {}", list(), condition.word());
            return Err(passing.unwrap_or_else(|| Failure::new(Code::TimedOut, line)));
        }
        progress.step();
        sleep(timeout.map_or(PAUSE, |timeout| timeout.saturating_sub(begun.elapsed()).min(PAUSE)));
    }
}

/// What was seen of a profile.
enum Look {
    Met(State),
    Not,
    /// It may be readable in a moment.
    Unreadable(Failure),
}

/// Looks whether the condition is met. An error is there to stay.
fn look(folder: &StateFolder, profile: &str, condition: Condition) -> Result<Look, Failure> {
    let of_folder = |error: io::Error| Failure::of_folder(folder.path(), &error);
    let stored = match folder.profile(profile) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(of_folder(error)),
        Err(error) => return Ok(Look::Unreadable(of_folder(error))),
        Ok(stored) => stored,
    };
    let exists = stored.is_some();
    let state = match stored.map(|stored| stored.record) {
        None => State::Online,
        Some(Ok(record)) => record.state,
        Some(Err(ReadError::LaterFormat(format))) => {
            let line = format!("{profile}: its file has format {format}, of a later version of mapioffline");
            return Err(Failure::new(Code::Failed, line));
        }
        Some(Err(_)) => {
            let line = format!("{profile}: its file cannot be read; see `mapioffline status`");
            return Ok(Look::Unreadable(Failure::new(Code::Failed, line)));
        }
    };
    let is_met = match condition {
        Condition::Online => state == State::Online,
        Condition::Offline => state == State::Offline,
        Condition::Exists => exists,
    };
    Ok(if is_met { Look::Met(state) } else { Look::Not })
}
