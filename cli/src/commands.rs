//! What the commands do.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use mapioffline::{
    Capabilities, Change, Error, OfflineObject, Phase, ProfileRecord, State, StateFolder, StoredProfile, Subscription,
    Unread,
};
use serde_json::{Value, json};

use crate::arguments::Can;
use crate::failure::{Code, Failure};
use crate::output::{self, Cell, Output, ago, bad, clock, list, shown, style_of, timestamp, word, words};

/// The folder to look at, which is then also this process's own.
pub(crate) fn folder(chosen: Option<PathBuf>) -> Result<StateFolder, Failure> {
    let folder = match chosen {
        Some(path) => {
            let path = std::path::absolute(&path)
                .map_err(|error| Failure::new(Code::NoFolder, format!("{}: {error}", path.display())))?;
            StateFolder::at(path)
        }
        None => StateFolder::of_user().map_err(|error| {
            let advice = if error.kind() == ErrorKind::Unsupported { "; unset it to see shared ones" } else { "" };
            Failure::new(Code::NoFolder, format!("{error}{advice}"))
        })?,
    };
    folder.use_in_this_process();
    Ok(folder)
}

/// Opens a profile in a folder that is known to be sound.
fn open(folder: &StateFolder, profile: &str) -> Result<OfflineObject, Failure> {
    folder.check().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    OfflineObject::open(profile).map_err(|error| Failure::of_profile(profile, error))
}

/// The name as it was first spelled.
fn spelled(folder: &StateFolder, profile: &str) -> String {
    folder.profile(profile).ok().flatten().map_or_else(|| profile.to_owned(), |stored| stored.name)
}

pub(crate) fn profiles(folder: &StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let profiles = folder.profiles().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    if profiles.is_empty() {
        output.remark("no profile has been set or added; all are online");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = profiles.iter().map(|profile| (row(profile), object(profile))).collect();
    output.table(&["PROFILE", "STATE", "CAN BE SET", "CHANGED", "BY"], rows);
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
        Err(unread) => vec![name, bad("?"), bad(why(unread)), String::new().into(), String::new().into()],
    }
}

fn author(record: &ProfileRecord) -> String {
    format!("{} ({})", shown(&record.changed_by_program), record.changed_by_pid)
}

fn why(unread: &Unread) -> String {
    match unread {
        Unread::Newer(format) => format!("written by a later version (format {format})"),
        Unread::Damaged => "damaged; set aside when a program opens it".to_owned(),
        Unread::Unreadable(error) => format!("cannot be read: {error}"),
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
        Err(unread) => json!({ "profile": profile.name, "stored": true, "error": why(unread) }),
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
            if let Err(unread) = &profile.record {
                let advice = if *unread == Unread::Damaged { "; `mapioffline remove` forgets it" } else { "" };
                return Err(Failure::new(Code::Failed, format!("{}: {}{advice}", shown(name), why(unread))));
            }
        }
        None => output.say(
            || {
                let style = style_of(State::Online);
                format!("{} is {style}online{style:#}; nobody has set it yet", shown(name))
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
            let hosted = if record.hosted { "; created" } else { "" };
            format!(
                "{name} is {style}{state}{style:#}; can be set {can}{hosted}; changed {} by {}",
                ago(record.changed_at),
                author(record)
            )
        }
        Err(unread) => format!("{name}: {}", why(unread)),
    }
}

