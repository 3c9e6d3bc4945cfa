//! Follows the instructions of a fleet's operator, and says what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};

use super::board::{Board, FleetStatus};
use super::keeper::Event;
use super::link::Link;
use super::member::Fleet;
use super::news::News;
use super::orders::Orders;
use crate::duration;
use crate::fleet::instruction::{InForce, Received, Value, for_profile};
use crate::fleet::report::{self, Report};
use crate::output::shown;

/// What is said in a shorter time is carried out once.
const FLOOD: Duration = Duration::from_millis(100);
/// How often it looks at the clock, which may have been set, or have gone on while the machine slept.
const LOOK: Duration = Duration::from_secs(30);
/// How often it writes down that the server is within reach.
const SEEN: i64 = 60;

/// Where the results go.
pub(crate) struct To {
    pub(crate) keeper: Sender<Event>,
    pub(crate) board: Arc<Board>,
    /// Kept while the agent runs.
    pub(crate) received: Arc<Mutex<Received>>,
}

/// What profiles are to follow at this moment.
pub(crate) fn orders(fleet: &Fleet, received: &Received) -> Orders {
    let (in_force, _) = received.in_force(&fleet.member, fleet.keep, received.now());
    Orders { in_force, order: fleet.order }
}

struct Follower {
    fleet: Fleet,
    to: To,
    received: Received,
    /// The bucket of instructions within reach, by when it was created.
    bucket: Option<Timestamp>,
    in_force: Vec<InForce>,
    /// What the profiles are like, and since when.
    since: BTreeMap<String, (report::Profile, Timestamp)>,
    reports: watch::Sender<Bytes>,
    /// Why the server is out of reach, and why the machine could not report, as last logged.
    logged: [Option<String>; 2],
}

