//! What this process is asked, and what it has answered.
#![forbid(unsafe_code)]

use std::path::Path;
use std::time::{Duration, Instant};

use super::announcement::Announcement;
use super::question::{
    Answer, LARGEST, PROGRAMS, ProfileUse, Progress, Question, answer_name, is_question, parse, to_text,
};
use crate::name::Name;
use crate::sys::{Found, Place};

/// How often the answer is looked at that is not final, at first and later.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// The longest time for which a question is remembered.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The questions to this process. Used on the watcher's thread.
pub(crate) struct Answers {
    folder: Place,
    programs: Place,
    announcement: Option<Announcement>,
    open: Vec<Open>,
}

/// A question whose file is there, or was when it was last looked for.
struct Open {
    name: String,
    /// `None`: all.
    profile: Option<Name>,
    until: Instant,
    answers: u32,
    last: Option<Vec<ProfileUse>>,
    due: Instant,
    pause: Duration,
}

impl Answers {
    pub(crate) fn new(folder: &Path, announcement: Option<Announcement>) -> Self {
        let programs = Place::new(folder.join(PROGRAMS));
        Self { folder: Place::new(folder.to_owned()), programs, announcement, open: Vec::new() }
    }

    /// A file of the state folder has come, changed or gone.
    pub(crate) fn note(&mut self, file: &str) {
        if !is_question(file) {
            return;
        }
        let known = self.open.iter().position(|open| open.name == file);
        let found = self.folder.open().and_then(|folder| folder.read(file, LARGEST));
        match (known, found) {
            (Some(known), Ok(Found::Nothing)) => drop(self.open.swap_remove(known)),
            (None, Ok(Found::Bytes(text, _))) => {
                self.open.extend(parse(&text).and_then(|question| Open::new(file, question)))
            }
            _ => {}
        }
    }

    /// Looks which questions there are.
    pub(crate) fn look(&mut self) {
        let names = self.folder.open().and_then(|folder| folder.names()).unwrap_or_default();
        self.open.retain(|open| names.contains(&open.name));
        names.iter().for_each(|name| self.note(name));
    }

    /// Answers what is due. `follow` has the process go where the store says; `uses` says what it is doing then. Returns how
    /// soon there is more to do.
    pub(crate) fn give(
        &mut self,
        mut follow: impl FnMut(Option<&Name>) -> bool,
        uses: impl Fn(Option<&Name>) -> Vec<ProfileUse>,
    ) -> Option<Duration> {
        let (Some(announcement), false) = (&self.announcement, self.open.is_empty()) else { return None };
        let now = Instant::now();
        self.open.retain(|open| now < open.until);
        for open in self.open.iter_mut().filter(|open| !open.is_final() && open.due <= now) {
            let profile = open.profile.as_ref();
            // Once is enough: what changes later is noticed as ever.
            let unreadable = open.last.is_none() && !follow(profile);
            let mut uses = uses(profile);
            if unreadable {
                uses.iter_mut()
                    .filter(|a_use| a_use.progress == Progress::Idle)
                    .for_each(|a_use| a_use.progress = Progress::Unreadable);
            }
            open.due = now + open.pause;
            open.pause = (open.pause * 2).min(LONGEST_PAUSE);
            if open.last.as_ref() == Some(&uses) {
                continue;
            }
            let name = answer_name(&open.name, &announcement.id, open.answers);
            let text = to_text(&Answer::new(uses.clone()));
            let given = announcement
                .renew()
                .and_then(|()| self.programs.open())
                .and_then(|programs| programs.create(&name, &text));
            match given {
                Ok(()) => (open.answers, open.last) = (open.answers + 1, (!unreadable).then_some(uses)),
                // Who asked sees that this process does not answer.
                Err(error) => log::info!("a question of another program is not answered: {error}"),
            }
        }
        let next = self.open.iter().filter(|open| !open.is_final()).map(|open| open.due).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }
}

impl Open {
    fn new(file: &str, question: Question) -> Option<Self> {
        let now = Instant::now();
        let profile = match question.profile {
            // No profile has a name that is none.
            Some(name) => Some(Name::from_utf8(name.bytes()).ok()?.folded()),
            None => None,
        };
        Some(Self {
            name: file.to_owned(),
            profile,
            until: now + Duration::from_millis(question.milliseconds).min(LONGEST),
            answers: 0,
            last: None,
            due: now,
            pause: SHORTEST_PAUSE,
        })
    }

    /// Nothing is in progress any more, or that is not waited for.
    fn is_final(&self) -> bool {
        self.last.as_ref().is_some_and(|uses| uses.iter().all(|a_use| a_use.progress == Progress::Idle))
    }
}
