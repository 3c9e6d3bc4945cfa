//! The contract's sentences, sections 3 to 5, on the model alone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::*;
use crate::change::{Change, Phase};
use crate::error::ErrorKind;
use crate::registration::{Batch, InFlight, Recheck, Sink, note_ended};
use crate::state::{Capabilities, State};
use State::{Offline, Online};

/// An object that remembers what was published of it.
struct Fake {
    state: Cell<State>,
    capabilities: Cell<Option<Capabilities>>,
    ended: Cell<bool>,
}

impl Object for Rc<Fake> {
    type ParentRef = &'static str;
    fn publish_state(&self, state: State, _: &'static InFlight) {
        self.state.set(state);
    }
    fn publish_capabilities(&self, capabilities: Capabilities) {
        self.capabilities.set(Some(capabilities));
    }
    fn publish_spare_capacity(&self, _: bool) {}
    fn publish_end(&self) {
        self.ended.set(true);
    }
}

thread_local! {
    static NOTIFIED: RefCell<Vec<(u32, Phase, State)>> = const { RefCell::new(Vec::new()) };
    /// Answers `Types::exiting`.
    static EXITING: Cell<fn() -> bool> = const { Cell::new(|| false) };
}

/// A sink that says when it is released.
struct FakeSink(Rc<Cell<bool>>);

impl Drop for FakeSink {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl Sink for FakeSink {
    type Handle = ();
    fn handle(&self) {}
}

fn notify(client_token: u32, change: &Change) {
    NOTIFIED.with_borrow_mut(|notified| notified.push((client_token, change.phase, change.new)));
}

enum Fakes {}

impl Types for Fakes {
    type Object = Rc<Fake>;
    type Sink = FakeSink;
    type Executor = &'static str;
    type Thread = u32;
    fn exiting() -> bool {
        EXITING.get()()
    }
    fn take_in_flight() -> Result<&'static InFlight, ErrorKind> {
        InFlight::take()
    }
    fn return_in_flight(in_flight: &'static InFlight) {
        in_flight.give_back();
    }
}

/// The delivery thread, and another one.
const HERE: u32 = 1;
const ELSEWHERE: u32 = 2;

struct Fixture {
    model: Model<Fakes>,
    shared: bool,
    announce: bool,
    /// What another process has stored, and this one has not noticed.
    stored: Option<State>,
    /// To be ended with the test.
    children: Vec<ObjectKey>,
}

/// One object of a fixture.
struct Made {
    key: ObjectKey,
    object: Rc<Fake>,
}

fn fixture() -> Fixture {
    NOTIFIED.take();
    EXITING.set(|| false);
    Fixture { model: Model::new(Online), shared: false, announce: false, stored: None, children: Vec::new() }
}

impl Fixture {
    fn conditions(&self, has_executor: bool) -> Conditions {
        Conditions { shared: self.shared, has_executor, announce: self.announce }
    }

    fn global(&mut self) -> Made {
        let key = self.model.reserve_root().unwrap();
        let made = made(key, self.model.recorded());
        self.model.create_global(key, made.object.clone(), Capabilities::ALL);
        made
    }

    fn root(&mut self) -> Made {
        let key = self.model.reserve_root().unwrap();
        let made = made(key, Online);
        self.model.create_root(key, made.object.clone(), Online, Capabilities::ALL);
        made
    }

    fn child(&mut self, parent: &Made, capabilities: Capabilities) -> Made {
        let (key, state) = self.model.reserve_child(parent.key).unwrap();
        let made = made(key, state);
        self.model.create_child(key, parent.key, made.object.clone(), "parent", state, capabilities);
        made
    }

    /// The token, and whether the sink has been released.
    fn advise(&mut self, made: &Made, client_token: u32) -> (u32, Rc<Cell<bool>>) {
        let released = Rc::new(Cell::new(false));
        self.model.reserve_registration(made.key).unwrap();
        let registered = self.model.register(made.key, FakeSink(released.clone()), client_token, true);
        (registered.map_err(|(error, _)| error).unwrap(), released)
    }

    fn request(&mut self, made: &Made, to: State, wait: Wait) -> Decision {
        let conditions = self.conditions(false);
        self.model.request(made.key, to, wait, conditions)
    }

    fn request_with_executor(&mut self, made: &Made, to: State) -> Decision {
        let conditions = self.conditions(true);
        self.model.request(made.key, to, Wait::No, conditions)
    }

    /// Begins a change with BLOCK.
    fn begin(&mut self, made: &Made, to: State) -> TransitionKey {
        let Decision::Accepted(plan) = self.request(made, to, Wait::ForCallbacks) else { panic!("not accepted") };
        match self.model.accept(plan, None) {
            Some(Accepted::Begun(key, None)) => key,
            _ => panic!("not begun"),
        }
    }

    /// Begins a change without BLOCK.
    fn begin_on_executor(&mut self, made: &Made, to: State) -> TransitionKey {
        assert_eq!(self.request(made, to, Wait::No), Decision::NeedsExecutor);
        let Decision::Accepted(plan) = self.request_with_executor(made, to) else { panic!("not accepted") };
        match self.model.accept(plan, Some("first")) {
            Some(Accepted::Begun(key, Some("first"))) => key,
            _ => panic!("not begun"),
        }
    }

