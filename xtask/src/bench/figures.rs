//! The measured figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Result;

/// What the library is called among the subjects.
pub(super) const LIBRARY: &str = "mapioffline";

/// By row and size: each subject's samples, in the order in which they were taken.
#[derive(Default)]
pub(super) struct Figures {
    rows: BTreeMap<(String, u64), BTreeMap<String, Vec<f64>>>,
    groups: BTreeMap<String, String>,
}

/// The rows of the tables: name, label, and sizes.
const SHOWN: [(&str, &str, &[u64]); 24] = [
    ("exchange", "an atomic exchange on this machine", &[1]),
    ("get-state", "GetCurrentState", &[1]),
    ("get-capabilities", "GetCapabilities", &[1]),
    ("get-state-two-threads", "GetCurrentState, two threads", &[1]),
    ("addref-release", "AddRef + Release", &[1]),
    ("query-hit-release", "QueryInterface + Release", &[1]),
    ("query-miss", "QueryInterface, no such interface", &[1]),
    ("advise-unadvise", "Advise + Unadvise beside", &[1, 10_000, 1_000_000]),
    ("random-token", "the same, a random token of", &[1_000_000]),
    ("delivery", "three callbacks, each of", &[1, 2, 5, 10, 100, 10_000, 1_000_000]),
    ("advise-idle-p50", "Advise, p50, beside", &[1_000_000]),
    ("advise-in-delivery-p50", "Advise during delivery, p50, beside", &[1_000_000]),
    ("advise-in-delivery-p99", "Advise during delivery, p99, beside", &[1_000_000]),
    ("advise-in-delivery-max", "Advise during delivery, longest, beside", &[1_000_000]),
    ("advise-growing-max", "Advise, longest while there come to be", &[1_000_000]),
    ("wake-latency-p50", "accepted to first callback, notifier parked", &[1]),
    ("wake-caller-p50", "the caller's part of that", &[1]),
    ("accept-in-done", "accepted during DONE", &[1]),
    ("open", "open of a profile of", &[1, 1000, 100_000]),
    ("store-change", "a change in the shared store, one listener", &[1]),
    ("bytes-resident", "bytes a registration of", &[1_000_000]),
    ("allocations", "allocations an Advise of", &[1_000_000]),
    ("profile-bytes-idle", "bytes an idle profile of", &[100_000]),
    ("profile-bytes-open", "bytes an open profile of", &[100_000]),
];

/// The rows of the table in README.md.
const DECISIVE: [(&str, u64, &str); 6] = [
    ("get-state", 1, "GetCurrentState"),
    ("store-change", 1, "SetCurrentState with BLOCK, one listener, default (shared) store"),
    ("delivery", 1, "the same with the memory store"),
    ("delivery", 10_000, "each of 10,000 listeners: its three callbacks"),
    ("advise-unadvise", 1, "Advise + Unadvise"),
    ("wake-latency-p50", 1, "SetCurrentState without BLOCK, to the first callback"),
];

const HEAD: &str = "ns, or as it says (times the limit)";

const SUBJECTS: [(&str, &str); 9] = [
    (LIBRARY, "mapioffline"),
    ("fixture", "limit"),
    ("bare", "bare loop"),
    ("manager", "C++ manager"),
    ("windows-core", "windows-core"),
    ("glib", "GLib"),
    ("boost", "boost::signals2"),
    ("sigc", "sigc++"),
    ("crossbeam", "crossbeam"),
];

impl Figures {
    /// A line of the client image.
    pub(super) fn read(&mut self, group: &str, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split('\t').collect();
        let [row, subject, n, value] = words[..] else { return Err(format!("the client image wrote: {line}").into()) };
        let samples = self.rows.entry((row.to_owned(), n.parse()?)).or_default().entry(subject.to_owned()).or_default();
        samples.push(value.parse()?);
        self.groups.insert(row.to_owned(), group.to_owned());
        Ok(())
    }

    pub(super) fn group_of(&self, row: &str) -> Option<&str> {
        self.groups.get(row).map(String::as_str)
    }

    fn samples(&self, row: &str, subject: &str, n: u64) -> Option<&[f64]> {
        self.rows.get(&(row.to_owned(), n))?.get(subject).map(Vec::as_slice)
    }

    pub(super) fn median(&self, row: &str, subject: &str, n: u64) -> Option<f64> {
        self.samples(row, subject, n).map(median)
    }

    /// The ratio of one to the other: the median over pairs that were measured one after the other, or the ratio of the
    /// medians where there are no such pairs.
    pub(super) fn ratio(&self, one: (&str, &str, u64), other: (&str, &str, u64)) -> Option<f64> {
        let (one, other) = (self.samples(one.0, one.1, one.2)?, self.samples(other.0, other.1, other.2)?);
        if one.len() != other.len() {
            return Some(median(one) / median(other));
        }
        let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
        Some(median(&ratios))
    }

    /// How a row grows: its sizes and medians.
    pub(super) fn curve(&self, row: &str, subject: &str) -> Vec<(f64, f64)> {
        let rows = self.rows.iter().filter(|((name, _), _)| name == row);
        rows.filter_map(|((_, n), subjects)| Some((*n as f64, median(subjects.get(subject)?)))).collect()
    }

