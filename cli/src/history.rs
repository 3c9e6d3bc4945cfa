//! Who set a profile and why: a bounded list of entries beside each profile, in the folder `history` of the state folder.
//!
//! The record of a profile says what its state is, and which process wrote it. An entry says for whom, and why. The last
//! entry decides whether the agent may change the state.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use jiff::Timestamp;
use mapioffline::{ProfileRecord, State, StateFolder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const FOLDER: &str = "history";
const FORMAT: u32 = 1;
const UNFINISHED: &str = "new-";
/// How many entries a profile keeps.
const MAX: usize = 100;
/// How long to wait for another program that writes an entry, which takes it milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// A person, by `mapioffline set`: the name of the user.
    Person(String),
    /// A program, by SetCurrentState.
    Program(String),
    /// The operator of the machine's fleet, whom the agent follows.
    Fleet(String),
    /// The agent, as its sources said.
    Agent,
}

impl By {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Program(_) => "program",
            Self::Fleet(_) => "fleet",
            Self::Agent => "agent",
        }
    }

    /// Whether the agent carries that out, and may take it back.
    fn is_the_agents(&self) -> bool {
        matches!(self, Self::Agent | Self::Fleet(_))
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Online,
    Offline,
    // The agent decides from now on; the state stays until it does.
    /// as the agent decides
    Auto,
}

impl From<State> for What {
    fn from(state: State) -> Self {
        match state {
            State::Online => Self::Online,
            State::Offline => Self::Offline,
        }
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) what: What,
    pub(crate) by: By,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// When the agent takes the profile back, if it was not handed back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The process that decided.
    pub(crate) pid: u32,
}

impl Entry {
    /// A decision of this process, made now.
    pub(crate) fn new(what: impl Into<What>, by: By, why: Option<String>) -> Self {
        Self { at: Timestamp::now(), what: what.into(), by, why, until: None, pid: std::process::id() }
    }

    /// The decision of the program that wrote the record.
    fn of_program(record: &ProfileRecord) -> Self {
        Self {
            at: Timestamp::try_from(record.changed_at).unwrap_or_default(),
            what: record.state.into(),
            by: By::Program(record.changed_by_program.clone()),
            why: None,
            until: None,
            pid: record.changed_by_pid,
        }
    }

    /// The decision in a sentence's part: who, and why.
    pub(crate) fn who_and_why(&self) -> String {
        let who = match (&self.by, self.what) {
            (By::Person(name), What::Auto) => format!("handed back to the agent by {name}"),
            (By::Person(name), _) => format!("set by hand by {name}"),
            (By::Program(name), What::Auto) => format!("handed back to the agent by the program {name}"),
            (By::Program(name), _) => format!("set by the program {name} ({})", self.pid),
            (By::Fleet(name), _) => format!("set by {name} for the fleet"),
            (By::Agent, What::Auto) => "taken back by the agent".to_owned(),
            (By::Agent, _) => "set by the agent".to_owned(),
        };
        self.why.as_ref().map_or(who.clone(), |why| format!("{who}: {why}"))
    }
}

/// What of a record shows that it was written anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    revision: u64,
    pid: u32,
    at: Timestamp,
}

impl From<&ProfileRecord> for Seen {
    fn from(record: &ProfileRecord) -> Self {
        let at = Timestamp::try_from(record.changed_at).unwrap_or_default();
        Self { revision: record.revision, pid: record.changed_by_pid, at }
    }
}

/// The decisions about a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// The last one is in force.
    pub(crate) entries: Vec<Entry>,
    /// The record as it was when these were all.
    seen: Option<Seen>,
    /// The state that the entries account for.
    state: Option<What>,
    /// A decision that was about to be carried out: whoever wrote this may have been killed since.
    pending: Option<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    format: u32,
    profile: String,
    #[serde(flatten)]
    history: History,
}

impl History {
    /// The decision that is in force.
    pub(crate) fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// The state that is stored.
    pub(crate) fn state(&self) -> State {
        if self.state == Some(What::Offline) { State::Offline } else { State::Online }
    }

    /// The decision of a person or a program, which the agent leaves alone.
    pub(crate) fn held(&self) -> Option<&Entry> {
        self.last().filter(|entry| entry.what != What::Auto && !entry.by.is_the_agents())
    }

