//! What the agent knows at this moment, for its status and its metrics.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::fleet::instruction::InForce;

/// What is known of all profiles that the agent decides about.
#[derive(Debug, Default)]
pub(crate) struct Board {
    status: Mutex<Status>,
    decided: Notify,
}

/// What is known, as the status page says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) pid: u32,
    pub(crate) since: Timestamp,
    /// The fleet that the machine belongs to.
    #[serde(default)]
    pub(crate) fleet: Option<FleetStatus>,
    pub(crate) profiles: BTreeMap<String, ProfileStatus>,
}

/// What is known of the fleet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FleetStatus {
    pub(crate) server: String,
    /// This machine's name there.
    pub(crate) machine: String,
    pub(crate) groups: Vec<String>,
    /// Since when the server has been out of reach.
    pub(crate) silent: Option<Timestamp>,
    pub(crate) why: Option<String>,
    pub(crate) in_force: Vec<InForce>,
}

impl Default for Status {
    fn default() -> Self {
        Self { pid: std::process::id(), since: Timestamp::now(), fleet: None, profiles: BTreeMap::new() }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ProfileStatus {
    /// `None` until the agent has read it.
    pub(crate) online: Option<bool>,
    /// Who decided that, and why.
    pub(crate) decision: Option<String>,
    /// Who that is: a person, a program, the fleet's operator, or the agent.
    pub(crate) by: Option<String>,
    /// Whether the agent leaves that alone.
    pub(crate) held: bool,
    /// What the sources are for. `None` until they are.
    pub(crate) verdict: Option<bool>,
    /// Why the agent cannot do what it is to do.
    pub(crate) failure: Option<String>,
    pub(crate) sources: Vec<SourceStatus>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SourceStatus {
    pub(crate) source: String,
    /// `None` until it has answered often enough.
    pub(crate) there: Option<bool>,
    /// The last answer.
    pub(crate) answer: String,
    /// Since when it has been there, or away.
    pub(crate) since: Option<Timestamp>,
    /// When it answered last.
    pub(crate) asked: Option<Timestamp>,
    /// How long that took, in seconds.
    pub(crate) seconds: f64,
    pub(crate) successes: u64,
    pub(crate) failures: u64,
}

impl SourceStatus {
    fn new(source: String) -> Self {
        let answer = "not asked yet".to_owned();
        Self { source, there: None, answer, since: None, asked: None, seconds: 0.0, successes: 0, failures: 0 }
    }

    /// Takes an answer.
    pub(crate) fn take(&mut self, is_success: bool, there: Option<bool>, answer: String, took: Duration) {
        let now = Timestamp::now();
        if self.there != there {
            (self.there, self.since) = (there, Some(now));
        }
        (self.answer, self.asked, self.seconds) = (answer, Some(now), took.as_secs_f64());
        if is_success { self.successes += 1 } else { self.failures += 1 }
    }
}

impl Board {
    /// Begins anew with a profile.
    pub(crate) fn insert(&self, profile: &str, sources: impl Iterator<Item = String>) {
        let sources = sources.map(SourceStatus::new).collect();
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.profiles.insert(profile.to_owned(), ProfileStatus { sources, ..ProfileStatus::default() });
    }

    /// Changes what is known of a profile, unless that was removed.
    pub(crate) fn change(&self, profile: &str, change: impl FnOnce(&mut ProfileStatus)) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).profiles.get_mut(profile).map(change);
    }

    /// Returns when a profile's state or decision has changed.
    pub(crate) async fn decided(&self) {
        self.decided.notified().await;
    }

    /// The same of what decides about it, and has those know who wait for that.
    pub(crate) fn decide(&self, profile: &str, change: impl FnOnce(&mut ProfileStatus)) {
        let mut has_changed = false;
        self.change(profile, |status| {
            let outcome = |status: &ProfileStatus| (status.online, status.decision.clone(), status.failure.clone());
            let before = outcome(status);
            change(status);
            has_changed = outcome(status) != before;
        });
        if has_changed {
            self.decided.notify_one();
        }
    }

    /// Whether the fleet's server has answered, or is known to be out of reach.
    pub(crate) fn is_fleet_known(&self) -> bool {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.fleet.as_ref().is_none_or(|fleet| fleet.silent.is_none() || fleet.why.is_some())
    }

    pub(crate) fn set_fleet(&self, fleet: Option<FleetStatus>) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).fleet = fleet;
    }

    pub(crate) fn remove(&self, profile: &str) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).profiles.remove(profile);
    }

    pub(crate) fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The metrics, in the text format of Prometheus (OpenMetrics 1.0).
    pub(crate) fn metrics(&self) -> String {
        type Labels = Vec<(String, String)>;
        let (online, held, there) = (
            Family::<Labels, Gauge>::default(),
            Family::<Labels, Gauge>::default(),
            Family::<Labels, Gauge>::default(),
        );
        let duration = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        let answers = Family::<Labels, Counter>::default();
        let status = self.status();
        for (name, profile) in &status.profiles {
            let labels = vec![("profile".to_owned(), name.clone())];
            if let Some(is_online) = profile.online {
                online.get_or_create(&labels).set(is_online.into());
            }
            held.get_or_create(&labels).set(profile.held.into());
            for source in &profile.sources {
                let mut labels = labels.clone();
                labels.push(("source".to_owned(), source.source.clone()));
                if let Some(is_there) = source.there {
                    there.get_or_create(&labels).set(is_there.into());
                }
                duration.get_or_create(&labels).set(source.seconds);
                for (result, count) in [("success", source.successes), ("failure", source.failures)] {
                    let labels = [&labels[..], &[("result".to_owned(), result.to_owned())]].concat();
                    // Two sources may be spelled alike.
                    answers.get_or_create(&labels).inc_by(count);
                }
            }
        }
        let mut registry = Registry::with_prefix("mapioffline");
        registry.register("profile_online", "Whether the profile is online", online);
        registry.register(
            "profile_held",
            "Whether a person or a program has decided, and the agent leaves that alone",
            held,
        );
        registry.register("source_up", "Whether the source is there", there);
        registry.register_with_unit("answer_duration", "How long the last answer took", Unit::Seconds, duration);
        registry.register("answers", "How often the source was asked", answers);
        if let Some(fleet) = &status.fleet {
            let connected = Gauge::<i64>::default();
            connected.set(fleet.silent.is_none().into());
            registry.register("fleet_connected", "Whether the fleet's server is within reach", connected);
        }
        let mut text = String::new();
        // A String takes all that is written.
        let _ = encode(&mut text, &registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_each_profile_and_source() {
        let board = Board::default();
        board.insert("Work \"x\"", ["imap://a".to_owned()].into_iter());
        board.change("Work \"x\"", |profile| {
            profile.online = Some(false);
            let source = &mut profile.sources[0];
            source.take(true, None, String::new(), Duration::from_millis(250));
            source.take(false, Some(false), String::new(), Duration::from_millis(500));
        });
        let text = board.metrics();
        for line in [
            "mapioffline_profile_online{profile=\"Work \\\"x\\\"\"} 0",
            "mapioffline_source_up{profile=\"Work \\\"x\\\"\",source=\"imap://a\"} 0",
            "mapioffline_answer_duration_seconds{profile=\"Work \\\"x\\\"\",source=\"imap://a\"} 0.5",
            "mapioffline_answers_total{profile=\"Work \\\"x\\\"\",source=\"imap://a\",result=\"failure\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        board.remove("Work \"x\"");
        assert!(!board.metrics().contains("Work"));
    }
}
