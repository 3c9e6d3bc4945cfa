//! The agent's connection to the server of its fleet: brings what is said, and reports.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream::kv::{Entry, Operation, Store};
use async_nats::{Event, ServerError};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::fleet::instruction::{Member, keys};
use crate::fleet::server::{self, Access, Refusal, Server};

/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(60);
/// The same where the server is connected. If so many ask it that it answers none in time, they have to become fewer.
const LONGEST_AGAIN: Duration = Duration::from_secs(120);

/// What comes from the server.
#[derive(Debug)]
pub(crate) enum News {
    /// All groups are followed in the bucket, which was created then.
    Connected(Timestamp),
    Said {
        key: String,
        value: Bytes,
        revision: u64,
        /// When the server stored it.
        at: Timestamp,
        /// When its bucket was created.
        bucket: Timestamp,
    },
    Deleted(String),
    /// The bucket does not have the key, and does not say that it was deleted.
    Lost(String),
    /// By how much the server's clock is ahead, in milliseconds.
    Clock(i64),
    /// It is out of reach, and why.
    Silent(String),
    /// The machine has reported, or could not, and why.
    Reported(Result<(), String>),
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
        self.doubled(attempt, LONGEST).mul_f64(random)
    }

    /// The same where the server is connected but has not done what it was asked: never at once, as it may have too much to do.
    pub(crate) fn again(&self, attempt: usize, random: f64) -> Duration {
        self.doubled(attempt, LONGEST_AGAIN).mul_f64(0.5 + random / 2.0)
    }

    fn doubled(&self, attempt: usize, longest: Duration) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        self.reconnect.saturating_mul(1 << doublings).min(longest.max(self.reconnect))
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
                    // The client does not say which.
                    let words = if words == "IO error" { "it cannot be connected to" } else { words };
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
                sleep(self.pace.again(failures, fastrand::f64())).await;
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

    /// Follows all groups. Returns why it cannot any more.
    async fn follow(&mut self, server: &Server) -> String {
        let bucket = match server.instructions().await {
            Ok(bucket) => bucket,
            Err(why) => return why,
        };
        let (watched, from_watches) = mpsc::unbounded_channel();
        let running = AtomicUsize::new(0);
        let groups = self.member.groups.clone();
        let watches = groups.iter().map(|group| watch(server, &bucket, group, self.pace, &running, &watched));
        let watches = join_all(watches.collect::<Vec<_>>());
        tokio::select! {
            why = self.take_in(server, &bucket, groups.len(), from_watches) => why,
            _ = watches => "the agent is ending".to_owned(),
        }
    }

    async fn take_in(
        &mut self,
        server: &Server,
        bucket: &Store,
        groups: usize,
        mut from_watches: mpsc::UnboundedReceiver<Watched>,
    ) -> String {
        let created = server::created(bucket);
        let mut begun = 0;
        while let Some(watched) = from_watches.recv().await {
            match watched {
                Watched::Begun => {
                    begun += 1;
                    if begun == groups {
                        // First what is known: it may have been taken back, or have ended, meanwhile.
                        if let Err(why) = self.check_known(server, bucket).await {
                            return why;
                        }
                        self.tell(News::Connected(created));
                    }
                }
                Watched::Entry(entry) => self.take(*entry, created),
                Watched::Ended => begun -= 1,
                Watched::Failed(why) => self.tell(News::Silent(why)),
                Watched::IsAnother => return "its bucket was made anew".to_owned(),
            }
        }
        String::new()
    }

    /// Asks for what is known: the server may have been wiped, or be another one.
    async fn check_known(&mut self, server: &Server, bucket: &Store) -> Result<(), String> {
        let own = self.known.iter().filter(|key| self.member.group_of(key).is_some());
        for key in own.cloned().collect::<Vec<_>>() {
            match server::entry(server, bucket, &key).await? {
                Some(entry) => self.take(entry, server::created(bucket)),
                None => self.tell(News::Lost(key)),
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry, bucket: Timestamp) {
        let at = server::stored(&entry);
        let Entry { key, value, revision, operation, .. } = entry;
        if operation == Operation::Put {
            self.known.insert(key.clone());
            self.tell(News::Said { key, value, revision, at, bucket });
        } else {
            self.known.remove(&key);
            self.tell(News::Deleted(key));
        }
    }
}

/// What comes from the watch of a group.
enum Watched {
    Begun,
    Entry(Box<Entry>),
    Ended,
    /// It did not begin, or ended, and why.
    Failed(String),
    /// The bucket is not the one that was there.
    IsAnother,
}

/// Watches a group for as long as the connection lasts. Each has its own attempts: a cluster of which a server is down may have put
/// the consumer of one there.
async fn watch(
    server: &Server,
    bucket: &Store,
    group: &str,
    pace: Pace,
    running: &AtomicUsize,
    watched: &mpsc::UnboundedSender<Watched>,
) {
    let tell = |what| drop(watched.send(what));
    let mut failures = 0;
    loop {
        let begun = tokio::time::Instant::now();
        let why = match bucket.watch_with_history(keys(group)).await {
            Ok(mut entries) => {
                tell(Watched::Begun);
                running.fetch_add(1, Ordering::Relaxed);
                let why = loop {
                    match entries.next().await {
                        Some(Ok(entry)) => tell(Watched::Entry(Box::new(entry))),
                        Some(Err(error)) => break server.words(&error),
                        None => break "the server says nothing more".to_owned(),
                    }
                };
                running.fetch_sub(1, Ordering::Relaxed);
                tell(Watched::Ended);
                why
            }
            Err(error) => server.words(&error),
        };
        tell(Watched::Failed(why));
        // While others of this machine run, the server has not too much to do.
        let is_alone = running.load(Ordering::Relaxed) == 0 && begun.elapsed() < LONGEST;
        failures = if is_alone { failures + 1 } else { 1 };
        sleep(pace.again(failures, fastrand::f64())).await;
        if let Ok(now) = server.instructions().await
            && server::created(&now) != server::created(bucket)
        {
            tell(Watched::IsAnother);
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
            if !bytes.is_empty() {
                let reported = self.put(server, bytes, &mut is_clock_known).await;
                drop(self.news.send(News::Reported(reported)));
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
            && let Ok(Some(entry)) = server::entry(server, &bucket, &self.name).await
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
        assert_eq!([(1, 0.0), (1, 1.0), (100, 1.0)].map(|(at, random)| pace.again(at, random).as_secs()), [1, 2, 120]);
    }
}
