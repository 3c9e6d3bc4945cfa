//! What follows from answers: hysteresis for each source, and a rule over the sources of a profile. No I/O.

use std::fmt;
use std::str::FromStr;

use mapioffline::State;

/// How many answers of one kind in a row count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thresholds {
    /// Failures until the source is away.
    pub(crate) failures: u32,
    /// Successes until it is there.
    pub(crate) successes: u32,
}

/// Whether something can be reached, and why.
pub(crate) type Answer = Result<String, String>;

/// What is known of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// `None`: not decided yet.
    is_there: Option<bool>,
    /// How many answers in a row were of the last one's kind.
    count: u32,
    last: Option<Answer>,
}

impl Health {
    /// Takes an answer. Returns whether the source came or went by it.
    pub(crate) fn take(&mut self, answer: Answer, thresholds: Thresholds) -> bool {
        let is_same = self.last.as_ref().is_some_and(|last| last.is_ok() == answer.is_ok());
        self.count = if is_same { self.count.saturating_add(1) } else { 1 };
        let needed = if answer.is_ok() { thresholds.successes } else { thresholds.failures };
        let there = answer.is_ok();
        self.last = Some(answer);
        let changes = self.count >= needed && self.is_there != Some(there);
        if changes {
            self.is_there = Some(there);
        }
        changes
    }

    pub(crate) fn is_there(&self) -> Option<bool> {
        self.is_there
    }

    /// How many failures there were in a row; 0 after a success.
    pub(crate) fn failures(&self) -> u32 {
        if self.last.as_ref().is_some_and(Result::is_err) { self.count } else { 0 }
    }

    /// The last answer in words, with how often it came in a row.
    pub(crate) fn words(&self) -> String {
        match &self.last {
            None => "not asked yet".to_owned(),
            Some(Ok(words)) => words.clone(),
            Some(Err(words)) if self.count > 1 => format!("{words}, {} times in a row", self.count),
            Some(Err(words)) => words.clone(),
        }
    }
}

/// How many of a profile's sources have to be there for it to be online.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rule {
    #[default]
    All,
    Any,
    AtLeast(usize),
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            ("any", _) => Ok(Self::Any),
            (_, Ok(count)) if count > 0 => Ok(Self::AtLeast(count)),
            _ => Err(format!("{text:?} is no rule: all, any, or how many of the sources have to be there")),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Any => f.write_str("any"),
            Self::AtLeast(count) => write!(f, "{count}"),
        }
    }
}

impl Rule {
    /// How many of so many sources have to be there.
    pub(crate) fn needed(self, sources: usize) -> usize {
        match self {
            Self::All => sources,
            Self::Any => 1,
            Self::AtLeast(count) => count,
        }
    }

    /// The state that follows. `None` while it depends on sources that are not decided yet.
    pub(crate) fn verdict<'a>(self, sources: impl ExactSizeIterator<Item = &'a Health>) -> Option<State> {
        let (count, mut there, mut away) = (sources.len(), 0, 0);
        for health in sources {
            match health.is_there() {
                Some(true) => there += 1,
                Some(false) => away += 1,
                None => {}
            }
        }
        let needed = self.needed(count);
        if there >= needed {
            Some(State::Online)
        } else if away + needed > count {
            Some(State::Offline)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(answers: &str) -> Health {
        let mut health = Health::default();
        for answer in answers.chars() {
            let answer = if answer == '+' { Ok("there".to_owned()) } else { Err("refused".to_owned()) };
            health.take(answer, Thresholds { failures: 3, successes: 2 });
        }
        health
    }

    #[test]
    fn a_source_comes_and_goes_by_answers_in_a_row() {
        for (answers, expected) in [
            ("", None),
            ("+", None),
            ("++", Some(true)),
            ("--", None),
            ("---", Some(false)),
            ("--+---", Some(false)),
            ("++--+--", Some(true)),
            ("---+-+-+", Some(false)),
            ("---++", Some(true)),
        ] {
            assert_eq!(health(answers).is_there(), expected, "{answers}");
        }
        assert_eq!(health("+---").words(), "refused, 3 times in a row");
        assert_eq!((health("+---").failures(), health("---+").failures()), (3, 0));
    }

    #[test]
    fn a_change_is_returned_once() {
        let mut health = Health::default();
        let thresholds = Thresholds { failures: 2, successes: 1 };
        let mut take =
            |answer: bool| health.take(if answer { Ok(String::new()) } else { Err(String::new()) }, thresholds);
        assert_eq!([true, true, false, false, false, true].map(&mut take), [true, false, false, true, false, true]);
    }

    #[test]
    fn a_rule_decides_as_soon_as_it_can() {
        let (there, away, open) = ("++", "---", "");
        for (rule, sources, expected) in [
            ("all", [there, there, there], Some(State::Online)),
            ("all", [there, open, there], None),
            ("all", [away, open, open], Some(State::Offline)),
            ("any", [open, open, there], Some(State::Online)),
            ("any", [away, open, away], None),
            ("any", [away, away, away], Some(State::Offline)),
            ("2", [there, there, open], Some(State::Online)),
            ("2", [there, away, open], None),
            ("2", [away, away, open], Some(State::Offline)),
        ] {
            let rule: Rule = rule.parse().unwrap();
            assert_eq!(rule.verdict(sources.map(health).iter()), expected, "{rule} of {sources:?}");
        }
        for wrong in ["0", "-1", "most", ""] {
            wrong.parse::<Rule>().unwrap_err();
        }
    }
}
