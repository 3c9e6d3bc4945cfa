"""The list of tests that every binding has: open, state, subscribe, phases, errors, re-entrancy, threads, release."""

import asyncio
import copy
import gc
import itertools
import os
import pickle
import subprocess
import sys
import threading
import warnings

import pytest

import mapioffline
from mapioffline import Capability, Change, Phase, State

numbers = itertools.count()


@pytest.fixture
def name():
    return f"Profile {next(numbers)} žluť 日本"


@pytest.fixture
def profile(name):
    with mapioffline.open(name) as profile:
        yield profile


def three(old, new):
    return [Change(phase, old, new) for phase in Phase]


def test_open(name):
    with mapioffline.open(name) as first, mapioffline.open(name.upper()) as second:
        assert first.state == second.state == State.ONLINE
        assert first.capabilities == Capability.ALL
        first.set(State.OFFLINE, wait=True)
        assert second.state == State.OFFLINE
    assert mapioffline.store_status().store == "memory"
    assert mapioffline.__version__ == mapioffline.version() == "0.1.0"


def test_state(profile):
    for state in (State.OFFLINE, State.OFFLINE, State.ONLINE):
        profile.set(state)
        mapioffline.wait_for(profile.name, state)
        assert profile.state == state
    assert str(State.OFFLINE) == "offline"


@pytest.mark.parametrize("wait", [True, False])
def test_subscribe_gives_all_phases_in_order(profile, wait):
    seen = []
    with profile.subscribe(seen.append):
        for old, new in [(State.ONLINE, State.OFFLINE), (State.OFFLINE, State.ONLINE)]:
            profile.set(new, wait=wait)
            mapioffline.wait_for(profile.name, new)
            assert seen == three(old, new)
            seen.clear()
    profile.set(State.OFFLINE, wait=True)
    assert seen == [], "none after close"


def test_the_state_in_each_phase(profile):
    states = []
    with profile.subscribe(lambda change: states.append((change.phase, profile.state))):
        profile.set(State.OFFLINE, wait=True)
    assert states == [(Phase.START, State.ONLINE), (Phase.CHANGE, State.OFFLINE), (Phase.DONE, State.OFFLINE)]


def test_errors_by_name(name):
    for call, kind, builtin, error_name in [
        (lambda: mapioffline.open(""), mapioffline.InvalidArgumentError, ValueError, "E_INVALIDARG"),
        (lambda: mapioffline.open("\ud800"), mapioffline.InvalidArgumentError, ValueError, "E_INVALIDARG"),
        (lambda: mapioffline.open("x" * 65), mapioffline.NotFoundError, LookupError, "MAPI_E_NOT_FOUND"),
        (lambda: mapioffline.wait_for(name, State.OFFLINE, 0), mapioffline.TimedOutError, TimeoutError, "MAPI_E_TIMEOUT"),
    ]:
        with pytest.raises(kind) as caught:
            call()
        assert isinstance(caught.value, builtin) and caught.value.name == error_name
        assert str(caught.value).endswith(error_name)
    with mapioffline.create(f"{name} fixed", Capability.OFFLINE) as fixed:
        assert fixed.capabilities == Capability.OFFLINE
        fixed.set(State.OFFLINE, wait=True)
        with pytest.raises(mapioffline.NoSupportError):
            fixed.set(State.ONLINE)
    with pytest.raises(ValueError, match="closed"):
        fixed.state
    with pytest.raises(ValueError):
        mapioffline.settle(name, -1)


def test_reentrancy(profile):
    """In each phase: what waits is refused, and a request in DONE is carried out when the change is over."""
    refused, done = [], threading.Event()

    def act(change):
        if change.new == State.ONLINE:
            if change.phase == Phase.DONE:
                done.set()
            return
        with pytest.raises(mapioffline.PendingError) as caught:
            profile.set(State.ONLINE, wait=True)
        refused.append(caught.value.name)
        with pytest.raises(mapioffline.PendingError):
            mapioffline.settle(profile.name)
        if change.phase == Phase.DONE:
            profile.set(State.ONLINE)

    with profile.subscribe(act):
        profile.set(State.OFFLINE, wait=True)
        assert done.wait(10)
        mapioffline.wait_for(profile.name, State.ONLINE)
    assert refused == ["E_PENDING"] * 3