    /// Accepts a change behind the running one.
    fn queue(&mut self, made: &Made, to: State, executor: Option<&'static str>) {
        let conditions = self.conditions(executor.is_some());
        let decision = self.model.request(made.key, to, Wait::No, conditions);
        let Decision::Accepted(plan) = decision else { panic!("{decision:?}") };
        assert!(matches!(self.model.accept(plan, executor), Some(Accepted::Queued)));
    }

    fn step(&mut self, key: TransitionKey, runner: Runner) -> Step<Fakes> {
        let conditions = self.conditions(false);
        self.model.step(key, runner, HERE, conditions, &mut Batch::new())
    }

    /// Runs a transition, and calls `visit` after each batch.
    fn run(&mut self, key: TransitionKey, runner: Runner, visit: impl FnMut(&mut Self, Phase)) -> Next<Fakes> {
        self.go_on(key, runner, &mut Batch::new(), visit)
    }

    /// Has the model's short form for one object run a change with BLOCK.
    fn run_short(&mut self, made: &Made, to: State, mut visit: impl FnMut(&mut Self, Phase)) -> Next<Fakes> {
        let mut batch = Batch::new();
        let begun = self.model.begin_alone(made.key, to, HERE, &mut batch);
        let (key, mut delivery) = begun.unwrap().expect("one object that can change");
        self.deliver(&mut delivery, &batch, &mut visit);
        if self.model.end_alone(key, &mut delivery, &batch) {
            assert_eq!(delivery.in_flight.token(), 0, "no Notify is running");
            return Next::Nothing;
        }
        self.go_on(key, Runner::Caller, &mut batch, visit)
    }

    fn deliver(
        &mut self,
        delivery: &mut Delivery<Fakes>,
        batch: &Batch<FakeSink>,
        mut visit: impl FnMut(&mut Self, Phase),
    ) {
        loop {
            deliver(delivery, batch);
            visit(self, delivery.change.phase);
            if !delivery.enter_next(batch) {
                return;
            }
        }
    }

    fn go_on(
        &mut self,
        key: TransitionKey,
        runner: Runner,
        batch: &mut Batch<FakeSink>,
        mut visit: impl FnMut(&mut Self, Phase),
    ) -> Next<Fakes> {
        loop {
            let conditions = self.conditions(false);
            match self.model.step(key, runner, HERE, conditions, batch) {
                Step::Deliver(mut delivery) => self.deliver(&mut delivery, batch, &mut visit),
                Step::Enter(_) => {}
                Step::Release(sink) => drop(sink),
                Step::ReadStore => self.model.set_recorded(self.stored.unwrap_or(self.model.recorded())),
                Step::Finished(next) => return next,
                Step::CutShort(_) => panic!("cut short"),
            }
        }
    }

    fn run_alone(&mut self, key: TransitionKey) {
        assert!(matches!(self.run(key, Runner::Caller, |_, _| {}), Next::Nothing));
    }

    /// Stops in the given phase, with everything of it delivered.
    fn run_up_to(&mut self, key: TransitionKey, runner: Runner, phase: Phase) {
        let mut batch = Batch::new();
        loop {
            let conditions = self.conditions(false);
            let Step::Deliver(mut delivery) = self.model.step(key, runner, HERE, conditions, &mut batch) else {
                panic!("over")
            };
            loop {
                deliver(&delivery, &batch);
                if delivery.change.phase == phase {
                    return;
                }
                if !delivery.enter_next(&batch) {
                    break;
                }
            }
        }
    }
}

fn deliver(delivery: &Delivery<Fakes>, batch: &Batch<FakeSink>) {
    let notify = |(), token| notify(token, &delivery.change);
    batch.deliver(delivery.in_flight, notify, |_, _| Recheck::Registered);
}

fn made(key: ObjectKey, state: State) -> Made {
    let object = Fake { state: Cell::new(state), capabilities: Cell::new(None), ended: Cell::new(false) };
    Made { key, object: Rc::new(object) }
}

fn notified() -> Vec<(u32, Phase, State)> {
    NOTIFIED.take()
}

// ---- section 4: SetCurrentState ------------------------------------------------------------------------------------

#[test]
fn checks_come_in_the_contracts_order() {
    let mut f = fixture();
    let root = f.global();
    let limited = f.child(&root, Capabilities::ONLINE);
    assert_eq!(f.request(&limited, Online, Wait::No), Decision::Unchanged);
    let key = f.begin(&root, Offline);
    assert_eq!(f.request(&limited, Offline, Wait::No), Decision::Refused(ErrorKind::NoSupport), "before busy");
    assert_eq!(f.request(&limited, Online, Wait::No), Decision::Refused(ErrorKind::Pending), "before same state");
    f.run_alone(key);
    assert_eq!(f.request(&root, Offline, Wait::ForCallbacks), Decision::Unchanged);
}

#[test]
fn a_tree_is_busy_until_done_and_for_block_until_the_end() {
    let mut f = fixture();
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin_on_executor(&root, Offline);
    for phase in [Phase::Start, Phase::Change] {
        f.run_up_to(key, Runner::Executor, phase);
        for state in [Online, Offline] {
            assert_eq!(f.request(&root, state, Wait::No), Decision::Refused(ErrorKind::Pending), "{phase:?}");
        }
    }
    f.run_up_to(key, Runner::Executor, Phase::Done);
    assert_eq!(f.request(&root, Online, Wait::ForCallbacks), Decision::Refused(ErrorKind::Pending), "with BLOCK");
    assert_eq!(f.request(&root, Offline, Wait::No), Decision::Unchanged, "does not count");
    f.queue(&root, Online, None);
    assert_eq!(f.request(&root, Online, Wait::No), Decision::Refused(ErrorKind::Pending), "one only");
}