/// Follows until it is dropped.
pub(crate) async fn follow(fleet: Fleet, to: To) {
    let (news, mut from_link) = mpsc::unbounded_channel();
    let (reports, to_link) = watch::channel(Bytes::new());
    let received = to.received.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let known: BTreeSet<String> = received.keys().cloned().collect();
    let link = Link {
        access: fleet.access.clone(),
        member: fleet.member.clone(),
        pace: fleet.pace,
        known,
        news,
        reports: to_link,
    };
    let logged = [None, None];
    let mut follower =
        Follower { fleet, to, received, bucket: None, in_force: Vec::new(), since: BTreeMap::new(), reports, logged };
    let linked = async {
        if let Err(why) = link.run().await {
            error!("the fleet cannot be followed: {}", shown(&why));
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = linked => {}
        () = follower.run(&mut from_link) => {}
    }
}

impl Follower {
    async fn run(&mut self, from_link: &mut mpsc::UnboundedReceiver<News>) {
        let mut carried_out: Option<Instant> = None;
        // Until the server answers it is out of reach, since it was last seen.
        let now = self.received.now();
        self.received.silent.get_or_insert(now);
        let mut next = self.carry_out();
        let board = Arc::clone(&self.to.board);
        loop {
            let pause = next.map_or(LOOK, |next| {
                Duration::try_from(next.duration_since(self.received.now())).unwrap_or(Duration::ZERO).min(LOOK)
            });
            tokio::select! {
                news = from_link.recv() => {
                    let Some(news) = news else { return };
                    self.take(news);
                    if let Some(last) = carried_out {
                        sleep(FLOOD.saturating_sub(last.elapsed())).await;
                    }
                    while let Ok(news) = from_link.try_recv() {
                        self.take(news);
                    }
                }
                () = board.decided() => {}
                () = sleep(pause) => {}
            }
            let before = self.in_force.clone();
            next = self.carry_out();
            if self.in_force != before {
                carried_out = Some(Instant::now());
            }
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Connected(bucket) => {
                self.bucket = Some(bucket);
                self.received.silent = None;
                self.logged[0] = None;
                info!("the fleet's server {} is there", self.fleet.access.shown());
            }
            News::Said { key, value, revision, at, bucket } => match Value::read(&value, at) {
                Ok(value) => {
                    self.received.take(&key, value, revision, at, bucket);
                }
                Err(why) => warn!("what the fleet says under {} cannot be read: {}", shown(&key), shown(&why)),
            },
            News::Deleted { key, revision, at, bucket } => {
                self.received.remove(&key, revision, at, bucket);
            }
            News::Lost(key) => {
                let is_lost = self.received.lose(&key, self.received.now());
                self.warn_of_lost(is_lost.then_some(key));
            }
            News::Last { revision, bucket } => {
                let lost = self.received.set_back(revision, bucket, self.received.now());
                self.warn_of_lost(lost);
            }
            News::Clock(ahead) => self.received.clock = ahead,
            News::Silent(why) => {
                let now = self.received.now();
                self.received.silent.get_or_insert(now);
                self.bucket = None;
                if self.logged[0].as_ref() != Some(&why) {
                    let (server, keep) = (self.fleet.access.shown(), duration::shown(self.fleet.keep));
                    warn!(
                        "the fleet's server {server} is out of reach: {}; what it said is kept for {keep}",
                        shown(&why)
                    );
                    self.logged[0] = Some(why);
                }
            }
            News::Reported(Ok(())) => self.logged[1] = None,
            News::Reported(Err(why)) => {
                if self.logged[1].as_ref() != Some(&why) {
                    warn!("the fleet's server does not take the report: {}", shown(&why));
                    self.logged[1] = Some(why);
                }
            }
        }
    }

    fn warn_of_lost(&self, keys: impl IntoIterator<Item = String>) {
        let keep = duration::shown(self.fleet.keep);
        for key in keys {
            warn!("the fleet's server does not know {} any more; it is kept for {keep}", shown(&key));
        }
    }

    /// Passes on what is in force now. When to look again.
    fn carry_out(&mut self) -> Option<Timestamp> {
        let now = self.received.now();
        let (in_force, next) = self.received.in_force(&self.fleet.member, self.fleet.keep, now);
        if in_force != self.in_force {
            debug!("in force: {in_force:?}");
            self.in_force.clone_from(&in_force);
            let orders = Orders { in_force, order: self.fleet.order };
            drop(self.to.keeper.send(Event::Fleet(Arc::new(orders))));
        }
        self.remember(now);
        let status = FleetStatus {
            server: self.fleet.access.shown(),
            machine: self.fleet.member.name.clone(),
            groups: self.fleet.member.groups.clone(),
            silent: self.received.silent,
            why: self.logged[0].clone(),
            in_force: self.in_force.clone(),
        };
        self.to.board.set_fleet(Some(status));
        self.report(now);
        next
    }

    /// Keeps what was received, for a later agent, too.
    fn remember(&mut self, now: Timestamp) {
        let mut kept = self.to.received.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = kept.seen.is_none_or(|seen| now.duration_since(seen).as_secs() >= SEEN);
        self.received.seen = match (self.received.silent, is_old) {
            (None, true) => Some(now),
            _ => kept.seen,
        };
        if *kept != self.received {
            kept.clone_from(&self.received);
            drop(self.to.keeper.send(Event::Remember(Box::new(self.received.clone()))));
        }
    }

    fn report(&mut self, now: Timestamp) {
        let Some(bucket) = self.bucket else { return };
        let mut profiles = BTreeMap::new();
        for (name, status) in self.to.board.status().profiles {
            let follows = for_profile(&self.in_force, &name);
            let follows = follows.map(|said| (said.key.clone(), said.revision, status.online == Some(said.online)));
            let (online, decision, failure) = (status.online, status.decision, status.failure);
            let mut profile = report::Profile { online, decision, failure, follows, since: now };
            if let Some((before, since)) = self.since.get(&name)
                && (before.online, &before.follows) == (profile.online, &profile.follows)
            {
                profile.since = *since;
            }
            profiles.insert(name, profile);
        }
        self.since = profiles.iter().map(|(name, profile)| (name.clone(), (profile.clone(), profile.since))).collect();
        let mut report = Report {
            groups: self.fleet.member.groups.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bucket,
            revision: self.received.revision(bucket),
            clock: self.received.clock,
            every: self.fleet.pace.every.as_secs().max(1),
            profiles,
            more: 0,
        };
        report.shorten();
        let bytes = Bytes::from(serde_json::to_vec(&report).unwrap_or_default());
        self.reports.send_if_modified(|before| {
            let is_new = *before != bytes;
            *before = bytes;
            is_new
        });
    }
}
