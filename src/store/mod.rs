//! Where profile state lives: in files that all processes of a user share, or in the memory of this one.
//!
//! An entry knows a profile's record; with the shared store it is what the file said when it was last looked at. Nothing
//! here logs or calls out, as entries stand under their profile's lock: a [`Complaint`] is taken out and told later.
#![forbid(unsafe_code)]

mod choice;
mod file_name;
mod record;
mod shared;
mod watch;

use std::io;

use crate::error::Error;
use crate::name::Name;
use crate::state::{Capabilities, State};

pub(crate) use choice::{Unusable, choose, decide, is_hosted, of_user, open, program, shared as chosen_folder};
pub(crate) use file_name::profile_of;
pub(crate) use record::Content;
use record::Stored;
use shared::Reading;
pub(crate) use shared::{Opened, Shared, Trouble, profile_of_set_aside};
pub(crate) use watch::{HeldWatcher, Hint, Interest, Noticing, hold, how_noticed, keep_watching, look_again};

/// What a store knows of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) state: State,
    pub(crate) capabilities: Capabilities,
    /// `HrCreateOfflineObj` or `HrGetGlobalOffline` made the global object: strict hosting asks for that.
    pub(crate) hosted: bool,
}

impl Record {
    /// A profile that nobody has created: online, and able to change both ways.
    pub(crate) const NEW: Self = Self { state: State::Online, capabilities: Capabilities::ALL, hosted: false };
}

/// One profile in a store. Always called under the profile's lock, never with a callback running under it.
pub(crate) struct Entry {
    record: Record,
    /// The global object exists from its first open on; only before that may creation choose its capabilities.
    seen: bool,
    /// `None`: the profile is this process's own.
    folder: Option<&'static Shared>,
    /// The file stood when it was last looked at, with this revision.
    revision: Option<u64>,
    /// The file is gone because it was damaged, and this process knows what it said.
    owes_file: bool,
    /// The file could not be read, and that was complained about.
    unreadable: bool,
    /// It could not be mended, and that was complained about.
    unmended: bool,
    complaint: Option<Complaint>,
}

/// Whether this process has the profile's global object open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Yes,
    No,
}

/// What somebody should know who looks for a reason.
#[derive(Debug)]
pub(crate) enum Complaint {
    SetAside,
    /// The file's format is a later one.
    Newer(u32),
    Unreadable(io::Error),
    Unwritable(io::Error),
}

impl Entry {
    pub(crate) fn new(folder: Option<&'static Shared>) -> Self {
        Self {
            record: Record::NEW,
            seen: false,
            folder,
            revision: None,
            owes_file: false,
            unreadable: false,
            unmended: false,
            complaint: None,
        }
    }

    pub(crate) fn record(&self) -> Record {
        self.record
    }

    /// Whether other processes may change it.
    pub(crate) fn is_shared(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) fn complaint(&mut self) -> Option<Complaint> {
        self.complaint.take()
    }

    /// The global object is opened without having been created: it exists from now on, with the capabilities it has.
    pub(crate) fn note_seen(&mut self) {
        self.seen = true;
    }

