//! The agent's connection to the server of its fleet: brings what is said, and reports.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream::kv::{self, Entry, Operation, Store};
use async_nats::{Event, ServerError};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::news::News;
use super::pace::{LONGEST, Pace};
use super::reporter::Reporter;
use crate::fleet::instruction::{Member, keys, parts};
use crate::fleet::server::{self, Access, Contents, Refusal, Server};

/// Why a session ends whose bucket is not the one that was there.
const MADE_ANEW: &str = "its bucket was made anew";
/// How long what comes is held back until all groups have brought what the bucket had: a later instruction for another group may decide instead.
const GATHER: Duration = Duration::from_secs(5);

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
    /// The keys that were ever known.
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
            let begun = Instant::now();
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
            () = reporter.run(server, &mut reports) => "the agent is ending".to_owned(),
            _ = seen.wait_for(|now| now.losses != losses) => "the connection ended".to_owned(),
        }
    }

    /// Follows all groups. Returns why it cannot any more.
    async fn follow(&mut self, server: &Server) -> String {
        let bucket = match server.instructions().await {
            Ok(bucket) => bucket,
            Err(why) => return why,
        };
        let created = server::created(&bucket);
        let (watched, from_watches) = mpsc::unbounded_channel();
        let running = AtomicUsize::new(0);
        let (groups, pace) = (self.member.groups.clone(), self.pace);
        let watches = groups.iter().map(|group| watch(server, &bucket, group, pace, &running, &watched));
        let watches = join_all(watches.collect::<Vec<_>>());
        tokio::select! {
            () = self.take_in(created, from_watches) => MADE_ANEW.to_owned(),
            () = until_made_anew(server, created, pace.every) => MADE_ANEW.to_owned(),
            _ = watches => MADE_ANEW.to_owned(),
        }
    }

    /// Passes on what comes: what the bucket has when a watch begins all at once. Returns when the bucket is another one.
    async fn take_in(&mut self, bucket: Timestamp, mut from_watches: mpsc::UnboundedReceiver<Watched>) {
        let mut groups = Groups::new(&self.member.groups);
        let mut were_followed = false;
        let mut held = Some(Vec::new());
        let mut hold = pin!(sleep(GATHER));
        loop {
            let watched = tokio::select! {
                watched = from_watches.recv() => watched,
                () = &mut hold, if held.is_some() => {
                    self.pass(held.take());
                    continue;
                }
            };
            let Some(watched) = watched else { return };
            let mut news = Vec::new();
            match watched {
                Watched::Begun(group, Contents { last, keys, .. }) => {
                    if held.is_none() {
                        held = Some(Vec::new());
                        hold.as_mut().reset(Instant::now() + GATHER);
                    }
                    // The server may have been wiped, or be another one.
                    let of_group = self.known.iter().filter(|key| parts(key).is_some_and(|(of, _)| of == group));
                    news.extend(of_group.filter(|key| !keys.contains(*key)).cloned().map(News::Lost));
                    news.push(News::Last { revision: last, bucket });
                    groups.begun(&group, keys);
                }
                Watched::Entry(entry) => {
                    groups.brought(&entry.key, entry.delta);
                    news.push(self.read(*entry, bucket));
                }
                Watched::Ended(group) => groups.ended(&group),
                Watched::Failed(why) => self.tell(News::Silent(why)),
                Watched::IsAnother => return,
            }
            match &mut held {
                Some(held) => held.extend(news),
                None => self.pass(Some(news)),
            }
            let are_followed = groups.are_followed();
            if are_followed {
                self.pass(held.take());
            }
            if are_followed && !were_followed {
                self.tell(News::Connected(bucket));
            }
            were_followed = are_followed;
        }
    }

    fn pass(&self, news: Option<Vec<News>>) {
        news.into_iter().flatten().for_each(|news| self.tell(news));
    }

    fn read(&mut self, entry: Entry, bucket: Timestamp) -> News {
        let at = server::stored(&entry);
        let Entry { key, value, revision, operation, .. } = entry;
        if operation == Operation::Put {
            self.known.insert(key.clone());
            News::Said { key, value, revision, at, bucket }
        } else {
            News::Deleted { key, revision, at, bucket }
        }
    }
}

