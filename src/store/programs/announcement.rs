//! The file by which this process is found.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::id::{ProgramId, space};
use super::question::{PROGRAMS, ProgramFile, to_text};
use crate::sync::lock;
use crate::sys::{Folder, Place};

/// How many files this process has had.
static COUNT: AtomicU32 = AtomicU32::new(0);
/// The exit handler has run: no file is created any more.
static EXITED: AtomicBool = AtomicBool::new(false);
/// The file, and whose it is: a forked child leaves its parent's.
static CURRENT: Mutex<Option<(u32, PathBuf)>> = Mutex::new(None);

/// This process can be found while the value exists. Forgotten in a forked child.
pub(crate) struct Announcement {
    programs: Place,
    pub(super) id: ProgramId,
    /// Where the system removes the file when it is closed.
    file: Cell<Option<File>>,
}

impl Announcement {
    /// Creates the file. Where it cannot be created, this process works all the same; `renew` tries again.
    pub(crate) fn new(folder: &Path) -> Self {
        let programs = Place::new(folder.join(PROGRAMS));
        let id = ProgramId::of_this_process(COUNT.fetch_add(1, Ordering::Relaxed));
        let announced = Self { programs, id, file: Cell::default() };
        match announced.programs.open_or_create().and_then(|programs| announced.create_in(&programs)) {
            Ok(()) => announced.sweep(),
            Err(error) => log::info!("other programs do not find this one: {error}"),
        }
        announced
    }

    /// Has the exit handler remove the file.
    pub(crate) fn is_removed_at_exit(&self) {
        *lock(&CURRENT) = Some((process::id(), self.programs.path().join(self.id.to_string())));
    }

    /// Creates the file if there is none: the folder may be another one by now, or another process may have taken this one for
    /// ended. A state folder that was removed does not come back.
    pub(super) fn renew(&self) -> io::Result<()> {
        if EXITED.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.create_in(&self.programs.open_or_create_in_parent()?)
    }

    /// Whether the file is there, as far as can be seen.
    pub(super) fn exists(&self) -> bool {
        self.programs.open().is_ok_and(|programs| programs.exists(&self.id.to_string()))
    }

    fn create_in(&self, programs: &Folder) -> io::Result<()> {
        let name = self.id.to_string();
        if !programs.exists(&name) {
            self.file.set(programs.create_for_process(&name, &to_text(&ProgramFile::of_this_process()))?);
            if EXITED.load(Ordering::SeqCst) {
                // The exit handler came in between.
                return programs.remove(&name);
            }
        }
        Ok(())
    }

    /// Removes the files of processes that have ended otherwise than by returning from main.
    fn sweep(&self) {
        let Ok(programs) = self.programs.open() else { return };
        let space = space();
        for name in programs.names().unwrap_or_default() {
            if name.parse::<ProgramId>().is_ok_and(|other| other.runs(space) == Some(false)) {
                let _ = programs.remove(&name);
            }
        }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let name = self.id.to_string();
        {
            let mut current = lock(&CURRENT);
            if current.as_ref().is_some_and(|(_, path)| path.ends_with(&name)) {
                *current = None;
            }
        }
        if let Ok(programs) = self.programs.open() {
            let _ = programs.remove(&name);
        }
    }
}

/// The process ends: removes the file. The watcher's thread may still run, or have been killed.
pub(crate) fn remove_announcement() {
    EXITED.store(true, Ordering::SeqCst);
    if cfg!(windows) {
        // The system does so, and other threads may have been killed in the heap by now.
        return;
    }
    let current = CURRENT.try_lock().ok().and_then(|mut current| current.take());
    if let Some((_, path)) = current.filter(|(pid, _)| *pid == process::id()) {
        let _ = std::fs::remove_file(path);
    }
}

/// Where this process is announced. A forked child sets it to `None`: the file is its parent's.
pub(crate) fn lock_announcement_for_fork() -> MutexGuard<'static, Option<(u32, PathBuf)>> {
    lock(&CURRENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_state_folder_does_not_come_back() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("state");
        let announced = Announcement::new(&folder);
        let file = folder.join(PROGRAMS).join(announced.id.to_string());
        assert!(file.exists());

        std::fs::remove_dir_all(&folder).unwrap();
        assert!(announced.renew().is_err());
        assert!(!folder.exists());

        Place::new(folder).open_or_create().unwrap();
        announced.renew().unwrap();
        assert!(file.exists());
    }
}