    /// Adds a decision. The oldest ones give way.
    pub(crate) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
        self.entries.drain(..self.entries.len().saturating_sub(MAX));
    }

    /// Takes in what has been stored since these were written. Returns whether that was anything.
    ///
    /// A record that was written by others is a decision of theirs if its state is another, or if it was written more than once:
    /// once, with the same state, is how a program makes a profile hosted. A profile that is first seen online is as all profiles
    /// begin, and no decision; one that was removed is as new.
    pub(crate) fn reconcile(&mut self, record: Option<&ProfileRecord>) -> bool {
        let found = record.map(Seen::from);
        let pending = self.pending.take();
        if found == self.seen {
            return pending.is_some();
        }
        let (Some(record), Some(seen)) = (record, found) else {
            *self = Self::default();
            return true;
        };
        if self.seen.as_ref().is_some_and(|before| seen.revision <= before.revision) {
            // Removed, and made anew.
            *self = Self::default();
        }
        let what = What::from(record.state);
        let has_changed = self.state.replace(what).unwrap_or(What::Online) != what;
        let writes = self.seen.as_ref().map(|before| seen.revision - before.revision);
        let pid = seen.pid;
        self.seen = Some(seen);
        if let Some(entry) = pending
            && (entry.pid, entry.what) == (pid, what)
        {
            self.add(entry);
        } else if has_changed || writes.is_some_and(|writes| writes > 1) {
            self.add(Entry::of_program(record));
        }
        true
    }

    /// Takes in that a decision was carried out, before or after which others may have written.
    fn carried_out(&mut self, entry: Entry, record: Option<&ProfileRecord>) {
        self.pending = None;
        let found = record.map(Seen::from);
        let before = self.seen.as_ref().map_or(0, |seen| seen.revision);
        // The agent decides by what it stores, a person also by a word that changes nothing.
        let is_others = found.as_ref().is_none_or(|now| now.revision == before + 1 && now.pid != entry.pid);
        if entry.by.is_the_agents() && (found == self.seen || is_others) {
            self.reconcile(record);
            return;
        }
        let what = entry.what;
        self.add(entry);
        self.state = Some(what);
        self.seen = found;
        if let Some(record) = record
            && What::from(record.state) != what
        {
            self.state = Some(record.state.into());
            self.add(Entry::of_program(record));
        }
    }
}

/// Inode, length and time of a file.
pub(crate) type Stamp = (u64, u64, Option<std::time::SystemTime>);

/// The histories of a state folder.
#[derive(Clone, Debug)]
pub(crate) struct Histories(PathBuf);

impl Histories {
    pub(crate) fn of(folder: &StateFolder) -> Self {
        Self(folder.path().join(FOLDER))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Reads a profile's history, and takes in what is stored now. Creates and changes nothing.
    pub(crate) fn read(&self, folder: &StateFolder, profile: &str) -> io::Result<History> {
        self.look(folder, profile).map(|(history, _)| history)
    }

    /// The same, and whether the file does not have it yet.
    pub(crate) fn look(&self, folder: &StateFolder, profile: &str) -> io::Result<(History, bool)> {
        let mut history = self.read_file(&folder.file_name(profile)?)?;
        let is_new = history.reconcile(record(folder, profile)?.as_ref());
        Ok((history, is_new))
    }

    /// What changes when a profile's history is written: each one is a new file.
    pub(crate) fn stamp(&self, folder: &StateFolder, profile: &str) -> Option<Stamp> {
        let metadata = fs::metadata(self.0.join(folder.file_name(profile).ok()?)).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Some((inode, metadata.len(), metadata.modified().ok()))
    }

    /// Locks what an agent has locked while it runs, until the file is dropped. `None`: another one runs.
    pub(crate) fn lock_for_agent(&self) -> io::Result<Option<File>> {
        // Who asks whether an agent runs has the lock for a moment.
        self.lock_file("agent", Duration::from_millis(300))
    }

    /// Opens a file, which is empty, and locks it. `None`: another program has it locked all the time.
    fn lock_file(&self, name: &str, patience: Duration) -> io::Result<Option<File>> {
        let mut options = File::options();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.write(true).create(true).truncate(false).open(self.0.join(name))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => sleep(Duration::from_millis(5)),
                Err(TryLockError::WouldBlock) => return Ok(None),
            }
        }
    }

    /// What the agent keeps beside the histories. `None`: nothing.
    pub(crate) fn kept<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps something. Only one agent runs.
    pub(crate) fn keep(&self, name: &str, what: &impl Serialize) -> io::Result<()> {
        replace(&self.0, name, what)
    }

    /// Whether an agent runs. Creates nothing.
    pub(crate) fn has_agent(&self) -> bool {
        let file = File::open(self.0.join("agent"));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    fn read_file(&self, name: &str) -> io::Result<History> {
        let path = self.0.join(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(History::default()),
            other => other?,
        };
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        match serde_json::from_slice::<Format>(&bytes) {
            Ok(Format { format }) if format > FORMAT => {
                let line = format!("{} was written by a later version of mapioffline", path.display());
                return Err(io::Error::new(ErrorKind::Unsupported, line));
            }
            _ => {}
        }
        serde_json::from_slice::<Text>(&bytes)
            .map(|text| text.history)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("{} is damaged: {error}", path.display())))
    }

    /// Locks the histories, so that a decision and what is done for it are one.
    pub(crate) fn lock(&self, folder: &StateFolder) -> io::Result<Locked<'_>> {
        self.lock_within(folder, PATIENCE)
    }

    /// The same, with another patience.
    pub(crate) fn lock_within(&self, folder: &StateFolder, patience: Duration) -> io::Result<Locked<'_>> {
        folder.create()?;
        if let Err(error) = create_private(&self.0)
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let file = self.lock_file("lock", patience)?.ok_or_else(|| {
            let line = format!("another program holds the lock {}", self.0.join("lock").display());
            io::Error::new(ErrorKind::TimedOut, line)
        })?;
        Ok(Locked { histories: self, _lock: file })
    }
}

