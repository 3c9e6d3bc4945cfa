//! Changes are polled where the system cannot watch the folder. A test program of its own, because it uses up the
//! inotify instances of this user.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::time::Duration;

use common::{LOGGED, begin, helper, logged, open, place, wait_for};
use mapioffline::State;

#[test]
fn helper_sets_offline() {
    if begin().is_some() {
        open().set_state(State::Offline).unwrap();
    }
}

#[test]
fn helper_polls() {
    let Some(folder) = begin() else { return };
    // All inotify instances that this user may have.
    let mut taken = Vec::new();
    while let Ok(instance) = rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC) {
        taken.push(instance);
    }
    let object = open();
    wait_for("it says so", Duration::from_secs(5), || logged("cannot be watched") == 1);
    println!("{}", LOGGED.lock().unwrap()[0]);
    helper("helper_sets_offline", &folder).run();
    let took = wait_for("it is noticed", Duration::from_secs(1), || object.state() == State::Offline);
    println!("noticed after {took:?}, with {} inotify instances taken", taken.len());
    drop(taken);
    // As soon as an instance is free, the folder is watched.
    wait_for("it is watched", Duration::from_secs(5), is_watched);
    assert_eq!(logged("cannot be watched"), 1);
}

/// Whether a thread of this process watches a folder, in a descriptor table of its own.
fn is_watched() -> bool {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path().join("fd"));
    // A thread may have ended meanwhile.
    threads
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().contains("inotify")))
}

#[test]
fn changes_are_polled_without_inotify() {
    let (_place, folder) = place();
    let text = helper("helper_polls", &folder).run();
    assert!(text.contains("is looked at every 500 ms"), "{text}");
}
