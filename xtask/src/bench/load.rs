//! Whether the machine's processors did other work while something was measured.

use std::fs;
use std::time::{Duration, Instant};

/// Other processes may use this much of one processor: the kernel's own work, and what the clock ticks round up.
const TOLERATED: f64 = 0.15;
/// How long to wait for the processors to be free.
const PATIENCE: Duration = Duration::from_secs(30);

/// The processors' time when a measurement begins.
pub(super) struct Load {
    start: Instant,
    busy: f64,
    own: f64,
}

impl Load {
    /// `None` where the system does not say.
    pub(super) fn begin() -> Option<Self> {
        Some(Self { start: Instant::now(), busy: busy()?, own: own()? })
    }

    /// How many processors other processes used, if that is more than is tolerated.
    pub(super) fn of_others(&self) -> Option<f64> {
        let others = (busy()? - self.busy - (own()? - self.own)) / self.start.elapsed().as_secs_f64();
        (others > TOLERATED).then_some(others)
    }
}

/// Waits until other processes leave the processors alone, or for `PATIENCE`.
pub(super) fn wait_for_idle_processors() {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let Some(load) = Load::begin() else { return };
        std::thread::sleep(Duration::from_secs(2));
        if load.of_others().is_none() {
            return;
        }
    }
}

/// The time that all processors have worked, with what a hypervisor took, in seconds.
fn busy() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let [user, nice, system, _, _, irq, softirq, steal, ..] = ticks[..] else { return None };
    Some((user + nice + system + irq + softirq + steal) / TICKS)
}

/// The time that this process and its ended children have worked, in seconds.
fn own() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let words: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // utime, stime, cutime, cstime
    Some(words.get(11..15)?.iter().filter_map(|word| word.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

/// Linux counts in hundredths of a second for programs, whatever its own clock.
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_ones_own_is_not_that_of_others() {
        let Some(load) = Load::begin() else { return };
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {}
        let own = own().unwrap() - load.own;
        assert!((0.1..0.6).contains(&own), "{own}");
    }
}
