//! Programs are found, asked what they are doing, and waited for, whatever happens to them.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use common::{begin, helper, place, wait_for};
use mapioffline::{OfflineObject, Phase, Program, Progress, State, StateFolder, settle, wait_for_state};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// Numbers that look random, and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn pause(&mut self, microseconds: u64) -> Duration {
        Duration::from_micros(self.below(microseconds))
    }
}

/// A client in a process of its own: takes its time in every callback, and writes the state into a file before DONE returns.
struct Client {
    process: Child,
    notified: PathBuf,
}

impl Client {
    fn start(folder: &Path, number: u64, longest: u64) -> Self {
        let notified = folder.with_extension(format!("client-{number}"));
        fs::write(&notified, "-").unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "helper_is_a_client", "--nocapture", "--test-threads=1"]);
        process.env("HELPER", folder).env("MAPIOFFLINE_STATE_DIR", folder).env_remove("MAPIOFFLINE_STORE");
        process.env("NOTIFIED", &notified).env("LONGEST", longest.to_string()).env("SEED", (number + 1).to_string());
        let mut process = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("ready")), "the client has opened its object");
        // It may go on printing.
        thread::spawn(move || lines.for_each(drop));
        Self { process, notified }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Kills the process, and leaves it for the test to be waited for: it is no program any more all the same.
    fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// The state that the last DONE was about.
    fn notified(&self) -> String {
        fs::read_to_string(&self.notified).unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn helper_is_a_client() {
    if begin().is_none() || std::env::var_os("NOTIFIED").is_none() {
        return;
    }
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (seed, longest) = (AtomicU64::new(number("SEED")), number("LONGEST"));
    let notified = fs::File::options().write(true).open(std::env::var_os("NOTIFIED").unwrap()).unwrap();
    let object = OfflineObject::open("Profile").unwrap();
    let subscription = object.subscribe(move |change| {
        let mut numbers = Numbers(seed.load(Ordering::Relaxed));
        sleep(numbers.pause(longest));
        seed.store(numbers.0, Ordering::Relaxed);
        if change.phase == Phase::Done {
            let text = if change.new == State::Offline { b"f" } else { b"n" };
            notified.write_all_at(text, 0).unwrap();
        }
    });
    println!("ready");
    // Until the test has ended, however it does.
    let _ = std::io::stdin().lines().count();
    drop(subscription);
}

fn pids(programs: &[Program]) -> Vec<u32> {
    programs.iter().map(|program| program.pid).collect()
}

/// A change is set, and every client has returned from it when `settle` returns, in any number of rounds: clients are killed,
/// stopped and started meanwhile. MAPIOFFLINE_TEST_ROUNDS says how many.
#[test]
fn every_program_has_returned_when_settle_returns() {
    let (_place, path) = place();
    let folder = StateFolder::at(&path);
    folder.create().unwrap();
    let rounds = std::env::var("MAPIOFFLINE_TEST_ROUNDS").map_or(100, |rounds| rounds.parse().unwrap());
    let mut numbers = Numbers(0x5EED);
    let mut started = 0;
    let mut start = || {
        started += 1;
        Client::start(&path, started, 3000)
    };
    let mut clients: Vec<Client> = (0..8).map(|_| start()).collect();
    let (mut killed, mut stopped) = (0, 0);
    let setter = Setter::start(&path);
    for round in 0..rounds {
        let (state, text) = if round % 2 == 0 { ("offline", "f") } else { ("online", "n") };
        let victim = numbers.below(8) as usize;
        match numbers.below(5) {
            // Stopped from before the change until behind the time for it.
            0 => {
                stopped += 1;
                let pid = clients[victim].process.id();
                clients[victim].signal(Signal::STOP);
                wait_for("it is stopped", PATIENCE, || is_stopped(pid));
                setter.set(state);
                let late = folder.settle("Profile", Duration::from_millis(400)).unwrap();
                assert_eq!(pids(&late), [pid], "round {round}: {late:?}");
                assert!(late[0].stopped && late[0].profiles.is_none(), "round {round}: {late:?}");
                clients[victim].signal(Signal::CONT);
            }
            // Killed while it is waited for, at any time.
            1 | 2 => {
                killed += 1;
                let pause = numbers.pause(12_000);
                setter.set(state);
                thread::scope(|scope| {
                    let victim = &clients[victim];
                    scope.spawn(move || {
                        sleep(pause);
                        victim.kill();
                    });
                    assert_eq!(folder.settle("Profile", PATIENCE).unwrap(), [], "round {round}");
                });
                clients.swap_remove(victim);
                clients.push(start());
                // The new one has opened the profile in this state.
                all_are_notified(&clients[..7], text, round);
                continue;
            }
            _ => setter.set(state),
        }
        assert_eq!(folder.settle("Profile", PATIENCE).unwrap(), [], "round {round}");
        all_are_notified(&clients, text, round);
    }
    assert!(killed > 0 && stopped > 0, "{killed} {stopped}");
    drop((clients, setter));
    assert_eq!(folder.programs(None, PATIENCE).unwrap(), []);
    let left: Vec<_> = fs::read_dir(path.join("programs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(fs::read_dir(&path).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().contains("query")));
}

fn all_are_notified(clients: &[Client], text: &str, round: u32) {
    for client in clients {
        assert_eq!(client.notified(), text, "round {round}");
    }
}

fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !cfg!(target_os = "linux") || stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

/// A process that sets states when it is asked to: the test's own does not open anything.
struct Setter {
    process: std::sync::Mutex<(Child, BufReader<std::process::ChildStdout>)>,
}

impl Setter {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "helper_sets_what_it_reads", "--nocapture", "--test-threads=1"]);
        process.env("HELPER", folder).env("MAPIOFFLINE_STATE_DIR", folder).env_remove("MAPIOFFLINE_STORE");
        let mut process = process.env("SETTER", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process: (process, output).into() }
    }

    fn set(&self, state: &str) {
        use std::io::Write as _;
        let mut process = self.process.lock().unwrap();
        writeln!(process.0.stdin.as_mut().unwrap(), "{state}").unwrap();
        let mut line = String::new();
        while !line.ends_with("set\n") {
            line.clear();
            assert_ne!(process.1.read_line(&mut line).unwrap(), 0, "the setter has ended");
        }
    }
}

