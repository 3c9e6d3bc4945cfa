//! The commands that read and change profiles.

use std::io;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use mapioffline::{
    Capabilities, ErrorKind, OfflineObject, ProfileRecord, ReadError, State, StateFolder, StoredProfile,
};
use serde_json::{Value, json};

use crate::arguments::Can;
use crate::clients;
use crate::decisions;
use crate::failure::{Code, Failure};
use crate::folder::{open, spelled};
use crate::history::{Entry, Histories, History};
use crate::output::{self, Cell, Output, ago, bad, list, shown, style_of, timestamp, word, words};

pub(crate) fn profiles(folder: &StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let profiles = folder.profiles().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    if profiles.is_empty() {
        output.remark("no profile has been set or added: all are online");
        return Ok(ExitCode::SUCCESS);
    }
    let rows =
        profiles.iter().map(|profile| (row(profile), decided(object(profile), &history_of(folder, profile)))).collect();
    output.table(&["PROFILE", "STATE", "CAN BE SET TO", "CHANGED", "BY"], rows);
    Ok(ExitCode::SUCCESS)
}

fn row(profile: &StoredProfile) -> Vec<Cell> {
    let name = Cell::from(shown(&profile.name));
    match &profile.record {
        Ok(record) => vec![
            name,
            record.state.into(),
            list(record.capabilities).into(),
            ago(record.changed_at).into(),
            author(record).into(),
        ],
        Err(error) => vec![name, bad("?"), bad(reason(error)), String::new().into(), String::new().into()],
    }
}

fn author(record: &ProfileRecord) -> String {
    format!("{} ({})", shown(&record.changed_by_program), record.changed_by_pid)
}

/// Says why a profile's file gives no state.
fn reason(error: &ReadError) -> String {
    match error {
        ReadError::LaterFormat(format) => format!("written by a later version of mapioffline (format {format})"),
        ReadError::Damaged => "damaged; the next program that opens the profile sets the file aside".to_owned(),
        ReadError::Unreadable(error) => format!("cannot be read: {}", shown(error)),
        _ => "cannot be read".to_owned(),
    }
}

fn object(profile: &StoredProfile) -> Value {
    match &profile.record {
        Ok(record) => json!({
            "profile": profile.name,
            "stored": true,
            "state": word(record.state),
            "capabilities": words(record.capabilities),
            "hosted": record.hosted,
            "revision": record.revision,
            "changed_at": timestamp(record.changed_at),
            "changed_by": { "program": record.changed_by_program, "pid": record.changed_by_pid },
        }),
        Err(error) => json!({ "profile": profile.name, "stored": true, "error": reason(error) }),
    }
}

