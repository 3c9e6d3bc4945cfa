//! `mapioffline fleet set`: an instruction for a group of machines.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::kv::{Entry, Operation, Store, UpdateErrorKind};
use futures_util::StreamExt as _;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::instruction::{Canary, Instruction, Value, is_name, key, name_in_key, percent, up_to};
use super::options::{SetOptions, TIMEOUT};
use super::report::{Profile, Report};
use super::server::{Server, created, entries, entry, stored};
use crate::decisions::{user, words};
use crate::failure::{Code, Failure};
use crate::history::What;
use crate::output::{Output, shown};

/// How often to try again when another operator writes the same key.
const ATTEMPTS: u32 = 10;
/// The longest pause before the second attempt; the others are longer.
const PAUSE: Duration = Duration::from_millis(50);
/// How many machines a failure names.
const NAMED: usize = 5;

/// The reports of machines, with when they were made.
pub(crate) type Reports = BTreeMap<String, (Report, Timestamp)>;

pub(crate) fn checked_key(group: &str, profile: Option<&str>) -> Result<String, Failure> {
    let wrong = |what: String| Failure::new(Code::Usage, what);
    if !is_name(group) {
        return Err(wrong(format!("{group:?}: a group has 1 to 64 letters, digits, - and _")));
    }
    key(group, profile).map_err(|error| wrong(error.to_string()))
}

pub(crate) async fn set(server: &Server, wanted: SetOptions, output: &Output) -> Result<(), Failure> {
    let key = checked_key(&wanted.group, wanted.profile.as_deref())?;
    let state = wanted.state;
    if state == What::Auto && (wanted.until.is_some() || wanted.how_long.is_some() || wanted.canary.is_some()) {
        return Err(Failure::new(
            Code::Usage,
            "`auto` takes back what was said: leave out --until, --for and --canary",
        ));
    }
    let until = wanted.until.as_deref().map(|text| until(text, &Zoned::now())).transpose();
    let until = until.map_err(|line| Failure::new(Code::Usage, line))?;
    let lasts = wanted.how_long.map(|how_long| u64::try_from(how_long.as_millis()).unwrap_or(u64::MAX));
    let instruction = Instruction { state, by: user(), why: wanted.reason.clone(), until, lasts };

    let bucket = server.instructions().await.map_err(Failure::failed)?;
    let reports_bucket = server.reports().await.map_err(Failure::failed)?;
    let of_group = async || -> Result<Reports, Failure> {
        let mut reports = reports(server, &reports_bucket).await?;
        reports.retain(|_, (report, _)| report.is_in(&wanted.group));
        Ok(reports)
    };
    // Only a canary has to know the machines before they follow.
    let (canary, before) = match wanted.canary {
        Some(share) => {
            let reports = of_group().await?;
            let machines: Vec<&str> = reports.keys().map(String::as_str).collect();
            let canary = Canary { share, up_to: up_to(&wanted.group, &machines, share), others: None };
            (Some(canary), Some(reports))
        }
        None => (None, None),
    };
    let value = Value::new(wanted.profile.clone(), instruction, canary.clone());
    let revision = write(server, &bucket, &key, value).await?;

    let reports = match before {
        Some(reports) => reports,
        None => of_group().await.map_err(|failure| failure.behind("the instruction is written"))?,
    };
    let now = Timestamp::now();
    let chosen = |machine: &str| canary.as_ref().is_none_or(|canary| canary.has(&wanted.group, machine));
    let count = reports.keys().filter(|machine| chosen(machine)).count();
    let many = |count: usize| format!("{count} machine{}", if count == 1 { "" } else { "s" });
    let name = wanted
        .profile
        .as_ref()
        .map_or_else(|| wanted.group.clone(), |profile| format!("{} on {}", shown(profile), wanted.group));
    output.say(
        || match (reports.len(), &canary) {
            (0, _) => format!("{name}: {}; no machine has reported yet that it is in {}", words(state), wanted.group),
            (all, None) => format!("{name}: {} for {}", words(state), many(all)),
            (all, Some(canary)) => format!(
                "{name}: {} first for {count} of {} ({}); the same command without --canary goes on with all of them",
                words(state),
                many(all),
                percent(canary.share)
            ),
        },
        || json!({ "key": key, "revision": revision, "state": words(state), "machines": reports.len(), "chosen": count }),
    );
    if !wanted.wait {
        return Ok(());
    }
    let chosen: Vec<String> = reports
        .iter()
        .filter(|(machine, (report, at))| chosen(machine) && !report.is_silent(*at, now))
        .map(|(machine, _)| machine.clone())
        .collect();
    let asked =
        Asked { key, revision, bucket: created(&bucket), is_auto: state == What::Auto, profile: wanted.profile };
    let limit = Instant::now() + wanted.timeout.unwrap_or(TIMEOUT);
    let behind = wait(server, &reports_bucket, &asked, &chosen, limit).await?;
    let follow = chosen.len() - behind.len();
    if behind.is_empty() {
        output.say(
            || format!("{name}: {} follow{}", many(follow), if follow == 1 { "s" } else { "" }),
            || json!({ "follow": follow, "do_not": 0 }),
        );
        return Ok(());
    }
    let named: Vec<String> = behind.iter().take(NAMED).map(|(machine, why)| format!("{machine}: {why}")).collect();
    let more = if behind.len() > NAMED { ", …; `mapioffline fleet status` names all" } else { "" };
    let line = format!("{name}: {follow} of {} follow; {}{more}", many(chosen.len()), named.join(", "));
    Err(Failure::new(Code::TimedOut, line))
}

