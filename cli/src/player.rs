//! Playing a scenario, and the report of it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mapioffline::{ErrorKind, OfflineObject, Program, State, StateFolder};
use serde_json::{Value, json};

use crate::clients::{describe, is_in};
use crate::failure::{Code, Failure};
use crate::faults;
use crate::folder::open;
use crate::output::{Output, shown};
use crate::scenario::{Action, Scenario, Span, Step};

/// How often it is looked whether what is waited for has come.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a change is tried while the profile or the folder is in use.
const PATIENCE: Duration = Duration::from_secs(10);

/// Plays a scenario by itself.
pub(crate) fn play(scenario: &Scenario, folder: &StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    if let Some(line) = scenario.stops_a_program() {
        let failure = Failure::new(Code::Usage, "`stop` is for `mapioffline run --scenario`");
        return Err(failure.at(&scenario.file, line));
    }
    if let Some(line) = scenario.asks_for_faults() {
        faults::check(folder).map_err(|failure| failure.at(&scenario.file, line))?;
    }
    let stage = Stage { folder, has_ended: &AtomicBool::new(false), stop: &|| {} };
    let mut each = |played: &Played| output.say(|| played.text(), || played.object());
    let (report, result) = Player::new(stage, scenario).play(scenario, &mut each);
    output.say(|| report.text().join("\n"), || report.object());
    result.map(|()| ExitCode::SUCCESS)
}

/// What a scenario is played to.
pub(crate) struct Stage<'a> {
    pub(crate) folder: &'a StateFolder,
    /// The program of `run` has ended.
    pub(crate) has_ended: &'a AtomicBool,
    /// Asks the program of `run` to end.
    pub(crate) stop: &'a (dyn Fn() + Sync),
}

/// Why a scenario is not played to its end.
enum Cut {
    /// The program of `run` has ended.
    Ended,
    Failed(Failure),
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What was played, and what programs made of it.
pub(crate) struct Report {
    seed: u64,
    pub(crate) steps: Vec<Played>,
    seconds: f64,
    programs: BTreeMap<(u32, String, String), Notified>,
    /// The line at which the program of `run` had ended.
    cut_at: Option<usize>,
}

/// A step that was played.
pub(crate) struct Played {
    line: usize,
    text: String,
    at: Duration,
    took: Duration,
}

/// What a program was notified of.
#[derive(Default)]
struct Notified {
    /// How many changes it had been notified of when it was first seen, and when it was last seen.
    changes: Option<(u64, u64)>,
    /// How long it took until it had settled, each time.
    settled: Vec<Duration>,
}

pub(crate) struct Player<'a> {
    stage: Stage<'a>,
    objects: BTreeMap<String, OfflineObject>,
    numbers: u64,
    begun: Instant,
    /// When each profile was last set, and to what.
    set_at: BTreeMap<String, (Instant, State)>,
    line: usize,
    report: Report,
}

impl<'a> Player<'a> {
    pub(crate) fn new(stage: Stage<'a>, scenario: &Scenario) -> Self {
        let report =
            Report { seed: scenario.seed, steps: Vec::new(), seconds: 0.0, programs: BTreeMap::new(), cut_at: None };
        // Never zero, from which no other number follows.
        let numbers = scenario.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (objects, set_at) = (BTreeMap::new(), BTreeMap::new());
        Self { stage, objects, numbers, begun: Instant::now(), set_at, line: 0, report }
    }

    /// Plays the scenario, and calls `each` for each step that was played.
    pub(crate) fn play(mut self, scenario: &Scenario, each: &mut dyn FnMut(&Played)) -> (Report, Result<(), Failure>) {
        let played = self.steps(&scenario.steps, each);
        self.report.seconds = self.begun.elapsed().as_secs_f64();
        let result = match played {
            Ok(()) => Ok(()),
            Err(Cut::Ended) => {
                self.report.cut_at = Some(self.line);
                Ok(())
            }
            Err(Cut::Failed(failure)) => Err(failure.at(&scenario.file, self.line)),
        };
        self.look();
        (self.report, result)
    }

    fn steps(&mut self, steps: &[Step], each: &mut dyn FnMut(&Played)) -> Result<(), Cut> {
        for step in steps {
            self.line = step.line;
            if let Action::Repeat { count, steps } = &step.action {
                for _ in 0..*count {
                    self.go_on()?;
                    self.steps(steps, each)?;
                }
                continue;
            }
            let at = self.begun.elapsed();
            self.step(&step.action)?;
            let played = Played { line: step.line, text: step.text.clone(), at, took: self.begun.elapsed() - at };
            each(&played);
            self.report.steps.push(played);
        }
        Ok(())
    }