def test_a_callback_may_end_its_own_registration_and_close_the_profile(name):
    profile = mapioffline.open(name)
    phases = []

    def once(change):
        phases.append(change.phase)
        subscription.close()
        profile.close()

    subscription = profile.subscribe(once)
    profile.set(State.OFFLINE, wait=True)
    assert phases == [Phase.START]


def test_an_exception_of_a_callback_is_reported_and_the_change_goes_on(profile, monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: reported.append(info.exc_value))

    def fail(change):
        raise RuntimeError(change.phase.name)

    with profile.subscribe(fail):
        profile.set(State.OFFLINE, wait=True)
    assert [str(error) for error in reported] == ["START", "CHANGE", "DONE"]
    assert profile.state == State.OFFLINE


def test_threads(profile):
    """Many threads set, subscribe and read at once; each subscription sees whole changes, in order."""
    failures, changes = [], []

    def work(index):
        try:
            for _ in range(30):
                seen = []
                with profile.subscribe(seen.append):
                    try:
                        profile.set(State(1 + index % 2), wait=True)
                    except mapioffline.PendingError:
                        pass
                    profile.state
                changes.extend(seen)
                # It may have begun in the middle of a change of another thread, or ended there.
                for before, after in zip(seen, seen[1:]):
                    assert after.phase == before.phase % 3 + 1, seen
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == [] and not any(thread.is_alive() for thread in threads)
    assert changes


def test_callbacks_of_other_threads_changes_run_on_one_thread_of_python(profile):
    seen = []
    with profile.subscribe(lambda _: seen.append(threading.current_thread().name)):
        profile.set(State.OFFLINE)
        mapioffline.wait_for(profile.name, State.OFFLINE)
    assert seen == ["mapioffline"] * 3


def test_release(name):
    gc.collect()
    with mapioffline.open(name):
        # What the test before has asked for is over.
        mapioffline.settle(name)
    before = mapioffline.live_objects()
    profile = mapioffline.open(name)
    child = profile.child(Capability.OFFLINE)
    assert mapioffline.live_objects() == before + 2
    subscription = profile.subscribe(print)
    profile.close()
    profile.close()
    subscription.close()
    # The child keeps its parent.
    assert mapioffline.live_objects() == before + 2
    child.close()
    assert mapioffline.live_objects() == before
    with pytest.warns(ResourceWarning, match="was not closed"):
        mapioffline.open(name)
        gc.collect()
    assert mapioffline.live_objects() == before


def test_closing_ends_subscriptions_although_the_object_lives_on(profile):
    seen = []
    for close_profile in (True, False):
        other = mapioffline.open(profile.name)
        subscription = other.subscribe(seen.append)
        changes = other.changes()
        if close_profile:
            other.close()
        subscription.close()
        other.close()
        profile.set(State(3 - profile.state), wait=True)
        assert (seen, list(changes)) == ([], [])


def test_what_nothing_refers_to_ends_by_itself(profile):
    from mapioffline import _objects

    before = len(_objects._sinks)
    for _ in range(3):
        changes = profile.changes()
        profile.set(State(3 - profile.state), wait=True)
        next(iter(changes))
    del changes
    gc.collect()
    assert len(_objects._sinks) == before


def test_garbage_that_is_collected_in_the_middle_of_a_call_does_not_block(name):
    class Owner:
        def __init__(self, index):
            self.me = self
            self.profile = mapioffline.open(f"{name} {index}")
            self.subscription = self.profile.subscribe(print)

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            for index in range(50):
                Owner(index)
            gc.collect()
    finally:
        gc.set_threshold(*threshold)


def test_errors_can_be_copied_and_sent():
    error = mapioffline.PendingError(0x8000000A, "Outlook")
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(same), str(same), same.name) == (mapioffline.PendingError, "Outlook: E_PENDING", "E_PENDING")


def test_an_interrupt_in_a_callback_is_raised_by_set(profile):
    def interrupt(change):
        raise KeyboardInterrupt

    with profile.subscribe(interrupt), pytest.raises(KeyboardInterrupt):
        profile.set(State.OFFLINE, wait=True)
    assert profile.state == State.OFFLINE


