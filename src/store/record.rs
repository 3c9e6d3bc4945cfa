//! What a profile's file says: JSON, one object, to be read by people.
//!
//! Nothing is allocated for a record without escapes in its strings, as this runs where memory may have run out.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::time::SystemTime;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::name::Name;
use crate::state::{Capabilities, State};

/// The format that this version writes, and the only one that it reads.
pub(crate) const FORMAT: u32 = 1;
/// Larger than any record, and small enough to be read at once. A later format may use all of it.
pub(super) const LARGEST: usize = 64 * 1024;

/// A record as it is stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Stored<'a> {
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

/// Who changed it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Author<'a> {
    pub(crate) pid: u32,
    #[serde(borrow)]
    pub(crate) program: Cow<'a, str>,
}

/// What is in a file.
#[derive(Debug, PartialEq)]
pub(crate) enum Content<'a> {
    Record(Stored<'a>),
    /// Of a later version of this library: the format.
    Newer(u32),
    Damaged,
}

impl<'a> Stored<'a> {
    pub(crate) fn new(profile: Name, state: State, capabilities: Capabilities, hosted: bool, revision: u64) -> Self {
        let changed_by = Author { pid: std::process::id(), program: super::program().into() };
        // A clock that was never set must not be the end of a change.
        let changed_at = SystemTime::now().max(SystemTime::UNIX_EPOCH);
        Self { format: FORMAT, profile, state, capabilities, hosted, revision, changed_by, changed_at }
    }

    /// Reads what is in the file of `profile`.
    pub(crate) fn parse(text: &'a [u8], profile: &Name) -> Content<'a> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        match serde_json::from_slice::<Self>(text) {
            Ok(stored) if stored.format == FORMAT && stored.is_of(profile) => return Content::Record(stored),
            _ => {}
        }
        match serde_json::from_slice::<Head>(text) {
            Ok(Head { format }) if format > FORMAT => Content::Newer(format),
            _ => Content::Damaged,
        }
    }

    fn is_of(&self, profile: &Name) -> bool {
        self.profile.folded().units() == profile.folded().units()
    }

    /// The file's text.
    pub(super) fn to_text(&self) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        text.try_reserve_exact(4096)?;
        text.resize(4096, 0);
        let mut room = &mut text[..];
        // The longest record fits: escapes make six bytes of a character at most.
        serde_json::to_writer_pretty(&mut room, self).map_err(|_| Error::Unexpected)?;
        writeln!(room).map_err(|_| Error::Unexpected)?;
        let left = room.len();
        text.truncate(4096 - left);
        Ok(text)
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
                // A zero would end it for the scan.
                Name::from_utf8(text.bytes()).ok().filter(|_| !text.contains('\0')).ok_or_else(|| E::custom("no name"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The words for states, which are also those for the capability to change to them.
const WORDS: [(&str, State); 2] = [("offline", State::Offline), ("online", State::Online)];

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Offline,
    Online,
}

impl From<State> for Word {
    fn from(state: State) -> Self {
        match state {
            State::Offline => Self::Offline,
            State::Online => Self::Online,
        }
    }
}

impl From<Word> for State {
    fn from(word: Word) -> Self {
        match word {
            Word::Offline => Self::Offline,
            Word::Online => Self::Online,
        }
    }
}

mod as_word {
    use super::*;

    pub(super) fn serialize<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
        Word::from(*state).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
        Word::deserialize(deserializer).map(State::from)
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
                while let Some(word) = words.next_element::<Word>()? {
                    capabilities = capabilities.with(word.into());
                }
                Ok(capabilities)
            }
        }
        deserializer.deserialize_seq(Words)
    }
}

mod as_time {
    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
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

    fn stored(profile: &str) -> Stored<'static> {
        Stored::new(name(profile), State::Offline, Capabilities::ALL, true, 7)
    }

    #[test]
    fn a_record_comes_back() {
        for profile in ["Outlook", "é", "quo\"te \\ and\nline", &"\u{1}".repeat(64), &"\u{FFFD}".repeat(64)] {
            let stored = stored(profile);
            let text = stored.to_text().unwrap();
            let Content::Record(back) = Stored::parse(&text, &name(profile)) else { panic!("{profile}") };
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
    fn people_can_read_it() {
        let text = String::from_utf8(stored("Outlook").to_text().unwrap()).unwrap();
        for line in
            ["{", "  \"format\": 1,", "  \"profile\": \"Outlook\",", "  \"state\": \"offline\",", "  \"hosted\": true,"]
        {
            assert!(text.lines().any(|l| l == line), "{text}");
        }
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn damage_is_noticed() {
        let text = stored("Outlook").to_text().unwrap();
        for end in 0..text.len() - 2 {
            assert_eq!(Stored::parse(&text[..end], &name("Outlook")), Content::Damaged, "cut at {end}");
        }
        assert_eq!(Stored::parse(&text, &name("Other")), Content::Damaged, "another profile's");
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
            assert_eq!(Stored::parse(damaged.as_bytes(), &name("Outlook")), Content::Damaged, "{to}");
        }
    }

    #[test]
    fn a_later_format_is_known_as_such_whatever_else_it_has() {
        let newer = br#"{"format": 2, "state": {"mail": "offline"}}"#;
        assert_eq!(Stored::parse(newer, &name("Outlook")), Content::Newer(2));
    }
}
