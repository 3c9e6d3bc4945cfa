"""Private folders, and pytest's fixtures, with programs that are processes of their own."""

import subprocess
import sys
import threading

import pytest

import mapioffline
from mapioffline import Change, Phase, State
from mapioffline.testing import PrivateFolder, ScenarioFailed, program

# Keeps the profile online, as examples/testing/addin.c does; says its state for each line of input.
CLIENT = """
import sys, mapioffline
from mapioffline import Phase, State
try:
    profile = mapioffline.open(sys.argv[1])
except mapioffline.Error as error:
    print(error.name, flush=True)
    sys.exit(1)
def keep(change):
    if change.new == State.OFFLINE and change.phase == Phase.DONE:
        try:
            profile.set(State.ONLINE)
        except mapioffline.Error as error:
            print(error.name, flush=True)
if "keep" in sys.argv:
    profile.subscribe(keep)
for line in sys.stdin:
    print(profile.state, flush=True)
profile.close()
"""


class Client:
    def __init__(self, folder, *words, name="Outlook"):
        self.process = folder.run(
            [sys.executable, "-c", CLIENT, name, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self):
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def test_a_program_of_the_folder_is_notified(offline_folder, offline_profile):
    assert offline_profile.state == State.ONLINE
    with Client(offline_folder) as client:
        assert client.says() == "online"
        offline_profile.set(State.OFFLINE)
        assert client.says() == "offline"
        assert offline_profile.changes() == [Change(Phase.CHANGE, State.ONLINE, State.OFFLINE)]


def test_a_program_sets_the_profile_and_the_test_waits_for_it(offline_folder, offline_profile):
    with Client(offline_folder, "keep") as client:
        assert client.says() == "online"
        offline_profile.set(State.OFFLINE, settle=0)
        offline_profile.wait(State.ONLINE)
        assert [change.new for change in offline_profile.changes()] == [State.OFFLINE, State.ONLINE]
        with pytest.raises(mapioffline.TimedOutError):
            offline_profile.wait(State.OFFLINE, 0.01)


def test_flaps_end_in_the_state_that_was(offline_folder, offline_profile):
    with Client(offline_folder) as client:
        assert client.says() == "online"
        offline_profile.flap(6)
        assert client.says() == "online"


@pytest.mark.mapioffline(profile="Work mail", state="offline")
def test_the_mark_says_profile_and_state(offline_folder, offline_profile):
    assert offline_profile.name == "Work mail"
    with Client(offline_folder, name="Work mail") as client:
        assert client.says() == "offline"


@pytest.mark.mapioffline(faults=["open fails E_FAIL on 1"])
def test_faults_of_the_mark_are_for_the_programs_only(offline_folder, offline_profile):
    with Client(offline_folder) as client:
        assert client.says() == "E_FAIL"
    with Client(offline_folder) as client:
        # Each program counts by itself.
        assert client.says() == "E_FAIL"
    assert offline_profile.state == State.ONLINE


def test_a_fault_is_had_by_programs_that_run(offline_folder, offline_profile, offline_fault):
    with Client(offline_folder, "keep") as client:
        assert client.says() == "online"
        with offline_fault("set fails E_OUTOFMEMORY"):
            offline_profile.set(State.OFFLINE)
            assert client.process.stdout.readline() == "E_OUTOFMEMORY\n"
            assert client.says() == "offline"
        offline_profile.set(State.ONLINE)
        offline_profile.set(State.OFFLINE, settle=0)
        offline_profile.wait(State.ONLINE)


def test_a_fault_with_a_mistake_is_refused(offline_folder, offline_profile):
    for text in ("set fials E_PENDING", "set fails sometimes", "", "# nothing", "set fails E_FAIL\nopen fails E_FAIL"):
        with pytest.raises(ValueError):
            offline_folder.add_fault(text)
    assert not (offline_folder.path / "faults").exists()


def test_faults_are_removed_one_by_one(offline_folder, offline_profile):
    first, second = offline_folder.add_fault("open fails E_FAIL"), offline_folder.add_fault("open fails E_FAIL")
    first.remove()
    first.remove()
    with Client(offline_folder) as client:
        assert client.says() == "E_FAIL"
    (offline_folder.path / "faults").unlink()
    second.remove()
    with Client(offline_folder) as client:
        assert client.says() == "online"


def test_one_thread_waits_while_another_one_sets(offline_profile):
    waiting = threading.Thread(target=offline_profile.wait, args=(State.OFFLINE,), daemon=True)
    waiting.start()
    offline_profile.set(State.OFFLINE)
    waiting.join(20)
    assert not waiting.is_alive()


def test_folders_are_apart(tmp_path):
    with PrivateFolder(tmp_path / "a") as a, PrivateFolder(tmp_path / "b") as b:
        a.profile().set(State.OFFLINE)
        assert b.profile().state == State.ONLINE
        # Its process is started again when it has ended.
        a._process.kill()
        a._process.wait()
        assert a.profile().state == State.OFFLINE
    with PrivateFolder(tmp_path / "a") as again:
        assert again.profile("OUTLOOK").state == State.OFFLINE
        with pytest.raises(mapioffline.InvalidArgumentError):
            again.profile("")


def test_a_scenario_is_played(offline_folder, offline_profile, offline_scenario, tmp_path):
    with Client(offline_folder) as client:
        assert client.says() == "online"
        offline_scenario("set offline\nsettle\nflap 4\nsettle\n")
        assert client.says() == "offline"
    file = tmp_path / "impossible.scenario"
    file.write_text("wait online within 10ms\n")
    with pytest.raises(ScenarioFailed, match="line 1|:1:"):
        offline_scenario(file)


def test_the_plug_in_in_a_project(pytester, monkeypatch):
    """Skips without the program, and says what is wrong with a mark."""
    pytester.makepyfile(
        """
        import os
        import pytest

        def test_folder(offline_folder, offline_profile):
            assert os.environ["MAPIOFFLINE_STATE_DIR"] == str(offline_folder.path)
            assert (offline_folder.path / "OUTLOOK.json").exists()

        def test_scenario(offline_scenario):
            raise AssertionError("it is skipped")

        @pytest.mark.mapioffline(states="online")
        def test_wrong(offline_profile):
            pass
        """
    )
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("MAPIOFFLINE_PROGRAM", raising=False)
    result = pytester.runpytest_subprocess("-rs", "--strict-markers")
    result.assert_outcomes(passed=1, skipped=1, errors=1)
    result.stdout.fnmatch_lines(["*mapioffline has no states*", "*which plays scenarios, is not installed*"])


def test_the_program_is_found(monkeypatch):
    monkeypatch.setenv("MAPIOFFLINE_PROGRAM", "/some/where")
    assert program() == "/some/where"