    /// Whether it has to be looked at again: something could not be read, or not mended.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.is_shared() && (self.unreadable || self.owes_file)
    }

    /// Looks what other processes made of it. What was damaged is mended; what cannot be read is as it was.
    pub(crate) fn refresh(&mut self, profile: &Name, held: Held) -> Result<(), Error> {
        let Some(folder) = self.folder else { return Ok(()) };
        let reading = match folder.open().and_then(|folder| self.read(&folder, profile, held)) {
            Ok(reading) => reading,
            // The whole folder vanished. It comes back with the next change.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Err(Error::OutOfMemory),
            Err(error) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    self.complaint = Some(Complaint::Unreadable(error));
                }
                return Ok(());
            }
        };
        self.unreadable = false;
        match reading.content(profile) {
            Some(Content::Record(stored)) => self.take(&stored),
            Some(Content::Newer(format)) => self.keep_in_memory(format),
            Some(Content::Damaged) => {
                self.forget_unless(held);
                return self.mend(profile);
            }
            None if self.owes_file && held == Held::Yes => return self.mend(profile),
            // Removed, by somebody who wanted that.
            None => {
                if self.revision.take().is_some() || self.owes_file {
                    self.forget_unless(held);
                }
            }
        }
        Ok(())
    }

    /// Reads the file. If it is gone, says whether somebody set it aside whose place this process could take.
    fn read(&mut self, folder: &Opened, profile: &Name, held: Held) -> io::Result<Reading> {
        let reading = folder.read(profile)?;
        if matches!(reading, Reading::Nothing) && self.revision.is_some() && held == Held::Yes {
            self.owes_file |= folder.has_set_aside(profile)?;
        }
        Ok(reading)
    }

    /// What this process knew of a profile that it does not have open is worth no more than what anybody knows.
    fn forget_unless(&mut self, held: Held) {
        if held == Held::No {
            *self = Self { complaint: self.complaint.take(), ..Self::new(self.folder) };
        }
    }

    /// Makes the global object's record, unless it stands already.
    pub(crate) fn host(&mut self, profile: &Name, capabilities: Capabilities) -> Result<(), Error> {
        let seen = self.seen;
        self.exchange(profile, |record, stands| {
            if !seen && !stands {
                record.capabilities = capabilities;
            }
            Ok(!std::mem::replace(&mut record.hosted, true) || !stands)
        })?;
        self.seen = true;
        Ok(())
    }

    /// Takes an accepted change. A failure means that nothing was accepted.
    pub(crate) fn write(&mut self, profile: &Name, state: State) -> Result<(), Error> {
        self.exchange(profile, |record, stands| {
            if !record.capabilities.allow(state) {
                return Err(Error::NoSupport);
            }
            Ok(std::mem::replace(&mut record.state, state) != state || !stands)
        })
    }

    /// Takes an accepted change that no other process hears of.
    pub(crate) fn keep(&mut self, state: State) {
        self.record.state = state;
    }

    /// In a forked child: the state is what it was when no transition is under way. What is shared is not this process's
    /// to say; it is looked at on first use.
    pub(crate) fn restore(&mut self, state: State) {
        if !self.is_shared() {
            self.record.state = state;
        }
    }

    /// The file was damaged: it is set aside, and written anew if this process knows what it said. What fails is tried again,
    /// and complained about once.
    fn mend(&mut self, profile: &Name) -> Result<(), Error> {
        let known = self.seen;
        let mended = self.exchange(profile, |_, stands| Ok(known && !stands));
        if std::mem::replace(&mut self.unmended, mended.is_err()) && mended.is_err() {
            self.complaint = None;
        }
        mended
    }

    /// Has `change` change the record as it stands now, which it is told whether somebody wrote; it says whether there
    /// is something to write.
    fn exchange(
        &mut self,
        profile: &Name,
        change: impl FnOnce(&mut Record, bool) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if let Some(folder) = self.folder {
            match self.exchange_file(folder, profile, change) {
                Ok(Exchanged::Done) => return Ok(()),
                Ok(Exchanged::Refused(error)) => return Err(error),
                Ok(Exchanged::Newer(format, change)) => {
                    self.keep_in_memory(format);
                    return self.exchange_memory(change);
                }
                Err(trouble) => {
                    let error = Error::from(&trouble);
                    if let Trouble::Io(error) = trouble {
                        self.complaint = Some(Complaint::Unwritable(error));
                    }
                    return Err(error);
                }
            }
        }
        self.exchange_memory(change)
    }

    fn exchange_memory(&mut self, change: impl FnOnce(&mut Record, bool) -> Result<bool, Error>) -> Result<(), Error> {
        let mut record = self.record;
        change(&mut record, self.revision.is_some())?;
        self.record = record;
        Ok(())
    }

    fn exchange_file<F: FnOnce(&mut Record, bool) -> Result<bool, Error>>(
        &mut self,
        folder: &Shared,
        profile: &Name,
        change: F,
    ) -> Result<Exchanged<F>, Trouble> {
        let locked = folder.lock()?;
        let mut spelled = *profile;
        let reading = locked.read(profile)?;
        match reading.content(profile) {
            None => self.revision = None,
            Some(Content::Record(stored)) => {
                spelled = stored.profile;
                self.take(&stored);
            }
            Some(Content::Newer(format)) => return Ok(Exchanged::Newer(format, change)),
            Some(Content::Damaged) => {
                locked.set_aside(profile)?;
                self.revision = None;
                self.owes_file = self.seen;
                self.complaint = Some(Complaint::SetAside);
            }
        }
        let mut record = self.record;
        let write = match change(&mut record, self.revision.is_some()) {
            Ok(write) => write,
            Err(error) => return Ok(Exchanged::Refused(error)),
        };
        if write {
            let revision = self.revision.unwrap_or(0).wrapping_add(1);
            let Record { state, capabilities, hosted } = record;
            watch::note_own_change();
            locked.write(&Stored::new(spelled, state, capabilities, hosted, revision))?;
            self.revision = Some(revision);
            self.owes_file = false;
        }
        self.record = record;
        Ok(Exchanged::Done)
    }

    fn take(&mut self, stored: &Stored) {
        self.revision = Some(stored.revision);
        self.owes_file = false;
        self.record = Record { state: stored.state, capabilities: stored.capabilities, hosted: stored.hosted };
    }

    fn keep_in_memory(&mut self, format: u32) {
        self.folder = None;
        self.complaint = Some(Complaint::Newer(format));
    }
}

