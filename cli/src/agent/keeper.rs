//! Carries verdicts into the store, unless a person or a program has decided otherwise.
//!
//! One thread does all I/O on the store: a store that hangs keeps no source from being asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use mapioffline::{OfflineObject, Phase, State, StateFolder, Subscription};
use tracing::{debug, error, info, warn};

use super::board::Board;
use crate::failure::{self, Failure};
use crate::history::{By, Entry, Histories, History, What};
use crate::output::{shown, word};

/// How often it looks for what people hand back, and for times that have passed.
const LOOK: Duration = Duration::from_millis(500);
/// How soon it tries again what failed.
const RETRY: Duration = Duration::from_secs(2);

/// What the keeper acts upon.
pub(crate) enum Event {
    /// The agent decides about this profile from now on. Or the settings have changed.
    Keep {
        profile: String,
        hand_back_after: Option<Duration>,
    },
    /// It does not any more. The state stays as it is.
    Leave(String),
    /// What follows from the sources.
    Verdict {
        profile: String,
        state: State,
        why: String,
    },
    /// The profile's state has changed.
    Changed(String),
    Stop,
}

struct Kept {
    object: OfflineObject,
    _subscription: Subscription,
    hand_back_after: Option<Duration>,
    verdict: Option<(State, String)>,
    /// What is in force and was logged.
    shown: Option<Entry>,
    /// When to look again whatever happens.
    look_at: Option<Instant>,
    /// The failure that was logged.
    failure: Option<String>,
}

pub(crate) struct Keeper {
    folder: StateFolder,
    histories: Histories,
    kept: BTreeMap<String, Kept>,
    to_self: Sender<Event>,
    board: Arc<Board>,
    /// When the histories were last changed.
    histories_changed: Option<SystemTime>,
}

impl Keeper {
    pub(crate) fn new(folder: StateFolder, to_self: Sender<Event>, board: Arc<Board>) -> Self {
        let histories = Histories::of(&folder);
        Self { folder, histories, kept: BTreeMap::new(), to_self, board, histories_changed: None }
    }

    /// Runs until [`Event::Stop`].
    pub(crate) fn run(mut self, events: &Receiver<Event>) {
        loop {
            match events.recv_timeout(LOOK) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look();
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Keep { profile, hand_back_after } => {
                if let Some(kept) = self.kept.get_mut(&profile) {
                    (kept.hand_back_after, kept.verdict) = (hand_back_after, None);
                    self.settle(&profile);
                    return;
                }
                match self.open(&profile, hand_back_after) {
                    Ok(kept) => {
                        self.kept.insert(profile.clone(), kept);
                        self.settle(&profile);
                    }
                    Err(failure) => error!(profile = %shown(&profile), "{failure}"),
                }
            }
            Event::Leave(profile) => drop(self.kept.remove(&profile)),
            Event::Verdict { profile, state, why } => {
                if let Some(kept) = self.kept.get_mut(&profile) {
                    kept.verdict = Some((state, why));
                    self.settle(&profile);
                }
            }
            Event::Changed(profile) => self.settle(&profile),
            Event::Stop => {}
        }
    }

    fn open(&self, profile: &str, hand_back_after: Option<Duration>) -> Result<Kept, Failure> {
        let object = crate::folder::open(&self.folder, profile)?;
        let (to_self, name) = (self.to_self.clone(), profile.to_owned());
        let subscription = object.subscribe(move |change| {
            if change.phase == Phase::Done {
                // Fails only when the keeper has ended.
                drop(to_self.send(Event::Changed(name.clone())));
            }
        });
        let subscription = subscription.map_err(|error| Failure::of_profile(profile, &error))?;
        Ok(Kept {
            object,
            _subscription: subscription,
            hand_back_after,
            verdict: None,
            shown: None,
            look_at: None,
            failure: None,
        })
    }

    /// Looks for what no event tells: a history that was written, a time that has passed, a failure that may have.
    fn look(&mut self) {
        if let Some(warning) = failure::warning() {
            warn!("{warning}");
        }
        let changed = self.histories.path().metadata().and_then(|folder| folder.modified()).ok();
        let have_changed = changed.is_some() && changed != self.histories_changed;
        self.histories_changed = changed;
        let now = Instant::now();
        let is_due = |kept: &Kept| have_changed || kept.look_at.is_some_and(|at| at <= now);
        let due: Vec<String> =
            self.kept.iter().filter(|(_, kept)| is_due(kept)).map(|(profile, _)| profile.clone()).collect();
        due.iter().for_each(|profile| self.settle(profile));
    }