/// The histories of a state folder, locked. Dropping it unlocks them.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    histories: &'a Histories,
    _lock: File,
}

impl Locked<'_> {
    /// As [`Histories::read`]. A damaged file is set aside.
    pub(crate) fn read(&self, folder: &StateFolder, profile: &str) -> io::Result<History> {
        match self.histories.read(folder, profile) {
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let path = self.histories.0.join(folder.file_name(profile)?);
                let aside = format!("{}.damaged-{}", path.display(), Timestamp::now().as_millisecond());
                fs::rename(&path, aside)?;
                self.histories.read(folder, profile)
            }
            other => other,
        }
    }

    /// Replaces a profile's history at once.
    pub(crate) fn write(&self, folder: &StateFolder, profile: &str, history: &History) -> io::Result<()> {
        let name = folder.file_name(profile)?;
        let text = Text { format: FORMAT, profile: profile.to_owned(), history: history.clone() };
        replace(&self.histories.0, &name, &text)
    }

    /// Carries out a decision: writes it as pending, has `set` store the state, and adds it when that succeeded. Whoever is
    /// killed between leaves what the next reader can tell apart.
    pub(crate) fn decide(
        &self,
        folder: &StateFolder,
        profile: &str,
        mut history: History,
        entry: Entry,
        set: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<History> {
        history.pending = Some(entry.clone());
        self.write(folder, profile, &history)?;
        let done = set();
        let record = record(folder, profile)?;
        match &done {
            Ok(()) => history.carried_out(entry, record.as_ref()),
            Err(_) => {
                history.pending = None;
                history.reconcile(record.as_ref());
            }
        }
        self.write(folder, profile, &history)?;
        done.map(|()| history)
    }

    /// Removes what writers that were killed have left.
    pub(crate) fn clean(&self) {
        let entries = fs::read_dir(&self.histories.0).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
            // Then it stays.
            let _ = fs::remove_file(entry.path());
        }
    }

    /// Removes a profile's history. Returns whether there was one.
    pub(crate) fn remove(&self, folder: &StateFolder, profile: &str) -> io::Result<bool> {
        match fs::remove_file(self.histories.0.join(folder.file_name(profile)?)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            other => other.map(|()| true),
        }
    }
}

/// Replaces a file of the folder at once.
fn replace(folder: &Path, name: &str, what: &impl Serialize) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    serde_json::to_writer(&mut file, what)?;
    file.write_all(b"\n")?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    Ok(())
}

/// Creates a folder for the user alone.
fn create_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(path);
    // The state folder's access list is inherited.
    #[cfg(not(unix))]
    return fs::create_dir(path);
}

