//! Carries what the sources and the fleet decide into the store, unless a person or a program has decided otherwise.
//!
//! One thread does all I/O on the store: a store that hangs keeps no source from being asked.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use mapioffline::{OfflineObject, Phase, State, StateFolder, Subscription};
use tracing::{debug, info, warn};

use super::board::Board;
use super::orders::{Order, Orders};
use crate::failure::{self, Failure};
use crate::fleet::instruction::{Received, for_profile};
use crate::history::{By, Entry, Histories, History, Stamp, What};
use crate::output::{shown, word};

/// How often it looks for what people hand back, and for times that have passed.
const LOOK: Duration = Duration::from_millis(500);
/// How soon it tries again what failed.
const RETRY: Duration = Duration::from_secs(2);
/// How long another program may hold the histories' lock before that is a failure.
const LOCK: Duration = Duration::from_millis(100);
/// A folder that was changed so recently may have been changed again in the same tick of its file system's clock.
const TICK: Duration = Duration::from_secs(3);

/// Beside the histories: what was received of the fleet.
pub(crate) const FLEET: &str = "fleet";

/// What the keeper acts upon.
pub(crate) enum Event {
    /// The agent decides about this profile from now on. Or the settings have changed.
    Keep { profile: String, hand_back_after: Option<Duration> },
    /// It does not any more. The state stays as it is.
    Leave(String),
    /// What follows from the sources.
    Verdict { profile: String, state: State, why: String },
    /// A profile has no sources: it is online where nothing else decides, and why.
    NoSources { profile: String, why: String },
    /// What the fleet's operator says.
    Fleet(Arc<Orders>),
    /// What was received of it, for a later agent.
    Remember(Box<Received>),
    /// The profile's state has changed.
    Changed(String),
    /// Ends the wait for events. [`Keeper::run`] returns if it is to stop.
    Wake,
}

#[derive(Default)]
struct Kept {
    /// `None`: it could not be opened yet.
    object: Option<(OfflineObject, Subscription)>,
    hand_back_after: Option<Duration>,
    verdict: Option<(State, String)>,
    /// Why it is online where nothing else decides.
    otherwise: Option<String>,
    /// What is in force and was logged.
    shown: Option<Entry>,
    /// The history's file when it was read.
    stamp: Option<Stamp>,
    /// When what was set by hand is to be taken back.
    until: Option<Timestamp>,
    /// What does not work, and when to try again.
    failure: Option<(String, Instant)>,
}

pub(crate) struct Keeper {
    folder: StateFolder,
    histories: Histories,
    kept: BTreeMap<String, Kept>,
    orders: Arc<Orders>,
    to_self: Sender<Event>,
    board: Arc<Board>,
    stop: Arc<AtomicBool>,
    /// When the folder of the histories was last changed.
    changed: Option<SystemTime>,
}

impl Keeper {
    pub(crate) fn new(folder: StateFolder, to_self: Sender<Event>, board: Arc<Board>, stop: Arc<AtomicBool>) -> Self {
        let histories = Histories::of(&folder);
        let orders = Arc::default();
        Self { folder, histories, kept: BTreeMap::new(), orders, to_self, board, stop, changed: None }
    }