    /// Does for the profile what is to be done now.
    fn settle(&mut self, profile: &str) {
        let Some(mut kept) = self.kept.remove(profile) else { return };
        kept.look_at = None;
        match self.decide(profile, &mut kept) {
            Ok(()) => kept.failure = None,
            Err(error) => {
                let error = error.to_string();
                // Once, and not each time that it is tried again.
                if kept.failure.as_ref() != Some(&error) {
                    warn!(profile = %shown(profile), "{}", shown(&error));
                }
                kept.failure = Some(error);
                kept.look_at = Some(Instant::now() + RETRY);
            }
        }
        self.board.change(profile, |status| status.failure.clone_from(&kept.failure));
        self.kept.insert(profile.to_owned(), kept);
    }

    fn decide(&mut self, profile: &str, kept: &mut Kept) -> std::io::Result<()> {
        let history = self.histories.read(&self.folder, profile);
        let needs_lock = match &history {
            Ok(history) => {
                self.report(profile, kept, history);
                Self::wanted(kept, history).is_some() || Self::time_is_up(kept, history)
            }
            // A damaged one is set aside under the lock.
            Err(_) => true,
        };
        if !needs_lock {
            return Ok(());
        }
        let locked = self.histories.lock(&self.folder)?;
        let mut history = locked.read(&self.folder, profile)?;
        if Self::time_is_up(kept, &history) {
            let why = "the time for which it was set by hand has passed".to_owned();
            history.add(Entry::new(What::Auto, By::Agent, Some(why)));
            locked.write(&self.folder, profile, &history)?;
        }
        if let Some((state, why)) = Self::wanted(kept, &history) {
            let entry = Entry::new(state, By::Agent, Some(why));
            let set = || {
                kept.object
                    .set_state(state)
                    .map_err(|error| std::io::Error::other(Failure::of_profile(profile, &error).to_string()))
            };
            (_, history) = locked.decide(&self.folder, profile, history, entry, set)?;
        }
        drop(locked);
        self.report(profile, kept, &history);
        Ok(())
    }

    /// The state to set, if the sources are for another one than is stored, and the agent decides.
    fn wanted(kept: &Kept, history: &History) -> Option<(State, String)> {
        let (state, why) = kept.verdict.as_ref()?;
        (history.held().is_none() && history.state() != What::from(*state)).then(|| (*state, why.clone()))
    }

    /// Whether what was set by hand is to be taken back. Says when to look again otherwise.
    fn time_is_up(kept: &mut Kept, history: &History) -> bool {
        let Some(held) = history.held() else { return false };
        let configured = kept.hand_back_after.and_then(|after| held.at.checked_add(after).ok());
        let Some(until) = held.until.or(configured) else { return false };
        match Duration::try_from(until.duration_since(Timestamp::now())) {
            Ok(left) if !left.is_zero() => {
                kept.look_at = Some(Instant::now() + left);
                false
            }
            _ => true,
        }
    }

    /// Logs a decision that is new.
    fn report(&self, profile: &str, kept: &mut Kept, history: &History) {
        let last = history.last();
        self.board.change(profile, |status| {
            status.online = Some(history.state() != What::Offline);
            status.decision = last.map(Entry::who_and_why);
            status.by = last.map(|entry| entry.by.word().to_owned());
            status.held = history.held().is_some();
        });
        if kept.shown.as_ref() == last {
            return;
        }
        if let Some(entry) = last {
            let state = word(match history.state() {
                What::Offline => State::Offline,
                _ => State::Online,
            });
            let waits = if history.held().is_some() { "; the agent leaves it alone" } else { "" };
            info!(profile = %shown(profile), state, "{state}, {}{waits}", shown(&entry.who_and_why()));
        } else {
            debug!(profile = %shown(profile), "there is no decision");
        }
        kept.shown = last.cloned();
    }
}