impl Drop for Setter {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        drop(process.0.stdin.take());
        let _ = process.0.wait();
    }
}

#[test]
fn helper_sets_what_it_reads() {
    if begin().is_none() || std::env::var_os("SETTER").is_none() {
        return;
    }
    let object = OfflineObject::open("Profile").unwrap();
    for line in std::io::stdin().lines() {
        let state = if line.unwrap() == "offline" { State::Offline } else { State::Online };
        // Its own transition may last for a moment.
        while object.set_state(state).is_err() {
            sleep(Duration::from_micros(100));
        }
        println!("set");
    }
}

#[test]
fn programs_are_listed_with_what_they_do() {
    let (_place, path) = place();
    let folder = StateFolder::at(&path);
    assert_eq!(folder.programs(None, PATIENCE).unwrap(), [], "there is no folder");
    assert!(!path.exists(), "and asking makes none");
    let client = Client::start(&path, 1, 1_500_000);
    let before = Instant::now();
    let programs = folder.programs(None, PATIENCE).unwrap();
    assert!(before.elapsed() < PATIENCE / 2, "an answer is not waited for until the end");
    let profile = |programs: &[Program]| {
        assert_eq!(pids(programs), [client.process.id()]);
        programs[0].profiles.clone().unwrap()
    };
    let idle = profile(&programs);
    assert_eq!((idle.len(), &*idle[0].name, idle[0].registrations), (1, "Profile", 1));
    assert_eq!((idle[0].state, idle[0].progress), (State::Online, Progress::Idle));
    assert!(programs[0].since.elapsed().unwrap() < PATIENCE && idle[0].since.elapsed().unwrap() < PATIENCE);
    assert!(!programs[0].stopped && !programs[0].elsewhere && !programs[0].name.is_empty());
    assert_eq!(profile(&folder.programs(Some("PROFILE"), PATIENCE).unwrap()).len(), 1, "whatever the spelling");
    assert_eq!(profile(&folder.programs(Some("Other"), PATIENCE).unwrap()), []);
    assert_eq!(folder.settle("Other", PATIENCE).unwrap(), [], "it does not have that one open");
    let kind = |error: std::io::Error| error.kind();
    assert_eq!(folder.settle("", PATIENCE).map_err(kind), Err(std::io::ErrorKind::InvalidInput));

    helper("helper_sets_offline", &path).run();
    // It is in one of the three callbacks, each of which takes its time.
    let mut seen = Vec::new();
    wait_for("every phase is seen", PATIENCE, || {
        let busy = profile(&folder.programs(Some("Profile"), PATIENCE).unwrap());
        if seen.last() != Some(&busy[0].progress) {
            seen.push(busy[0].progress);
            assert_eq!(busy[0].state, if busy[0].progress == Progress::Start { State::Online } else { State::Offline });
        }
        seen.last() == Some(&Progress::Idle)
    });
    seen.retain(|progress| !matches!(progress, Progress::Pending | Progress::Idle));
    assert!(seen.len() >= 2 && seen.is_sorted_by_key(|progress| *progress as u8), "{seen:?}");
    assert_eq!(client.notified(), "f");
}

