//! Decisions of people about profiles, and how decisions are shown.

use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mapioffline::{State, StateFolder};
use serde_json::{Value, json};

use crate::failure::{Code, Failure};
use crate::folder::spelled;
use crate::history::{By, Entry, Histories, History, What};
use crate::output::{Output, shown, style_of, word};

/// The decision of who runs this program.
pub(crate) fn by_hand(state: State, reason: Option<String>, how_long: Option<Duration>) -> Result<Entry, Failure> {
    let until = match how_long.map(|how_long| Timestamp::now().checked_add(how_long)) {
        None => None,
        Some(Ok(until)) => Some(until),
        Some(Err(_)) => return Err(Failure::new(Code::Usage, "--for is too long a time")),
    };
    Ok(Entry { until, ..Entry::new(state, person(), reason) })
}

fn person() -> By {
    By::Person(user())
}

/// The name of the user.
pub(crate) fn user() -> String {
    let name = ["LOGNAME", "USER", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(unnamed)
}

/// Who has no name in the environment, as in a container.
fn unnamed() -> String {
    #[cfg(unix)]
    return format!("user {}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    return "a person".to_owned();
}

/// Hands a profile back to the agent.
pub(crate) fn hand_back(
    folder: &StateFolder,
    profile: &str,
    reason: Option<String>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let failed = |error| Failure::of_folder(folder.path(), &error);
    let histories = Histories::of(folder);
    // A name that is not valid makes no folder.
    folder.file_name(profile).map_err(failed)?;
    let locked = histories.lock(folder).map_err(failed)?;
    let mut history = locked.read(folder, profile).map_err(failed)?;
    history.add(Entry::new(What::Auto, person(), reason));
    locked.write(folder, profile, &history).map_err(failed)?;
    drop(locked);
    let (name, state) = (spelled(folder, profile), history.state());
    let has_agent = histories.has_agent();
    output.say(
        || {
            let waits = if has_agent { "until the agent decides otherwise" } else { "until an agent runs and decides" };
            format!("{} is handed back to the agent, and stays {} {waits}", shown(&name), word(state))
        },
        || json!({ "profile": name, "state": word(state), "auto": true, "agent_runs": has_agent }),
    );
    Ok(ExitCode::SUCCESS)
}

/// Prints the decisions about a profile.
pub(crate) fn history(folder: &StateFolder, profile: &str, output: &Output) -> Result<ExitCode, Failure> {
    let history =
        Histories::of(folder).read(folder, profile).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    if history.entries.is_empty() {
        output.remark(&format!("no one was seen to set {}: it is {}", shown(profile), word(history.state())));
    }
    for entry in &history.entries {
        output.say(|| line(entry), || object(entry));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is known of the decision about a profile: who and why, and how the agent takes that.
pub(crate) fn lines(profile: &str, history: &History) -> Vec<(&'static str, String)> {
    let Some(entry) = history.last() else { return Vec::new() };
    let mut lines = vec![("because", shown(&entry.who_and_why()))];
    match (history.held(), entry.until) {
        (None, _) => {}
        (Some(_), None) => {
            let name = shlex::try_quote(profile).map_or_else(|_| profile.to_owned(), |name| name.into_owned());
            lines.push(("agent", format!("leaves it alone until `mapioffline set {} auto`", shown(&name))));
        }
        (Some(_), Some(until)) => lines.push(("agent", format!("takes it back at {}", local(until)))),
    }
    lines
}

pub(crate) fn object(entry: &Entry) -> Value {
    let name = match &entry.by {
        By::Person(name) | By::Program(name) | By::Fleet(name) => Some(name),
        By::Agent => None,
    };
    json!({
        "at": format!("{:.3}", entry.at),
        "what": words(entry.what),
        "by": entry.by.word(),
        "name": name,
        "pid": entry.pid,
        "why": entry.why,
        "until": entry.until.map(|until| until.to_string()),
    })
}

fn line(entry: &Entry) -> String {
    let what = match entry.what {
        What::Online => format!("{0}online{0:#} ", style_of(State::Online)),
        What::Offline => format!("{0}offline{0:#}", style_of(State::Offline)),
        What::Auto => "auto   ".to_owned(),
    };
    let until = entry.until.map(|until| format!(", until {}", local(until))).unwrap_or_default();
    format!("{}  {what}  {}{until}", local(entry.at), shown(&entry.who_and_why()))
}

/// The local date and time.
pub(crate) fn local(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub(crate) fn words(what: What) -> &'static str {
    match what {
        What::Online => word(State::Online),
        What::Offline => word(State::Offline),
        What::Auto => "auto",
    }
}
