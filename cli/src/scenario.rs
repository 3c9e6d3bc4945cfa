//! Scenarios: what happens to profiles over time, read from a file.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::time::Duration;

use mapioffline::State;
use mapioffline::testing::Fault;

use crate::duration::duration;
use crate::failure::{Code, Failure};

/// How long a step waits that waits for programs, if it does not say so.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most steps that a scenario may play, repetitions included.
const MOST_STEPS: u64 = 10_000_000;

/// How many blocks may be in one another.
const MOST_BLOCKS: usize = 20;

#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its file, for people.
    pub(crate) file: String,
    /// Decides what is random.
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    /// Its line in the file, from 1 on.
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) action: Action,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Set {
        state: State,
        profiles: Vec<String>,
    },
    /// Sets each profile to the other state, so many times.
    Flap {
        count: u64,
        every: Span,
        profiles: Vec<String>,
    },
    Pause(Span),
    /// Waits until programs have returned from all notifications.
    Settle {
        within: Duration,
        profiles: Vec<String>,
    },
    /// Waits until so many programs have one of the profiles open and are registered.
    Clients {
        count: u64,
        within: Duration,
        profiles: Vec<String>,
    },
    /// Waits until each profile is in the state: a program sets it.
    Wait {
        state: State,
        within: Duration,
        profiles: Vec<String>,
    },
    Repeat {
        count: u64,
        steps: Vec<Step>,
    },
    /// Asks the folder's programs for a fault.
    Fault(Fault),
    /// Removes all faults.
    ClearFaults,
    /// Asks the program of `run` to end.
    Stop {
        within: Duration,
    },
}

/// A time between two limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
}

impl Scenario {
    /// Reads a file. `profiles` are those of steps that name none, instead of the file's own.
    pub(crate) fn read(file: &Path, profiles: &[String]) -> Result<Self, Failure> {
        let file_shown = file.display().to_string();
        let text =
            fs::read_to_string(file).map_err(|error| Failure::new(Code::Failed, format!("{file_shown}: {error}")))?;
        let wrong = |(line, what)| Failure::new(Code::Usage, format!("{file_shown}:{line}: {what}"));
        Ok(Self { file: file_shown.clone(), ..Self::parse(&text, profiles).map_err(wrong)? })
    }

    fn parse(text: &str, profiles: &[String]) -> Result<Self, (usize, String)> {
        let mut parser = Parser { profiles: profiles.to_vec(), are_chosen: !profiles.is_empty(), seed: 0, depth: 0 };
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let steps = parser.steps(&mut lines, None)?;
        if count(&steps) > MOST_STEPS {
            return Err((
                steps.last().map_or(1, |step| step.line),
                format!("it has more than {MOST_STEPS} steps in all"),
            ));
        }
        Ok(Self { file: String::new(), seed: parser.seed, steps })
    }

    /// The line of a step that is only for `run`.
    pub(crate) fn stops_a_program(&self) -> Option<usize> {
        find(&self.steps, &|action| matches!(action, Action::Stop { .. }))
    }

    /// The line of a step that is only for a folder of the test's own.
    pub(crate) fn asks_for_faults(&self) -> Option<usize> {
        find(&self.steps, &|action| matches!(action, Action::Fault(_)))
    }
}

fn find(steps: &[Step], is_it: &dyn Fn(&Action) -> bool) -> Option<usize> {
    steps.iter().find_map(|step| match &step.action {
        action if is_it(action) => Some(step.line),
        Action::Repeat { steps, .. } => find(steps, is_it),
        _ => None,
    })
}

/// How many steps are played.
fn count(steps: &[Step]) -> u64 {
    let of = |step: &Step| match &step.action {
        Action::Repeat { count: times, steps } => times.saturating_mul(count(steps).max(1)),
        Action::Flap { count, .. } => *count,
        _ => 1,
    };
    steps.iter().map(of).fold(0, u64::saturating_add)
}

struct Parser {
    profiles: Vec<String>,
    /// On the command line.
    are_chosen: bool,
    seed: u64,
    /// In how many blocks the present line is.
    depth: usize,
}