pub(crate) fn set(
    folder: &StateFolder,
    profile: &str,
    state: State,
    wait: bool,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let object = open(folder, profile)?;
    let stored = folder.profile(profile).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    // Nobody would be told, and nothing would come of it.
    if let Some(Err(unread @ (Unread::Newer(_) | Unread::Unreadable(_)))) = stored.as_ref().map(|stored| &stored.record)
    {
        return Err(Failure::new(Code::Failed, format!("{}: {}", shown(profile), why(unread))));
    }
    if stored.is_none() && object.state() == state {
        // Programs may hold another state of a profile that was removed: they are told what is written.
        OfflineObject::global(profile).map_err(|error| Failure::of_profile(profile, error))?;
    }
    let mut progress = output.progress(&format!("waiting for {}", shown(profile)));
    let old = loop {
        let old = object.state();
        let done = if wait { object.set_state_and_wait(state) } else { object.set_state(state) };
        match done {
            Ok(()) => break old,
            Err(Error::Pending | Error::Timeout) if wait => {
                progress.step();
                sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(Failure::of_profile(profile, error)),
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
            if old == state {
                format!("{name} is {to}{state_word}{to:#} already")
            } else {
                format!("{name}: {from}{}{from:#} -> {to}{state_word}{to:#}", word(old))
            }
        },
        || json!({ "profile": name, "old": word(old), "new": word(state), "changed": old != state }),
    );
    Ok(ExitCode::SUCCESS)
}

/// What a program was told.
struct Told {
    profile: String,
    change: Change,
    at: SystemTime,
}

pub(crate) fn watch(
    folder: &StateFolder,
    profiles: Vec<String>,
    count: Option<u64>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    const NEW_PROFILES: Duration = Duration::from_millis(500);
    let (sender, told) = channel();
    let mut watched: Vec<(OfflineObject, Subscription)> = Vec::new();
    let all = profiles.is_empty();
    let mut names = if all { stored_names(folder)? } else { profiles };
    if all && names.is_empty() {
        output.remark("no profile has been set or added yet; waiting for the first");
    }
    let mut left = count.unwrap_or(u64::MAX);
    loop {
        for name in names.drain(..) {
            let object = open(folder, &name)?;
            // Whatever its spelling, a profile is one object.
            if watched.iter().any(|(standing, _)| *standing == object) {
                continue;
            }
            let name = spelled(folder, &name);
            let subscription = begin_to_watch(&object, &name, &sender)?;
            let state = object.state();
            output.say(
                || {
                    let style = style_of(state);
                    format!("{}  {} is {style}{}{style:#}", clock(SystemTime::now()), shown(&name), word(state))
                },
                || {
                    let time = timestamp(SystemTime::now());
                    json!({ "time": time, "profile": name, "phase": "watching", "state": word(state) })
                },
            );
            watched.push((object, subscription));
        }
        if left == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        match told.recv_timeout(NEW_PROFILES) {
            Ok(told) => {
                print(&told, output);
                left -= 1;
            }
            // A folder that cannot be read now is asked again.
            Err(RecvTimeoutError::Timeout) if all => names = stored_names(folder).unwrap_or_default(),
            Err(_) => {}
        }
        if let Some(warning) = crate::failure::warning() {
            output.warning(&warning);
        }
    }
}

fn begin_to_watch(object: &OfflineObject, name: &str, sender: &Sender<Told>) -> Result<Subscription, Failure> {
    let (sender, profile) = (sender.clone(), name.to_owned());
    let subscription = object.subscribe(move |change| {
        let told = Told { profile: profile.clone(), change: *change, at: SystemTime::now() };
        // Nobody listens any more when the program is about to end.
        drop(sender.send(told));
    });
    subscription.map_err(|error| Failure::of_profile(name, error))
}

fn stored_names(folder: &StateFolder) -> Result<Vec<String>, Failure> {
    let profiles = folder.profiles().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    Ok(profiles.into_iter().map(|profile| profile.name).collect())
}

fn print(told: &Told, output: &Output) {
    let Change { phase, old, new, .. } = told.change;
    // In the reference's words, as the monitors print them.
    let phase = match phase {
        Phase::Start => "START",
        Phase::Change => "STATECHANGE",
        Phase::Done => "DONE",
    };
    output.say(
        || {
            let (from, to) = (style_of(old), style_of(new));
            let (name, clock) = (shown(&told.profile), clock(told.at));
            format!("{clock}  {name}  {phase:11}  {from}{}{from:#} -> {to}{}{to:#}", word(old), word(new))
        },
        || {
            json!({
                "time": timestamp(told.at),
                "profile": told.profile,
                "phase": phase.to_lowercase(),
                "old": word(old),
                "new": word(new),
            })
        },
    );
}

pub(crate) fn add(folder: &StateFolder, profile: &str, can: &[Can], output: &Output) -> Result<ExitCode, Failure> {
    let stored = folder.profile(profile).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    // A damaged file is set aside by who opens the profile, which is what follows.
    if stored.is_some_and(|stored| stored.record != Err(Unread::Damaged)) {
        let line = format!("{} exists already; `mapioffline remove` forgets it", shown(profile));
        return Err(Failure::new(Code::Exists, line));
    }
    folder.check().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    let bits = can.iter().fold(0, |bits, can| match can {
        Can::Online => bits | Capabilities::ONLINE.bits(),
        Can::Offline => bits | Capabilities::OFFLINE.bits(),
        Can::None => bits,
    });
    let capabilities = Capabilities::from_bits(bits).unwrap_or(Capabilities::ALL);
    let created = OfflineObject::builder(profile).global().capabilities(capabilities).create();
    let object = created.map_err(|error| Failure::of_profile(profile, error))?;
    let written = folder.profile(profile).ok().flatten().and_then(|stored| stored.record.ok());
    if written.is_some_and(|record| record.changed_by_pid != std::process::id()) {
        return Err(Failure::new(Code::Exists, format!("{} was added by another program just now", shown(profile))));
    }
    let (state, capabilities) = (object.state(), object.capabilities());
    output.say(
        || {
            let style = style_of(state);
            let name = shown(profile);
            format!("{name} added: {style}{}{style:#}; can be set {}", word(state), list(capabilities))
        },
        || json!({ "profile": profile, "state": word(state), "capabilities": words(capabilities), "added": true }),
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn remove(folder: &StateFolder, profile: &str, output: &Output) -> Result<ExitCode, Failure> {
    if !folder.remove(profile).map_err(|error| Failure::of_folder(folder.path(), &error))? {
        let line = format!("nothing is stored of {}; `mapioffline profiles` lists what is", shown(profile));
        return Err(Failure::new(Code::NoSuchProfile, line));
    }
    output.say(
        || format!("{} removed; programs that have it open keep its state until it changes", output::shown(profile)),
        || json!({ "profile": profile, "removed": true }),
    );
    Ok(ExitCode::SUCCESS)
}