/// Shows the state of a profile, or of all. If it is not the state that it should be in, the exit code says so.
pub(crate) fn status(
    folder: &StateFolder,
    profile: Option<&str>,
    expected: Option<State>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let Some(name) = profile else {
        let profiles = folder.profiles().map_err(|error| Failure::of_folder(folder.path(), &error))?;
        if profiles.is_empty() {
            output.remark("no profile has been set or added: all are online");
        }
        for profile in &profiles {
            let history = history_of(folder, profile);
            output.say(|| sentence(profile, &history), || decided(object(profile), &history));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let stored = folder.profile(name).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    let state = match stored {
        Some(profile) => {
            let history = history_of(folder, &profile);
            output.say(|| sentence(&profile, &history), || decided(object(&profile), &history));
            let record = profile.record.map_err(|error| {
                let advice = if error == ReadError::Damaged { "; `mapioffline remove` removes it" } else { "" };
                Failure::new(Code::Failed, format!("{name}: {}{advice}", reason(&error)))
            })?;
            record.state
        }
        None => {
            output.say(
                || {
                    let style = style_of(State::Online);
                    format!("{} is {style}online{style:#} (no state is stored for it)", shown(name))
                },
                || json!({ "profile": name, "stored": false, "state": "online", "capabilities": ["online", "offline"] }),
            );
            State::Online
        }
    };
    Ok(if expected.is_none_or(|expected| expected == state) { ExitCode::SUCCESS } else { Code::Other.into() })
}

/// What is known of who decided. A history that cannot be read keeps no one from seeing the state.
fn history_of(folder: &StateFolder, profile: &StoredProfile) -> History {
    Histories::of(folder).read(folder, &profile.name).unwrap_or_default()
}

/// The object with the decision that is in force.
fn decided(mut object: Value, history: &History) -> Value {
    if let Some(entry) = history.last() {
        object["decision"] = decisions::object(entry);
    }
    object
}

/// The state of a profile, and below it what else is known, a line for each.
fn sentence(profile: &StoredProfile, history: &History) -> String {
    let name = shown(&profile.name);
    let record = match &profile.record {
        Ok(record) => record,
        Err(error) => return format!("{name}: {}", reason(error)),
    };
    let style = style_of(record.state);
    let mut text = format!("{name} is {style}{}{style:#}", word(record.state));
    let mut line = |label: &str, what: &str| text += &format!("\n  {label:8}  {what}");
    line("changed", &format!("{} by {}", ago(record.changed_at), author(record)));
    for (label, what) in decisions::lines(&profile.name, history) {
        line(label, &what);
    }
    if record.capabilities != Capabilities::ALL {
        line("can be", &list(record.capabilities));
    }
    if record.hosted {
        line("hosted", "programs with strict hosting can open it");
    }
    text
}

/// What `set` waits for.
pub(crate) struct Waiting {
    /// Until the profile and the state folder can be used.
    pub(crate) until_free: bool,
    /// Until every program has returned from its notifications, for so long.
    pub(crate) settle: Option<Duration>,
}

pub(crate) fn set(
    folder: &StateFolder,
    profile: &str,
    state: State,
    decision: Entry,
    waiting: Waiting,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let object = open(folder, profile)?;
    let stored = folder.profile(profile).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    // The change would not be stored, and no other program would be notified.
    if let Some(Err(error @ (ReadError::LaterFormat(_) | ReadError::Unreadable(_)))) =
        stored.as_ref().map(|stored| &stored.record)
    {
        return Err(Failure::new(Code::Failed, format!("{profile}: {}", reason(error))));
    }
    let mut progress = output.progress(&format!("waiting for {}", shown(profile)));
    let histories = Histories::of(folder);
    let old = loop {
        let old = object.state();
        let set = || if waiting.until_free { object.set_state_and_wait(state) } else { object.set_state(state) };
        match decided_by(&histories, folder, profile, &decision, set, output) {
            Ok(()) => break old,
            Err(error) if waiting.until_free && matches!(error.kind(), ErrorKind::Pending | ErrorKind::Timeout) => {
                progress.step();
                sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(Failure::of_profile(profile, &error).or_wait("wait by --wait")),
        }
    };
    drop(progress);
    if let Some(warning) = crate::failure::warning() {
        output.warning(&warning);
    }
    let name = spelled(folder, profile);
    output.say(
        || {
            let (name, from, to) = (shown(&name), style_of(old), style_of(state));
            let state_word = word(state);
            if stored.is_none() && old == state {
                // A program that has a removed profile open in the other state is notified.
                format!("{name} is {to}{state_word}{to:#} (no state was stored for it before)")
            } else if old == state {
                format!("{name} is {to}{state_word}{to:#} already")
            } else {
                format!("{name}: {from}{}{from:#} -> {to}{state_word}{to:#}", word(old))
            }
        },
        || {
            let changed = stored.is_none() || old != state;
            json!({ "profile": name, "old": word(old), "new": word(state), "changed": changed })
        },
    );
    if let Some(timeout) = waiting.settle {
        clients::settle(folder, profile, timeout)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Sets a state, and writes down who decided that. Where that cannot be written the state is set all the same, with a warning: only
/// the agent does not know then that it was set by hand if it was in that state already.
fn decided_by(
    histories: &Histories,
    folder: &StateFolder,
    profile: &str,
    decision: &Entry,
    set: impl FnOnce() -> Result<(), mapioffline::Error>,
    output: &Output,
) -> Result<(), mapioffline::Error> {
    let mut set = Some(set);
    let mut done = None;
    let written = histories.lock(folder).and_then(|locked| {
        let history = locked.read(folder, profile)?;
        locked.decide(folder, profile, history, decision.clone(), || {
            let result = set.take().map_or(Ok(()), |set| set());
            let is_set = result.is_ok();
            done = Some(result);
            if is_set { Ok(()) } else { Err(io::Error::other("not set")) }
        })
    });
    let done = done.unwrap_or_else(|| set.take().map_or(Ok(()), |set| set()));
    if let (Ok(()), Err(error)) = (&done, written) {
        output.warning(&format!("who set {profile}, and why, is not in its history: {error}"));
    }
    done
}

pub(crate) fn add(folder: &StateFolder, profile: &str, can: &[Can], output: &Output) -> Result<ExitCode, Failure> {
    let stored = folder.profile(profile).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    // A damaged file does not count: the library sets it aside when the object is created below.
    if stored.is_some_and(|stored| stored.record != Err(ReadError::Damaged)) {
        let line = format!("{profile} exists already; `mapioffline remove` removes it");
        return Err(Failure::new(Code::Exists, line));
    }
    folder.create().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    let bits = can.iter().fold(0, |bits, can| match can {
        Can::Online => bits | Capabilities::ONLINE.bits(),
        Can::Offline => bits | Capabilities::OFFLINE.bits(),
        Can::None => bits,
    });
    let capabilities = Capabilities::from_bits(bits).unwrap_or(Capabilities::ALL);
    let created = OfflineObject::builder(profile).global().capabilities(capabilities).create();
    let object = created.map_err(|error| Failure::of_profile(profile, &error))?;
    let written = folder.profile(profile).ok().flatten().and_then(|stored| stored.record.ok());
    if written.is_some_and(|record| record.changed_by_pid != std::process::id()) {
        return Err(Failure::new(Code::Exists, format!("{profile} was just created by another program")));
    }
    let (state, capabilities) = (object.state(), object.capabilities());
    output.say(
        || {
            let style = style_of(state);
            let name = shown(profile);
            format!("{name} added: {style}{}{style:#}, can be set to {}", word(state), list(capabilities))
        },
        || json!({ "profile": profile, "state": word(state), "capabilities": words(capabilities), "added": true }),
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn remove(folder: &StateFolder, profile: &str, output: &Output) -> Result<ExitCode, Failure> {
    let failed = |error| Failure::of_folder(folder.path(), &error);
    let histories = Histories::of(folder);
    // Both under the lock: what an agent decides between would lose its history.
    let locked = histories.path().exists().then(|| histories.lock(folder)).transpose().map_err(failed)?;
    let was_stored = folder.remove(profile).map_err(failed)?;
    let had_history = locked.map_or(Ok(false), |locked| locked.remove(folder, profile)).map_err(failed)?;
    if !was_stored && !had_history {
        let line = format!("no state is stored for {profile}; `mapioffline profiles` lists all that are stored");
        return Err(Failure::new(Code::NoSuchProfile, line));
    }
    output.say(
        || format!("{} removed (programs that have it open keep its state until it changes)", output::shown(profile)),
        || json!({ "profile": profile, "removed": true }),
    );
    Ok(ExitCode::SUCCESS)
}
