//! The agent's connection to the server of its fleet: brings what is said, and reports.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::kv::{Entry, Operation, Store};
use async_nats::{Event, ServerError};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::select_all;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::fleet::instruction::{Member, keys};
use crate::fleet::server::{self, Access, Refusal, Server};

/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(60);

/// What comes from the server.
#[derive(Debug)]
pub(crate) enum News {
    /// The bucket, which was created then, is within reach.
    Connected(Timestamp),
    Said {
        key: String,
        value: Bytes,
        revision: u64,
        /// When the server stored it.
        at: Timestamp,
    },
    Deleted(String),
    /// The bucket does not have the key, and does not say that it was deleted.
    Lost(String),
    /// By how much the server's clock is ahead, in milliseconds.
    Clock(i64),
    /// It is out of reach, and why.
    Silent(String),
    /// The machine could not report, and why.
    NotReported(String),
}

/// When to connect and to report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Reports come at least as often.
    pub(crate) every: Duration,
    /// At a random moment of this time behind what is reported.
    pub(crate) within: Duration,
    /// A lost server is tried again at a random moment of this time, which doubles with each failure.
    pub(crate) reconnect: Duration,
}

impl Pace {
    /// How long to wait before an attempt; the first is 1. `random` is from 0 to 1.
    pub(crate) fn pause(&self, attempt: usize, random: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        let longest = LONGEST.max(self.reconnect);
        self.reconnect.saturating_mul(1 << doublings).min(longest).mul_f64(random)
    }
}

/// What the connection says of itself.
#[derive(Clone, Debug, Default)]
struct Condition {
    is_connected: bool,
    /// How often it was lost.
    losses: u64,
    why: Option<String>,
}

pub(crate) struct Link {
    pub(crate) access: Access,
    pub(crate) member: Member,
    pub(crate) pace: Pace,
    /// The keys that are known.
    pub(crate) known: BTreeSet<String>,
    pub(crate) news: mpsc::UnboundedSender<News>,
    pub(crate) reports: watch::Receiver<Bytes>,
}