#[test]
fn a_queued_change_runs_on_the_executor_that_is_there() {
    let mut f = fixture();
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin_on_executor(&root, Offline);
    assert_eq!(f.model.activity().unwrap().0, Activity::Accepted, "no executor has come to it");
    f.run_up_to(key, Runner::Executor, Phase::Done);
    assert_eq!(f.model.activity().unwrap().0, Activity::Running(Phase::Done));
    f.queue(&root, Online, None);
    let Next::Continue(next) = f.run(key, Runner::Executor, |_, _| {}) else { panic!("handed on") };
    assert!(matches!(f.run(next, Runner::Executor, |_, _| {}), Next::Nothing));
    assert_eq!(root.object.state.get(), Online);
}

#[test]
fn a_caller_hands_a_queued_change_to_an_executor() {
    let mut f = fixture();
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    f.run_up_to(key, Runner::Caller, Phase::Done);
    assert_eq!(f.request(&root, Online, Wait::No), Decision::NeedsExecutor);
    f.queue(&root, Online, Some("second"));
    assert!(matches!(f.run(key, Runner::Caller, |_, _| {}), Next::Execute("second", _)));
}

#[test]
fn the_state_is_the_old_one_up_to_start_and_the_new_one_from_statechange_on() {
    let mut f = fixture();
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    let object = root.object.clone();
    f.run(key, Runner::Caller, |_, phase| {
        assert_eq!(object.state.get(), if phase == Phase::Start { Online } else { Offline });
    });
    assert_eq!(notified(), [(1, Phase::Start, Offline), (1, Phase::Change, Offline), (1, Phase::Done, Offline)]);
}

#[test]
fn at_exit_a_change_takes_place_and_nothing_is_delivered() {
    let mut f = fixture();
    EXITING.set(|| true);
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let Decision::Accepted(plan) = f.request(&root, Offline, Wait::No) else { panic!("no executor is used at exit") };
    let Some(Accepted::Begun(key, None)) = f.model.accept(plan, None) else { panic!() };
    f.run_alone(key);
    assert_eq!((root.object.state.get(), notified()), (Offline, vec![]));
}

#[test]
fn an_exit_after_the_question_is_found_in_the_batch() {
    let mut f = fixture();
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    EXITING.set(|| {
        note_ended();
        false
    });
    let (conditions, mut batch) = (f.conditions(false), Batch::new());
    let step = f.model.step(key, Runner::Caller, HERE, conditions, &mut batch);
    assert!(matches!(step, Step::Deliver(_)) && !batch.is_current());
}

#[test]
fn each_phase_is_announced_before_anything_of_it_is_visible() {
    for registered in [false, true] {
        let mut f = fixture();
        f.announce = true;
        let root = f.global();
        if registered {
            f.advise(&root, 1);
        }
        let key = f.begin_on_executor(&root, Offline);
        let mut batch = Batch::new();
        for (phase, state, busy) in
            [(Phase::Start, Online, true), (Phase::Change, Online, true), (Phase::Done, Offline, true)]
        {
            let conditions = f.conditions(true);
            let Step::Enter(change) = f.model.step(key, Runner::Executor, HERE, conditions, &mut batch) else {
                panic!()
            };
            assert_eq!((change.phase, change.old, change.new), (phase, Online, Offline));
            assert_eq!(root.object.state.get(), state, "{phase:?}");
            let refused = f.request(&root, Online, Wait::No) == Decision::Refused(ErrorKind::Pending);
            assert_eq!(refused, busy, "{phase:?}");
            if registered {
                let Step::Deliver(delivery) = f.model.step(key, Runner::Executor, HERE, conditions, &mut batch) else {
                    panic!()
                };
                assert_eq!(delivery.change.phase, phase);
                deliver(&delivery, &batch);
            }
        }
        let conditions = f.conditions(true);
        let step = f.model.step(key, Runner::Executor, HERE, conditions, &mut batch);
        assert!(matches!(step, Step::Finished(_)));
        assert_eq!(notified().len(), if registered { 3 } else { 0 });
    }
}

#[test]
fn a_registration_that_ends_before_an_announced_phase_is_released_at_once() {
    let mut f = fixture();
    f.announce = true;
    let root = f.global();
    let (token, released) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    let mut batch = Batch::new();
    let mut step = || {
        let conditions = f.conditions(false);
        f.model.step(key, Runner::Caller, HERE, conditions, &mut batch)
    };
    assert!(matches!(step(), Step::Enter(_)));
    let Step::Deliver(Delivery { in_flight, .. }) = step() else { panic!() };
    in_flight.publish::<false>(token);
    assert!(matches!(step(), Step::Enter(Change { phase: Phase::Change, .. })));
    drop(f.model.unregister(root.key, token, || ELSEWHERE));
    assert!(released.get());
}

// ---- the short form for one object ---------------------------------------------------------------------------------

