//! The files by which programs are asked and answer: JSON, as records are.
#![forbid(unsafe_code)]

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::super::program::program;
use super::super::record::{as_time, as_word};
use super::id::ProgramId;
use crate::fault::{self, Counts};
use crate::state::State;

/// The subfolder of the state folder.
pub(super) const PROGRAMS: &str = "programs";
/// The largest file that is read.
pub(super) const LARGEST: usize = 64 * 1024;
/// How many profiles a program lists in an answer.
/// Each takes up to 600 bytes: a character of its name is six where it is escaped.
pub(crate) const MOST_PROFILES: usize = 100;
const FORMAT: u32 = 1;
/// What the name of a question in the state folder begins with.
const PREFIX: &str = "query-";

/// A program's file.
#[derive(Deserialize, Serialize)]
pub(super) struct ProgramFile {
    format: u32,
    pub(super) program: String,
    #[serde(with = "as_time")]
    pub(super) since: SystemTime,
}

/// What programs are asked.
#[derive(Deserialize, Serialize)]
pub(super) struct Question {
    format: u32,
    /// Of which profile. `None`: of all.
    pub(super) profile: Option<String>,
    /// How long answers are waited for.
    pub(super) milliseconds: u64,
}

/// What a program answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Answer {
    format: u32,
    pub(super) profiles: Vec<ProfileUse>,
    /// Not in answers of programs that know no faults.
    #[serde(default)]
    pub(super) faults: Vec<FaultUse>,
}

/// What a fault of the folder has done in a program: its line, how many calls it concerned, and at how many it happened.
pub(crate) type FaultUse = [u32; 3];

/// What a program does with a profile that it has open.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct ProfileUse {
    /// As this program spelled it first.
    pub(crate) profile: String,
    /// Of the global object, as its clients see it.
    #[serde(with = "as_word")]
    pub(crate) state: State,
    pub(crate) registrations: u64,
    /// How many changes of the profile's objects have begun in this program.
    pub(crate) changes: u64,
    pub(crate) progress: Progress,
    /// Since when it has been doing that; where it is idle, since when it has the profile open.
    #[serde(with = "as_time")]
    pub(crate) since: SystemTime,
}

/// How far a program is with the changes of a profile.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Progress {
    /// It has returned from the last notification of the last change.
    Idle,
    /// A change is known, and has not begun.
    Pending,
    Start,
    Change,
    Done,
    /// What is stored cannot be read.
    Unreadable,
}

impl ProgramFile {
    pub(super) fn of_this_process() -> Self {
        Self { format: FORMAT, program: program().to_owned(), since: SystemTime::now() }
    }
}

impl Question {
    pub(super) fn new(profile: Option<String>, milliseconds: u64) -> Self {
        Self { format: FORMAT, profile, milliseconds }
    }
}

impl Answer {
    pub(super) fn new(profiles: Vec<ProfileUse>) -> Self {
        let faults = fault::stored_counts().into_iter();
        let faults = faults.map(|(line, Counts { calls, times })| [line, calls, times]).collect();
        Self { format: FORMAT, profiles, faults }
    }
}

/// The text of a file. Memory may run out: then the process ends, as Rust's allocations go; only a program that is asked
/// comes here.
pub(super) fn to_text(content: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(content).unwrap_or_default()
}

/// The content of a file, if it is whole.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}

/// The name of a question's file.
pub(super) fn question_name(number: u64) -> String {
    format!("{PREFIX}{number:016x}")
}

/// Whether a file of the state folder is a question.
pub(in crate::store) fn is_question(file: &str) -> bool {
    file.strip_prefix(PREFIX).is_some_and(|number| number.len() == 16 && u64::from_str_radix(number, 16).is_ok())
}

/// The name of an answer's file, in `programs`.
pub(super) fn answer_name(question: &str, program: &ProgramId, number: u32) -> String {
    format!("{question}.{program}.{number}")
}

/// Who gave this answer to the question, and the how manieth it is.
pub(super) fn answer_of(file: &str, question: &str) -> Option<(ProgramId, u32)> {
    let (program, number) = file.strip_prefix(question)?.strip_prefix('.')?.split_once('.')?;
    Some((program.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_round_trip() {
        let (question, program) = (question_name(42), ProgramId::of_this_process(1));
        assert!(is_question(&question));
        for other in ["query-", "query-42", "QUERY-000000000000002a", "lock", "QUERY-1.json", "query-000000000000002g"]
        {
            assert!(!is_question(other), "{other}");
        }
        let name = answer_name(&question, &program, 7);
        assert_eq!(answer_of(&name, &question), Some((program, 7)));
        assert_eq!(answer_of(&name, &question_name(43)), None);
        let profile = ProfileUse {
            profile: "a \"b\"".into(),
            state: State::Offline,
            registrations: 3,
            changes: 4,
            progress: Progress::Done,
            since: SystemTime::UNIX_EPOCH,
        };
        let text = to_text(&Answer::new(vec![profile.clone()]));
        assert_eq!(parse::<Answer>(&text).unwrap().profiles, [profile]);
        for end in 0..text.len() {
            assert!(parse::<Answer>(&text[..end]).is_none(), "unfinished, {end} bytes");
        }
    }
}