    fn step(&mut self, action: &Action) -> Result<(), Cut> {
        match action {
            Action::Set { state, profiles } => profiles.iter().try_for_each(|profile| self.set(profile, *state)),
            Action::Flap { count, every, profiles } => {
                for _ in 0..*count {
                    for profile in profiles {
                        let present = self.object(profile)?.state();
                        // The object itself may be behind the last request.
                        let state = self.set_at.get(profile).map_or(present, |(_, state)| *state);
                        self.set(profile, if state == State::Online { State::Offline } else { State::Online })?;
                    }
                    let pause = self.random(*every);
                    self.pause(pause)?;
                }
                Ok(())
            }
            Action::Pause(span) => {
                let pause = self.random(*span);
                self.pause(pause)
            }
            Action::Settle { within, profiles } => {
                profiles.iter().try_for_each(|profile| self.settle(profile, *within))
            }
            Action::Clients { count, within, profiles } => self.clients(*count, profiles, *within),
            Action::Wait { state, within, profiles } => {
                for profile in profiles {
                    let what = format!("{} did not come to be {}", shown(profile), crate::output::word(*state));
                    let folder = self.stage.folder;
                    self.until(*within, &what, || is_in(folder, profile, *state))?;
                }
                Ok(())
            }
            Action::Fault(fault) => {
                faults::ask_for(self.stage.folder, fault)?;
                Ok(faults::wait(self.stage.folder)?)
            }
            Action::ClearFaults => {
                faults::remove(self.stage.folder, None)?;
                Ok(faults::wait(self.stage.folder)?)
            }
            Action::Stop { within } => {
                (self.stage.stop)();
                let begun = Instant::now();
                while !self.stage.has_ended.load(Ordering::SeqCst) {
                    if begun.elapsed() >= *within {
                        let line = format!("the program did not end within {within:?}");
                        return Err(Failure::new(Code::TimedOut, line).into());
                    }
                    sleep(PAUSE);
                }
                Ok(())
            }
            Action::Repeat { .. } => Ok(()),
        }
    }

    fn object(&mut self, profile: &str) -> Result<&OfflineObject, Failure> {
        if !self.objects.contains_key(profile) {
            let object = open(self.stage.folder, profile)?;
            self.objects.insert(profile.to_owned(), object);
        }
        Ok(&self.objects[profile])
    }

    fn set(&mut self, profile: &str, state: State) -> Result<(), Cut> {
        let begun = Instant::now();
        loop {
            self.go_on()?;
            match self.object(profile)?.set_state(state) {
                Ok(()) => break,
                Err(error)
                    if matches!(error.kind(), ErrorKind::Pending | ErrorKind::Timeout)
                        && begun.elapsed() < PATIENCE =>
                {
                    sleep(Duration::from_micros(200));
                }
                Err(error) => return Err(Failure::of_profile(profile, &error).into()),
            }
        }
        self.set_at.insert(profile.to_owned(), (begun, state));
        Ok(())
    }

    fn settle(&mut self, profile: &str, within: Duration) -> Result<(), Cut> {
        let begun = Instant::now();
        let since = self.set_at.get(profile).map_or(begun, |(at, _)| *at);
        loop {
            self.go_on()?;
            let left = within.saturating_sub(begun.elapsed());
            // In short pieces, as the program of `run` may end.
            let piece = left.min(Duration::from_millis(500));
            let asked = Instant::now();
            let programs = self.survey(profile, piece)?;
            let late: Vec<&Program> = programs.iter().filter(|program| program.settled_after.is_none()).collect();
            if late.is_empty() || left == piece {
                for program in &programs {
                    self.note(program, profile, program.settled_after.map(|after| asked + after - since));
                }
            }
            if late.is_empty() {
                return Ok(());
            }
            if left == piece {
                let late: Vec<String> = late.iter().map(|program| describe(program)).collect();
                let line = format!("{} has not settled within {within:?}: {}", shown(profile), late.join(", "));
                return Err(Failure::new(Code::TimedOut, line).into());
            }
        }
    }

    /// Asks the programs, this one excepted.
    fn survey(&self, profile: &str, timeout: Duration) -> Result<Vec<Program>, Failure> {
        let folder = self.stage.folder;
        let programs = folder.settling(profile, timeout).map_err(|error| Failure::of_folder(folder.path(), &error))?;
        let own = std::process::id();
        Ok(programs.into_iter().filter(|program| program.pid != own || program.elsewhere).collect())
    }

    fn note(&mut self, program: &Program, profile: &str, settled: Option<Duration>) {
        for open in program.profiles.iter().flatten() {
            let key = (program.pid, program.name.clone(), profile.to_owned());
            let notified = self.report.programs.entry(key).or_default();
            notified.changes = Some((notified.changes.map_or(open.changes, |(first, _)| first), open.changes));
            notified.settled.extend(settled);
        }
    }

