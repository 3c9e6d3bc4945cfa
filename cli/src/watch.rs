//! `mapioffline watch`: prints the notifications that programs receive.

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mapioffline::{Change, OfflineObject, Phase, ReadError, State, StateFolder, Subscription};
use serde_json::json;

use crate::failure::{Failure, warning};
use crate::folder::{open, spelled};
use crate::output::{Output, clock, shown, style_of, timestamp, word};

/// How often the folder is read for new profiles, whatever else happens. Where the system reports new files, they are found
/// at once.
const NEW_PROFILES: Duration = Duration::from_millis(500);

enum Event {
    Notified(Notification),
    /// A file of that name was not seen before.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux reports new files"))]
    NewFile,
}

/// A notification that this program received.
struct Notification {
    profile: String,
    phase: Phase,
    old: State,
    new: State,
    received_at: SystemTime,
    /// The program that changed the state, and its process, if that is known.
    by: Option<(String, u32)>,
}

pub(crate) fn watch(
    folder: &StateFolder,
    profiles: Vec<String>,
    count: Option<u64>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    // Creates the folder, as opening a profile does: only a folder that exists can report new files.
    folder.create().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    end_with_reader();
    let (sender, events) = channel();
    let mut watch = Watch { folder, output, sender, watched: Vec::new(), left: count.unwrap_or(u64::MAX) };
    let all = profiles.is_empty();
    if all {
        // Before the folder is read, so that no new file is missed between.
        report_new_files(folder.path(), watch.sender.clone());
    }
    let mut known = HashSet::new();
    let names = if all { stored_names(folder)? } else { profiles };
    if names.is_empty() {
        output.remark("no profile has been set or added yet; waiting for the first");
    }
    for name in names {
        watch.open(&name, false)?;
        known.insert(name);
    }
    let mut look_at = Instant::now() + NEW_PROFILES;
    while watch.left > 0 {
        match events.recv_timeout(look_at.saturating_duration_since(Instant::now())) {
            Ok(Event::Notified(notification)) => watch.print(&notification),
            Ok(Event::NewFile) => look_at = Instant::now(),
            Err(_) => {}
        }
        // Also while notifications keep coming.
        if Instant::now() >= look_at {
            look_at = Instant::now() + NEW_PROFILES;
            // If the folder cannot be read now, it is read again the next time.
            for name in if all { stored_names(folder).unwrap_or_default() } else { Vec::new() } {
                if known.insert(name.clone()) {
                    watch.open(&name, true)?;
                }
            }
        }
        if let Some(warning) = warning() {
            output.warning(&warning);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of the profiles that are stored. A file that is damaged is left to the programs that have the profile open; it
/// may also be about to be written.
fn stored_names(folder: &StateFolder) -> Result<Vec<String>, Failure> {
    let profiles = folder.profiles().map_err(|error| Failure::of_folder(folder.path(), &error))?;
    let whole = profiles.into_iter().filter(|profile| !matches!(profile.record, Err(ReadError::Damaged)));
    Ok(whole.map(|profile| profile.name).collect())
}

struct Watch<'a> {
    folder: &'a StateFolder,
    output: &'a Output,
    sender: Sender<Event>,
    watched: Vec<(OfflineObject, Subscription)>,
    /// How many notifications are still to be printed.
    left: u64,
}

impl Watch<'_> {
    /// Begins to watch a profile, and says so. A profile that is stored only now was online for every program that had it
    /// open; if it is offline, they were notified of that change before this program could open the profile.
    fn open(&mut self, name: &str, is_new: bool) -> Result<(), Failure> {
        let object = open(self.folder, name)?;
        // All spellings of a name give the same object.
        if self.watched.iter().any(|(known, _)| *known == object) {
            return Ok(());
        }
        let name = spelled(self.folder, name);
        let missed_change = is_new && object.state() == State::Offline;
        let subscription = self.subscribe(&object, &name)?;
        let state = if missed_change { State::Online } else { object.state() };
        self.watched.push((object, subscription));
        let now = SystemTime::now();
        self.output.say(
            || {
                let style = style_of(state);
                format!("{}  {} is {style}{}{style:#}", clock(now), shown(&name), word(state))
            },
            || json!({ "time": timestamp(now), "profile": name, "phase": "watching", "state": word(state) }),
        );
        if missed_change {
            for phase in [Phase::Start, Phase::Change, Phase::Done] {
                let (profile, old, new) = (name.clone(), State::Online, State::Offline);
                let by = author(self.folder, &name, new);
                self.print(&Notification { profile, phase, old, new, received_at: now, by });
            }
        }
        Ok(())
    }

    fn subscribe(&self, object: &OfflineObject, name: &str) -> Result<Subscription, Failure> {
        let (sender, profile, folder) = (self.sender.clone(), name.to_owned(), StateFolder::at(self.folder.path()));
        let last = Mutex::new(None);
        let subscription = object.subscribe(move |change| {
            let (profile, received_at) = (profile.clone(), SystemTime::now());
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if change.phase == Phase::Start {
                *last = author(&folder, &profile, change.new);
            }
            let Change { phase, old, new, .. } = *change;
            let notification = Notification { profile, phase, old, new, received_at, by: last.clone() };
            // Fails only when `watch` has returned.
            drop(sender.send(Event::Notified(notification)));
        });
        subscription.map_err(|error| Failure::of_profile(name, &error))
    }

    /// Prints a notification, unless as many were printed as were asked for.
    fn print(&mut self, notification: &Notification) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let Notification { profile, phase, old, new, received_at, by } = notification;
        // The reference's names, which the example monitors print too.
        let phase = match phase {
            Phase::Start => "START",
            Phase::Change => "STATECHANGE",
            Phase::Done => "DONE",
        };
        self.output.say(
            || {
                let (from, to) = (style_of(*old), style_of(*new));
                let (name, clock) = (shown(profile), clock(*received_at));
                let by =
                    by.as_ref().map(|(program, pid)| format!("  by {} ({pid})", shown(program))).unwrap_or_default();
                format!("{clock}  {name}  {phase:11}  {from}{}{from:#} -> {to}{}{to:#}{by}", word(*old), word(*new))
            },
            || {
                json!({
                    "time": timestamp(*received_at),
                    "profile": profile,
                    "phase": phase.to_lowercase(),
                    "old": word(*old),
                    "new": word(*new),
                    "changed_by": by.as_ref().map(|(program, pid)| json!({ "program": program, "pid": pid })),
                })
            },
        );
    }
}