/// Writes it, with what it leaves in force for those outside its canary. Returns its revision.
async fn write(server: &Server, bucket: &Store, key: &str, mut value: Value) -> Result<u64, Failure> {
    for attempt in 0..ATTEMPTS {
        sleep(PAUSE.mul_f64(fastrand::f64()) * attempt).await;
        let before = entry(server, bucket, key).await.map_err(Failure::failed)?;
        if let Some(canary) = &mut value.canary {
            canary.others = before.as_ref().and_then(in_force);
        }
        let bytes = serde_json::to_vec(&value).map_err(|error| Failure::failed(error.to_string()))?;
        match bucket.update(key, bytes.into(), before.map_or(0, |before| before.revision)).await {
            Ok(revision) => return Ok(revision),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
            Err(error) => return Err(Failure::failed(server.words(&error))),
        }
    }
    Err(Failure::failed(format!("others write {key} all the time; try again")))
}

/// What an entry says to those outside of any canary.
fn in_force(entry: &Entry) -> Option<(Instruction, u64, Timestamp)> {
    let value = Value::read(&entry.value, stored(entry)).ok().filter(|_| entry.operation == Operation::Put)?;
    let said = match value.canary {
        Some(canary) => canary.others?,
        None => (value.instruction, entry.revision, stored(entry)),
    };
    Some(said).filter(|(instruction, ..)| instruction.state != What::Auto)
}

pub(crate) async fn reports(server: &Server, bucket: &Store) -> Result<Reports, Failure> {
    let entries = entries(server, bucket).await.map_err(Failure::failed)?;
    Ok(entries.into_values().filter_map(|entry| read(&entry)).collect())
}

/// A report. What is none, or is of a later version, is left out.
fn read(entry: &Entry) -> Option<(String, (Report, Timestamp))> {
    let report = serde_json::from_slice(&entry.value).ok().filter(|_| entry.operation == Operation::Put)?;
    Some((entry.key.clone(), (report, stored(entry))))
}

/// What machines are waited for to do.
struct Asked {
    key: String,
    revision: u64,
    bucket: Timestamp,
    is_auto: bool,
    profile: Option<String>,
}

impl Asked {
    /// Why a machine does not follow. `None`: it does.
    fn lacks(&self, report: &Report) -> Option<String> {
        if report.bucket != self.bucket || report.revision < self.revision {
            return Some("it has not answered".to_owned());
        }
        if self.is_auto {
            return None;
        }
        let about = self.profile.as_deref().and_then(|profile| name_in_key(profile).ok());
        let is_about = |name: &str| about.is_none() || name_in_key(name).ok() == about;
        let mut astray = report.profiles.iter().filter(|(name, profile)| is_about(name) && !self.is_done(profile));
        astray.next().map(|(name, profile)| why(name, profile))
    }

    /// Takes a report of a machine that is waited for.
    fn take(&self, machine: &str, report: &Report, behind: &mut BTreeMap<String, String>) {
        if !behind.contains_key(machine) {
            return;
        }
        match self.lacks(report) {
            Some(why) => behind.insert(machine.to_owned(), why),
            None => behind.remove(machine),
        };
    }

    /// Whether a profile is as was said, or as was said later.
    fn is_done(&self, profile: &Profile) -> bool {
        match &profile.follows {
            Some((key, revision, follows)) => *follows && (*revision > self.revision || *key == self.key),
            None => false,
        }
    }
}

/// Why a profile is not as was said.
fn why(name: &str, profile: &Profile) -> String {
    let state = match profile.online {
        Some(true) => "online",
        Some(false) => "offline",
        None => "not readable",
    };
    let because = profile.failure.as_ref().or(profile.decision.as_ref());
    format!("{} is {state}{}", shown(name), because.map(|why| format!(", {}", shown(why))).unwrap_or_default())
}