/// What happens at the end of a phase.
type Meanwhile = fn(&mut Fixture, &Made, &[u32]);

/// Runs a change of an object with so many registrations in the short form or the long one, and gives all that is seen of it.
fn history(short: bool, sinks: u32, at: Phase, meanwhile: Meanwhile) -> impl PartialEq + std::fmt::Debug {
    let mut f = fixture();
    let root = f.global();
    let (tokens, released): (Vec<_>, Vec<_>) = (0..sinks).map(|client_token| f.advise(&root, client_token)).unzip();
    let mut visits = 0;
    let visit = |f: &mut Fixture, phase| {
        visits += u32::from(phase == at);
        if phase == at && visits == 1 {
            meanwhile(f, &root, &tokens);
        }
    };
    let mut next = if short {
        f.run_short(&root, Offline, visit)
    } else {
        let key = f.begin(&root, Offline);
        f.run(key, Runner::Caller, visit)
    };
    let mut further = 0;
    while let Next::Continue(key) | Next::Execute(_, key) = next {
        further += 1;
        next = f.run(key, Runner::Executor, |_, _| {});
    }
    let released: Vec<_> = released.iter().map(|released| released.get()).collect();
    let stays = (f.model.has_global(), f.model.recorded(), f.model.is_empty());
    // Gives the handshake back.
    for key in std::mem::take(&mut f.children).into_iter().chain([root.key]) {
        drop(f.model.end(key, ELSEWHERE));
    }
    (notified(), root.object.state.get(), stays, released, further)
}

#[test]
fn the_short_form_gives_what_the_long_one_gives() {
    let meanwhiles: [(&str, Meanwhile); 9] = [
        ("nothing", |_, _, _| {}),
        ("Advise", |f, root, _| drop(f.advise(root, 1000))),
        ("Unadvise in Notify", |f, root, tokens| {
            tokens.iter().for_each(|token| drop(f.model.unregister(root.key, *token, || HERE)));
        }),
        ("Unadvise elsewhere", |f, root, tokens| {
            tokens.iter().for_each(|token| drop(f.model.unregister(root.key, *token, || ELSEWHERE)));
        }),
        ("a child", |f, root, _| {
            let child = f.child(root, Capabilities::ALL);
            f.children.push(child.key);
        }),
        ("the last Release", |f, root, _| drop(f.model.end(root.key, ELSEWHERE))),
        ("a request", |f, root, _| {
            let conditions = f.conditions(true);
            if let Decision::Accepted(plan) = f.model.request(root.key, Online, Wait::No, conditions) {
                f.model.accept(plan, Some("executor"));
            }
        }),
        ("exit", |_, _, _| {
            EXITING.set(|| true);
            note_ended();
        }),
        ("another object's Unadvise", |_, _, _| note_ended()),
    ];
    for (name, meanwhile) in meanwhiles {
        // Where nothing is delivered, the long form has no moment in between.
        let least = u32::from(name != "nothing");
        for sinks in [least, 1, 2, 127, 128, 129, 300] {
            for at in [Phase::Start, Phase::Change, Phase::Done] {
                let [short, long] = [true, false].map(|short| history(short, sinks, at, meanwhile));
                assert_eq!(short, long, "{name} at the end of {at:?} with {sinks} registrations");
            }
        }
    }
}

#[test]
fn the_short_form_leaves_alone_what_it_cannot_do() {
    let mut f = fixture();
    let [parent, able] = [(); 2].map(|()| f.root());
    let online_only = f.child(&parent, Capabilities::ONLINE);
    let begins = |f: &mut Fixture, made: &Made, to| {
        f.model.begin_alone(made.key, to, HERE, &mut Batch::new()).unwrap().is_some()
    };
    assert!(!begins(&mut f, &parent, Offline), "it has a child");
    assert!(!begins(&mut f, &online_only, Offline), "it has no such capability");
    assert!(!begins(&mut f, &able, Online), "it is in that state");
    EXITING.set(|| true);
    assert!(!begins(&mut f, &able, Offline), "the process exits");
    EXITING.set(|| false);
    let Decision::Accepted(plan) = f.request(&able, Offline, Wait::ForCallbacks) else { panic!() };
    f.model.begin_write(&plan);
    assert!(!begins(&mut f, &able, Offline), "its change is being written");
    f.model.end_write(&plan, false);
    assert!(begins(&mut f, &able, Offline));
    assert!(!begins(&mut f, &able, Online), "it is in transition");
    let key = f.begin(&parent, Offline);
    f.run_alone(key);
}

// ---- section 4 and 8: persisting -----------------------------------------------------------------------------------

#[test]
fn a_tree_whose_change_is_being_written_is_busy() {
    let mut f = fixture();
    f.shared = true;
    let root = f.global();
    let other = f.root();
    let Decision::Accepted(plan) = f.request(&root, Offline, Wait::ForCallbacks) else { panic!() };
    assert!(plan.persist);
    f.model.begin_write(&plan);
    for wait in [Wait::No, Wait::ForCallbacks] {
        for state in [Online, Offline] {
            assert_eq!(f.request(&root, state, wait), Decision::Refused(ErrorKind::Pending));
        }
    }
    assert!(matches!(f.request(&other, Offline, Wait::ForCallbacks), Decision::Accepted(_)), "another tree is not");
    let (token, released) = f.advise(&root, 1);
    drop(f.model.unregister(root.key, token, || ELSEWHERE));
    assert!(released.get(), "registrations go on");
    f.model.end_write(&plan, false);
    assert_eq!(f.request(&root, Online, Wait::No), Decision::Unchanged, "a failed write changes nothing");
    assert_eq!(f.model.recorded(), Online);
}

