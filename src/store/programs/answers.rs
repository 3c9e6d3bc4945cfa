//! What this process is asked, and what it has answered.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::mem;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::announcement::Announcement;
use super::question::{
    Answer, LARGEST, PROGRAMS, ProfileUse, Progress, Question, answer_name, is_question, parse, to_text,
};
use crate::name::Name;
use crate::store::status::warn;
use crate::sys::{Folder, Found, Place};

/// How often the answer is looked at that is not final, at first and later.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long the announcement's file has to be missing before it is made again.
const SHORTEST_ABSENCE: Duration = Duration::from_secs(1);
/// How long answers wait for faults that cannot be read.
const LONGEST_WITHOUT_FAULTS: Duration = Duration::from_secs(1);
/// The longest time for which a question is remembered.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The questions to this process. Used on the watcher's thread.
pub(crate) struct Answers {
    folder: Place,
    programs: Place,
    announcement: Option<Announcement>,
    open: Vec<Open>,
    /// The folder's faults have been read, or cannot be: an answer says that this process has them.
    has_faults: bool,
    /// Since when they cannot be read.
    missing_faults_since: Option<Instant>,
    /// Since when the announcement's file is not there.
    missing_since: Option<Instant>,
}

/// A question whose file is there, or was when it was last looked for.
struct Open {
    name: String,
    /// `None`: all.
    profile: Option<Name>,
    until: Instant,
    /// How many answers there are, or were found to be.
    answers: u32,
    last: Option<Vec<ProfileUse>>,
    /// Nothing is in progress any more, and the store was read after the question.
    is_final: bool,
    due: Instant,
    pause: Duration,
}

impl Answers {
    pub(crate) fn new(folder: &Path, announcement: Option<Announcement>) -> Self {
        let programs = Place::new(folder.join(PROGRAMS));
        Self {
            folder: Place::new(folder.to_owned()),
            programs,
            announcement,
            open: Vec::new(),
            has_faults: false,
            missing_faults_since: None,
            missing_since: None,
        }
    }

    /// Looks from time to time whether this process can be found. What has just gone may be a folder that is being removed: a
    /// file that comes back into that would be in the way.
    pub(crate) fn check_announcement(&mut self) {
        if self.announcement.as_ref().is_none_or(Announcement::exists) {
            self.missing_since = None;
        } else if self.missing_since.get_or_insert_with(Instant::now).elapsed() >= SHORTEST_ABSENCE {
            self.announce();
        }
    }

    /// Sees to it that this process can be found.
    pub(crate) fn announce(&self) {
        if let Some(Err(error)) = self.announcement.as_ref().map(Announcement::renew) {
            log::debug!("other programs do not find this one: {error}");
        }
    }

    /// Whether the folder's faults could be read. Answers wait for that, but not for ever: the file may be another user's.
    pub(crate) fn note_faults(&mut self, are_read: bool) {
        if are_read {
            (self.has_faults, self.missing_faults_since) = (true, None);
            return;
        }
        let since = *self.missing_faults_since.get_or_insert_with(Instant::now);
        let was_waiting = !mem::replace(&mut self.has_faults, since.elapsed() >= LONGEST_WITHOUT_FAULTS);
        if was_waiting && self.has_faults {
            warn("the faults that the state folder asks for cannot be read: what was read before is kept".to_owned());
        }
    }