/// What became of a change.
enum Exchanged<F> {
    Done,
    Refused(Error),
    /// Nothing: the file's format is a later one. The change comes back.
    Newer(u32, F),
}

impl Complaint {
    /// Tells whoever reads the log. Never under a lock.
    pub(crate) fn tell(&self, profile: &Name) {
        match self {
            Self::SetAside => log::warn!("profile {profile}: its file was damaged, and is set aside as .damaged"),
            Self::Newer(format) => {
                log::warn!(
                    "profile {profile}: its file has format {format}, of a later version; the profile is kept in this process only"
                )
            }
            Self::Unreadable(error) => log::warn!("profile {profile}: its file cannot be read: {error}"),
            Self::Unwritable(error) => log::warn!("profile {profile}: its file cannot be written: {error}"),
        }
    }
}

/// Removes a profile from a folder. Whether it was there.
pub(crate) fn remove(folder: &Shared, profile: &Name) -> Result<bool, Trouble> {
    Ok(folder.lock()?.remove(profile)?)
}

/// Tries whether a change could be written.
pub(crate) fn try_write(folder: &Shared) -> Result<(), Trouble> {
    folder.lock()?.try_write()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Name {
        Name::from_utf8(*b"A").unwrap()
    }

    #[test]
    fn the_first_creation_settles_capabilities() {
        let mut entry = Entry::new(None);
        assert_eq!(entry.record(), Record::NEW);
        entry.host(&name(), Capabilities::OFFLINE).unwrap();
        entry.host(&name(), Capabilities::ALL).unwrap();
        entry.write(&name(), State::Offline).unwrap();
        let record = Record { state: State::Offline, capabilities: Capabilities::OFFLINE, hosted: true };
        assert_eq!(entry.record(), record);
    }

    #[test]
    fn a_global_object_that_was_opened_keeps_both() {
        let mut entry = Entry::new(None);
        entry.note_seen();
        entry.host(&name(), Capabilities::NONE).unwrap();
        assert_eq!(entry.record().capabilities, Capabilities::ALL);
        assert!(entry.record().hosted);
    }
}
