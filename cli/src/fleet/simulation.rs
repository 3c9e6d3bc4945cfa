//! A simulation of fleets that are larger than a machine can run: discrete events, with the pace of real agents, and with costs that
//! `cargo xtask test fleet` measures. Its tables are in docs/fleet-scale.md.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

use super::server::PATIENCE;
use crate::agent::pace::Pace;

/// What `cargo xtask test fleet` measured with 200 machines, as in docs/fleet-scale.md: a server's processor time.
mod measured {
    use std::time::Duration;

    /// A machine connects, asks for its instructions and reports.
    pub(super) const CONNECT: Duration = Duration::from_micros(2900);
    /// An instruction goes to one machine.
    pub(super) const PUSH: Duration = Duration::from_micros(65);
    /// A report is taken.
    pub(super) const REPORT: Duration = Duration::from_micros(450);
    /// From the beginning of `fleet set` to the stored state of one machine that is alone: more than a machine takes.
    pub(super) const FOLLOW: Duration = Duration::from_millis(101);
    /// A machine for a second in which nothing is said.
    pub(super) const REST: Duration = Duration::from_micros(40);
    /// The memory for a machine, in kB.
    pub(super) const MEMORY: usize = 272;
}

/// What is assumed: the way from one machine to another takes between these.
const WAY: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(40)];
const MANY: usize = 10_000;
const SEED: u64 = 15;

/// A server with one processor, which does one thing after the other.
#[derive(Default)]
struct Processor {
    busy_until: Duration,
    used: Duration,
}

impl Processor {
    /// Something that arrives at this time, and takes so long. When it is done.
    fn does(&mut self, arrives: Duration, takes: Duration) -> Duration {
        self.busy_until = self.busy_until.max(arrives) + takes;
        self.used += takes;
        self.busy_until
    }
}

/// Events in the order of their times; those of one time in the order in which they were added.
struct Events<E> {
    heap: BinaryHeap<Reverse<(Duration, u64, E)>>,
    count: u64,
}

impl<E: Ord> Events<E> {
    fn new() -> Self {
        Self { heap: BinaryHeap::new(), count: 0 }
    }

    fn add(&mut self, at: Duration, event: E) {
        self.count += 1;
        self.heap.push(Reverse((at, self.count, event)));
    }

    fn next(&mut self) -> Option<(Duration, E)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

struct Fleet {
    machines: usize,
    pace: Pace,
    rng: Rng,
}

impl Fleet {
    fn new(machines: usize, pace: Pace, seed: u64) -> Self {
        Self { machines, pace, rng: Rng::with_seed(seed) }
    }

    fn way(&mut self) -> Duration {
        WAY[0] + (WAY[1] - WAY[0]).mul_f64(self.rng.f64())
    }

    /// An instruction that its server has at `begins`. When each machine follows, when the last report is stored, and the server's
    /// work.
    fn instruction(&mut self, begins: Duration) -> (Vec<Duration>, Duration, Duration) {
        #[derive(PartialEq, Eq, PartialOrd, Ord)]
        enum Event {
            Followed,
            Reported,
        }
        let mut server = Processor::default();
        let mut events = Events::new();
        for _ in 0..self.machines {
            let sent = server.does(begins, measured::PUSH);
            events.add(sent + self.way() + measured::FOLLOW, Event::Followed);
        }
        let (mut followed, mut reported) = (Vec::new(), Duration::ZERO);
        while let Some((now, event)) = events.next() {
            match event {
                Event::Followed => {
                    followed.push(now);
                    let way = self.way();
                    events.add(now + self.pace.within.mul_f64(self.rng.f64()) + way, Event::Reported);
                }
                Event::Reported => reported = reported.max(server.does(now, measured::REPORT)),
            }
        }
        (followed, reported, server.used)
    }