    /// A file of the state folder has come, changed or gone.
    pub(crate) fn note(&mut self, file: &str) {
        if !is_question(file) {
            return;
        }
        let known = self.open.iter().position(|open| open.name == file);
        // Tried again: a descriptor may be missing for a moment, and nothing more is reported of the file.
        let found = (0..5).find_map(|_| match self.folder.open().and_then(|folder| folder.read(file, LARGEST)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                sleep(Duration::from_millis(5));
                None
            }
            other => Some(other.unwrap_or(Found::Nothing)),
        });
        match (known, found) {
            (Some(known), Some(Found::Nothing)) => drop(self.open.swap_remove(known)),
            (None, Some(Found::Bytes(text, modified))) => {
                // It may have been left by a process that was killed. A time that has not come yet is a recent one.
                let age = modified.elapsed().unwrap_or_default();
                self.open.extend(parse(&text).and_then(|question| Open::new(file, question, age)));
            }
            _ => {}
        }
    }

    /// Looks which questions there are.
    pub(crate) fn look(&mut self) {
        let Ok(names) = self.folder.open().and_then(|folder| folder.names()) else { return };
        self.open.retain(|open| names.contains(&open.name));
        names.iter().for_each(|name| self.note(name));
    }

    /// Answers what is due. `follow` has the process go where the store says, and says whether it surely has; `uses` says what
    /// it is doing then. Returns how soon there is more to do.
    pub(crate) fn give(
        &mut self,
        mut follow: impl FnMut(Option<&Name>) -> bool,
        uses: impl Fn(Option<&Name>) -> Vec<ProfileUse>,
    ) -> Option<Duration> {
        let (Some(announcement), true) = (&self.announcement, self.has_faults && !self.open.is_empty()) else {
            return None;
        };
        let now = Instant::now();
        // What is over stays until its file is gone, so as not to begin again.
        for open in self.open.iter_mut().filter(|open| !open.is_final && open.due <= now && now < open.until) {
            let profile = open.profile.as_ref();
            let has_followed = follow(profile);
            let mut uses = uses(profile);
            if !has_followed {
                let idle = uses.iter_mut().filter(|a_use| a_use.progress == Progress::Idle);
                idle.for_each(|a_use| a_use.progress = Progress::Pending);
            }
            let is_idle = uses.iter().all(|a_use| a_use.progress == Progress::Idle);
            open.due = now + open.pause;
            open.pause = (open.pause * 2).min(LONGEST_PAUSE);
            if open.last.as_ref() == Some(&uses) {
                continue;
            }
            match self.folder.open().and_then(|folder| open.give(&folder, &self.programs, announcement, &uses)) {
                Ok(()) => (open.last, open.is_final) = (Some(uses), is_idle),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => open.answers += 1,
                // Who asked sees that this process does not answer.
                Err(error) => log::debug!("a question of another program is not answered: {error}"),
            }
        }
        let waiting = self.open.iter().filter(|open| !open.is_final && now < open.until);
        let next = waiting.map(|open| open.due).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }
}

impl Open {
    fn new(file: &str, question: Question, age: Duration) -> Option<Self> {
        let now = Instant::now();
        let profile = match question.profile {
            // No profile has a name that is none.
            Some(name) => Some(Name::from_utf8(name.bytes()).ok()?.folded()),
            None => None,
        };
        Some(Self {
            name: file.to_owned(),
            profile,
            until: now + Duration::from_millis(question.milliseconds).min(LONGEST).saturating_sub(age),
            answers: 0,
            last: None,
            is_final: false,
            due: now,
            pause: SHORTEST_PAUSE,
        })
    }

    /// Writes the next answer. None stays behind a question that has gone.
    fn give(
        &mut self,
        folder: &Folder,
        programs: &Place,
        announcement: &Announcement,
        uses: &[ProfileUse],
    ) -> io::Result<()> {
        announcement.renew()?;
        let programs = programs.open()?;
        let name = answer_name(&self.name, &announcement.id, self.answers);
        programs.create(&name, &to_text(&Answer::new(uses.to_vec())))?;
        self.answers += 1;
        if folder.exists(&self.name) { Ok(()) } else { programs.remove(&name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_wait_for_the_faults_but_not_for_ever() {
        let mut answers = Answers::new(Path::new(""), None);
        assert!(!answers.has_faults, "they have not been looked for");
        answers.note_faults(false);
        answers.note_faults(false);
        assert!(!answers.has_faults);
        answers.missing_faults_since = Instant::now().checked_sub(LONGEST_WITHOUT_FAULTS);
        answers.note_faults(false);
        assert!(answers.has_faults);
        answers.note_faults(true);
        answers.note_faults(false);
        assert!(!answers.has_faults, "what cannot be read from now on is waited for anew");
    }
}
