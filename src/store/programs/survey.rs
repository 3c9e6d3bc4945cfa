//! Asking the programs that use a state folder what they are doing.
#![forbid(unsafe_code)]

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::id::{ProgramId, space};
use super::question::{
    Answer, FaultUse, LARGEST, PROGRAMS, ProfileUse, ProgramFile, Progress, Question, answer_name, answer_of,
    is_question, parse, question_name, to_text,
};
use crate::name::Name;
use crate::store::backend::StoreError;
use crate::store::folder::SharedFolder;
use crate::sys::{self, Found, Place};

/// The thread that answers, by which a program is known that has become another one.
const WATCHER: &str = "mapioffline-watch";
/// After which time without an answer it is looked whether a program can answer at all.
const DOUBT: Duration = Duration::from_millis(200);
/// How long a thread may take to have its name.
const NAMELESS: Duration = Duration::from_secs(5);
/// After which time the files of a survey are removed whose process did not do so. Longer than any survey.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// A question to all programs, from when it is asked until it is dropped.
pub(crate) struct Survey<'a> {
    folder: &'a SharedFolder,
    programs: Place,
    name: String,
    begun: Instant,
    space: u32,
    /// Sorted by process. There are few, and they are asked seldom.
    asked: Vec<(ProgramId, Surveyed)>,
}

/// What is known of a program.
#[derive(Clone, Debug)]
pub(crate) struct Surveyed {
    pub(crate) pid: u32,
    pub(crate) program: String,
    pub(crate) since: SystemTime,
    /// The newest answer, by its number. `None`: none yet.
    answer: Option<(u32, Answer)>,
    /// How long after the question it was first seen to have returned from all notifications.
    pub(crate) settled_after: Option<Duration>,
    /// It has been stopped, by SIGSTOP or a debugger.
    pub(crate) is_stopped: bool,
    /// Whether it runs cannot be seen from here.
    pub(crate) is_elsewhere: bool,
}

impl Surveyed {
    fn new(programs: &sys::Folder, id: &ProgramId, is_elsewhere: bool) -> Self {
        // Unreadable: it is being written, or has just been removed.
        let file = read::<ProgramFile>(programs, &id.to_string());
        let (program, since) =
            file.map_or_else(|| (String::new(), SystemTime::now()), |file| (file.program, file.since));
        let (answer, settled_after) = (None, None);
        Self { pid: id.pid, program, since, answer, settled_after, is_stopped: false, is_elsewhere }
    }

    /// The profiles that it has open, if it has answered.
    pub(crate) fn uses(&self) -> Option<&[ProfileUse]> {
        self.answer.as_ref().map(|(_, answer)| &answer.profiles[..])
    }

    /// What the folder's faults have done in it, as far as it has answered.
    pub(crate) fn faults(&self) -> &[FaultUse] {
        self.answer.as_ref().map_or(&[], |(_, answer)| &answer.faults)
    }

    /// Whether the process has executed another program, which knows nothing of this library. Its watcher may not have got as
    /// far as its name yet; but then there are two threads.
    fn is_another_program(&self) -> bool {
        let is_new = self.since.elapsed().map_or(true, |age| age < NAMELESS);
        sys::threads(self.pid, WATCHER).is_some_and(|(count, watches)| !watches && (count == 1 || !is_new))
    }

    /// Whether it has returned from all notifications.
    pub(crate) fn is_idle(&self) -> bool {
        self.uses().is_some_and(|uses| uses.iter().all(|a_use| a_use.progress == Progress::Idle))
    }
}

