//! What this process wrote last: text that it finds unchanged it need not parse.
#![forbid(unsafe_code)]

use std::sync::Mutex;

use super::backend::Record;
use super::record::{Content, StoredRecord};
use crate::name::Name;

/// What a writer has to know of a profile's file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Current {
    Nothing,
    Record {
        /// As it was spelled first.
        spelled: Name,
        revision: u64,
        record: Record,
    },
    LaterFormat(u32),
    Damaged,
}

impl From<Option<Content<'_>>> for Current {
    fn from(content: Option<Content>) -> Self {
        match content {
            None => Self::Nothing,
            Some(Content::Record(stored)) => {
                Self::Record { spelled: stored.profile, revision: stored.revision, record: stored.record() }
            }
            Some(Content::LaterFormat(format)) => Self::LaterFormat(format),
            Some(Content::Damaged) => Self::Damaged,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct LastWritten(Mutex<Option<Written>>);

#[derive(Debug)]
struct Written {
    text: Vec<u8>,
    /// The caller's spelling.
    profile: Name,
    current: Current,
}

impl LastWritten {
    pub(super) fn note(&self, profile: &Name, stored: &StoredRecord, text: Vec<u8>) {
        let current = Current::Record { spelled: stored.profile, revision: stored.revision, record: stored.record() };
        // In a forked child it may be locked for ever.
        if let Ok(mut last) = self.0.try_lock() {
            *last = Some(Written { text, profile: *profile, current });
        }
    }

    /// What the file of `profile` says, if `text` is what was written there last.
    pub(super) fn find(&self, profile: &Name, text: &[u8]) -> Option<Current> {
        let last = self.0.try_lock().ok()?;
        let written = last.as_ref().filter(|written| written.profile.units() == profile.units())?;
        (written.text == text).then_some(written.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Capabilities, State};

    #[test]
    fn only_what_was_written_last_is_found_and_says_what_parsing_says() {
        let name = |text: &str| Name::from_utf8(text.bytes()).unwrap();
        let last = LastWritten::default();
        let record = Record { state: State::Offline, capabilities: Capabilities::ALL, hosted: true };
        let write = |profile: &str, revision| {
            let stored = StoredRecord::new(name("Outlook"), record, revision);
            let text = stored.to_text().unwrap();
            last.note(&name(profile), &stored, text.clone());
            text
        };
        let first = write("OUTLOOK", 7);
        let parsed = Current::from(Some(StoredRecord::parse(&first, &name("OUTLOOK"))));
        assert_eq!(last.find(&name("OUTLOOK"), &first), Some(parsed));
        assert_eq!(parsed, Current::Record { spelled: name("Outlook"), revision: 7, record });
        assert_eq!(last.find(&name("Other"), &first), None, "a copy in another profile's file");
        for at in 0..first.len() {
            let mut edited = first.clone();
            edited[at] ^= 1;
            assert_eq!(last.find(&name("OUTLOOK"), &edited), None, "edited at {at}");
        }
        assert_eq!(last.find(&name("OUTLOOK"), &first[..first.len() - 1]), None);
        let second = write("OUTLOOK", 8);
        assert_eq!(last.find(&name("OUTLOOK"), &first), None, "an older one");
        assert!(last.find(&name("OUTLOOK"), &second).is_some());
    }
}