#[test]
fn helper_sets_offline() {
    if begin().is_some() {
        OfflineObject::open("Profile").unwrap().set_state_and_wait(State::Offline).unwrap();
    }
}

/// Its file comes again by itself, after a while: whoever removes the folder is not disturbed.
#[test]
fn a_program_whose_file_was_removed_is_found_again() {
    let (_place, path) = place();
    let folder = StateFolder::at(&path);
    let client = Client::start(&path, 1, 1);
    for removed in [path.join("programs"), path.clone()] {
        fs::remove_dir_all(removed).unwrap();
        folder.create().unwrap();
        wait_for("it is announced again", Duration::from_secs(15), || {
            pids(&folder.programs(None, PATIENCE).unwrap()) == [client.process.id()]
        });
    }
}

/// Whichever thread's open returns first.
#[test]
fn every_open_returns_behind_the_announcement() {
    for _ in 0..20 {
        let (_place, path) = place();
        helper("helper_opens_on_many_threads", &path).run();
    }
}

#[test]
fn helper_opens_on_many_threads() {
    let Some(folder) = begin() else { return };
    let barrier = std::sync::Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                let _object = OfflineObject::open("Profile").unwrap();
                let found = fs::read_dir(folder.join("programs")).map_or(0, |files| files.count());
                assert!(found > 0, "this process can be found");
            });
        }
    });
}

/// A question that its asker has left is answered for its time, and no longer.
#[test]
fn a_question_that_was_left_is_forgotten() {
    let (_place, path) = place();
    let client = Client::start(&path, 1, 300_000);
    helper("helper_sets_offline", &path).run();
    let question = r#"{"format":1,"profile":"Profile","milliseconds":100}"#;
    fs::write(path.join("query-0000000000000001"), question).unwrap();
    let answers = || {
        let names = fs::read_dir(path.join("programs")).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("query-")).count()
    };
    wait_for("it is answered", PATIENCE, || answers() > 0);
    sleep(Duration::from_millis(300));
    let before = answers();
    wait_for("the change is over", PATIENCE, || client.notified() == "f");
    // Looks at all questions again.
    fs::write(path.join("query-0000000000000002"), question).unwrap();
    sleep(Duration::from_millis(200));
    let names = fs::read_dir(path.join("programs")).unwrap().map(|entry| entry.unwrap().file_name());
    let old = names.filter(|name| name.to_string_lossy().starts_with("query-0000000000000001")).count();
    assert_eq!(old, before, "nothing more is said");
}