impl Link {
    /// Runs until it is dropped. An error is one of the credentials, which no waiting mends.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let (condition, mut seen) = watch::channel(Condition::default());
        let refusal = Refusal::default();
        let name = format!("mapioffline agent {}", self.member.name);
        let options = self.access.options(&name, &format!("_INBOX.{}", self.member.name))?;
        let (is_first, pace) = (AtomicBool::new(true), self.pace);
        let options = options.retry_on_initial_connect().reconnect_delay_callback(move |attempt| {
            // Who starts an agent does not wait; those that lost the server together do not come back together.
            if is_first.swap(false, Ordering::Relaxed) { Duration::ZERO } else { pace.pause(attempt, fastrand::f64()) }
        });
        let options = refusal.listen(options, move |event| {
            condition.send_modify(|condition| match event {
                Event::Connected => (condition.is_connected, condition.why) = (true, None),
                Event::Disconnected | Event::Closed => {
                    (condition.is_connected, condition.losses) = (false, condition.losses + 1);
                }
                Event::ServerError(ServerError::AuthorizationViolation) => {
                    condition.why = Some("it does not let this machine in: check the credentials".to_owned());
                }
                Event::ClientError(error) => {
                    let words = error.to_string();
                    let words = words.strip_prefix("nats: ").unwrap_or(&words);
                    let refused = words.contains("authorization violation");
                    let words = if refused { "it does not let this machine in: check the credentials" } else { words };
                    condition.why = Some(words.to_owned());
                }
                _ => {}
            });
            std::future::ready(())
        });
        let client = options.connect(self.access.addresses()).await.map_err(|error| error.to_string())?;
        let server = Server::new(client, self.access.clone(), refusal);
        let mut failures = 0;
        loop {
            self.until_connected(&mut seen).await;
            let begun = tokio::time::Instant::now();
            let why = self.session(&server, &mut seen).await;
            failures = if begun.elapsed() > LONGEST { 0 } else { failures + 1 };
            self.tell(News::Silent(why));
            if seen.borrow().is_connected {
                sleep(self.pace.pause(failures, 0.5 + fastrand::f64() / 2.0)).await;
            }
        }
    }

    fn tell(&self, news: News) {
        // Fails only when the agent is ending.
        drop(self.news.send(news));
    }

    /// Waits for the connection. Says why there is none.
    async fn until_connected(&self, seen: &mut watch::Receiver<Condition>) {
        loop {
            let now = seen.borrow_and_update().clone();
            if now.is_connected {
                return;
            }
            if let Some(why) = now.why {
                self.tell(News::Silent(why));
            }
            if seen.changed().await.is_err() {
                // The client has ended, which it does not.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Follows and reports while the server answers. Returns why it does not any more.
    async fn session(&mut self, server: &Server, seen: &mut watch::Receiver<Condition>) -> String {
        let losses = seen.borrow().losses;
        let reporter = Reporter { name: self.member.name.clone(), pace: self.pace, news: self.news.clone() };
        let mut reports = self.reports.clone();
        tokio::select! {
            why = self.follow(server) => why,
            () = reporter.report(server, &mut reports) => "the agent is ending".to_owned(),
            _ = seen.wait_for(|now| now.losses != losses) => "the connection ended".to_owned(),
        }
    }

    async fn follow(&mut self, server: &Server) -> String {
        match self.try_follow(server).await {
            Ok(()) => "the server says nothing more".to_owned(),
            Err(why) => why,
        }
    }

    async fn try_follow(&mut self, server: &Server) -> Result<(), String> {
        let bucket = server.instructions().await?;
        let mut watches = Vec::new();
        for group in &self.member.groups {
            let watch = bucket.watch_with_history(keys(group)).await.map_err(|error| server.words(&error))?;
            watches.push(watch);
        }
        self.tell(News::Connected(server::created(&bucket)));
        self.check_known(server, &bucket).await?;
        let mut said = select_all(watches);
        while let Some(entry) = said.next().await {
            self.take(entry.map_err(|error| server.words(&error))?);
        }
        Ok(())
    }

    /// Asks for what is known: the server may have been wiped, or be another one.
    async fn check_known(&mut self, server: &Server, bucket: &Store) -> Result<(), String> {
        for key in self.known.clone() {
            match bucket.entry(key.as_str()).await.map_err(|error| server.words(&error))? {
                Some(entry) => self.take(entry),
                None => self.tell(News::Lost(key)),
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry) {
        let at = server::stored(&entry);
        let Entry { key, value, revision, operation, .. } = entry;
        if operation == Operation::Put {
            self.known.insert(key.clone());
            self.tell(News::Said { key, value, revision, at });
        } else {
            self.known.remove(&key);
            self.tell(News::Deleted(key));
        }
    }
}

struct Reporter {
    name: String,
    pace: Pace,
    news: mpsc::UnboundedSender<News>,
}

impl Reporter {
    /// Reports what changes, and what does not from time to time. A report that fails is repeated.
    async fn report(&self, server: &Server, reports: &mut watch::Receiver<Bytes>) {
        let mut is_clock_known = false;
        loop {
            sleep(self.pace.within.mul_f64(fastrand::f64())).await;
            let bytes = reports.borrow_and_update().clone();
            let done = if bytes.is_empty() { Ok(()) } else { self.put(server, bytes, &mut is_clock_known).await };
            if let Err(why) = done {
                drop(self.news.send(News::NotReported(why)));
            }
            let pause = self.pace.every.mul_f64(1.0 - 0.2 * fastrand::f64());
            tokio::select! {
                changed = reports.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = sleep(pause) => {}
            }
        }
    }

    async fn put(&self, server: &Server, bytes: Bytes, is_clock_known: &mut bool) -> Result<(), String> {
        let bucket = server.reports().await?;
        let before = Timestamp::now();
        let revision = bucket.put(self.name.as_str(), bytes).await.map_err(|error| server.words(&error))?;
        let after = Timestamp::now();
        if !*is_clock_known
            && let Ok(Some(entry)) = bucket.entry(self.name.as_str()).await
            && entry.revision == revision
        {
            *is_clock_known = true;
            drop(self.news.send(News::Clock(server::clock(&entry, before, after))));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_and_are_spread() {
        let second = Duration::from_secs(1);
        let pace = Pace { every: second, within: second, reconnect: 2 * second };
        let seconds = |attempt, random| pace.pause(attempt, random).as_secs_f64();
        assert_eq!([1, 2, 3, 6, 100].map(|attempt| seconds(attempt, 1.0)), [2.0, 4.0, 8.0, 60.0, 60.0]);
        assert_eq!([0.0, 0.25, 0.5].map(|random| seconds(1, random)), [0.0, 0.5, 1.0]);
    }
}
