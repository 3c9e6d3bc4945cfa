//! The watchers that run here, against the contract of the module.

use std::fs;
use std::time::{Duration, Instant};

use super::{FolderWatch, Wake, polled};

/// What any watcher does without a folder.
fn wakes<W: FolderWatch>() {
    let waker = W::Waker::new().unwrap();
    let start = Instant::now();
    let mut nothing = |seen: super::Seen<'_>| panic!("{seen:?}");
    W::wait(None, &waker, Some(Duration::from_millis(20)), &mut nothing).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(19), "it waits");
    // Before the wait, and more often than once.
    waker.wake();
    waker.wake();
    W::wait(None, &waker, None, &mut nothing).unwrap();
    let start = Instant::now();
    W::wait(None, &waker, Some(Duration::from_millis(20)), &mut nothing).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(19), "the second call of wake is not another one");
    // During the wait.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            waker.wake();
        });
        W::wait(None, &waker, Some(Duration::from_secs(60)), &mut nothing).unwrap();
    });
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_polled_watcher_wakes() {
    wakes::<polled::Watch>();
    let folder = std::env::temp_dir();
    assert!(polled::Watch::new(&folder).is_err(), "it cannot watch, and says so");
    assert!(polled::Waker::new().unwrap().descriptor().is_none(), "a forked child has nothing to close");
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod watched {
    use super::super::{Seen, Waker, Watch};
    use super::*;

    #[test]
    fn this_systems_watcher_wakes() {
        wakes::<Watch>();
    }

    /// Waits until `wanted` is seen.
    fn sees(watch: &Watch, wanted: impl Fn(&Seen) -> bool) -> bool {
        let waker = Waker::new().unwrap();
        let mut found = false;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !found && Instant::now() < deadline {
            let mut seen = |seen: Seen<'_>| found |= wanted(&seen);
            Watch::wait(Some(watch), &waker, Some(Duration::from_secs(1)), &mut seen).unwrap();
        }
        found
    }

    #[test]
    fn changes_after_new_are_seen_and_the_end_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let spare = place.path().join("spare");
        fs::write(&spare, "text").unwrap();
        let watch = Watch::new(&folder).unwrap();
        let is_change = |seen: &Seen| matches!(seen, Seen::File("file") | Seen::Anything);
        fs::rename(&spare, folder.join("file")).unwrap();
        assert!(sees(&watch, is_change), "renamed into the folder");
        if Watch::SEES_EDITS {
            fs::write(folder.join("file"), "more").unwrap();
            assert!(sees(&watch, is_change), "edited in place");
        }
        fs::remove_file(folder.join("file")).unwrap();
        assert!(sees(&watch, is_change), "removed");
        fs::remove_dir(&folder).unwrap();
        assert!(sees(&watch, |seen| *seen == Seen::Gone), "the folder is removed");
    }
}
