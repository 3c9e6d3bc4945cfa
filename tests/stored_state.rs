//! What a profile's stored state means to the processes that share it, and what a store that does not answer delays:
//! section 8 of the contract. Each helper is a process of its own.
#![cfg(unix)]

mod common;

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{begin, helper, place, place_in_memory, stored};
use mapioffline::{ErrorKind, OfflineObject, State, StateFolder, set_strict_hosting};

fn open(name: &str) -> OfflineObject {
    OfflineObject::open(name).unwrap()
}

// ---- not stored ----------------------------------------------------------------------------------------------------

#[test]
fn helper_requests_the_present_state() {
    let Some(folder) = begin() else { return };
    let object = open("Removed");
    object.set_state_and_wait(State::Offline).unwrap();
    assert!(StateFolder::at(&folder).remove("Removed").unwrap());
    object.set_state(State::Offline).unwrap();
    assert_eq!(stored(&folder, "Removed"), Some(State::Offline), "removed");
    open("Never stored").set_state_and_wait(State::Online).unwrap();
    assert_eq!(stored(&folder, "Never stored"), Some(State::Online));
}

#[test]
fn a_request_for_the_present_state_is_written_if_nothing_is_stored() {
    let (_place, folder) = place();
    helper("helper_requests_the_present_state", &folder).run();
}

#[test]
fn helper_opens_a_removed_profile() {
    let Some(folder) = begin() else { return };
    for remove in [true, false] {
        let object = open("Profile");
        object.set_state_and_wait(State::Offline).unwrap();
        drop(object);
        if remove {
            StateFolder::at(&folder).remove("Profile").unwrap();
        } else {
            fs::remove_dir_all(&folder).unwrap();
        }
        assert_eq!(open("Profile").state(), State::Online, "as every other process has it");
    }
    // Removed while it is open.
    let object = open("Profile");
    object.set_state_and_wait(State::Offline).unwrap();
    StateFolder::at(&folder).remove("Profile").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(object.state(), State::Offline, "a holder keeps its state");
    drop(object);
    assert_eq!(open("Profile").state(), State::Online);
}

#[test]
fn a_removed_profile_that_is_not_open_opens_as_new() {
    let (_place, folder) = place();
    helper("helper_opens_a_removed_profile", &folder).run();
}

#[test]
fn helper_hosts() {
    if begin().is_some() {
        OfflineObject::global("Hosted").unwrap();
    }
}

#[test]
fn helper_is_strict() {
    let Some(folder) = begin() else { return };
    set_strict_hosting(true);
    let is_hosted = || match OfflineObject::open("Hosted") {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            false
        }
    };
    assert_eq!([is_hosted(), is_hosted()], [false; 2]);
    helper("helper_hosts", &folder).run();
    assert_eq!([is_hosted(), is_hosted()], [true; 2]);
    StateFolder::at(&folder).remove("Hosted").unwrap();
    assert_eq!([is_hosted(), is_hosted()], [false; 2], "however often it is asked");
}

#[test]
fn strict_hosting_answers_the_same_however_often_it_is_asked() {
    let (_place, folder) = place();
    helper("helper_is_strict", &folder).run();
}

// ---- a store that does not answer ----------------------------------------------------------------------------------

/// How long each of many calls of one kind takes.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn take<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = call();
        self.0.push(start.elapsed());
        result
    }

    /// One call in ten may take longer, as the machine runs other programs.
    fn check(mut self, what: &str, bound: Duration) {
        self.0.sort();
        let [usual, longest] = [self.0[self.0.len() * 9 / 10], self.0[self.0.len() - 1]];
        println!("{what}: {} calls, nine of ten within {usual:?}, the longest {longest:?}", self.0.len());
        assert!(usual < bound && longest < 10 * bound, "{what}: {usual:?}, {longest:?}");
    }
}

/// How long the folder's lock is held. No library call of this process holds it.
const HELD: Duration = Duration::from_secs(4);

#[test]
fn helper_runs_while_the_store_is_locked() {
    let Some(folder) = begin() else { return };
    let [mine, other] = ["Mine", "Other"].map(open);
    mine.set_state_and_wait(State::Offline).unwrap();
    let lock = File::open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let stop = AtomicBool::new(false);
    let [mut same, mut apart, mut opened, mut forked] = [(); 4].map(|()| Times::default());
    std::thread::scope(|scope| {
        let setter = scope.spawn(|| {
            let mut refused = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(mine.set_state(State::Online), Err(ErrorKind::Timeout.into()));
                refused += 1;
            }
            refused
        });
        let deadline = Instant::now() + HELD;
        for round in 0.. {
            if Instant::now() > deadline {
                break;
            }
            for (object, times) in [(&mine, &mut same), (&other, &mut apart)] {
                let subscription = times.take(|| object.subscribe(|_| {})).unwrap();
                times.take(|| object.state());
                times.take(|| drop(subscription));
                times.take(|| drop(object.clone()));
            }
            opened.take(|| drop(open(&format!("Fresh {round}"))));
            let mut child = Command::new("true");
            // SAFETY: the closure does nothing. With a closure std calls fork, which runs the library's handlers.
            let child = unsafe { child.pre_exec(|| Ok(())) };
            forked.take(|| child.spawn()).unwrap().wait().unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        let refused = setter.join().unwrap();
        let most = HELD.as_millis() / 250 + 1;
        assert!((most / 2..=most).contains(&refused), "each of {refused} waits for 250 ms");
    });
    let bound = Duration::from_millis(5);
    same.check("the same profile", bound);
    apart.check("another profile", bound);
    opened.check("open", bound);
    forked.check("fork", Duration::from_millis(20));
    drop(lock);
    mine.set_state_and_wait(State::Online).unwrap();
}

#[test]
fn a_locked_store_delays_the_change_that_writes_and_nothing_else() {
    let (_place, folder) = place_in_memory();
    print!("{}", helper("helper_runs_while_the_store_is_locked", &folder).run());
}

#[test]
fn helper_changes_as_fast_as_it_can() {
    if begin().is_none() {
        return;
    }
    let object = open(&std::env::var("PROFILE").unwrap());
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut changes = 0;
    while Instant::now() < deadline {
        for state in [State::Offline, State::Online] {
            object.set_state_and_wait(state).unwrap();
            changes += 1;
        }
    }
    println!("CHANGES {changes}");
}

#[test]
fn a_queue_of_writers_causes_no_timeout() {
    let (_place, folder) = place_in_memory();
    let helpers: Vec<_> = (0..32)
        .map(|index| {
            let helper =
                helper("helper_changes_as_fast_as_it_can", &folder).with("PROFILE", &format!("Profile {index}"));
            std::thread::spawn(move || helper.run())
        })
        .collect();
    let texts: Vec<String> = helpers.into_iter().map(|helper| helper.join().unwrap()).collect();
    let changes = texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.split("CHANGES ").nth(1));
    let changes: Vec<u32> = changes.map(|count| count.parse().unwrap()).collect();
    println!("{} changes, {:?} by the slowest", changes.iter().sum::<u32>(), changes.iter().min());
    assert_eq!(changes.len(), 32);
}