    /// A server that is away for so long: when each machine follows it again, counted from when it is back, how often all asked it
    /// for their instructions, and its work.
    fn storm(&mut self, away: Duration) -> (Vec<Duration>, usize, Duration) {
        /// A machine's next attempt, by its number.
        #[derive(PartialEq, Eq, PartialOrd, Ord)]
        enum Event {
            Connects(usize),
            Asks(usize),
        }
        let mut server = Processor { busy_until: away, used: Duration::ZERO };
        let mut events = Events::new();
        for _ in 0..self.machines {
            let pause = self.pace.pause(1, self.rng.f64());
            events.add(pause, Event::Connects(1));
        }
        let (mut followed, mut asked) = (Vec::new(), 0);
        while let Some((now, event)) = events.next() {
            let arrives = now + self.way();
            match event {
                // Refused at once.
                Event::Connects(attempt) if arrives < away => {
                    let pause = self.pace.pause(attempt + 1, self.rng.f64());
                    events.add(arrives + pause, Event::Connects(attempt + 1));
                }
                Event::Connects(_) => events.add(arrives, Event::Asks(1)),
                Event::Asks(attempt) => {
                    asked += 1;
                    let done = server.does(arrives, measured::CONNECT);
                    if done - arrives < PATIENCE {
                        followed.push(done - away);
                    } else {
                        let pause = self.pace.again(attempt, self.rng.f64());
                        events.add(arrives + PATIENCE + pause, Event::Asks(attempt + 1));
                    }
                }
            }
        }
        (followed, asked, server.used)
    }
}

/// A fleet in several sites, each with a server of its own, which has a mirror of the buckets.
struct Shape {
    name: &'static str,
    machines: usize,
    /// 1: there is no server above.
    sites: usize,
}

const SHAPES: [Shape; 4] = [
    Shape { name: "200 on one server", machines: 200, sites: 1 },
    Shape { name: "10,000 on one server", machines: MANY, sites: 1 },
    Shape { name: "10,000 on five leaf nodes", machines: MANY, sites: 5 },
    Shape { name: "1,000,000 on 250 leaf nodes", machines: 100 * MANY, sites: 250 },
];

fn pace(reconnect: u64) -> Pace {
    let seconds = Duration::from_secs;
    Pace { every: seconds(300), within: seconds(1), reconnect: seconds(reconnect) }
}

/// The time by which so large a part of them is done.
fn by(times: &mut [Duration], share: f64) -> String {
    times.sort_unstable();
    seconds(times[((times.len() - 1) as f64 * share) as usize])
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn tables() -> String {
    let mut text = "| Machines | half of them follow after | 99% | the last one | its report is stored after | work of a server |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for (index, shape) in (0..).zip(&SHAPES) {
        let mut hub = Processor::default();
        let (mut all, mut last, mut work) = (Vec::new(), Duration::ZERO, Duration::ZERO);
        for site in 0..shape.sites as u64 {
            let mut fleet = Fleet::new(shape.machines / shape.sites, pace(2), SEED + 1000 * index + site);
            let begins =
                if shape.sites == 1 { Duration::ZERO } else { hub.does(Duration::ZERO, measured::PUSH) + fleet.way() };
            let (followed, reported, used) = fleet.instruction(begins);
            all.extend(followed);
            (last, work) = (last.max(reported), work.max(used));
        }
        let times = [0.5, 0.99, 1.0].map(|share| by(&mut all, share)).join(" | ");
        let (last, work) = (seconds(last), seconds(work));
        writeln!(text, "| {} | {times} | {last} | {work} |", shape.name).unwrap();
    }
    text += "\n| Machines of a server | its memory for them | of a processor, while nothing is said |\n|---|---|---|\n";
    for machines in [200, 2000, 4000, MANY] {
        let megabytes = (machines * measured::MEMORY).div_ceil(1000);
        let share = measured::REST.as_secs_f64() * machines as f64 * 100.0;
        writeln!(text, "| {machines} | {megabytes} MB | {share:.0}% |").unwrap();
    }
    text += "\n| Machines of a server | `reconnect-within` | it was away | half of them are back after | the last one | times that each asks | work of the server |\n\
             |---|---|---|---|---|---|---|\n";
    for (index, (machines, reconnect, away)) in (0..).zip([
        (200, 2, 2),
        (4000, 2, 2),
        (4000, 20, 2),
        (4000, 2, 60),
        (MANY, 2, 2),
        (MANY, 60, 2),
        (MANY, 60, 60),
    ]) {
        let mut fleet = Fleet::new(machines, pace(reconnect), SEED + 100_000 + index);
        let (mut followed, asked, used) = fleet.storm(Duration::from_secs(away));
        let times = [0.5, 1.0].map(|share| by(&mut followed, share)).join(" | ");
        let each = asked as f64 / machines as f64;
        writeln!(text, "| {machines} | {reconnect} s | {away} s | {times} | {each:.2} | {} |", seconds(used)).unwrap();
    }
    text
}

#[test]
fn the_page_has_what_the_simulation_computes() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fleet-scale.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (before, behind) = text.split_once("<!-- computed -->\n").unwrap();
    let (old, after) = behind.split_once("<!-- end -->").unwrap();
    let new = tables();
    if std::env::var_os("MAPIOFFLINE_WRITE").is_some() {
        std::fs::write(page, format!("{before}<!-- computed -->\n{new}<!-- end -->{after}")).unwrap();
    } else {
        assert_eq!(old, new, "MAPIOFFLINE_WRITE=1 writes it");
    }
}

#[test]
fn a_server_that_is_overrun_is_reached_in_the_end() {
    let mut fleet = Fleet::new(MANY, pace(1), SEED);
    let (followed, asked, used) = fleet.storm(Duration::from_secs(1));
    assert_eq!(followed.len(), MANY);
    // Some gave up, and cost the server twice.
    assert!(asked > MANY && used == measured::CONNECT * u32::try_from(asked).unwrap());
}

#[test]
fn a_processor_does_one_thing_after_the_other() {
    let mut processor = Processor::default();
    let second = Duration::from_secs(1);
    assert_eq!([0, 0, 5].map(|arrives| processor.does(arrives * second, second)), [second, 2 * second, 6 * second]);
}