    /// Runs until it is to stop, which it notices before the next profile.
    pub(crate) fn run(mut self, events: &Receiver<Event>) {
        let mut looked = Instant::now();
        while !self.stops() {
            match events.recv_timeout(LOOK.saturating_sub(looked.elapsed())) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= LOOK {
                self.look();
                looked = Instant::now();
            }
        }
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Keep { profile, hand_back_after } => {
                let kept = self.kept.entry(profile.clone()).or_default();
                (kept.hand_back_after, kept.verdict, kept.otherwise) = (hand_back_after, None, None);
                self.settle(&profile);
            }
            Event::Leave(profile) => drop(self.kept.remove(&profile)),
            Event::Verdict { profile, state, why } => {
                if let Some(kept) = self.kept.get_mut(&profile) {
                    kept.verdict = Some((state, why));
                    self.settle(&profile);
                }
            }
            Event::NoSources { profile, why } => {
                if let Some(kept) = self.kept.get_mut(&profile) {
                    kept.otherwise = Some(why);
                    self.settle(&profile);
                }
            }
            Event::Fleet(orders) => {
                let before = std::mem::replace(&mut self.orders, orders);
                let is_other = |profile: &str| {
                    before.order != self.orders.order
                        || for_profile(&before.in_force, profile) != for_profile(&self.orders.in_force, profile)
                };
                let concerned: Vec<String> = self.kept.keys().filter(|profile| is_other(profile)).cloned().collect();
                concerned.iter().for_each(|profile| self.settle(profile));
            }
            Event::Remember(received) => {
                if let Err(error) = self.histories.keep(FLEET, &*received) {
                    warn!("what the fleet says cannot be kept: {error}");
                }
            }
            Event::Changed(profile) => self.settle(&profile),
            Event::Wake => {}
        }
    }

    fn open(&self, profile: &str) -> Result<(OfflineObject, Subscription), Failure> {
        let object = crate::folder::open(&self.folder, profile)?;
        let (to_self, name) = (self.to_self.clone(), profile.to_owned());
        let subscription = object.subscribe(move |change| {
            if change.phase == Phase::Done {
                // Fails only when the keeper has ended.
                drop(to_self.send(Event::Changed(name.clone())));
            }
        });
        let subscription = subscription.map_err(|error| Failure::of_profile(profile, &error))?;
        Ok((object, subscription))
    }

    /// Looks for what no event tells: a history that was written, a time that has passed, a failure that may have.
    fn look(&mut self) {
        if let Some(warning) = failure::warning() {
            warn!("{}", shown(&warning));
        }
        let changed = self.histories.path().metadata().and_then(|folder| folder.modified()).ok();
        let is_recent = changed.is_some_and(|at| at.elapsed().is_ok_and(|age| age < TICK));
        let may_have_changed = changed != self.changed || is_recent;
        self.changed = changed;
        let now = Timestamp::now();
        let is_due = |profile: &str, kept: &Kept| match &kept.failure {
            Some((_, retry_at)) => *retry_at <= Instant::now(),
            None => {
                kept.until.is_some_and(|until| until <= now)
                    || may_have_changed && self.histories.stamp(&self.folder, profile) != kept.stamp
            }
        };
        let due: Vec<String> =
            self.kept.iter().filter(|(profile, kept)| is_due(profile, kept)).map(|(name, _)| name.clone()).collect();
        due.iter().for_each(|profile| self.settle(profile));
    }

    /// Does for the profile what is to be done now.
    fn settle(&mut self, profile: &str) {
        if self.stops() {
            return;
        }
        let Some(mut kept) = self.kept.remove(profile) else { return };
        let failure = self.decide(profile, &mut kept).err();
        if let Some(failure) = &failure
            // Once, and not each time that it is tried again.
            && kept.failure.as_ref().is_none_or(|(before, _)| before != failure)
        {
            warn!(profile = %shown(profile), "{}", shown(failure));
        }
        self.board.decide(profile, |status| status.failure.clone_from(&failure));
        kept.failure = failure.map(|failure| (failure, Instant::now() + RETRY));
        self.kept.insert(profile.to_owned(), kept);
    }

    fn decide(&mut self, profile: &str, kept: &mut Kept) -> Result<(), String> {
        let in_words = |error: io::Error| error.to_string();
        if kept.object.is_none() {
            kept.object = Some(self.open(profile).map_err(|failure| failure.to_string())?);
        }
        kept.stamp = self.histories.stamp(&self.folder, profile);
        let looked = self.histories.look(&self.folder, profile);
        let needs_lock = match &looked {
            Ok((history, is_new)) => {
                self.report(profile, kept, history);
                // What programs have set is written down, before they set something else.
                *is_new || self.wanted(profile, kept, history)?.is_some() || Self::is_time_up(kept, history)
            }
            // A damaged one is set aside under the lock.
            Err(_) => true,
        };
        if !needs_lock {
            return Ok(());
        }
        let locked = self.histories.lock_within(&self.folder, LOCK).map_err(in_words)?;
        let mut history = locked.read(&self.folder, profile).map_err(in_words)?;
        if Self::is_time_up(kept, &history) {
            let why = "the time for which it was set by hand has passed".to_owned();
            history.add(Entry::new(What::Auto, By::Agent, Some(why)));
        }
        if let (Some(entry), Some((object, _))) = (self.wanted(profile, kept, &history)?, &kept.object) {
            let state = if entry.what == What::Offline { State::Offline } else { State::Online };
            if history.state() == state {
                history.add(entry);
                locked.write(&self.folder, profile, &history).map_err(in_words)?;
                drop(locked);
                kept.stamp = self.histories.stamp(&self.folder, profile);
                self.report(profile, kept, &history);
                return Ok(());
            }
            let failed = |error: mapioffline::Error| io::Error::other(Failure::of_profile(profile, &error).to_string());
            let set = || object.set_state(state).map_err(failed);
            history = locked.decide(&self.folder, profile, history, entry, set).map_err(in_words)?;
        } else {
            locked.write(&self.folder, profile, &history).map_err(in_words)?;
        }
        kept.stamp = self.histories.stamp(&self.folder, profile);
        drop(locked);
        self.report(profile, kept, &history);
        Ok(())
    }

    /// The decision that is to be carried out, or written down, and is not yet.
    ///
    /// # Errors
    /// The profile cannot be set to that state.
    fn wanted(&self, profile: &str, kept: &Kept, history: &History) -> Result<Option<Entry>, String> {
        let said = for_profile(&self.orders.in_force, profile)
            .map(|said| (said.state(), By::Fleet(said.by.clone()), said.why.clone()));
        let verdict = kept.verdict.as_ref().map(|(state, why)| (*state, By::Agent, Some(why.clone())));
        let otherwise = kept.otherwise.as_ref().map(|why| (State::Online, By::Agent, Some(why.clone())));
        let is_held = history.held().is_some();
        let decision = match self.orders.order {
            Order::FleetFirst if said.is_some() => said,
            _ if is_held => None,
            Order::PersonFirst | Order::FleetFirst => said.or(verdict).or(otherwise),
            Order::FleetLast => verdict.or(said).or(otherwise),
        };
        let Some((state, by, why)) = decision else { return Ok(None) };
        if history.state() == state {
            // The fleet's is one also if it changes nothing, and so is the sources' behind it.
            let is_known = match (history.last(), &by) {
                _ if is_held => true,
                (Some(last), By::Fleet(_)) => (&last.by, &last.why, last.what) == (&by, &why, state.into()),
                (Some(last), _) => !matches!(last.by, By::Fleet(_)),
                (None, by) => *by == By::Agent,
            };
            return Ok((!is_known).then(|| Entry::new(state, by, why)));
        }
        let can = kept.object.as_ref().map_or(0, |(object, _)| object.capabilities().bits());
        let needed = match state {
            State::Online => mapioffline::Capabilities::ONLINE,
            State::Offline => mapioffline::Capabilities::OFFLINE,
        };
        if can & needed.bits() == 0 {
            let who = if by == By::Agent { "the sources are" } else { "the fleet is" };
            return Err(format!("{who} for {0}, and the profile cannot be set {0}", word(state)));
        }
        Ok(Some(Entry::new(state, by, why)))
    }

    /// Whether what was set by hand is to be taken back. Notes when otherwise.
    fn is_time_up(kept: &mut Kept, history: &History) -> bool {
        kept.until = None;
        let Some(held) = history.held() else { return false };
        let configured = kept.hand_back_after.and_then(|after| held.at.checked_add(after).ok());
        let Some(until) = held.until.or(configured) else { return false };
        // The time of day: a machine may sleep meanwhile.
        kept.until = Some(until);
        until <= Timestamp::now()
    }

    /// Logs a decision that is new.
    fn report(&self, profile: &str, kept: &mut Kept, history: &History) {
        let last = history.last();
        self.board.decide(profile, |status| {
            status.online = Some(history.state() == State::Online);
            status.decision = last.map(Entry::who_and_why);
            status.by = last.map(|entry| entry.by.word().to_owned());
            status.held = history.held().is_some();
        });
        if kept.shown.as_ref() == last {
            return;
        }
        if let Some(entry) = last {
            let state = word(history.state());
            let waits = if history.held().is_some() { "; the agent leaves it alone" } else { "" };
            info!(profile = %shown(profile), state, "{state}, {}{waits}", shown(&entry.who_and_why()));
        } else {
            debug!(profile = %shown(profile), "there is no decision");
        }
        kept.shown = last.cloned();
    }
}