/// Who changed a profile to this state. `None`: it has been changed again meanwhile.
fn author(folder: &StateFolder, profile: &str, state: State) -> Option<(String, u32)> {
    let record = folder.profile(profile).ok()??.record.ok()?;
    (record.state == state).then_some((record.changed_by_program, record.changed_by_pid))
}

/// Ends the process when the reader of its output is gone, as in `watch | head -1`, and not only at the next line.
#[cfg(unix)]
fn end_with_reader() {
    use rustix::event::{PollFd, PollFlags, poll};
    std::thread::spawn(|| {
        let stdout = std::io::stdout();
        loop {
            // Without events: only errors and hang-ups end the wait.
            let mut descriptors = [PollFd::new(&stdout, PollFlags::empty())];
            match poll(&mut descriptors, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) if descriptors[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => {
                    std::process::exit(0);
                }
                _ => return,
            }
        }
    });
}

/// This system reports a closed output only to a write.
#[cfg(not(unix))]
fn end_with_reader() {}

/// Reports each file of the folder when it is written for the first time: `NEW_PROFILES` would be too late for a profile that
/// is changed twice at once. If that is not possible, it is reading the folder that finds the files.
#[cfg(target_os = "linux")]
fn report_new_files(folder: &std::path::Path, sender: Sender<Event>) {
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    let Ok(descriptor) = inotify::init(CreateFlags::CLOEXEC) else { return };
    // The library renames files into the folder; people may edit them in place.
    if inotify::add_watch(&descriptor, folder, WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE).is_err() {
        return;
    }
    std::thread::spawn(move || {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&descriptor, &mut buffer);
        let mut seen = HashSet::new();
        loop {
            let is_new = match reader.next() {
                // An event without a name says that events were lost.
                Ok(event) => event.file_name().is_none_or(|name| !seen.contains(name) && seen.insert(name.to_owned())),
                Err(rustix::io::Errno::INTR) => false,
                Err(_) => return,
            };
            if is_new && sender.send(Event::NewFile).is_err() {
                return;
            }
        }
    });
}

#[cfg(not(target_os = "linux"))]
fn report_new_files(_: &std::path::Path, _: Sender<Event>) {}
