//! Whole objects, from inside.

use std::sync::mpsc::channel;

use super::{Identity, open};
use crate::change::Phase;
use crate::model::Wait;
use crate::name::Name;
use crate::registration::PostedRequest;
use crate::sink::ClientSink;
use crate::state::State;

#[test]
fn a_request_that_is_posted_too_late_does_not_count() {
    crate::keep_state_in_memory();
    let name = Name::from_utf8(*b"Too late").unwrap();
    let object = open(&name, &Identity::GLOBAL).unwrap();
    let (sender, receiver) = channel();
    let same = object.clone();
    let sink = ClientSink::of_closure(move |change| {
        if (change.phase, change.new) == (Phase::Done, State::Offline) {
            // Requested while it was online.
            let late = PostedRequest { node: 0, state: State::Offline };
            assert!(same.in_flight().is_some_and(|in_flight| in_flight.requests().post(late)));
            assert!(!same.post(State::Online), "the slot is full");
            sender.send(same.handle().set_state(State::Online, Wait::No)).unwrap();
        }
    });
    let token = object.handle().advise(0, || Ok(sink)).unwrap();
    object.handle().set_state(State::Offline, Wait::No).unwrap();
    assert_eq!(receiver.recv(), Ok(Ok(())), "this one counts");
    while object.state_bits() != State::Online.bits() {}
    object.handle().unadvise(token);
}
