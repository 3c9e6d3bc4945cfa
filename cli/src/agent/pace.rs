//! When an agent connects to its fleet's server, and reports.

use std::time::Duration;

/// The longest pause between two attempts.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
/// The same where the server is connected. If so many ask it that it answers none in time, they have to become fewer.
const LONGEST_AGAIN: Duration = Duration::from_secs(120);
/// The same where the server does for other groups of the machine what it does not do for one.
const LONGEST_BESIDE: Duration = Duration::from_secs(15);

/// When to connect and to report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Reports come at least as often.
    pub(crate) every: Duration,
    /// At a random moment of this time behind what is reported.
    pub(crate) within: Duration,
    /// A lost server is tried again at a random moment of this time, which doubles with each failure.
    pub(crate) reconnect: Duration,
}

impl Pace {
    /// How long to wait before an attempt; the first is 1. `random` is from 0 to 1.
    pub(crate) fn pause(&self, attempt: usize, random: f64) -> Duration {
        self.doubled(attempt, LONGEST).mul_f64(random)
    }

    /// The same where the server is connected but has not done what it was asked: never at once, as it may have too much to do.
    pub(crate) fn again(&self, attempt: usize, random: f64) -> Duration {
        self.doubled(attempt, LONGEST_AGAIN).mul_f64(0.5 + random / 2.0)
    }

    /// The same while other groups are followed: a cluster of which a server is down may have put only this one's consumer there.
    pub(crate) fn beside(&self, attempt: usize, random: f64) -> Duration {
        self.doubled(attempt, LONGEST_BESIDE).mul_f64(0.5 + random / 2.0)
    }

    fn doubled(&self, attempt: usize, longest: Duration) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        self.reconnect.saturating_mul(1 << doublings).min(longest.max(self.reconnect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_and_are_spread() {
        let second = Duration::from_secs(1);
        let pace = Pace { every: second, within: second, reconnect: 2 * second };
        let seconds = |attempt, random| pace.pause(attempt, random).as_secs_f64();
        assert_eq!([1, 2, 3, 6, 100].map(|attempt| seconds(attempt, 1.0)), [2.0, 4.0, 8.0, 60.0, 60.0]);
        assert_eq!([0.0, 0.25, 0.5].map(|random| seconds(1, random)), [0.0, 0.5, 1.0]);
        assert_eq!([(1, 0.0), (1, 1.0), (100, 1.0)].map(|(at, random)| pace.again(at, random).as_secs()), [1, 2, 120]);
        assert_eq!([(1, 0.0), (1, 1.0), (100, 1.0)].map(|(at, random)| pace.beside(at, random).as_secs()), [1, 2, 15]);
    }
}