def test_a_child_follows_its_parent(profile):
    with profile.child(Capability.OFFLINE) as child:
        profile.set(State.OFFLINE, wait=True)
        profile.set(State.ONLINE, wait=True)
        assert (profile.state, child.state) == (State.ONLINE, State.OFFLINE)


def test_strict_hosting(name):
    mapioffline.set_strict_hosting(True)
    try:
        with pytest.raises(mapioffline.NotFoundError):
            mapioffline.open(name)
        with mapioffline.create(name), mapioffline.open(name) as opened:
            assert opened.state == State.ONLINE
    finally:
        mapioffline.set_strict_hosting(False)


def test_faults(profile):
    with mapioffline.add_fault("set fails E_PENDING times 2") as fault:
        for _ in range(2):
            with pytest.raises(mapioffline.PendingError):
                profile.set(State.OFFLINE)
        profile.set(State.OFFLINE, wait=True)
        assert fault.counts() == (3, 2)
    with pytest.raises(mapioffline.InvalidArgumentError):
        mapioffline.add_fault("set fails sometimes")


def test_changes_in_a_loop(profile):
    with profile.changes() as changes:
        for state in (State.OFFLINE, State.ONLINE):
            profile.set(state, wait=True)
        assert [changes.get(10).new, changes.get(10).new] == [State.OFFLINE, State.ONLINE]
        with pytest.raises(mapioffline.TimedOutError):
            changes.get(0.01)
    assert list(changes) == []
    with pytest.raises(EOFError):
        changes.get()


def test_async_for(profile):
    async def main():
        seen = []
        with profile.changes(*Phase) as changes:

            async def set_later():
                await asyncio.sleep(0.01)
                profile.set(State.OFFLINE)

            task = asyncio.create_task(set_later())
            async for change in changes:
                seen.append(change)
                if len(seen) == 3:
                    break
            await task
        return seen

    assert asyncio.run(main()) == three(State.ONLINE, State.OFFLINE)


def test_async_for_ends_by_close_and_by_cancellation(profile):
    async def main():
        changes = profile.changes()
        task = asyncio.create_task(first(changes))
        await asyncio.sleep(0.01)
        changes.close()
        assert await asyncio.wait_for(task, 10) is None
        with profile.changes() as others:
            task = asyncio.create_task(first(others))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def first(changes):
        async for change in changes:
            return change

    asyncio.run(main())


def run(code, **options):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, **options)


def test_a_program_that_ends_while_changes_come_ends_well():
    code = """
import threading, time, mapioffline
from mapioffline import State
profile = mapioffline.open("Ends")
profile.subscribe(lambda change: time.sleep(0.001))
def work():
    while True:
        for state in State:
            try:
                profile.set(state, wait=%s)
            except mapioffline.PendingError:
                pass
            except ValueError:
                return
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
profile.close()
"""
    # Several at a time: threads are held up then.
    for _ in range(3):
        programs = [subprocess.Popen([sys.executable, "-c", code % wait], stderr=subprocess.PIPE) for wait in (True, False) * 3]
        for program in programs:
            _, stderr = program.communicate(timeout=60)
            assert (program.returncode, stderr) == (0, b"")


def test_what_is_not_closed_when_python_ends_does_no_harm():
    code = """
import mapioffline
from mapioffline import State
profile = mapioffline.open("Left")
subscription = profile.subscribe(print)
profile.set(State.OFFLINE)
changes = profile.changes()
"""
    done = run(code)
    # The warning that it was not closed is an error with -W error.
    lines = [line for line in done.stderr.splitlines() if line.endswith("Error") or "Error:" in line]
    assert done.returncode == 0 and lines == [], done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork():
    code = """
import os, mapioffline
from mapioffline import State
profile = mapioffline.open("Forked")
seen = []
profile.subscribe(seen.append)
child = os.fork()
profile.set(State.OFFLINE)
mapioffline.wait_for("Forked", State.OFFLINE)
assert len(seen) == 3, seen
if child:
    assert os.waitpid(child, 0)[1] == 0
profile.close()
if not child:
    os._exit(0)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_a_missing_library_is_named():
    done = run("import mapioffline; mapioffline.version()", env={**os.environ, "MAPIOFFLINE_LIBRARY": "/nowhere/lib.so"})
    assert "the library /nowhere/lib.so cannot be loaded" in done.stderr.splitlines()[-1]