#[test]
fn only_a_shared_global_object_is_persisted() {
    let mut f = fixture();
    f.shared = true;
    let root = f.global();
    let child = f.child(&root, Capabilities::ALL);
    let other = f.root();
    for made in [&child, &other] {
        let Decision::Accepted(plan) = f.request(made, Offline, Wait::ForCallbacks) else { panic!() };
        assert!(!plan.persist);
    }
    f.shared = false;
    let Decision::Accepted(plan) = f.request(&root, Offline, Wait::ForCallbacks) else { panic!() };
    assert!(!plan.persist);
}

#[test]
fn a_transition_that_ends_while_its_successor_is_written_leaves_it_to_the_reserved_executor() {
    let mut f = fixture();
    f.shared = true;
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let Decision::Accepted(plan) = f.request_with_executor(&root, Offline) else { panic!() };
    f.model.begin_write(&plan);
    f.model.end_write(&plan, true);
    let Some(Accepted::Begun(key, Some(_))) = f.model.accept(plan, Some("first")) else { panic!() };
    f.run_up_to(key, Runner::Executor, Phase::Done);
    assert_eq!(f.request(&root, Online, Wait::No), Decision::NeedsExecutor, "the present one may be over by then");
    let Decision::Accepted(plan) = f.request_with_executor(&root, Online) else { panic!() };
    f.model.begin_write(&plan);
    assert!(matches!(f.run(key, Runner::Executor, |_, _| {}), Next::Nothing));
    assert_eq!(f.request(&root, Online, Wait::No), Decision::Refused(ErrorKind::Pending));
    f.model.end_write(&plan, true);
    assert!(matches!(f.model.accept(plan, Some("second")), Some(Accepted::Begun(_, Some("second")))));
}

#[test]
fn an_object_that_ends_while_its_change_is_written_still_changes() {
    let mut f = fixture();
    f.shared = true;
    let root = f.global();
    let Decision::Accepted(plan) = f.request(&root, Offline, Wait::ForCallbacks) else { panic!() };
    f.model.begin_write(&plan);
    drop(f.model.end(root.key, ELSEWHERE));
    assert!(f.model.has_global(), "its node waits");
    f.model.end_write(&plan, true);
    let Some(Accepted::Begun(key, None)) = f.model.accept(plan, None) else { panic!() };
    f.run_alone(key);
    assert_eq!((f.model.has_global(), f.model.recorded()), (false, Offline));
    // And where the write fails, nothing is left.
    let root = f.global();
    let Decision::Accepted(plan) = f.request(&root, Online, Wait::ForCallbacks) else { panic!() };
    f.model.begin_write(&plan);
    drop(f.model.end(root.key, ELSEWHERE));
    f.model.end_write(&plan, false);
    assert_eq!((f.model.has_global(), f.model.recorded()), (false, Offline));
}

#[test]
fn another_processs_change_is_followed_and_the_last_one_counts() {
    let mut f = fixture();
    f.shared = true;
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    f.model.set_recorded(Offline);
    let conditions = f.conditions(true);
    let Decision::Accepted(plan) = f.model.follow(conditions) else { panic!() };
    let Some(Accepted::Begun(key, Some(_))) = f.model.accept(plan, Some("follow")) else { panic!() };
    f.run_up_to(key, Runner::Executor, Phase::Start);
    // There and back again while the transition runs.
    for state in [Online, Offline, Online] {
        f.model.set_recorded(state);
        if let Decision::Accepted(plan) = f.model.follow(conditions) {
            assert!(matches!(f.model.accept(plan, None), Some(Accepted::Queued)));
        }
    }
    let Next::Continue(next) = f.run(key, Runner::Executor, |_, _| {}) else { panic!("one more") };
    assert!(matches!(f.run(next, Runner::Executor, |_, _| {}), Next::Nothing));
    assert_eq!(root.object.state.get(), Online);
    assert_eq!(notified().len(), 6, "coalesced to the last");
}

/// A shared global object that goes offline, with DONE delivered.
fn shared_in_done() -> (Fixture, Made, TransitionKey) {
    let mut f = fixture();
    f.shared = true;
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    f.run_up_to(key, Runner::Caller, Phase::Done);
    (f, root, key)
}

#[test]
fn what_is_queued_and_overtaken_does_not_begin() {
    let (mut f, root, key) = shared_in_done();
    f.queue(&root, Online, Some("second"));
    // Another process sets it offline again, before this one comes to online.
    f.model.set_recorded(Offline);
    assert_eq!(f.model.follow(f.conditions(false)), Decision::Unchanged);
    assert!(matches!(f.run(key, Runner::Caller, |_, _| {}), Next::Nothing));
    assert_eq!(root.object.state.get(), Offline);
}