/// What each group has not brought yet of the keys that the bucket had. `None`: it is not watched.
struct Groups(BTreeMap<String, Option<BTreeSet<String>>>);

impl Groups {
    fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| (name.clone(), None)).collect())
    }

    fn begun(&mut self, group: &str, keys: BTreeSet<String>) {
        self.0.insert(group.to_owned(), Some(keys));
    }

    /// An entry came, and so many more are on their way.
    fn brought(&mut self, key: &str, more: u64) {
        let Some(Some(keys)) = parts(key).and_then(|(group, _)| self.0.get_mut(group)) else { return };
        keys.remove(key);
        if more == 0 {
            // What has not come is gone.
            keys.clear();
        }
    }

    fn ended(&mut self, group: &str) {
        self.0.insert(group.to_owned(), None);
    }

    /// Whether all that the bucket says to the machine is known.
    fn are_followed(&self) -> bool {
        self.0.values().all(|keys| keys.as_ref().is_some_and(BTreeSet::is_empty))
    }
}

/// What comes from the watch of a group.
enum Watched {
    /// With what the bucket has of the group. Each key comes as an entry.
    Begun(String, Contents),
    Entry(Box<Entry>),
    Ended(String),
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
        let begun = Instant::now();
        match begin(server, bucket, group).await {
            Ok(None) => return tell(Watched::IsAnother),
            Ok(Some((contents, mut entries))) => {
                tell(Watched::Begun(group.to_owned(), contents));
                running.fetch_add(1, Ordering::Relaxed);
                let why = loop {
                    match entries.next().await {
                        Some(Ok(entry)) => tell(Watched::Entry(Box::new(entry))),
                        Some(Err(error)) => break server.words(&error),
                        None => break "the server says nothing more".to_owned(),
                    }
                };
                running.fetch_sub(1, Ordering::Relaxed);
                tell(Watched::Ended(group.to_owned()));
                tell(Watched::Failed(why));
            }
            Err(why) => tell(Watched::Failed(why)),
        }
        failures = if begun.elapsed() < LONGEST { failures + 1 } else { 1 };
        let is_alone = running.load(Ordering::Relaxed) == 0;
        let pause = if is_alone { Pace::again } else { Pace::beside };
        sleep(pause(&pace, failures, fastrand::f64())).await;
    }
}

/// Begins to watch a group. With what the bucket has of it: the leader of its servers says that, which has all. `None`: the bucket is
/// not the one that was there.
async fn begin(server: &Server, bucket: &Store, group: &str) -> Result<Option<(Contents, kv::Watch)>, String> {
    let contents = server::contents(server, bucket, &keys(group)).await?;
    if contents.created != server::created(bucket) {
        return Ok(None);
    }
    if contents.is_behind {
        return Err("its mirror has not received all instructions yet".to_owned());
    }
    let entries = bucket.watch_with_history(keys(group)).await;
    Ok(Some((contents, entries.map_err(|error| server.words(&error))?)))
}

/// Returns when the bucket is not the one that was there. A watch ends where its consumer is gone, but the client may also have begun it
/// again in the new bucket without a word.
async fn until_made_anew(server: &Server, created: Timestamp, every: Duration) {
    loop {
        sleep(every.mul_f64(1.0 - 0.2 * fastrand::f64())).await;
        if server.instructions_created().await.is_some_and(|now| now != created) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_knows_all_when_each_group_has_brought_what_the_bucket_had() {
        let keys = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
        let mut groups = Groups::new(&["all".to_owned(), "lab".to_owned()]);
        groups.begun("all", keys(&[]));
        assert!(!groups.are_followed());
        groups.begun("lab", keys(&["lab.profiles", "lab.profile.A"]));
        groups.brought("lab.profiles", 2);
        groups.brought("lab.profile.NEW", 1);
        assert!(!groups.are_followed());
        groups.brought("lab.profile.A", 1);
        assert!(groups.are_followed());
        // One is gone before the watch begins.
        groups.begun("lab", keys(&["lab.profiles", "lab.profile.A"]));
        groups.brought("lab.profiles", 0);
        assert!(groups.are_followed());
        groups.ended("all");
        assert!(!groups.are_followed());
        groups.begun("all", keys(&[]));
        assert!(groups.are_followed());
    }
}
