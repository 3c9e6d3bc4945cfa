//! The content of a profile's file: one JSON object, formatted for people to read.
//!
//! Parsing a record without escapes in its strings allocates nothing, as memory may have run out.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};

use super::backend::Record;
use super::program::program;
use crate::error::ErrorKind;
use crate::name::Name;
use crate::state::{Capabilities, State};

/// The format that this version writes, and the only one that it reads.
pub(crate) const FORMAT: u32 = 1;
/// The largest file that is read. Larger than any record of this format; a later format may use all of it.
pub(super) const LARGEST: usize = 64 * 1024;

/// A record as it is stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct StoredRecord<'a> {
    format: u32,
    #[serde(with = "as_text")]
    pub(crate) profile: Name,
    #[serde(with = "as_word")]
    pub(crate) state: State,
    #[serde(with = "as_words")]
    pub(crate) capabilities: Capabilities,
    pub(crate) hosted: bool,
    pub(crate) revision: u64,
    #[serde(borrow)]
    pub(crate) changed_by: Author<'a>,
    #[serde(with = "as_time")]
    pub(crate) changed_at: SystemTime,
}

/// The process that wrote the record.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Author<'a> {
    pub(crate) pid: u32,
    #[serde(borrow)]
    pub(crate) program: Cow<'a, str>,
}

/// The parsed content of a file.
#[derive(Debug, PartialEq)]
pub(crate) enum Content<'a> {
    Record(StoredRecord<'a>),
    /// A later version of this library wrote it, in the format of this number.
    LaterFormat(u32),
    Damaged,
}

impl<'a> StoredRecord<'a> {
    pub(super) fn new(profile: Name, record: Record, revision: u64) -> Self {
        let Record { state, capabilities, hosted } = record;
        let changed_by = Author { pid: std::process::id(), program: program().into() };
        // A clock that is set wrongly must not make the write fail: humantime has years up to 9999.
        let latest = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        let changed_at = SystemTime::now().clamp(SystemTime::UNIX_EPOCH, latest);
        Self { format: FORMAT, profile, state, capabilities, hosted, revision, changed_by, changed_at }
    }

    pub(super) fn record(&self) -> Record {
        Record { state: self.state, capabilities: self.capabilities, hosted: self.hosted }
    }

    /// Parses the content of the file of `profile`. The record of another profile counts as damaged.
    pub(crate) fn parse(text: &'a [u8], profile: &Name) -> Content<'a> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        // Checked for UTF-8 at once, and not string by string. Strings that are not read may have anything in them.
        let record = match str::from_utf8(text) {
            Ok(text) => serde_json::from_str::<Self>(text),
            Err(_) => serde_json::from_slice(text),
        };
        match record {
            Ok(stored) if stored.format == FORMAT && stored.is_of(profile) => return Content::Record(stored),
            _ => {}
        }
        match serde_json::from_slice::<Head>(text) {
            Ok(Head { format }) if format > FORMAT => Content::LaterFormat(format),
            _ => Content::Damaged,
        }
    }

    fn is_of(&self, profile: &Name) -> bool {
        self.profile.folded().units() == profile.folded().units()
    }

    /// The text to write to the file.
    pub(super) fn to_text(&self) -> Result<Vec<u8>, ErrorKind> {
        let mut text = Text(Vec::new());
        // The longest record fits: an escaped character takes six bytes at most.
        text.0.try_reserve_exact(4096)?;
        serde_json::to_writer_pretty(&mut text, self).map_err(|_| ErrorKind::Unexpected)?;
        writeln!(text).map_err(|_| ErrorKind::Unexpected)?;
        Ok(text.0)
    }
}

/// What is written into memory that was allocated before: a growing vector ends the process where memory has run out.
struct Text(Vec<u8>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.0.capacity() - self.0.len();
        let count = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

mod as_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(name)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a profile name")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
                // `Name::from_utf8` stops at a zero.
                Name::from_utf8(text.bytes()).ok().filter(|_| !text.contains('\0')).ok_or_else(|| E::custom("no name"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The word of each state. It is also the word of the capability to change to that state.
const WORDS: [(&str, State); 2] = [("offline", State::Offline), ("online", State::Online)];

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum StateWord {
    Offline,
    Online,
}

impl From<State> for StateWord {
    fn from(state: State) -> Self {
        match state {
            State::Offline => Self::Offline,
            State::Online => Self::Online,
        }
    }
}

impl From<StateWord> for State {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Offline => Self::Offline,
            StateWord::Online => Self::Online,
        }
    }
}

pub(super) mod as_word {
    use super::*;

    pub(in crate::store) fn serialize<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
        StateWord::from(*state).serialize(serializer)
    }

    pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
        StateWord::deserialize(deserializer).map(State::from)
    }
}