#[test]
fn what_waits_for_the_end_goes_by_what_is_stored_then() {
    // Another process's change, and this one's own.
    for own in [false, true] {
        let (mut f, root, key) = shared_in_done();
        if own {
            f.queue(&root, Online, Some("second"));
        } else {
            f.model.set_recorded(Online);
            let Decision::Accepted(plan) = f.model.follow(f.conditions(true)) else { panic!() };
            assert!(matches!(f.model.accept(plan, Some("second")), Some(Accepted::Queued)));
        }
        f.stored = Some(Offline);
        assert!(matches!(f.run(key, Runner::Caller, |_, _| {}), Next::Nothing));
        assert_eq!(root.object.state.get(), Offline);
        assert_eq!(notified().len(), 3, "nothing of what was undone is delivered");
    }
}

/// Begins a change of the global object, which has one registration, with BLOCK, and has the delivery thread enter CHANGE
/// without asking the model. Other tests of this process end registrations, and then it has to ask.
fn entered_change() -> (Fixture, Made, TransitionKey, Delivery<Fakes>, Batch<FakeSink>) {
    for _ in 0..10_000 {
        let mut f = fixture();
        let root = f.global();
        f.advise(&root, 1);
        let key = f.begin(&root, Offline);
        let mut batch = Batch::new();
        let conditions = f.conditions(false);
        let Step::Deliver(mut delivery) = f.model.step(key, Runner::Caller, HERE, conditions, &mut batch) else {
            panic!("over")
        };
        assert_eq!((delivery.change.phase, root.object.state.get()), (Phase::Start, Online));
        if delivery.enter_next(&batch) {
            return (f, root, key, delivery, batch);
        }
    }
    panic!("the batch never serves for the next phase");
}

#[test]
fn one_batch_serves_for_all_phases_if_it_holds_every_registration() {
    let (mut f, root, key, mut delivery, batch) = entered_change();
    assert_eq!((delivery.change.phase, root.object.state.get()), (Phase::Change, Offline));
    assert_eq!(f.request(&root, Online, Wait::ForCallbacks), Decision::Refused(ErrorKind::Pending));
    if delivery.enter_next(&batch) {
        assert_eq!(f.request(&root, Online, Wait::No), Decision::NeedsExecutor, "DONE accepts one more");
        assert!(!delivery.enter_next(&batch), "DONE is the last one");
        assert!(matches!(f.step(key, Runner::Caller), Step::Finished(Next::Nothing)));
    }
}

#[test]
fn every_registration_receives_every_phase_however_many_batches_that_takes() {
    for (count, children) in [(1, 0), (127, 0), (128, 0), (129, 0), (300, 0), (1, 1), (1, 15), (1, 16), (40, 3)] {
        let mut f = fixture();
        let root = f.global();
        let family: Vec<Made> = (0..children).map(|_| f.child(&root, Capabilities::ALL)).collect();
        for (index, made) in family.iter().chain([&root]).enumerate() {
            (0..count).for_each(|number| drop(f.advise(made, index as u32 * 1000 + number)));
        }
        let key = f.begin(&root, Offline);
        f.run_alone(key);
        let phases: Vec<Phase> = notified().iter().map(|(_, phase, _)| *phase).collect();
        let expected = [Phase::Start, Phase::Change, Phase::Done];
        let all: Vec<Phase> = expected.iter().flat_map(|phase| vec![*phase; count as usize * (children + 1)]).collect();
        assert!(family.iter().all(|child| child.object.state.get() == Offline));
        assert_eq!(phases, all, "{count} on each of {children} children and their parent");
    }
}

#[test]
fn a_registration_that_ends_has_the_next_phase_ask_the_model() {
    let mut f = fixture();
    let root = f.global();
    let (first, _) = f.advise(&root, 1);
    f.advise(&root, 2);
    let key = f.begin(&root, Offline);
    f.run(key, Runner::Caller, |f, phase| {
        if phase == Phase::Start {
            drop(f.model.unregister(root.key, first, || HERE));
        }
    });
    let tokens: Vec<u32> = notified().iter().map(|(token, ..)| *token).collect();
    assert_eq!(tokens, [1, 2, 2, 2]);
}

#[test]
fn an_object_made_anew_after_change_began_has_the_new_state() {
    let (mut f, root, key, delivery, _) = entered_change();
    // As a thread that has found the old phase: what it made says so.
    let object = made(root.key, Online);
    drop(f.model.end(root.key, ELSEWHERE));
    let (again, state, _) = f.model.reserve_global_again().unwrap();
    assert_eq!(state, Offline);
    drop(f.model.replace_global(again, object.object.clone(), None));
    assert_eq!(object.object.state.get(), Offline);
    drop(delivery);
    // As one that came before it: the delivery thread finds that something has ended.
    let late = made(again, Online);
    let again = f.model.reserve_global_again().unwrap().0;
    drop(f.model.replace_global(again, late.object.clone(), None));
    late.object.state.set(Online);
    assert!(matches!(f.step(key, Runner::Caller), Step::Finished(Next::Nothing)));
    assert_eq!(late.object.state.get(), Offline);
}

// ---- section 3: parents --------------------------------------------------------------------------------------------

