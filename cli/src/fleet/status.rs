//! `mapioffline fleet status`: what is in force, and who does not follow.

use std::time::SystemTime;

use jiff::Timestamp;
use mapioffline::State;
use serde_json::json;

use super::instruction::{Canary, Value, parts, percent};
use super::report::{Profile, Report};
use super::server::{Server, created, entries, stored};
use super::set::{Reports, reports};
use crate::decisions::{local, words};
use crate::failure::Failure;
use crate::history::What;
use crate::output::{Cell, Output, ago, bad, shown};

/// By how much a machine's clock may differ without being named, in milliseconds.
const CLOCK: u64 = 5000;

pub(crate) async fn status(server: &Server, group: Option<&str>, all: bool, output: &Output) -> Result<(), Failure> {
    let bucket = server.instructions().await.map_err(Failure::failed)?;
    let mut reports = reports(server, &server.reports().await.map_err(Failure::failed)?).await?;
    if let Some(group) = group {
        reports.retain(|_, (report, _)| report.is_in(group));
    }
    let now = Timestamp::now();
    let mut rows = Vec::new();
    let mut is_as_said = true;
    for (key, entry) in entries(server, &bucket).await.map_err(Failure::failed)? {
        let Some((of, _)) = parts(&key).filter(|(of, _)| group.is_none_or(|group| group == *of)) else { continue };
        let at = stored(&entry);
        let value = match Value::read(&entry.value, at) {
            Ok(value) => value,
            Err(why) => {
                output.warning(&format!("what is said under {key} cannot be read: {why}"));
                continue;
            }
        };
        if value.instruction.is_in_force(now) {
            let said =
                Said { key: &key, group: of, value: &value, at, revision: entry.revision, bucket: created(&bucket) };
            let (row, follow_all) = instruction(&said, &reports, now);
            is_as_said &= follow_all;
            rows.push(row);
        }
    }
    if rows.is_empty() {
        output.remark("no instruction is in force");
    } else {
        output.table(&["GROUP", "PROFILE", "STATE", "BY", "SINCE", "UNTIL", "WHY", "FOLLOW"], rows);
    }
    let rows: Vec<_> =
        reports.iter().flat_map(|(machine, (report, at))| machine_rows(machine, report, *at, all, now)).collect();
    let silent = reports.values().filter(|(report, at)| report.is_silent(*at, now)).count();
    output.remark(&format!(
        "\n{} machine{} reported, {silent} of them silent{}",
        reports.len(),
        if reports.len() == 1 { " has" } else { "s have" },
        if rows.is_empty() && is_as_said && !reports.is_empty() { "; all is as said" } else { "" }
    ));
    if !rows.is_empty() {
        output.table(&["MACHINE", "PROFILE", "STATE", "FOLLOWS", "SINCE", "BECAUSE"], rows);
    }
    Ok(())
}

/// An instruction that is in force.
struct Said<'a> {
    key: &'a str,
    group: &'a str,
    value: &'a Value,
    at: Timestamp,
    revision: u64,
    bucket: Timestamp,
}

impl Said<'_> {
    /// Whether it is for a machine.
    fn is_for(&self, machine: &str, report: &Report) -> bool {
        let is_first = |canary: &Canary| canary.has(self.group, machine);
        report.is_in(self.group) && self.value.canary.as_ref().is_none_or(is_first)
    }

    /// Whether a machine has it, and no profile that it decides is otherwise.
    fn is_followed(&self, report: &Report) -> bool {
        let is_astray = |profile: &Profile| matches!(&profile.follows, Some((key, _, false)) if key == self.key);
        report.bucket == self.bucket && report.revision >= self.revision && !report.profiles.values().any(is_astray)
    }
}

/// The row of an instruction, and whether all follow it.
fn instruction(said_to: &Said<'_>, reports: &Reports, now: Timestamp) -> ((Vec<Cell>, serde_json::Value), bool) {
    let Said { group, value, at, .. } = *said_to;
    let said = &value.instruction;
    let (mut machines, mut follow) = (0, 0);
    for (_, (report, at)) in reports.iter().filter(|(machine, (report, _))| said_to.is_for(machine, report)) {
        machines += 1;
        follow += usize::from(!report.is_silent(*at, now) && said_to.is_followed(report));
    }
    let canary = value.canary.as_ref().map(|canary| percent(canary.share));
    let row = vec![
        group.to_owned().into(),
        value.profile.as_deref().map_or_else(|| "all".to_owned(), shown).into(),
        if said.state == What::Online { State::Online } else { State::Offline }.into(),
        shown(&said.by).into(),
        ago(SystemTime::from(at)).into(),
        said.until.map_or_else(|| "-".to_owned(), local).into(),
        said.why.as_deref().map_or_else(|| "-".to_owned(), shown).into(),
        format!(
            "{follow} of {machines}{}",
            canary.as_ref().map(|share| format!(" (first {share})")).unwrap_or_default()
        )
        .into(),
    ];
    let object = json!({
        "group": group, "profile": value.profile, "state": words(said.state), "by": said.by, "at": format!("{at:.3}"),
        "until": said.until, "why": said.why, "canary": canary, "machines": machines, "follow": follow,
    });
    ((row, object), follow == machines)
}

/// The rows of a machine: what is to be known about it, or all of it.
fn machine_rows(
    machine: &str,
    report: &Report,
    at: Timestamp,
    all: bool,
    now: Timestamp,
) -> Vec<(Vec<Cell>, serde_json::Value)> {
    let dash = || Cell::from("-".to_owned());
    let mut rows = Vec::new();
    let mut remark = |cell: Cell, since: Timestamp, because: String| {
        let object = json!({ "machine": machine, "at": format!("{at:.3}"), "remark": because });
        let since = ago(SystemTime::from(since)).into();
        rows.push((vec![machine.to_owned().into(), dash(), dash(), cell, since, because.into()], object));
    };
    if report.is_silent(at, now) {
        remark(bad("silent"), at, "it has not reported since".to_owned());
    }
    if report.clock.unsigned_abs() > CLOCK {
        let (seconds, which) =
            (report.clock.unsigned_abs() / 1000, if report.clock > 0 { "behind" } else { "ahead of" });
        remark(bad("clock"), at, format!("its clock is {seconds} s {which} the server's"));
    }
    for (name, profile) in
        report.profiles.iter().filter(|(_, profile)| all || profile.is_astray() || profile.failure.is_some())
    {
        let state = match profile.online {
            Some(true) => State::Online.into(),
            Some(false) => State::Offline.into(),
            None => bad("?"),
        };
        let follows = match &profile.follows {
            Some((key, _, true)) => key.clone().into(),
            Some((_, _, false)) => bad("no"),
            None => dash(),
        };
        let since = ago(SystemTime::from(profile.since));
        let because = profile.failure.as_ref().or(profile.decision.as_ref());
        let because = because.map_or_else(|| "-".to_owned(), |because| shown(because));
        let row = vec![machine.to_owned().into(), shown(name).into(), state, follows, since.into(), because.into()];
        let object = json!({
            "machine": machine, "profile": name, "online": profile.online, "follows": profile.follows,
            "since": format!("{:.3}", profile.since), "decision": profile.decision, "failure": profile.failure,
            "at": format!("{at:.3}"),
        });
        rows.push((row, object));
    }
    rows
}