fn record(folder: &StateFolder, profile: &str) -> io::Result<Option<ProfileRecord>> {
    match folder.profile(profile)?.map(|stored| stored.record) {
        None => Ok(None),
        Some(Ok(record)) => Ok(Some(record)),
        Some(Err(error)) => Err(io::Error::other(format!("the state of {profile} cannot be read: {error:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::process::id;

    use super::*;

    fn place() -> (tempfile::TempDir, StateFolder, Histories) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(temporary.path().join("state"));
        let histories = Histories::of(&folder);
        (temporary, folder, histories)
    }

    /// Writes a record as the library does, for a process.
    fn store(folder: &StateFolder, state: &str, revision: u64, pid: u32) {
        folder.create().unwrap();
        let record = serde_json::json!({
            "format": 1, "profile": "Outlook", "state": state, "capabilities": ["offline", "online"], "hosted": false,
            "revision": revision, "changed_by": { "pid": pid, "program": "client" }, "changed_at": "2026-11-22T04:28:28.421Z",
        });
        fs::write(folder.path().join("OUTLOOK.json"), record.to_string()).unwrap();
    }

    fn who(history: &History) -> Vec<(What, By)> {
        history.entries.iter().map(|entry| (entry.what, entry.by.clone())).collect()
    }

    fn program() -> By {
        By::Program("client".to_owned())
    }

    #[test]
    fn what_a_program_set_is_its_decision_and_a_new_profile_has_none() {
        let (_temporary, folder, histories) = place();
        assert_eq!(histories.read(&folder, "Outlook").unwrap(), History::default());
        assert!(!histories.path().exists(), "looking creates nothing");
        store(&folder, "online", 1, 7);
        assert_eq!(histories.read(&folder, "Outlook").unwrap().entries, []);
        store(&folder, "offline", 2, 7);
        let history = histories.read(&folder, "OUTLOOK").unwrap();
        assert_eq!(who(&history), [(What::Offline, program())]);
        assert_eq!(history.held(), history.last());
        fs::remove_file(folder.path().join("OUTLOOK.json")).unwrap();
        assert_eq!(histories.read(&folder, "Outlook").unwrap(), History::default());
    }

    #[test]
    fn a_decision_is_distinguished_from_what_comes_before_and_after_it() {
        let (_temporary, folder, histories) = place();
        let locked = histories.lock(&folder).unwrap();
        let decide = |what, set: &dyn Fn() -> io::Result<()>| {
            let history = locked.read(&folder, "Outlook").unwrap();
            locked.decide(&folder, "Outlook", history, Entry::new(what, By::Agent, None), set)
        };
        let read = || who(&locked.read(&folder, "Outlook").unwrap());
        // Refused: nothing is decided.
        decide(State::Offline, &|| Err(io::Error::other("no"))).unwrap_err();
        assert_eq!(read(), []);
        // Stored.
        decide(State::Offline, &|| {
            store(&folder, "offline", 1, id());
            Ok(())
        })
        .unwrap();
        assert_eq!(read(), [(What::Offline, By::Agent)]);
        // A program stores the state back before the history is written.
        decide(State::Online, &|| {
            store(&folder, "online", 2, id());
            store(&folder, "offline", 3, 7);
            Ok(())
        })
        .unwrap();
        assert_eq!(read()[1..], [(What::Online, By::Agent), (What::Offline, program())]);
        // A program sets it twice, and no one looked between.
        store(&folder, "online", 4, 7);
        store(&folder, "offline", 5, 7);
        assert_eq!(read().last(), Some(&(What::Offline, program())));
        // The agent finds it done by a program.
        let before = read();
        decide(State::Online, &|| {
            store(&folder, "online", 6, 7);
            Ok(())
        })
        .unwrap();
        assert_eq!(read()[before.len()..], [(What::Online, program())]);
        // Removed, and made anew by a program.
        store(&folder, "offline", 1, 7);
        assert_eq!(read(), [(What::Offline, program())]);
        // A program makes the profile hosted: the state is not its decision.
        decide(State::Online, &|| {
            store(&folder, "online", 2, id());
            Ok(())
        })
        .unwrap();
        store(&folder, "online", 3, 7);
        assert_eq!(read(), [(What::Offline, program()), (What::Online, By::Agent)]);
    }

    #[test]
    fn a_program_that_was_killed_between_leaves_a_decision_or_none() {
        for (state, expected) in [("offline", By::Agent), ("online", program())] {
            let (_temporary, folder, histories) = place();
            store(&folder, "offline", 1, 7);
            let locked = histories.lock(&folder).unwrap();
            let mut history = locked.read(&folder, "Outlook").unwrap();
            history.pending = Some(Entry { pid: 4711, ..Entry::new(State::Offline, By::Agent, None) });
            locked.write(&folder, "Outlook", &history).unwrap();
            assert_eq!(locked.read(&folder, "Outlook").unwrap().entries.len(), 1, "not carried out");
            store(&folder, state, 2, if state == "offline" { 4711 } else { 7 });
            assert_eq!(locked.read(&folder, "Outlook").unwrap().last().unwrap().by, expected);
        }
    }

    #[test]
    fn a_damaged_history_is_set_aside_and_a_later_one_left_alone() {
        let (_temporary, folder, histories) = place();
        let locked = histories.lock(&folder).unwrap();
        fs::write(histories.path().join("OUTLOOK.json"), "{\"format\":1,").unwrap();
        assert_eq!(histories.read(&folder, "Outlook").unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(locked.read(&folder, "Outlook").unwrap(), History::default());
        let names = fs::read_dir(histories.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().any(|name| name.to_string_lossy().starts_with("OUTLOOK.json.damaged-")));
        fs::write(histories.path().join("OUTLOOK.json"), "{\"format\":2}").unwrap();
        assert_eq!(locked.read(&folder, "Outlook").unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_history_keeps_its_last_hundred_entries() {
        let mut history = History::default();
        (0..250).for_each(|pid| history.add(Entry { pid, ..Entry::new(What::Auto, By::Agent, None) }));
        assert_eq!((history.entries.len(), history.entries[0].pid), (100, 150));
    }
}
