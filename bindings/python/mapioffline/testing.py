# SPDX-License-Identifier: MIT OR Apache-2.0
"""Private profiles for tests of programs that use the Offline State API: docs/python.md.

A ``PrivateFolder`` has profiles that nobody else sees. Programs that are started with its ``environment`` use it, whatever language they
are written in; the test sets their profiles, waits for them, and has calls fail.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from ._errors import check
from ._objects import Change, Phase, State

__all__ = ["PrivateFolder", "PrivateProfile", "FolderFault", "ScenarioFailed", "program"]


def program() -> str | None:
    """The program ``mapioffline``, which plays scenarios: what MAPIOFFLINE_PROGRAM names, or the one on the PATH. None: there is none."""
    return os.environ.get("MAPIOFFLINE_PROGRAM") or shutil.which("mapioffline")


class ScenarioFailed(AssertionError):
    """A scenario failed; the message is the program's."""


class PrivateFolder:
    """A state folder of the test's own, made at ``path``. ``close`` it, or use it in a ``with``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # As the user's folder of the process that sets profiles: the faults of the tested programs are none of its.
        self._home = Path(path).absolute()
        self.path = self._home / "mapioffline"
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._known: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        """The environment for programs that are to use the folder: this process's own, with MAPIOFFLINE_STATE_DIR."""
        environment = {name: value for name, value in os.environ.items() if name != "MAPIOFFLINE_STORE"}
        environment["MAPIOFFLINE_STATE_DIR"] = str(self.path)
        return environment

    def profile(self, name: str = "Outlook") -> PrivateProfile:
        """A profile of the folder. It is online until something sets it."""
        self.ask("open", profile=name)
        self._known.add(name)
        return PrivateProfile(self, name)

    def run(self, command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[Any]:
        """Starts a program that uses the folder: ``subprocess.Popen``, with these options."""
        environment: Mapping[str, str] = options.pop("env", None) or {}
        return subprocess.Popen(command, env={**self.environment, **environment}, **options)

    def add_fault(self, text: str) -> FolderFault:
        """Has the folder's programs do something wrong, or late: ``"set fails E_PENDING times 2"`` (docs/faults.md has all).

        Returns when those that have a profile of this test open have it; others have it at their next open.
        """
        return FolderFault(self, text)

    def play(self, scenario: str | os.PathLike[str], *, profile: str = "Outlook", timeout: float = 300) -> str:
        """Plays a scenario: a file, or its text. Returns the report. Raises ScenarioFailed, FileNotFoundError without the program."""
        found = program()
        if found is None:
            raise FileNotFoundError("the program mapioffline is not installed, which plays scenarios")
        file = Path(scenario) if not isinstance(scenario, str) or "\n" not in scenario else None
        if file is None:
            file = self._home / "scenario"
            file.write_text(str(scenario), encoding="utf-8")
        done = subprocess.run(
            [found, "scenario", str(file), "--profile", profile],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode != 0:
            raise ScenarioFailed(done.stderr.strip() or f"exit code {done.returncode}")
        return done.stdout

    def ask(self, do: str, **arguments: Any) -> Any:
        """Has the folder's own process do something."""
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                # It may have been killed.
                self.close()
                process = self._process = self._start()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.path} has ended, with exit code {process.wait()}")
        answer = json.loads(line)
        if "hresult" in answer:
            code = answer["hresult"]
            check(code - (1 << 32), answer["what"])
        return answer["value"]

    def _start(self) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAPIOFFLINE_ST")}
        # Where the system's convention has the user's own folder.
        environment["LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME"] = str(self._home)
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        return subprocess.Popen(
            [sys.executable, "-m", "mapioffline._worker"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def _settle_all(self) -> None:
        for name in self._known:
            self.ask("settle", profile=name, timeout=10.0)

    def close(self) -> None:
        """Ends the folder's process. The files stay."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass
            process.wait(timeout=20)
            process.stdout.close()

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PrivateProfile:
    """A profile of a private folder, as its user sees it."""

    def __init__(self, folder: PrivateFolder, name: str) -> None:
        self.folder = folder
        self.name = name

    @property
    def state(self) -> State:
        """The stored state."""
        return State(self.folder.ask("state", profile=self.name))

    def set(self, state: State, *, settle: float | None = 10.0) -> None:
        """Sets the state as a user does, and waits, at most for so many seconds, until each program has returned from its last
        notification of it. ``settle=None`` does not wait. Raises TimedOutError, PendingError; then the state may be set all the same."""
        self.folder.ask("set", profile=self.name, state=int(State(state)))
        if settle is not None:
            self.settle(settle)

    def flap(self, count: int, every: float = 0.0) -> None:
        """Sets the other state so many times, and waits for programs at the end."""
        state = self.state
        for _ in range(count):
            state = State.ONLINE if state == State.OFFLINE else State.OFFLINE
            self.set(state, settle=None)
            time.sleep(every)
        self.settle()

    def settle(self, timeout: float = 10.0) -> None:
        """Waits until each program that has the profile open has returned from its last notification. Raises TimedOutError."""
        self.folder.ask("settle", profile=self.name, timeout=timeout)

    def wait(self, state: State, timeout: float = 10.0) -> None:
        """Waits until a program has set the state. Raises TimedOutError."""
        self.folder.ask("wait", profile=self.name, state=int(State(state)), timeout=timeout)

    def changes(self) -> list[Change]:
        """The changes since the last call, whoever made them."""
        found = self.folder.ask("changes", profile=self.name)
        return [Change(Phase(phase), State(old), State(new)) for phase, old, new in found]


class FolderFault:
    """A fault that programs of a private folder have until ``remove``, or the end of a ``with``."""

    def __init__(self, folder: PrivateFolder, text: str) -> None:
        self._folder = folder
        self.text = text
        file = self._file()
        self._write([*(file.read_text("utf-8").splitlines() if file.exists() else []), text])

    def _file(self) -> Path:
        return self._folder.path / "faults"

    def _write(self, lines: list[str]) -> None:
        new = self._folder.path / "faults.new"
        new.touch(mode=0o600)
        new.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        # Programs see all of it or nothing.
        os.replace(new, self._file())
        # They look before they answer.
        self._folder._settle_all()

    def remove(self) -> None:
        lines = self._file().read_text("utf-8").splitlines()
        if self.text in lines:
            # The others keep their numbers.
            lines[lines.index(self.text)] = ""
            self._write(lines)

    def __enter__(self) -> FolderFault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