    /// Looks how many changes programs have been notified of at the end.
    fn look(&mut self) {
        let profiles: Vec<String> = self.objects.keys().cloned().collect();
        for profile in profiles {
            for program in self.survey(&profile, Duration::from_millis(500)).unwrap_or_default() {
                self.note(&program, &profile, None);
            }
        }
    }

    fn clients(&mut self, count: u64, profiles: &[String], within: Duration) -> Result<(), Cut> {
        let begun = Instant::now();
        loop {
            self.go_on()?;
            let mut pids = Vec::new();
            for profile in profiles {
                for program in self.survey(profile, Duration::from_millis(500))? {
                    let registrations = program.profiles.iter().flatten().map(|open| open.registrations).sum::<u64>();
                    if registrations > 0 {
                        self.note(&program, profile, None);
                        pids.push(program.pid);
                    }
                }
            }
            pids.sort_unstable();
            pids.dedup();
            if pids.len() as u64 >= count {
                return Ok(());
            }
            if begun.elapsed() >= within {
                let line = format!("{} of {count} programs are registered after {within:?}", pids.len());
                return Err(Failure::new(Code::TimedOut, line).into());
            }
            sleep(PAUSE);
        }
    }

    fn until(
        &self,
        within: Duration,
        what: &str,
        mut is_met: impl FnMut() -> Result<bool, Failure>,
    ) -> Result<(), Cut> {
        let begun = Instant::now();
        while !is_met()? {
            self.go_on()?;
            if begun.elapsed() >= within {
                return Err(Failure::new(Code::TimedOut, format!("{what} within {within:?}")).into());
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    fn pause(&self, duration: Duration) -> Result<(), Cut> {
        let begun = Instant::now();
        loop {
            self.go_on()?;
            let left = duration.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            sleep(left.min(Duration::from_millis(20)));
        }
    }

    fn go_on(&self) -> Result<(), Cut> {
        if self.stage.has_ended.load(Ordering::SeqCst) { Err(Cut::Ended) } else { Ok(()) }
    }

    /// A time in the span: the same ones for the same seed.
    fn random(&mut self, span: Span) -> Duration {
        let Span { shortest, longest } = span;
        self.numbers ^= self.numbers << 13;
        self.numbers ^= self.numbers >> 7;
        self.numbers ^= self.numbers << 17;
        let part = (self.numbers >> 11) as f64 / (1_u64 << 53) as f64;
        shortest + (longest - shortest).mul_f64(part)
    }
}

impl Played {
    pub(crate) fn text(&self) -> String {
        format!("{:>9.3} s  line {:<4} {}", self.at.as_secs_f64(), self.line, shown(&self.text))
    }

    pub(crate) fn object(&self) -> Value {
        json!({ "line": self.line, "step": self.text, "at": self.at.as_secs_f64(), "seconds": self.took.as_secs_f64() })
    }
}

impl Report {
    /// For people: lines.
    pub(crate) fn text(&self) -> Vec<String> {
        let mut lines = vec![format!("played {} steps in {:.3} s, seed {}", self.steps.len(), self.seconds, self.seed)];
        lines.extend(self.cut_at.map(|line| format!("the program ended at line {line}")));
        for ((pid, program, profile), notified) in &self.programs {
            let mut line =
                format!("{} ({pid}), {}: notified of {} changes", shown(program), shown(profile), notified.count());
            if let Some((median, longest)) = notified.times() {
                line += &format!(
                    "; settled {} times, in {:.1} ms (median), {:.1} ms (longest)",
                    notified.settled.len(),
                    median.as_secs_f64() * 1000.0,
                    longest.as_secs_f64() * 1000.0
                );
            }
            lines.push(line);
        }
        lines
    }

    /// For scripts: one object.
    pub(crate) fn object(&self) -> Value {
        let programs = self.programs.iter().map(|((pid, program, profile), notified)| {
            let (median, longest) = notified.times().unzip();
            json!({
                "pid": pid,
                "program": program,
                "profile": profile,
                "changes": notified.count(),
                "settled": notified.settled.len(),
                "median_seconds": median.map(|time| time.as_secs_f64()),
                "longest_seconds": longest.map(|time| time.as_secs_f64()),
            })
        });
        json!({
            "steps": self.steps.len(),
            "seconds": self.seconds,
            "seed": self.seed,
            "ended_at_line": self.cut_at,
            "clients": programs.collect::<Vec<_>>(),
        })
    }
}

impl Notified {
    fn count(&self) -> u64 {
        self.changes.map_or(0, |(first, last)| last.saturating_sub(first))
    }

    /// The median and the longest time until it had settled.
    fn times(&self) -> Option<(Duration, Duration)> {
        let mut times = self.settled.clone();
        times.sort_unstable();
        Some((*times.get(times.len() / 2)?, *times.last()?))
    }
}
