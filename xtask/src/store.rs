//! `cargo xtask test store`: several processes change the same profiles at once, and are killed at random.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::run::output;
use crate::shared_state::{Folder, program};
use crate::{Result, demo, target};

const PROCESSES: usize = 8;
const PROFILES: [&str; 4] = ["Work", "Home", "Žluť", "with space"];
const HOW_LONG: Duration = Duration::from_secs(60);
/// The time between two checks, for which all workers stop setting states.
const BETWEEN_CHECKS: Duration = Duration::from_secs(3);
/// How long the workers may take to agree with the files.
const LIMIT: Duration = Duration::from_secs(1);

pub(crate) fn check() -> Result<()> {
    demo::play(demo::Pace::Fast, &program())?;
    torture()
}

struct Worker {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Worker {
    fn start(folder: &Path, seed: u64) -> Result<Self> {
        let mut command = Command::new(crate::build_folder().join("c-tests/store/store-worker"));
        command.arg(seed.to_string()).args(PROFILES);
        command.env("MAPIOFFLINE_STATE_DIR", folder).env_remove("MAPIOFFLINE_STORE");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take().ok_or("no input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, to, from })
    }

    fn say(&mut self, line: &str) -> Result<()> {
        // A worker that has ended is reported by `read`.
        let _ = writeln!(self.to, "{line}").and_then(|()| self.to.flush());
        Ok(())
    }

    fn read(&mut self) -> Result<Vec<String>> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        match line.split_whitespace().next() {
            Some("held" | "going" | "states") => Ok(line.split_whitespace().skip(1).map(str::to_owned).collect()),
            _ => Err(format!("a worker prints {line:?} ({:?})", self.child.try_wait()).into()),
        }
    }

    fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Sends a line to all workers, and returns their answers.
fn ask(workers: &mut [Worker], line: &str) -> Result<Vec<Vec<String>>> {
    workers.iter_mut().try_for_each(|worker| worker.say(line))?;
    workers.iter_mut().map(Worker::read).collect()
}

/// Counters of a run.
#[derive(Default)]
struct Counts {
    kills: u32,
    checks: u32,
    notifications: u64,
    slowest: Duration,
}

fn torture() -> Result<()> {
    println!("{PROCESSES} processes on {} profiles for {} s, killed at random", PROFILES.len(), HOW_LONG.as_secs());
    let folder = Folder::new(&target(), "torture")?;
    let mut random = 0x853C_49E6_748F_EA9B_u64 ^ u64::from(std::process::id());
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut workers = Vec::new();
    for seed in 0..PROCESSES as u64 {
        workers.push(Worker::start(folder.path(), seed + 1)?);
    }
    let mut counts = Counts::default();
    let start = Instant::now();
    while start.elapsed() < HOW_LONG {
        ask(&mut workers, "go")?;
        let round = Instant::now();
        while round.elapsed() < BETWEEN_CHECKS {
            sleep(Duration::from_millis(20 + next(100)));
            let victim = next(PROCESSES as u64) as usize;
            workers[victim].kill()?;
            workers[victim] = Worker::start(folder.path(), next(u64::MAX))?;
            workers[victim].say("go")?;
            workers[victim].read()?;
            counts.kills += 1;
        }
        ask(&mut workers, "hold")?;
        agree(&mut workers, folder.path(), &mut counts)?;
    }
    let revisions = stored(folder.path())?.iter().map(|profile| profile.revision).sum::<u64>();
    println!(
        "{revisions} changes written, {} notifications received by surviving processes, {} processes killed; in {} \
         checks all agreed with the files within {} ms (bound {} ms); no file damaged, no sequence broken",
        counts.notifications,
        counts.kills,
        counts.checks,
        counts.slowest.as_millis(),
        LIMIT.as_millis()
    );
    if revisions == 0 || counts.kills == 0 || counts.notifications == 0 {
        return Err("nothing happened".into());
    }
    Ok(())
}

/// Asks all workers until their states equal the files'.
fn agree(workers: &mut [Worker], folder: &Path, counts: &mut Counts) -> Result<()> {
    let start = Instant::now();
    loop {
        let files: Vec<String> = stored(folder)?.iter().map(|profile| profile.state.clone()).collect();
        let answers = ask(workers, "states")?;
        let took = start.elapsed();
        let received: u64 = answers.iter().filter_map(|answer| answer.last()?.parse::<u64>().ok()).sum();
        counts.notifications += received;
        if answers.iter().all(|answer| answer[..PROFILES.len()] == files[..]) {
            counts.checks += 1;
            counts.slowest = counts.slowest.max(took);
            return Ok(());
        }
        if took > LIMIT {
            return Err(format!("after {took:?} the files have {files:?}, and the processes {answers:?}").into());
        }
        sleep(Duration::from_millis(1));
    }
}

struct Stored {
    /// As the workers print it.
    state: String,
    revision: u64,
}

/// The stored profiles, in the order of `PROFILES`, as the program `mapioffline` prints them. Fails if a file is or was
/// damaged.
fn stored(folder: &Path) -> Result<Vec<Stored>> {
    let aside = fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let damaged: Vec<String> = aside.filter(|name| name.contains(".damaged-")).collect();
    if !damaged.is_empty() {
        return Err(format!("files were damaged: {damaged:?}").into());
    }
    let mut program = Command::new(program());
    program.args(["--json", "--state-dir"]).arg(folder).arg("profiles");
    let text = output(&mut program)?;
    let objects: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let find = |profile: &&str| {
        // There is no file until a process sets the state.
        let Some(object) = objects.iter().find(|object| object["profile"] == *profile) else {
            return Ok(Stored { state: "2".into(), revision: 0 });
        };
        let state = match object["state"].as_str() {
            Some("offline") => "1",
            Some("online") => "2",
            _ => return Err(format!("no state: {object}").into()),
        };
        Ok(Stored { state: state.into(), revision: object["revision"].as_u64().unwrap_or(0) })
    };
    PROFILES.iter().map(find).collect()
}
