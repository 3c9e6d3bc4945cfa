//! `mapioffline agent status`: what the agent knows at this moment.

use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;
use mapioffline::{State, StateFolder};
use serde_json::json;

use super::page;
use crate::failure::{Code, Failure};
use crate::history::Histories;
use crate::output::{Cell, Output, ago, bad, shown, word};

pub(crate) fn status(folder: &StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let histories = Histories::of(folder);
    if !histories.has_agent() {
        let line = format!("no agent runs for the state folder {}", folder.path().display());
        return Err(Failure::new(Code::Failed, line));
    }
    let status = page::ask(histories.path())
        .map_err(|error| Failure::new(Code::Failed, format!("the agent does not answer: {error}")))?;
    let mut rows = Vec::new();
    for (name, profile) in &status.profiles {
        let state = match profile.online {
            Some(true) => Cell::from(State::Online),
            Some(false) => Cell::from(State::Offline),
            None => Cell::from("?".to_owned()),
        };
        let by = match (&profile.failure, &profile.by) {
            (Some(failure), _) => bad(shown(failure)),
            (None, Some(by)) if profile.held => format!("{by}, held").into(),
            (None, Some(by)) => by.clone().into(),
            (None, None) => "-".to_owned().into(),
        };
        let decided = json!({
            "profile": name,
            "state": profile.online.map(|is_online| if is_online { "online" } else { "offline" }),
            "decision": profile.decision,
            "by": profile.by,
            "held": profile.held,
            "failure": profile.failure,
        });
        if profile.sources.is_empty() {
            let none = || Cell::from("-".to_owned());
            rows.push((
                vec![shown(name).into(), state.clone(), by.clone(), none(), none(), none(), none()],
                decided.clone(),
            ));
        }
        for source in &profile.sources {
            let is = match source.there {
                Some(true) => "there".to_owned().into(),
                Some(false) => bad("away"),
                None => Cell::from("?".to_owned()),
            };
            let since = source.since.map_or_else(String::new, since);
            let row = vec![
                shown(name).into(),
                state.clone(),
                by.clone(),
                shown(&source.source).into(),
                is,
                since.into(),
                shown(&source.answer).into(),
            ];
            let mut object = decided.clone();
            object["source"] = json!(source);
            rows.push((row, object));
        }
    }
    output.table(&["PROFILE", "STATE", "SET BY", "SOURCE", "IS", "SINCE", "LAST ANSWER"], rows);
    if let Some(fleet) = &status.fleet {
        let reach = match (fleet.silent, &fleet.why) {
            (None, _) => "within reach".to_owned(),
            (Some(since), why) => {
                let why = why.as_ref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
                format!("out of reach, last seen {}{why}", ago(SystemTime::from(since)))
            }
        };
        output.say(
            || {
                format!(
                    "fleet {}: {reach}; this is {}, in the groups {}",
                    fleet.server,
                    fleet.machine,
                    fleet.groups.join(", ")
                )
            },
            || json!({ "fleet": fleet }),
        );
        for said in &fleet.in_force {
            let why = said.why.as_ref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
            output.remark(&format!("  {}: {}, set by {}{why}", said.key, word(said.state()), shown(&said.by)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn since(time: Timestamp) -> String {
    ago(SystemTime::from(time))
}