#[test]
fn a_change_goes_from_each_object_that_changes_to_its_children_phase_by_phase() {
    let mut f = fixture();
    let root = f.global();
    let [first, second] = [(); 2].map(|()| f.child(&root, Capabilities::ALL));
    let grandchild = f.child(&first, Capabilities::ALL);
    let online_only = f.child(&root, Capabilities::ONLINE);
    let below = f.child(&online_only, Capabilities::ALL);
    for (index, made) in [&root, &first, &second, &grandchild, &online_only, &below].into_iter().enumerate() {
        let (_, _) = f.advise(made, index as u32);
    }
    let key = f.begin(&root, Offline);
    f.run_alone(key);
    let notified = notified();
    assert_eq!(notified.len(), 12, "the object without the capability, and what is below it, receives nothing");
    for (phase, part) in [Phase::Start, Phase::Change, Phase::Done].into_iter().zip(notified.chunks(4)) {
        let tokens: Vec<u32> = part.iter().map(|(token, ..)| *token).collect();
        assert!(part.iter().all(|(_, notified, _)| *notified == phase), "a phase of the whole tree before the next");
        let place = |token| tokens.iter().position(|other| *other == token).unwrap();
        assert!(place(0) < place(1) && place(1) < place(3) && place(1) < place(2), "parents first, then by age");
    }
    assert_eq!([&online_only, &below].map(|made| made.object.state.get()), [Online; 2]);
    // A child alone leaves its parent as it is.
    let key = f.begin(&first, Online);
    f.run_alone(key);
    assert_eq!([&root, &first, &grandchild].map(|made| made.object.state.get()), [Offline, Online, Online]);
}

#[test]
fn a_child_made_in_a_transition_starts_in_its_new_state_and_receives_nothing_of_it() {
    let mut f = fixture();
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin_on_executor(&root, Offline);
    f.run_up_to(key, Runner::Executor, Phase::Start);
    let child = f.child(&root, Capabilities::ALL);
    assert_eq!(child.object.state.get(), Offline);
    let (_, _) = f.advise(&child, 2);
    f.run_up_to(key, Runner::Executor, Phase::Done);
    f.queue(&root, Online, None);
    let late = f.child(&root, Capabilities::ALL);
    assert_eq!(late.object.state.get(), Offline, "not in the state of a queued one");
    f.run(key, Runner::Executor, |_, _| {});
    assert!(notified().iter().all(|(token, ..)| *token == 1));
}

#[test]
fn a_child_keeps_its_parents_reference_until_it_ends() {
    let mut f = fixture();
    let root = f.root();
    let child = f.child(&root, Capabilities::ALL);
    let ended = f.model.end(child.key, ELSEWHERE);
    assert_eq!(ended.parent, Some("parent"));
    assert!(child.object.ended.get() && !root.object.ended.get());
    assert_eq!(f.model.end(root.key, ELSEWHERE).parent, None);
    assert!(f.model.object(root.key).is_none());
}

// ---- section 5: registrations --------------------------------------------------------------------------------------

#[test]
fn a_registration_made_during_a_transition_receives_nothing_of_it() {
    let mut f = fixture();
    let root = f.global();
    let (_, _) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    f.run_up_to(key, Runner::Caller, Phase::Start);
    let (_, _) = f.advise(&root, 2);
    f.run(key, Runner::Caller, |_, _| {});
    assert!(notified().iter().all(|(token, ..)| *token == 1));
}

#[test]
fn the_release_of_a_sink_whose_notify_runs_on_another_thread_is_deferred() {
    let mut f = fixture();
    let root = f.global();
    let (token, released) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    let Step::Deliver(Delivery { in_flight, .. }) = f.step(key, Runner::Caller) else { panic!() };
    in_flight.publish::<false>(token);
    assert!(f.model.unregister(root.key, token, || ELSEWHERE).is_none(), "left to the delivery thread");
    assert!(!released.get());
    let (found, deferred) = f.model.recheck(key, 0, token);
    assert!(matches!(found, Recheck::Ended) && deferred.is_some());
    drop(deferred);
    assert!(released.get());
}

#[test]
fn what_is_published_behind_a_deferred_release_is_released_at_once() {
    let mut f = fixture();
    let root = f.global();
    let (first, _) = f.advise(&root, 1);
    let (second, released) = f.advise(&root, 2);
    let key = f.begin(&root, Offline);
    let Step::Deliver(Delivery { in_flight, .. }) = f.step(key, Runner::Caller) else { panic!() };
    in_flight.publish::<false>(first);
    assert!(f.model.unregister(root.key, first, || ELSEWHERE).is_none());
    // The delivery thread goes on, and has not looked yet.
    in_flight.publish::<false>(second);
    drop(f.model.unregister(root.key, second, || ELSEWHERE));
    assert!(released.get());
    let (found, deferred) = f.model.recheck(key, 0, second);
    assert!(matches!(found, Recheck::Ended) && deferred.is_some(), "the first one's");
    assert_eq!(in_flight.token(), 0, "nothing is in flight while that is released");
}

#[test]
fn the_delivery_thread_itself_releases_at_once() {
    let mut f = fixture();
    let root = f.global();
    let (token, released) = f.advise(&root, 1);
    let key = f.begin(&root, Offline);
    let Step::Deliver(Delivery { in_flight, .. }) = f.step(key, Runner::Caller) else { panic!() };
    in_flight.publish::<false>(token);
    drop(f.model.unregister(root.key, token, || HERE));
    assert!(released.get());
    assert!(f.model.recheck(key, 0, token).1.is_none(), "nothing is deferred");
}