    /// The shown rows that were measured: their label, and each subject's median with its ratio to the limit.
    fn shown(&self) -> impl Iterator<Item = (String, Vec<String>)> + '_ {
        let rows =
            SHOWN.iter().flat_map(|(row, label, sizes)| sizes.iter().map(move |n| (*row, *label, *n, sizes.len())));
        rows.filter(|(row, _, n, _)| self.rows.contains_key(&((*row).to_owned(), *n))).map(|(row, label, n, sizes)| {
            let label = if (n, sizes) == (1, 1) { label.to_owned() } else { format!("{label} {}", thousands(n)) };
            (label, self.columns().into_iter().map(|column| self.cell(row, SUBJECTS[column].0, n)).collect())
        })
    }

    fn cell(&self, row: &str, subject: &str, n: u64) -> String {
        let Some(value) = self.median(row, subject, n).map(number) else { return String::new() };
        // Of delivery the fixture is no limit: it pays an exchange for each callback.
        let limit = if row == "delivery" { "bare" } else { "fixture" };
        let times = self.ratio((row, subject, n), (row, limit, n));
        match times.filter(|times| times.is_finite() && subject != limit) {
            Some(times) => format!("{value} ({times:.2})"),
            None => value,
        }
    }

    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{:50}", HEAD);
        for column in self.columns() {
            let _ = write!(text, "{:>22}", SUBJECTS[column].1);
        }
        for (label, cells) in self.shown() {
            let _ = write!(text, "\n{label:50}");
            for cell in cells {
                let _ = write!(text, "{cell:>22}");
            }
        }
        text.push('\n');
        text
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!("\n| {HEAD} |");
        for column in self.columns() {
            let _ = write!(text, " {} |", SUBJECTS[column].1);
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(self.columns().len()));
        for (label, cells) in self.shown() {
            let _ = write!(text, "\n| {label} | {} |", cells.join(" | "));
        }
        text.push_str("\n\n");
        text
    }

    /// The table in README.md: the library, the limit, and what a developer would write.
    pub(super) fn readme(&self) -> String {
        let mut text =
            "\n| ns | mapioffline | limit | bare loop | C++ manager | windows-core |\n|---|---|---|---|---|---|"
                .to_owned();
        for (row, n, label) in DECISIVE {
            let cells =
                [LIBRARY, "fixture", "bare", "manager", "windows-core"].map(|subject| self.cell(row, subject, n));
            let _ = write!(text, "\n| {label} | {} |", cells.join(" | "));
        }
        text.push_str("\n\n");
        text
    }

    /// The subjects that were measured at all.
    fn columns(&self) -> Vec<usize> {
        let measured = |subject: &str| self.rows.values().any(|subjects| subjects.contains_key(subject));
        (0..SUBJECTS.len()).filter(|column| measured(SUBJECTS[*column].0)).collect()
    }

    /// For machines: everything, with its samples.
    pub(super) fn json(&self, bounds: Vec<Value>) -> Result<String> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .flat_map(|((row, n), subjects)| {
                subjects.iter().map(move |(subject, samples)| {
                    let (low, high) = spread(samples);
                    json!({ "row": row, "n": n, "subject": subject, "median": median(samples), "low": low, "high": high,
                            "samples": samples })
                })
            })
            .collect();
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor =
            processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
        let threads = std::thread::available_parallelism()?.get();
        let all = json!({ "processor": processor, "threads": threads, "unit": "nanoseconds an operation, or as the row's name says",
                          "spread": "quarters", "rows": rows, "bounds": bounds });
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples
}

pub(super) fn median(samples: &[f64]) -> f64 {
    sorted(samples)[samples.len() / 2]
}

/// The first and the third quartile.
fn spread(samples: &[f64]) -> (f64, f64) {
    let samples = sorted(samples);
    (samples[samples.len() / 4], samples[samples.len() - 1 - samples.len() / 4])
}

fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        _ if value < 100.0 => format!("{value:.1}"),
        _ => thousands(value.round() as u64),
    }
}

pub(super) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_from_lines() {
        let mut figures = Figures::default();
        for line in ["get-state\tmapioffline\t1\t3.0", "get-state\tfixture\t1\t2.0", "get-state\tmapioffline\t1\t5.0"] {
            figures.read("calls", line).unwrap();
        }
        assert!(figures.read("calls", "something else").is_err());
        assert_eq!(figures.median("get-state", "mapioffline", 1), Some(5.0));
        assert_eq!(figures.ratio(("get-state", "mapioffline", 1), ("get-state", "fixture", 1)), Some(2.5));
        assert_eq!(figures.group_of("get-state"), Some("calls"));
        assert!(figures.markdown().contains("| GetCurrentState | 5.0 (2.50) | 2.0 |"));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([number(0.0), number(3.125), number(465_000.4)], ["0", "3.1", "465,000"]);
        assert_eq!(thousands(1_000_000), "1,000,000");
    }
}
