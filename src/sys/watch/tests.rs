//! The watchers that run here, against the contract of the module.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FolderWatch, Wake, polled};
#[cfg(target_os = "linux")]
use crate::sys::Place;

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
    let waker = Arc::new(polled::Waker::new().unwrap());
    assert!(polled::Watch::new(&folder, &waker, Box::new(|_| true)).is_err(), "it cannot watch, and says so");
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod watched {
    use super::super::{Seen, Waker, Watch};
    use super::*;
    use crate::sys::FolderId;

    #[test]
    fn this_systems_watcher_wakes() {
        wakes::<Watch>();
    }

    /// Waits until `wanted` is seen.
    fn sees(watch: &Watch, waker: &Waker, mut wanted: impl FnMut(&Seen) -> bool) -> bool {
        let mut found = false;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !found && Instant::now() < deadline {
            let mut seen = |seen: Seen<'_>| found |= wanted(&seen);
            Watch::wait(Some(watch), waker, Some(Duration::from_secs(1)), &mut seen).unwrap();
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
        let waker = Arc::new(Waker::new().unwrap());
        let watch = Watch::new(&folder, &waker, Box::new(|name| name != "other")).unwrap();
        let is_change = |seen: &Seen| matches!(seen, Seen::File("file") | Seen::Anything);
        fs::rename(&spare, folder.join("file")).unwrap();
        assert!(sees(&watch, &waker, is_change), "renamed into the folder");
        if Watch::SEES_EDITS {
            fs::write(folder.join("file"), "more").unwrap();
            assert!(sees(&watch, &waker, is_change), "edited in place");
        }
        fs::remove_file(folder.join("file")).unwrap();
        assert!(sees(&watch, &waker, is_change), "removed");
        fs::remove_dir(&folder).unwrap();
        assert!(sees(&watch, &waker, |seen| *seen == Seen::Gone), "the folder is removed");
    }

    #[test]
    fn a_watch_says_which_folder_it_watches() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (place.path().join("one"), place.path().join("two"));
        fs::create_dir_all(one.join("folder")).unwrap();
        fs::create_dir_all(two.join("folder")).unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let waker = Arc::new(Waker::new().unwrap());
        let watch = Watch::new(&link.join("folder"), &waker, Box::new(|_| true)).unwrap();
        assert_eq!(watch.id(), FolderId::of(&link.join("folder")).unwrap());
        fs::remove_file(&link).unwrap();
        assert!(FolderId::of(&link.join("folder")).is_err(), "the path leads nowhere");
        std::os::unix::fs::symlink(&two, &link).unwrap();
        assert_ne!(watch.id(), FolderId::of(&link.join("folder")).unwrap(), "a link is changed");
        fs::rename(&one, place.path().join("three")).unwrap();
        assert_eq!(watch.id(), FolderId::of(&place.path().join("three/folder")).unwrap(), "a parent is renamed");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_changed_several_times_is_looked_at_once() {
        use std::sync::Mutex;
        use std::sync::atomic::{AtomicUsize, Ordering};
        let place = tempfile::tempdir().unwrap();
        let waker = Arc::new(Waker::new().unwrap());
        let (count, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(())));
        let filter = {
            let (count, held) = (count.clone(), held.clone());
            Box::new(move |name: &str| {
                drop(held.lock().unwrap());
                if name == "file" {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                true
            })
        };
        let watch = Watch::new(place.path(), &waker, filter).unwrap();
        // The thread is held up with one file while another one changes.
        let holds = held.lock().unwrap();
        fs::write(place.path().join("first"), "text").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        for _ in 0..3 {
            fs::write(place.path().join("file"), "text").unwrap();
            fs::rename(place.path().join("file"), place.path().join("other")).unwrap();
        }
        fs::write(place.path().join("file"), "text").unwrap();
        drop(holds);
        assert!(sees(&watch, &waker, |seen| *seen == Seen::File("file")));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_watch_has_no_descriptor_in_the_table_of_the_process() {
        let place = tempfile::tempdir().unwrap();
        let waker = Arc::new(Waker::new().unwrap());
        let watch = Watch::new(place.path(), &waker, Box::new(|name| name == "file")).unwrap();
        for entry in fs::read_dir("/proc/self/fd").unwrap() {
            let target = fs::read_link(entry.unwrap().path()).unwrap_or_default();
            assert!(!target.to_string_lossy().contains("inotify"), "{target:?}");
        }
        fs::write(place.path().join("other"), "text").unwrap();
        fs::write(place.path().join("file"), "text").unwrap();
        let mut all = Vec::new();
        assert!(sees(&watch, &waker, |seen| {
            all.push(format!("{seen:?}"));
            *seen == Seen::File("file")
        }));
        assert_eq!(all, [r#"File("file")"#], "the filter refuses the other");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_is_not_known_to_notify_is_polled() {
    // Entries of procfs come and go, and no notification tells.
    let process = Place::new(format!("/proc/{}", std::process::id()).into()).open().unwrap();
    assert!(process.may_change_unnoticed());
    let place = tempfile::tempdir_in("/dev/shm").unwrap();
    let folder = Place::new(place.path().to_owned()).open().unwrap();
    assert!(!folder.may_change_unnoticed(), "tmpfs");
}