#[test]
fn stale_and_foreign_tokens_end_nothing() {
    let mut f = fixture();
    let [one, other] = [(); 2].map(|()| f.root());
    let (token, released) = f.advise(&one, 1);
    for token in [0, token + 1, u32::MAX] {
        assert!(f.model.unregister(one.key, token, || ELSEWHERE).is_none());
    }
    assert!(f.model.unregister(other.key, token, || ELSEWHERE).is_none(), "another object's");
    assert!(!released.get());
    drop(f.model.unregister(one.key, token, || ELSEWHERE));
    assert!(released.get());
}

#[test]
fn the_last_release_ends_registrations_and_an_accepted_change_takes_place() {
    let mut f = fixture();
    let root = f.global();
    let (_, released) = f.advise(&root, 1);
    let key = f.begin_on_executor(&root, Offline);
    drop(f.model.end(root.key, ELSEWHERE));
    assert!(released.get() && f.model.has_global(), "the tree outlives its objects");
    assert!(matches!(f.run(key, Runner::Executor, |_, _| {}), Next::Nothing));
    assert_eq!((notified(), f.model.has_global(), f.model.recorded()), (vec![], false, Offline));
}

#[test]
fn a_busy_global_object_is_made_anew_in_its_tree() {
    let mut f = fixture();
    let root = f.global();
    let key = f.begin_on_executor(&root, Offline);
    drop(f.model.end(root.key, ELSEWHERE));
    assert!(f.model.global_object().is_none());
    let (again, state, capabilities) = f.model.reserve_global_again().unwrap();
    assert_eq!((state, capabilities), (Online, Capabilities::ALL));
    let object = made(again, state);
    drop(f.model.replace_global(again, object.object.clone(), None));
    drop(f.model.end(root.key, ELSEWHERE));
    assert!(f.model.object(again).is_some(), "the old key ends nothing");
    f.run(key, Runner::Executor, |_, _| {});
    assert_eq!(object.object.state.get(), Offline);
}

// ---- section 7: fork -----------------------------------------------------------------------------------------------

#[test]
fn a_forked_child_has_no_transition_and_releases_only_what_is_its_own() {
    let mut f = fixture();
    let [own, foreign, writing] = [(); 3].map(|()| f.root());
    let mut keys = Vec::new();
    let mut sinks = Vec::new();
    for (made, thread) in [(&own, HERE), (&foreign, ELSEWHERE)] {
        let (token, released) = f.advise(made, 1);
        let key = f.begin(made, Offline);
        let conditions = f.conditions(false);
        let Step::Deliver(Delivery { in_flight, .. }) =
            f.model.step(key, Runner::Caller, thread, conditions, &mut Batch::new())
        else {
            panic!()
        };
        in_flight.publish::<false>(token);
        assert!(f.model.unregister(made.key, token, || 3).is_none());
        keys.push(key);
        sinks.push(released);
    }
    let Decision::Accepted(plan) = f.request(&writing, Offline, Wait::ForCallbacks) else { panic!() };
    f.model.begin_write(&plan);
    let mut abandoned = 0;
    f.model.cut_short(HERE, false, |what| {
        abandoned += 1;
        if let Abandoned::Sink(sink) = what {
            std::mem::forget(sink);
        }
    });
    assert_eq!(abandoned, 1, "the sink of the other thread");
    assert!(matches!(f.step(keys[0], Runner::Caller), Step::CutShort(Some(_))));
    assert!(matches!(f.step(keys[1], Runner::Caller), Step::CutShort(None)));
    assert!(sinks[0].get() && !sinks[1].get());
    for made in [&own, &foreign, &writing] {
        assert_eq!(made.object.state.get(), Online);
        let key = f.begin(made, Offline);
        f.run_alone(key);
    }
}

#[test]
fn a_forked_child_keeps_the_state_that_clients_saw_last() {
    let (mut f, root, _, _delivery, _) = entered_change();
    // The other thread had entered the phase, and not published the state yet.
    root.object.state.set(Online);
    f.model.cut_short(ELSEWHERE, false, |_| {});
    assert_eq!((root.object.state.get(), f.model.recorded()), (Offline, Offline));
    let key = f.begin(&root, Online);
    f.run_alone(key);
    assert_eq!(root.object.state.get(), Online);
}

#[test]
fn an_object_that_ends_in_a_transition_goes_with_it_also_if_a_write_ended_meanwhile() {
    let mut f = fixture();
    f.shared = true;
    let root = f.global();
    let child = f.child(&root, Capabilities::ALL);
    let (_, _) = f.advise(&root, 1);
    let Decision::Accepted(plan) = f.request(&root, Offline, Wait::ForCallbacks) else { panic!() };
    f.model.begin_write(&plan);
    f.model.end_write(&plan, true);
    let Some(Accepted::Begun(key, None)) = f.model.accept(plan, None) else { panic!() };
    f.run_up_to(key, Runner::Caller, Phase::Done);
    drop(f.model.end(child.key, HERE));
    let Decision::Accepted(plan) = f.model.begin_rewrite(root.key, Offline) else { panic!() };
    f.model.end_write(&plan, false);
    f.run(key, Runner::Caller, |_, _| {});
    drop(f.model.end(root.key, HERE));
    assert!(!f.model.has_global(), "nothing of the tree is left");
}
