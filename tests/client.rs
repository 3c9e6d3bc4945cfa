//! The Rust API, as a program uses it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};

use mapioffline::{
    Capabilities, ErrorKind, GUID_GLOBAL_STATE, Guid, OfflineObject, Phase, State, Subscription, keep_state_in_memory,
};

const KIND: Guid = Guid { Data1: 0xAAAA_AAAA, Data2: 1, Data3: 2, Data4: [3; 8] };

#[test]
fn the_same_object_is_found_again() {
    keep_state_in_memory();
    let first = OfflineObject::open("Rust same").unwrap();
    let second = OfflineObject::open("RUST SAME").unwrap();
    assert_eq!(first, second);
    assert_eq!(second.profile(), "Rust same", "the first spelling is the one shown");
    assert_eq!(second.capabilities(), Capabilities::ALL);
    assert_eq!(OfflineObject::open_object("Rust same", GUID_GLOBAL_STATE, None).unwrap(), first);
    assert_eq!(OfflineObject::open_object("Rust same", KIND, None), Err(ErrorKind::NotFound.into()));
}

#[test]
fn a_name_is_checked_to_its_end() {
    keep_state_in_memory();
    for (name, error) in
        [("", ErrorKind::InvalidArgument), ("a\0b", ErrorKind::InvalidArgument), (&"n".repeat(65), ErrorKind::NotFound)]
    {
        assert_eq!(OfflineObject::open(name).unwrap_err().kind(), error, "{name:?}");
    }
}

#[test]
fn a_subscription_is_notified_until_it_is_dropped() {
    keep_state_in_memory();
    let object = OfflineObject::open("Rust subscription").unwrap();
    let (sender, receiver) = channel();
    let subscription = object.subscribe(move |change| sender.send(*change).unwrap()).unwrap();
    object.set_state(State::Offline).unwrap();
    let seen: Vec<_> = receiver.iter().take(3).collect();
    assert_eq!(seen.iter().map(|change| change.phase).collect::<Vec<_>>(), [Phase::Start, Phase::Change, Phase::Done]);
    assert!(seen.iter().all(|change| (change.old, change.new) == (State::Online, State::Offline)));
    drop(subscription);
    while object.set_state_and_wait(State::Online) == Err(ErrorKind::Pending.into()) {}
    assert!(receiver.try_recv().is_err());
    assert_eq!(object.state(), State::Online);
}

#[test]
fn a_subscription_may_end_itself() {
    keep_state_in_memory();
    let object = OfflineObject::open("Rust itself").unwrap();
    let own = Arc::new(std::sync::Mutex::new(None::<Subscription>));
    let count = Arc::new(AtomicU32::new(0));
    let (slot, counter) = (own.clone(), count.clone());
    let subscription = object
        .subscribe(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            drop(slot.lock().unwrap().take());
        })
        .unwrap();
    *own.lock().unwrap() = Some(subscription);
    object.set_state_and_wait(State::Offline).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn a_panic_in_a_callback_or_in_its_drop_is_caught() {
    keep_state_in_memory();
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("on purpose");
            }
        }
    }
    let object = OfflineObject::open("Rust panic").unwrap();
    let panics = object.subscribe(|_| panic!("on purpose")).unwrap();
    let own = Arc::new(std::sync::Mutex::new(None::<Subscription>));
    let (slot, bomb) = (own.clone(), PanicsWhenDropped);
    let ends = object
        .subscribe(move |_| {
            let _ = &bomb;
            drop(slot.lock().unwrap().take());
        })
        .unwrap();
    *own.lock().unwrap() = Some(ends);
    object.set_state_and_wait(State::Offline).unwrap();
    object.set_state_and_wait(State::Online).unwrap();
    drop(panics);
}

#[test]
fn created_objects_follow_their_parents() {
    keep_state_in_memory();
    let profile = OfflineObject::builder("Rust tree").global().create().unwrap();
    let child = OfflineObject::builder("Rust tree").parent(&profile).identity(KIND, None).create().unwrap();
    assert_eq!(OfflineObject::open_object("Rust tree", KIND, None).unwrap(), child);
    profile.set_state_and_wait(State::Offline).unwrap();
    assert_eq!(child.state(), State::Offline);
    let limited = OfflineObject::builder("Rust tree").capabilities(Capabilities::NONE).create().unwrap();
    assert_eq!(limited.set_state(State::Offline), Err(ErrorKind::NoSupport.into()));
    let elsewhere = OfflineObject::builder("Rust other").parent(&profile).create();
    assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

/// The Rust library installs no logger, whatever the environment says: a Rust program installs its own.
#[test]
fn no_logger_is_installed() {
    keep_state_in_memory();
    static CHILD: OnceLock<bool> = OnceLock::new();
    if *CHILD.get_or_init(|| std::env::var_os("MAPIOFFLINE_TEST_CHILD").is_some()) {
        let object = OfflineObject::open("Rust silent").unwrap();
        object.set_state_and_wait(State::Offline).unwrap();
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_logger_is_installed", "--nocapture"])
        .env("MAPIOFFLINE_TEST_CHILD", "1")
        .env("MAPIOFFLINE_LOG", "trace")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn one_request_of_many_threads_is_accepted_in_done() {
    keep_state_in_memory();
    let object = OfflineObject::open("Rust threads in DONE").unwrap();
    for _ in 0..200 {
        let (sender, receiver) = channel();
        let same = object.clone();
        let subscription = object.subscribe(move |change| {
            if change.phase != Phase::Done {
                return;
            }
            let mut accepted = 0;
            if change.new == State::Offline {
                let answers = std::thread::scope(|scope| {
                    let threads = [(); 4].map(|()| scope.spawn(|| same.set_state(State::Online)));
                    threads.map(|thread| thread.join().unwrap())
                });
                assert!(answers.iter().all(|answer| *answer == Ok(()) || *answer == Err(ErrorKind::Pending.into())));
                accepted = answers.iter().filter(|answer| answer.is_ok()).count();
            }
            sender.send((change.new, accepted)).unwrap();
        });
        let subscription = subscription.unwrap();
        while object.set_state(State::Offline) == Err(ErrorKind::Pending.into()) {}
        assert_eq!(receiver.recv(), Ok((State::Offline, 1)), "one request, not more and not fewer");
        assert_eq!(receiver.recv(), Ok((State::Online, 0)), "and it takes place");
        drop(subscription);
    }
}