impl Parser {
    /// Reads steps up to the end of the file, or of the block that began in the line `begun`.
    fn steps<'a>(
        &mut self,
        lines: &mut impl Iterator<Item = (usize, &'a str)>,
        begun: Option<usize>,
    ) -> Result<Vec<Step>, (usize, String)> {
        let mut steps = Vec::new();
        while let Some((line, text)) = lines.next() {
            let words = shlex::split(text).ok_or((line, "a quotation mark is not closed".to_owned()))?;
            let mut words = Words(words.into());
            let Some(verb) = words.0.pop_front() else { continue };
            if verb == "end" {
                words.end().map_err(|what| (line, what))?;
                return match begun {
                    Some(_) => Ok(steps),
                    None => Err((line, "`end` ends no `repeat`".to_owned())),
                };
            }
            let action = if verb == "repeat" {
                if self.depth >= MOST_BLOCKS {
                    return Err((line, format!("more than {MOST_BLOCKS} `repeat` are in one another")));
                }
                self.depth += 1;
                let count = words.number("how many times").and_then(|count| words.end().map(|()| count));
                let count = count.map_err(|what| (line, what))?;
                let steps = self.steps(lines, Some(line))?;
                self.depth -= 1;
                Some(Action::Repeat { count, steps })
            } else {
                self.action(&verb, &mut words).map_err(|what| (line, what))?
            };
            steps.extend(action.map(|action| Step { line, text: text.to_owned(), action }));
        }
        match begun {
            Some(line) => Err((line, "there is no `end` for this `repeat`".to_owned())),
            None => Ok(steps),
        }
    }

    /// One line. `None`: it says something about the whole.
    fn action(&mut self, verb: &str, words: &mut Words) -> Result<Option<Action>, String> {
        Ok(Some(match verb {
            "profiles" => {
                let named: Vec<String> = words.0.drain(..).collect();
                if named.is_empty() {
                    return Err("`profiles` needs at least one name".to_owned());
                }
                if !self.are_chosen {
                    self.profiles = named;
                }
                return Ok(None);
            }
            "seed" => {
                self.seed = words.number("the seed")?;
                words.end()?;
                return Ok(None);
            }
            "set" => Action::Set { state: words.state()?, profiles: self.named(words)? },
            "flap" => {
                let count = words.number("how many times")?;
                let none = Span { shortest: Duration::ZERO, longest: Duration::ZERO };
                let every = if words.take("every") { words.span()? } else { none };
                Action::Flap { count, every, profiles: self.named(words)? }
            }
            "pause" => {
                let span = words.span()?;
                words.end()?;
                Action::Pause(span)
            }
            "settle" => Action::Settle { within: words.within()?, profiles: self.named(words)? },
            "clients" => {
                let count = words.number("how many programs")?;
                Action::Clients { count, within: words.within()?, profiles: self.named(words)? }
            }
            "wait" => {
                let state = words.state()?;
                Action::Wait { state, within: words.within()?, profiles: self.named(words)? }
            }
            "fault" => match words.0.make_contiguous() {
                [word] if word == "clear" => Action::ClearFaults,
                words => Action::Fault(Fault::from_words(words).map_err(|error| error.to_string())?),
            },
            "stop" => {
                let within = words.within()?;
                words.end()?;
                Action::Stop { within }
            }
            other => {
                return Err(format!(
                    "{other} is no step; the steps are profiles, seed, set, flap, pause, settle, clients, wait, fault, repeat, end and stop"
                ));
            }
        }))
    }

    /// The profiles that a step names, or those of all.
    fn named(&self, words: &mut Words) -> Result<Vec<String>, String> {
        let named: Vec<String> = words.0.drain(..).collect();
        match (named.is_empty(), self.profiles.is_empty()) {
            (false, _) => Ok(named),
            (true, false) => Ok(self.profiles.clone()),
            (true, true) => {
                Err("it names no profile; a line `profiles NAME` before, or --profile, names those of all".to_owned())
            }
        }
    }
}

/// The words of a line that have not been read yet.
struct Words(VecDeque<String>);

impl Words {
    fn next(&mut self, what: &str) -> Result<String, String> {
        self.0.pop_front().ok_or_else(|| format!("{what} is missing"))
    }