mod as_words {
    use super::*;

    pub(super) fn serialize<S: Serializer>(capabilities: &Capabilities, serializer: S) -> Result<S::Ok, S::Error> {
        let mut words = serializer.serialize_seq(None)?;
        for (word, state) in WORDS {
            if capabilities.allow(state) {
                words.serialize_element(word)?;
            }
        }
        words.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Capabilities, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Capabilities;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of states")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Capabilities, A::Error> {
                let mut capabilities = Capabilities::NONE;
                while let Some(word) = words.next_element::<StateWord>()? {
                    capabilities = capabilities.with(word.into());
                }
                Ok(capabilities)
            }
        }
        deserializer.deserialize_seq(Words)
    }
}

pub(super) mod as_time {
    use super::*;

    pub(in crate::store) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        struct Time;
        impl Visitor<'_> for Time {
            type Value = SystemTime;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SystemTime, E> {
                humantime::parse_rfc3339(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_utf8(text.bytes()).unwrap()
    }

    fn stored(profile: &str) -> StoredRecord<'static> {
        let record = Record { state: State::Offline, capabilities: Capabilities::ALL, hosted: true };
        StoredRecord::new(name(profile), record, 7)
    }

    #[test]
    fn a_record_round_trips() {
        for profile in ["Outlook", "é", "quo\"te \\ and\nline", &"\u{1}".repeat(64), &"\u{FFFD}".repeat(64)] {
            let stored = stored(profile);
            let text = stored.to_text().unwrap();
            let Content::Record(back) = StoredRecord::parse(&text, &name(profile)) else { panic!("{profile}") };
            assert_eq!(
                (back.state, back.capabilities, back.hosted, back.revision),
                (State::Offline, Capabilities::ALL, true, 7)
            );
            assert_eq!(back.changed_by, stored.changed_by);
            let age = stored.changed_at.duration_since(back.changed_at).unwrap();
            assert!(age.as_millis() <= 1, "{age:?}");
        }
    }

    #[test]
    fn the_text_has_one_field_per_line() {
        let text = String::from_utf8(stored("Outlook").to_text().unwrap()).unwrap();
        for line in
            ["{", "  \"format\": 1,", "  \"profile\": \"Outlook\",", "  \"state\": \"offline\",", "  \"hosted\": true,"]
        {
            assert!(text.lines().any(|l| l == line), "{text}");
        }
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn damaged_records_are_detected() {
        let text = stored("Outlook").to_text().unwrap();
        for end in 0..text.len() - 2 {
            assert_eq!(StoredRecord::parse(&text[..end], &name("Outlook")), Content::Damaged, "cut at {end}");
        }
        assert_eq!(StoredRecord::parse(&text, &name("Other")), Content::Damaged, "another profile's");
        let text = String::from_utf8(text).unwrap();
        for (from, to) in [
            ("\"format\": 1", "\"format\": 0"),
            ("\"offline\",\n  \"cap", "\"offlime\",\n  \"cap"),
            ("[", "[\"both\", "),
            ("\"revision\": 7", "\"revision\": -7"),
            ("Outlook", "Out\\u0000look"),
            ("\"hosted\": true,", ""),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text, "{from}");
            assert_eq!(StoredRecord::parse(damaged.as_bytes(), &name("Outlook")), Content::Damaged, "{to}");
        }
    }

    #[test]
    fn a_later_format_is_recognised_whatever_its_other_fields() {
        for newer in [&br#"{"format": 2, "state": {"mail": "offline"}}"#[..], b"{\"format\": 2, \"state\": \"\xff\"}"] {
            assert_eq!(StoredRecord::parse(newer, &name("Outlook")), Content::LaterFormat(2));
        }
    }

    #[test]
    fn what_is_in_added_fields_does_not_matter() {
        let mut text = stored("Outlook").to_text().unwrap();
        let end = text.len() - 3;
        text.splice(end..end, b",\n  \"added\": \"\xff\"".iter().copied());
        let parsed = StoredRecord::parse(&text, &name("Outlook"));
        assert!(
            matches!(parsed, Content::Record(stored) if stored.revision == 7),
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
}