/// What is left of programs that were killed, that forked, and that became another program.
#[test]
fn only_programs_that_run_are_listed() {
    let (_place, path) = place();
    let folder = StateFolder::at(&path);
    let killed = Client::start(&path, 1, 1);
    killed.kill();
    assert_eq!(folder.programs(None, PATIENCE).unwrap(), [], "although it has not been waited for");
    assert_eq!(fs::read_dir(path.join("programs")).unwrap().count(), 0);
    let killed = Client::start(&path, 2, 1);
    killed.kill();
    wait_for("it has ended", PATIENCE, || !runs(&killed));
    helper("helper_sets_offline", &path).run();
    let left: Vec<_> = fs::read_dir(path.join("programs")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.is_empty(), "the next program removes what is left: {left:?}, {}", killed.process.id());
    if cfg!(target_os = "linux") {
        helper("helper_becomes_another_program", &path).run();
    }
    helper("helper_forks", &path).run();
    assert_eq!(fs::read_dir(path.join("programs")).unwrap().count(), 0, "a program removes its file when it exits");
}

/// Whether the process runs.
fn runs(client: &Client) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", client.process.id())).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(')') else { return false };
    // The first thread may have ended before the others.
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields[0] != "Z" || fields[17] != "1"
}

#[test]
fn helper_becomes_another_program() {
    use std::os::unix::process::CommandExt as _;
    let Some(folder) = begin() else { return };
    let mut shell = Command::new("sh");
    let me = std::env::current_exe().unwrap();
    // The parent asks for programs while the child is `sleep`.
    shell.args(["-c", "HELPER_EXECS=1 \"$0\" --exact helper_executes --nocapture & child=$!; sleep 0.5; kill -0 $child && \"$0\" --exact helper_finds_no_program --nocapture; code=$?; kill $child; exit $code"]);
    shell.arg(me).env("HELPER", folder);
    panic!("{}", shell.exec());
}

#[test]
fn helper_executes() {
    use std::os::unix::process::CommandExt as _;
    if begin().is_none() || std::env::var_os("HELPER_EXECS").is_none() {
        return;
    }
    let _object = OfflineObject::open("Profile").unwrap();
    panic!("{}", Command::new("sleep").arg("20").exec());
}

#[test]
fn helper_finds_no_program() {
    let Some(folder) = begin() else { return };
    let folder = StateFolder::at(folder);
    assert_eq!(folder.settle("Profile", PATIENCE).unwrap(), []);
    assert_eq!(folder.programs(None, PATIENCE).unwrap(), []);
}

#[test]
fn helper_forks() {
    let Some(folder) = begin() else { return };
    let path = folder.clone();
    let folder = StateFolder::at(folder);
    let object = OfflineObject::open("Profile").unwrap();
    let own = std::process::id();
    let count = |count| {
        let programs = folder.programs(Some("Profile"), PATIENCE).unwrap();
        assert_eq!(programs.len(), count, "{programs:?}");
        assert!(programs.iter().all(|program| program.profiles.as_ref().is_some_and(|open| open.len() == 1)));
        assert!(programs.iter().any(|program| program.pid == own));
    };
    count(1);
    // SAFETY: the child does what a child of a program with several threads may do with this library.
    match unsafe { libc::fork() } {
        0 => {
            // It has not used the library yet, and is found as soon as it has.
            count(1);
            object.set_state_and_wait(State::Offline).unwrap();
            count(2);
            std::process::exit(0);
        }
        child => {
            let mut status = 0;
            // SAFETY: waits for its own child.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!(status, 0);
        }
    }
    count(1);
    assert_eq!(fs::read_dir(path.join("programs")).unwrap().count(), 1);
    // The client's own waiting, in the same store.
    wait_for_state("Profile", State::Offline, PATIENCE).unwrap();
    assert_eq!(settle("Profile", PATIENCE).unwrap(), []);
}
