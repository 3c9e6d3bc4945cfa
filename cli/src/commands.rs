//! The commands that read and change profiles.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use mapioffline::{
    Capabilities, ErrorKind, OfflineObject, ProfileRecord, ReadError, State, StateFolder, StoredProfile,
};
use serde_json::{Value, json};

use crate::arguments::Can;
use crate::clients;
use crate::failure::{Code, Failure};
use crate::output::{self, Cell, Output, ago, bad, list, shown, style_of, timestamp, word, words};

/// Returns the state folder, and makes this process use it.
pub(crate) fn folder(chosen: Option<PathBuf>) -> Result<StateFolder, Failure> {
    let folder = match chosen {
        Some(path) => {
            let path = std::path::absolute(&path)
                .map_err(|error| Failure::new(Code::NoFolder, format!("{}: {error}", path.display())))?;
            StateFolder::at(path)
        }
        None => StateFolder::of_user().map_err(|error| {
            let unset = "; unset the variable to see the shared state";
            let advice = if error.kind() == io::ErrorKind::Unsupported { unset } else { "" };
            Failure::new(Code::NoFolder, format!("{error}{advice}"))
        })?,
    };
    folder.use_in_this_process();
    Ok(folder)
}

/// Opens a profile. Creates and checks the folder first: the library would keep the state in memory if the folder is unusable.
pub(crate) fn open(folder: &StateFolder, profile: &str) -> Result<OfflineObject, Failure> {
    folder.create().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    OfflineObject::open(profile).map_err(|error| Failure::of_profile(profile, &error))
}

/// Returns the stored spelling of the name, or `profile` if no spelling is stored.
pub(crate) fn spelled(folder: &StateFolder, profile: &str) -> String {
    folder.profile(profile).ok().flatten().map_or_else(|| profile.to_owned(), |stored| stored.name)
}

pub(crate) fn profiles(folder: &StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let profiles = folder.profiles().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    if profiles.is_empty() {
        output.remark("no profile has been set or added; all are online");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = profiles.iter().map(|profile| (row(profile), object(profile))).collect();
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

pub(crate) fn status(folder: &StateFolder, profile: Option<&str>, output: &Output) -> Result<ExitCode, Failure> {
    let Some(name) = profile else {
        let profiles = folder.profiles().map_err(|error| Failure::of_folder(folder.path(), &error))?;
        if profiles.is_empty() {
            output.remark("no profile has been set or added; all are online");
        }
        profiles.iter().for_each(|profile| output.say(|| sentence(profile), || object(profile)));
        return Ok(ExitCode::SUCCESS);
    };
    let stored = folder.profile(name).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    match stored {
        Some(profile) => {
            output.say(|| sentence(&profile), || object(&profile));
            if let Err(error) = &profile.record {
                let advice = if *error == ReadError::Damaged { "; `mapioffline remove` removes it" } else { "" };
                return Err(Failure::new(Code::Failed, format!("{name}: {}{advice}", reason(error))));
            }
        }
        None => output.say(
            || {
                let style = style_of(State::Online);
                format!("{} is {style}online{style:#}; no state is stored for it", shown(name))
            },
            || json!({ "profile": name, "stored": false, "state": "online", "capabilities": ["online", "offline"] }),
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn sentence(profile: &StoredProfile) -> String {
    let name = shown(&profile.name);
    match &profile.record {
        Ok(record) => {
            let style = style_of(record.state);
            let (state, can) = (word(record.state), list(record.capabilities));
            let hosted = if record.hosted { "; hosted" } else { "" };
            format!(
                "{name} is {style}{state}{style:#}; can be set to {can}{hosted}; changed {} by {}",
                ago(record.changed_at),
                author(record)
            )
        }
        Err(error) => format!("{name}: {}", reason(error)),
    }
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
    let old = loop {
        let old = object.state();
        let done = if waiting.until_free { object.set_state_and_wait(state) } else { object.set_state(state) };
        match done {
            Ok(()) => break old,
            Err(error) if waiting.until_free && matches!(error.kind(), ErrorKind::Pending | ErrorKind::Timeout) => {
                progress.step();
                sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(Failure::of_profile(profile, &error)),
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
                format!("{name} is {to}{state_word}{to:#}; no state was stored for it before")
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
            format!("{name} added: {style}{}{style:#}; can be set to {}", word(state), list(capabilities))
        },
        || json!({ "profile": profile, "state": word(state), "capabilities": words(capabilities), "added": true }),
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn remove(folder: &StateFolder, profile: &str, output: &Output) -> Result<ExitCode, Failure> {
    if !folder.remove(profile).map_err(|error| Failure::of_folder(folder.path(), &error))? {
        let line = format!("no state is stored for {profile}; `mapioffline profiles` lists all that are stored");
        return Err(Failure::new(Code::NoSuchProfile, line));
    }
    output.say(
        || format!("{} removed; programs that have it open keep its state until it changes", output::shown(profile)),
        || json!({ "profile": profile, "removed": true }),
    );
    Ok(ExitCode::SUCCESS)
}
