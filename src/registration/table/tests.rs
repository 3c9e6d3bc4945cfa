//! The table's guarantees, in any order of calls.

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::registration::batch::Recipient;
use crate::registration::{InFlight, Recheck};

/// Counts how many are alive.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(alive: &Rc<Cell<usize>>) -> Self {
        alive.set(alive.get() + 1);
        Self(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Sink for Counted {
    type Handle = ();
    fn handle(&self) {}
}

struct Fixture {
    table: Table<Counted>,
    alive: Rc<Cell<usize>>,
}

impl Fixture {
    fn new() -> Self {
        Self { table: Table::new(), alive: Rc::default() }
    }

    fn add(&mut self) -> u32 {
        self.table.reserve().unwrap();
        self.table.insert(Counted::new(&self.alive), 7, true).map_err(|(error, _)| error).unwrap()
    }

    fn notified(&self) -> Vec<u32> {
        let (mut cursor, mut batch, mut notified) = (0, Batch::new(), Vec::new());
        loop {
            batch.begin();
            self.table.fill(0, &mut cursor, &mut batch);
            if batch.is_empty() {
                return notified;
            }
            let in_flight = InFlight::take().unwrap();
            batch.deliver(in_flight, |(), _| notified.push(in_flight.token()), |_, _| Recheck::Registered);
            in_flight.give_back();
        }
    }
}

#[test]
fn a_transition_reaches_the_registrations_of_its_beginning_that_still_exist() {
    let mut f = Fixture::new();
    let [a, b, c] = [f.add(), f.add(), f.add()];
    assert!(f.notified().is_empty(), "no transition");
    f.table.begin();
    let late = f.add();
    assert_eq!(f.notified(), [a, b, c]);
    assert!(f.table.remove(b).is_some());
    assert!(f.table.remove(c).is_some());
    assert!(f.table.remove(late).is_some());
    let later = f.add();
    assert_eq!(f.notified(), [a], "a free entry is not given to a late registration");
    f.table.end();
    f.table.begin();
    assert_eq!(f.notified(), [a, later]);
}

#[test]
fn stale_and_foreign_tokens_end_nothing() {
    let mut f = Fixture::new();
    let mut other = Fixture::new();
    let mine: Vec<u32> = (0..300)
        .map(|_| {
            other.add();
            f.add()
        })
        .collect();
    for stale in [0, mine[0] - 1, mine[299] + 2, u32::MAX] {
        assert!(f.table.remove(stale).is_none());
    }
    assert!(mine.iter().all(|token| other.table.remove(*token).is_none()));
    assert!(f.table.remove(mine[7]).is_some());
    assert!(f.table.remove(mine[7]).is_none());
    assert_eq!(f.alive.get(), 299);
}

#[test]
fn any_order_of_ending_finds_every_token() {
    // A small generator of our own: the test must not differ from run to run.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut f = Fixture::new();
    let mut gap = Fixture::new();
    let mut registered = Vec::new();
    for step in 0..20_000 {
        match draw(if step < 10_000 { 3 } else { 5 }) {
            0 | 3 | 4 if !registered.is_empty() => {
                let token = registered.swap_remove(draw(registered.len()));
                assert!(f.table.remove(token).is_some());
            }
            1 => drop(gap.add()),
            2 if step % 97 == 0 => {
                f.table.begin();
                registered.sort_unstable();
                assert_eq!(f.notified(), registered);
                if draw(2) == 0 {
                    f.table.end();
                }
            }
            _ => registered.push(f.add()),
        }
        assert_eq!(f.alive.get(), registered.len());
    }
    f.table.end();
    for token in registered {
        assert!(f.table.remove(token).is_some());
    }
    assert_eq!(f.alive.get(), 0);
    assert!(f.table.entries.capacity() <= SMALL && f.table.pages.len() <= 1, "memory is given back");
}

#[test]
fn closing_hands_every_sink_out() {
    let mut f = Fixture::new();
    for _ in 0..10 {
        f.add();
    }
    let ended = f.table.close();
    assert_eq!(f.alive.get(), 10);
    drop(ended);
    assert_eq!(f.alive.get(), 0);
}

#[test]
fn a_registration_takes_two_pointers_and_two_tokens() {
    use crate::sink::ClientSink;
    let pointer = size_of::<*const ()>();
    assert_eq!(size_of::<Recipient<ClientSink>>() + size_of::<Option<ClientSink>>(), 2 * pointer + 8);
}

#[test]
fn a_registration_stays_where_it_is_while_the_table_grows() {
    let mut f = Fixture::new();
    let mut places = Vec::new();
    let mut tokens = Vec::new();
    for index in 0..10_000 {
        tokens.push(f.add());
        places.push(std::ptr::from_ref(f.table.entries.get(index)));
    }
    assert!((0..10_000).all(|index| std::ptr::eq(f.table.entries.get(index), places[index])));
    f.table.begin();
    assert_eq!(f.notified(), tokens);
}

#[test]
fn registrations_that_replace_one_another_during_a_transition_need_no_memory() {
    let mut f = Fixture::new();
    let taking_part: Vec<u32> = (0..10).map(|_| f.add()).collect();
    f.table.begin();
    f.table.remove(taking_part[3]);
    let mut last = f.add();
    let stays = f.add();
    for _ in 0..10_000 {
        let next = f.add();
        assert!(f.table.remove(last).is_some());
        assert!(f.table.is_registered(next) && f.table.is_registered(stays));
        last = next;
    }
    assert!(f.table.entries.len() < 200, "{}", f.table.entries.len());
    let mut expected = taking_part.clone();
    expected.remove(3);
    assert_eq!(f.notified(), expected, "who takes part is as it was");
    f.table.end();
    f.table.begin();
    expected.extend([stays, last]);
    assert_eq!(f.notified(), expected);
    assert_eq!(f.alive.get(), 11);
}
