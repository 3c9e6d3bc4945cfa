//! What the agents of a fleet report.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many profiles a report names. Those that do not follow come first.
pub(crate) const MAX_PROFILES: usize = 100;
/// A machine that has missed so many reports is silent.
const MISSED: u32 = 3;

/// What a machine reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Its groups, its own name included.
    pub(crate) groups: Vec<String>,
    /// The agent's version.
    pub(crate) version: String,
    /// The bucket of instructions that it knows, by when that was created.
    pub(crate) bucket: Timestamp,
    /// The last revision of it that the agent has taken in.
    pub(crate) revision: u64,
    /// By how much the server's clock is ahead of the machine's, in milliseconds.
    pub(crate) clock: i64,
    /// It reports at least as often, in seconds.
    pub(crate) every: u64,
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// How many more profiles there are: some of them do not follow only if all those named do not either.
    #[serde(default)]
    pub(crate) more: usize,
}

/// What it reports of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// `None`: it could not be read.
    pub(crate) online: Option<bool>,
    /// Who decided that, and why.
    pub(crate) decision: Option<String>,
    /// Why the agent cannot do what it is to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// The instruction that is in force for it: its key, its revision, and whether the profile is as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) follows: Option<(String, u64, bool)>,
    /// Since when that has been so, by the server's clock.
    pub(crate) since: Timestamp,
}

impl Profile {
    /// Whether an instruction is in force, and the profile is not as it says.
    pub(crate) fn is_astray(&self) -> bool {
        matches!(self.follows, Some((_, _, false)))
    }
}

impl Report {
    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// Whether the machine that reported at this time should have done so again.
    pub(crate) fn is_silent(&self, reported: Timestamp, now: Timestamp) -> bool {
        let patience = Duration::from_secs(self.every).saturating_mul(MISSED);
        reported.checked_add(patience).is_ok_and(|until| until < now)
    }

    /// Leaves out profiles beyond the most that a report names.
    pub(crate) fn shorten(&mut self) {
        let mut names: Vec<(bool, String)> =
            self.profiles.iter().map(|(name, profile)| (!profile.is_astray(), name.clone())).collect();
        names.sort_unstable();
        for (_, name) in names.split_off(names.len().min(MAX_PROFILES)) {
            self.profiles.remove(&name);
            self.more += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_those_that_do_not_follow_first() {
        let profile = |follows| Profile {
            online: Some(true),
            decision: None,
            failure: None,
            follows: Some(("all.profiles".to_owned(), 1, follows)),
            since: Timestamp::UNIX_EPOCH,
        };
        let mut report = Report {
            groups: Vec::new(),
            version: String::new(),
            bucket: Timestamp::UNIX_EPOCH,
            revision: 1,
            clock: 0,
            every: 60,
            profiles: (0..250).map(|index| (format!("P{index:03}"), profile(index != 249))).collect(),
            more: 0,
        };
        report.shorten();
        assert_eq!((report.profiles.len(), report.more), (MAX_PROFILES, 150));
        assert!(report.profiles["P249"].is_astray());
        let now = Timestamp::from_second(1000).unwrap();
        let [late, in_time] = [819, 820].map(|second| report.is_silent(Timestamp::from_second(second).unwrap(), now));
        assert!(late && !in_time);
    }
}