    /// Takes the next word if it is this one.
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.0.front().is_some_and(|next| next == word);
        if is_next {
            self.0.pop_front();
        }
        is_next
    }

    fn end(&self) -> Result<(), String> {
        self.0.front().map_or(Ok(()), |word| Err(format!("{word} is too much")))
    }

    fn number(&mut self, what: &str) -> Result<u64, String> {
        let word = self.next(what)?;
        word.parse().map_err(|_| format!("{what}: {word} is no number"))
    }

    fn state(&mut self) -> Result<State, String> {
        match &*self.next("the state")? {
            "online" => Ok(State::Online),
            "offline" => Ok(State::Offline),
            other => Err(format!("{other} is neither online nor offline")),
        }
    }

    /// `DURATION` or `DURATION..DURATION`.
    fn span(&mut self) -> Result<Span, String> {
        let word = self.next("how long")?;
        let (shortest, longest) = word.split_once("..").unwrap_or((&word, &word));
        let span = Span { shortest: duration(shortest)?, longest: duration(longest)? };
        if span.shortest > span.longest {
            return Err(format!("{shortest} is longer than {longest}"));
        }
        Ok(span)
    }

    fn within(&mut self) -> Result<Duration, String> {
        if !self.take("within") {
            return Ok(PATIENCE);
        }
        let word = self.next("how long")?;
        duration(&word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Step>, (usize, String)> {
        Scenario::parse(text, &[]).map(|scenario| scenario.steps)
    }

    #[test]
    fn a_scenario_has_steps_blocks_and_comments() {
        let text = "# an outage\nprofiles Outlook \"Work mail\"\nseed 7\n\nset offline\nrepeat 3   # times\n  pause 10ms..1s\n  set online Other\nend\nsettle within 5s\nclients 2 Outlook\nflap 10 every 5ms\nstop";
        let scenario = Scenario::parse(text, &[]).unwrap();
        assert_eq!(scenario.seed, 7);
        let steps = scenario.steps;
        let both = vec!["Outlook".to_owned(), "Work mail".to_owned()];
        assert_eq!(steps[0].action, Action::Set { state: State::Offline, profiles: both.clone() });
        assert_eq!((steps[0].line, &*steps[0].text), (5, "set offline"));
        let Action::Repeat { count: 3, steps: inner } = &steps[1].action else { panic!("{steps:?}") };
        let span = Span { shortest: Duration::from_millis(10), longest: Duration::from_secs(1) };
        assert_eq!(inner[0].action, Action::Pause(span));
        assert_eq!(inner[1].action, Action::Set { state: State::Online, profiles: vec!["Other".to_owned()] });
        assert_eq!(steps[2].action, Action::Settle { within: Duration::from_secs(5), profiles: both.clone() });
        let clients = Action::Clients { count: 2, within: PATIENCE, profiles: vec!["Outlook".to_owned()] };
        assert_eq!(steps[3].action, clients);
        assert_eq!(count(&steps), 1 + 3 * 2 + 1 + 1 + 10 + 1);
        let chosen = Scenario::parse("profiles Outlook\nset online", &["Chosen".to_owned()]).unwrap();
        assert_eq!(chosen.steps[0].action, Action::Set { state: State::Online, profiles: vec!["Chosen".to_owned()] });
        assert_eq!(Scenario::parse(text, &[]).unwrap().stops_a_program(), Some(13));
        let faults =
            Scenario::parse("repeat 2\nfault open fails E_FAIL in \"A B\" # always\nfault clear\nend", &[]).unwrap();
        assert_eq!((faults.asks_for_faults(), faults.stops_a_program()), (Some(2), None));
        let Action::Repeat { steps, .. } = &faults.steps[0].action else { panic!() };
        assert_eq!(steps[0].action, Action::Fault("open fails E_FAIL in 'A B'".parse().unwrap()));
        assert_eq!(steps[1].action, Action::ClearFaults);
    }

    #[test]
    fn an_error_says_which_line_and_what_is_wrong() {
        for (text, line, what) in [
            ("set offline", 1, "names no profile"),
            ("profiles A\nset away", 2, "away is neither online nor offline"),
            ("profiles A\n\nset", 3, "the state is missing"),
            ("profiles", 1, "at least one name"),
            ("profiles A\nrepeat 2\nset online", 2, "no `end`"),
            ("end", 1, "ends no `repeat`"),
            ("profiles A\nrepeat x\nend", 2, "x is no number"),
            ("pause", 1, "how long is missing"),
            ("pause 5", 1, "a number with a unit"),
            ("pause 2s..1s", 1, "2s is longer than 1s"),
            ("pause 1s 2s", 1, "2s is too much"),
            ("seed 1 2", 1, "2 is too much"),
            ("profiles \"A", 1, "quotation mark"),
            ("profiles A\nsettle within", 2, "how long is missing"),
            ("profiles A\nflap", 2, "how many times is missing"),
            ("jump", 1, "jump is no step"),
            ("fault", 1, "the fault is missing"),
            ("fault open fails S_OK", 1, "S_OK is no HRESULT of a failure"),
            ("fault clear 1", 1, "clear is not known"),
            ("repeat 99999999999\nend", 1, "more than"),
            ("profiles A\nrepeat 10000000\nflap 2\nend", 2, "more than"),
        ] {
            let (at, said) = parse(text).unwrap_err();
            assert!(at == line && said.contains(what), "{text:?}: {at}: {said}");
        }
    }
}
