//! The programs that use a state folder.
#![forbid(unsafe_code)]

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::faults::FaultCount;
use super::{StateFolder, into_io, valid};
use crate::client;
use crate::error::Error;
use crate::name::Name;
use crate::profile;
use crate::state::State;
use crate::store::{self, ProfileUse, Survey, Surveyed};

/// A program that has objects open, and keeps their state in a state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// The id of its process, as that process sees it.
    pub pid: u32,
    /// Its name, without folder and extension.
    pub name: String,
    /// Since when it has had objects open.
    pub since: SystemTime,
    /// The profiles that it has open; a hundred at most. `None`: it has not answered.
    pub profiles: Option<Vec<OpenProfile>>,
    /// How long after the question it was found to have settled; for [`StateFolder::settling`]. `None`: it has not.
    pub settled_after: Option<Duration>,
    /// It has not answered, as it has been stopped: by SIGSTOP, or by a debugger. Linux only.
    pub stopped: bool,
    /// Its process cannot be seen from this one: it is in another container, on another machine, or in Wine. Whether it still
    /// runs is known only if it answers.
    pub elsewhere: bool,
    /// What the folder's faults have done in it, as far as it has answered.
    pub faults: Vec<FaultCount>,
}

/// A profile that a program has open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenProfile {
    /// The profile's name, as the program spelled it first.
    pub name: String,
    /// The state of the global object, as the program's clients see it.
    pub state: State,
    /// How many registrations the global object and its descendants have.
    pub registrations: u64,
    /// How many changes of the profile's objects have begun in the program since it first opened the profile. Changes that come
    /// while one is under way are one.
    pub changes: u64,
    /// How far the program is with the changes of the profile.
    pub progress: Progress,
    /// Since when it has been busy with a change. Where it is idle: since when it has the profile open.
    pub since: SystemTime,
}

/// How far a program is with the changes of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Progress {
    /// Every registration has returned from the DONE of the last change, and the state is the one that is stored.
    Idle,
    /// A change is known, and has not begun.
    Pending,
    /// The registrations are being notified of START.
    Start,
    /// The registrations are being notified of STATECHANGE.
    Change,
    /// The registrations are being notified of DONE.
    Done,
    /// What is stored cannot be read.
    Unreadable,
}

impl From<Surveyed> for Program {
    fn from(surveyed: Surveyed) -> Self {
        let profiles = surveyed.uses().map(|uses| uses.iter().map(OpenProfile::from).collect());
        let faults = surveyed.faults().iter().map(FaultCount::from).collect();
        Self {
            profiles,
            faults,
            pid: surveyed.pid,
            name: surveyed.program,
            since: surveyed.since,
            settled_after: surveyed.settled_after,
            stopped: surveyed.is_stopped,
            elsewhere: surveyed.is_elsewhere,
        }
    }
}

impl From<&ProfileUse> for OpenProfile {
    fn from(profile: &ProfileUse) -> Self {
        let progress = match profile.progress {
            store::Progress::Idle => Progress::Idle,
            store::Progress::Pending => Progress::Pending,
            store::Progress::Start => Progress::Start,
            store::Progress::Change => Progress::Change,
            store::Progress::Done => Progress::Done,
            store::Progress::Unreadable => Progress::Unreadable,
        };
        let ProfileUse { state, registrations, changes, since, .. } = *profile;
        Self { name: profile.profile.clone(), state, registrations, changes, progress, since }
    }
}

impl StateFolder {
    /// The programs that have objects open whose state is in this folder, sorted by process, and what each does with `profile`,
    /// or with all. Waits for their answers, for `patience` at most. A program answers within milliseconds, unless it has
    /// been stopped; while it is in a callback, too.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`]: this is no valid profile name. [`io::ErrorKind::TimedOut`]: another program holds the
    /// folder's lock. Otherwise as for [`check`](Self::check).
    pub fn programs(&self, profile: Option<&str>, patience: Duration) -> io::Result<Vec<Program>> {
        self.survey(profile, patience, |program| program.uses().is_some(), |_| true)
    }

    /// Waits until every program that has the profile open has returned from the last DONE of its last change, and is in the
    /// state that is stored. Returns the programs that have not within `timeout`, sorted by process: none if all have.
    ///
    /// The programs are those whose open, create or global call returned before this call. A program that does not answer is
    /// among those returned, as it may have the profile open; one that ends meanwhile is not.
    ///
    /// # Errors
    /// As for [`programs`](Self::programs).
    pub fn settle(&self, profile: &str, timeout: Duration) -> io::Result<Vec<Program>> {
        self.survey(Some(profile), timeout, Surveyed::is_idle, |program| !program.is_idle())
    }

    /// The same, and returns all programs that have the profile open or have not answered: those that have settled say when.
    ///
    /// # Errors
    /// As for [`programs`](Self::programs).
    pub fn settling(&self, profile: &str, timeout: Duration) -> io::Result<Vec<Program>> {
        let has_it_open = |program: &Surveyed| program.uses().is_none_or(|uses| !uses.is_empty());
        self.survey(Some(profile), timeout, Surveyed::is_idle, has_it_open)
    }

    fn survey(
        &self,
        profile: Option<&str>,
        timeout: Duration,
        is_enough: impl Fn(&Surveyed) -> bool,
        is_wanted: impl Fn(&Surveyed) -> bool,
    ) -> io::Result<Vec<Program>> {
        let profile: Option<Name> = profile.map(valid).transpose()?;
        if !self.check()? {
            return Ok(Vec::new());
        }
        let begun = Instant::now();
        let mut survey = Survey::begin(&self.0, profile.as_ref(), timeout).map_err(into_io)?;
        let mut pause = Duration::from_micros(500);
        loop {
            survey.look()?;
            let left = timeout.saturating_sub(begun.elapsed());
            if survey.programs().all(&is_enough) || left.is_zero() {
                let wanted = survey.programs().filter(|program| is_wanted(program));
                return Ok(wanted.cloned().map(Program::from).collect());
            }
            sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

/// Waits until the profile is in this state in this process, and every registration in this process has returned from the
/// DONE of that change. For tests: no sleep is right for every machine.
///
/// Never call it from a callback, nor while a callback waits for this thread: the change could not end.
///
/// # Errors
/// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout): that takes longer than `timeout`.
/// [`ErrorKind::Pending`](crate::ErrorKind::Pending): this thread is in a callback. Otherwise as for
/// [`OfflineObject::open`](crate::OfflineObject::open).
pub fn wait_for_state(profile: &str, state: State, timeout: Duration) -> Result<(), Error> {
    profile::wait_for_state(&client::name(profile)?, state, timeout)
}

/// Waits until every program that has the profile open, this one included, has returned from the last DONE of its last change:
/// [`StateFolder::settle`] for the store that this process uses. With a memory store that is this process alone.
///
/// Never call it from a callback, nor while a callback waits for this thread: the change could not end.
///
/// # Errors
/// [`ErrorKind::Pending`](crate::ErrorKind::Pending): this thread is in a callback.
/// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout): another program holds the folder's lock, or, with a memory store, this
/// process has not settled. Otherwise as for [`OfflineObject::open`](crate::OfflineObject::open).
pub fn settle(profile: &str, timeout: Duration) -> Result<Vec<Program>, Error> {
    let programs = profile::settle(&client::name(profile)?, timeout)?;
    Ok(programs.into_iter().map(Program::from).collect())
}