/// Waits until machines follow. Returns those that do not, with the reasons.
async fn wait(
    server: &Server,
    bucket: &Store,
    asked: &Asked,
    machines: &[String],
    limit: Instant,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut behind: BTreeMap<String, String> =
        machines.iter().map(|machine| (machine.clone(), "it has not answered".to_owned())).collect();
    // Before what is there is read: nothing is missed between.
    let mut watch = bucket.watch(">").await.map_err(|error| Failure::failed(server.words(&error)))?;
    for (machine, (report, _)) in reports(server, bucket).await? {
        asked.take(&machine, &report, &mut behind);
    }
    while !behind.is_empty() {
        match timeout_at(limit, watch.next()).await {
            Err(_) => break,
            Ok(Some(Ok(entry))) => {
                if let Some((machine, (report, _))) = read(&entry) {
                    asked.take(&machine, &report, &mut behind);
                }
            }
            Ok(Some(Err(error))) => return Err(Failure::failed(server.words(&error))),
            // The connection ended. What is known at the limit is the answer.
            Ok(None) => sleep_until(limit).await,
        }
    }
    Ok(behind)
}

/// Reads a time, the next one of that name.
fn until(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?}: a time such as 18:30 or 2026-12-24T08:00 is needed");
    let passed = || format!("{text} has passed");
    let local = |when: DateTime| when.to_zoned(TimeZone::system()).map_err(|_| wrong());
    let time = if let Ok(time) = text.parse::<Timestamp>() {
        time
    } else if let Ok(when) = text.parse::<DateTime>() {
        local(when)?.timestamp()
    } else {
        let time: Time = text.parse().map_err(|_| wrong())?;
        let today = now.date().to_datetime(time);
        let tomorrow = today.checked_add(1.day()).map_err(|_| wrong())?;
        Some(local(today)?).filter(|today| today > now).map_or_else(|| local(tomorrow), Ok)?.timestamp()
    };
    if time > now.timestamp() { Ok(time) } else { Err(passed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_next_of_their_name() {
        let now: Zoned = "2026-11-27T18:00:00".parse::<DateTime>().unwrap().to_zoned(TimeZone::system()).unwrap();
        let local = |text: &str| until(text, &now).map(|at| at.to_zoned(TimeZone::system()).datetime().to_string());
        assert_eq!(local("18:30").unwrap(), "2026-11-27T18:30:00");
        assert_eq!(local("17:30").unwrap(), "2026-11-28T17:30:00");
        assert_eq!(local("2026-12-24T08:00").unwrap(), "2026-12-24T08:00:00");
        assert_eq!(until("2099-01-01T00:00:00Z", &now).unwrap(), "2099-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(until("2026-11-01T08:00", &now).unwrap_err(), "2026-11-01T08:00 has passed");
        assert!(until("soon", &now).unwrap_err().contains("such as 18:30"));
    }

    #[test]
    fn a_machine_follows_when_all_that_it_was_said_about_is_so() {
        let asked = Asked {
            key: "lab.profiles".to_owned(),
            revision: 7,
            bucket: Timestamp::UNIX_EPOCH,
            is_auto: false,
            profile: None,
        };
        let profile = |follows: Option<(&str, u64, bool)>| Profile {
            online: Some(true),
            decision: Some("set by hand by bob".to_owned()),
            failure: None,
            follows: follows.map(|(key, revision, follows)| (key.to_owned(), revision, follows)),
            since: Timestamp::UNIX_EPOCH,
        };
        let report = |revision, profiles: &[Profile]| Report {
            groups: Vec::new(),
            version: String::new(),
            bucket: Timestamp::UNIX_EPOCH,
            revision,
            clock: 0,
            every: 60,
            profiles: profiles.iter().enumerate().map(|(index, it)| (format!("P{index}"), it.clone())).collect(),
            more: 0,
        };
        let (done, astray) = (profile(Some(("lab.profiles", 7, true))), profile(Some(("lab.profiles", 7, false))));
        let overruled = profile(Some(("pc-1.profiles", 9, true)));
        assert_eq!(asked.lacks(&report(6, std::slice::from_ref(&done))), Some("it has not answered".to_owned()));
        assert_eq!(asked.lacks(&report(7, &[done.clone(), overruled])), None);
        assert_eq!(
            asked.lacks(&report(7, &[done.clone(), astray.clone()])),
            Some("P1 is online, set by hand by bob".to_owned())
        );
        assert!(asked.lacks(&report(7, &[profile(None)])).is_some());
        let only = Asked { profile: Some("p0".to_owned()), ..asked };
        assert_eq!(only.lacks(&report(7, &[done, astray.clone()])), None);
        let auto = Asked { is_auto: true, ..only };
        assert_eq!(auto.lacks(&report(7, &[astray])), None);
    }
}