impl<'a> Survey<'a> {
    /// Asks about a profile, or about all. The programs are those that had an object open before.
    pub(crate) fn begin(
        folder: &'a SharedFolder,
        profile: Option<&Name>,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let number = RandomState::new().hash_one(SystemTime::now());
        let programs = Place::new(folder.path().join(PROGRAMS));
        let mut survey = Self {
            folder,
            programs,
            name: question_name(number),
            begun: Instant::now(),
            space: space(),
            asked: Vec::new(),
        };
        survey.find()?;
        if !survey.asked.is_empty() {
            let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).saturating_add(1000);
            let question = Question::new(profile.map(Name::to_string), milliseconds);
            folder.put(&survey.name, &to_text(&question))?;
        }
        Ok(survey)
    }

    /// Finds the programs, and removes what others have left.
    fn find(&mut self) -> Result<(), StoreError> {
        let programs = match self.programs.open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        for name in programs.names()? {
            let Ok(id) = name.parse::<ProgramId>() else {
                remove_stale(&programs, &name);
                continue;
            };
            let runs = id.runs(self.space);
            if runs == Some(false) {
                let _ = programs.remove(&name);
                continue;
            }
            self.asked.push((id, Surveyed::new(&programs, &id, runs.is_none())));
        }
        self.sort();
        if let Ok(folder) = self.folder.open() {
            folder.names()?.iter().filter(|name| is_question(name)).for_each(|name| remove_stale(&folder.0, name));
        }
        Ok(())
    }

    /// Looks for answers, and forgets programs that have ended.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        if self.asked.is_empty() {
            return Ok(());
        }
        let programs = self.programs.open()?;
        let names = programs.names()?;
        for (id, number) in names.iter().filter_map(|name| answer_of(name, &self.name)) {
            // One that answers without having been found had its file removed, and has it again now.
            let is_elsewhere = || id.runs(self.space).is_none();
            let known = self.asked.iter().position(|(other, _)| *other == id).unwrap_or_else(|| {
                self.asked.push((id, Surveyed::new(&programs, &id, is_elsewhere())));
                self.asked.len() - 1
            });
            let (_, surveyed) = &mut self.asked[known];
            if surveyed.answer.as_ref().is_none_or(|(last, _)| *last < number)
                && let Some(answer) = read::<Answer>(&programs, &answer_name(&self.name, &id, number))
            {
                surveyed.answer = Some((number, answer));
                surveyed.settled_after = surveyed.is_idle().then(|| self.begun.elapsed());
            }
        }
        let doubted = self.begun.elapsed() >= DOUBT;
        self.sort();
        self.asked.retain_mut(|(id, surveyed)| {
            if surveyed.is_idle() {
                return true;
            }
            // It has no object open any more, or has ended.
            let mut is_there = names.contains(&id.to_string()) && id.runs(self.space) != Some(false);
            if is_there && doubted && surveyed.answer.is_none() && !surveyed.is_elsewhere {
                surveyed.is_stopped = sys::is_stopped(id.pid);
                is_there = surveyed.is_stopped || !surveyed.is_another_program();
            }
            if !is_there {
                let _ = programs.remove(&id.to_string());
            }
            is_there
        });
        Ok(())
    }

    pub(crate) fn programs(&self) -> impl Iterator<Item = &Surveyed> {
        self.asked.iter().map(|(_, surveyed)| surveyed)
    }

    fn sort(&mut self) {
        self.asked.sort_unstable_by_key(|(id, _)| *id);
    }
}

impl Drop for Survey<'_> {
    fn drop(&mut self) {
        if self.asked.is_empty() && self.folder.open().is_ok_and(|folder| !folder.0.exists(&self.name)) {
            return;
        }
        if let Ok(folder) = self.folder.open() {
            let _ = folder.0.remove(&self.name);
        }
        let Ok(programs) = self.programs.open() else { return };
        for name in programs.names().unwrap_or_default() {
            if answer_of(&name, &self.name).is_some() {
                let _ = programs.remove(&name);
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(folder: &sys::Folder, name: &str) -> Option<T> {
    match folder.read(name, LARGEST) {
        Ok(Found::Bytes(text, _)) => parse(&text),
        _ => None,
    }
}

/// Removes a question or an answer whose survey was killed.
fn remove_stale(folder: &sys::Folder, name: &str) {
    if let Ok(Found::Bytes(_, modified)) = folder.read(name, LARGEST)
        && modified.elapsed().is_ok_and(|age| age >= STALE)
    {
        let _ = folder.remove(name);
    }
}
