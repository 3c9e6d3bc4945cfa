# SPDX-License-Identifier: MIT OR Apache-2.0
"""Private profiles for tests of programs that use the Offline State API: docs/python.md.

A ``PrivateFolder`` has profiles of the test's own. Programs that are started with its ``environment`` use it, whatever language they
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

from ._errors import TimedOutError, check
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
        """Plays a scenario: the file of a ``Path``, or the text of a ``str``. Returns the report.

        Raises ScenarioFailed; FileNotFoundError without the program ``mapioffline``.
        """
        found = program()
        if found is None:
            raise FileNotFoundError("the program mapioffline is not installed, which plays scenarios")
        if isinstance(scenario, str):
            file = self._home / "scenario"
            file.write_text(scenario, encoding="utf-8")
        else:
            file = Path(scenario)
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
            # By its file: by its name Python would look for modules in the working folder first.
            [sys.executable, str(Path(__file__).with_name("_worker.py"))],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def wait(self, do: str, timeout: float | None, **arguments: Any) -> None:
        """Has the folder's process wait, so that other threads come in between."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 0.2 if deadline is None else max(0.0, min(0.2, deadline - time.monotonic()))
            try:
                return self.ask(do, timeout=left, **arguments)  # type: ignore[no-any-return]
            except TimedOutError:
                if deadline is not None and time.monotonic() >= deadline:
                    raise

    def _until_seen(self) -> None:
        """Until programs have looked at the faults, which they do before they answer. A program that is held up has answered, too."""
        for name in list(self._known):
            try:
                self.wait("settle", 2.0, profile=name)
            except TimedOutError:
                pass

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
        """The state that is stored, when this process of the folder has seen it: it waits half a second for programs that are held up."""
        return State(self.folder.ask("state", profile=self.name))

    def set(self, state: State, *, settle: float = 10.0) -> None:
        """Sets the state as a user does, and waits, at most for so many seconds, until each program has returned from its last
        notification of it. 0 does not wait. Raises TimedOutError; then the state is set all the same."""
        self.folder.ask("set", profile=self.name, state=int(State(state)))
        if settle > 0:
            self.settle(settle)

    def flap(self, count: int, every: float = 0.0) -> None:
        """Sets the other state so many times, and waits for programs at the end."""
        state = self.state
        for _ in range(count):
            state = State.ONLINE if state == State.OFFLINE else State.OFFLINE
            self.set(state, settle=0)
            time.sleep(every)
        self.settle()

    def settle(self, timeout: float | None = 10.0) -> None:
        """Waits until each program that has the profile open has returned from its last notification. Raises TimedOutError."""
        self.folder.wait("settle", timeout, profile=self.name)

    def wait(self, state: State, timeout: float | None = 10.0) -> None:
        """Waits until a program has set the state. Raises TimedOutError."""
        self.folder.wait("wait", timeout, profile=self.name, state=int(State(state)))

    def changes(self) -> list[Change]:
        """The changes since the last call, whoever made them. Of several that follow each other at once the last one may be all."""
        found = self.folder.ask("changes", profile=self.name)
        return [Change(Phase(phase), State(old), State(new)) for phase, old, new in found]


class FolderFault:
    """A fault that programs of a private folder have until ``remove``, or the end of a ``with``. How often it happened says
    ``mapioffline fault list``."""

    def __init__(self, folder: PrivateFolder, text: str) -> None:
        self._folder = folder
        self.text = text
        if not text.strip() or text.lstrip().startswith("#") or "\n" in text:
            raise ValueError(f"{text!r} is no fault")
        # Programs only log what they cannot read.
        folder.ask("check_fault", text=text)
        lines = self._lines()
        self._line: int | None = len(lines)
        self._write([*lines, text])

    def _lines(self) -> list[str]:
        try:
            return (self._folder.path / "faults").read_text("utf-8").splitlines()
        except FileNotFoundError:
            # `mapioffline fault clear`, or a scenario, has removed all.
            return []

    def _write(self, lines: list[str]) -> None:
        new = self._folder.path / "faults.new"
        new.touch(mode=0o600)
        new.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        # Programs see all of it or nothing.
        os.replace(new, self._folder.path / "faults")
        self._folder._until_seen()

    def remove(self) -> None:
        """Removes it. Callable several times."""
        line, self._line = self._line, None
        lines = self._lines()
        if line is not None and line < len(lines) and lines[line] == self.text:
            # The others keep their numbers.
            lines[line] = ""
            self._write(lines)

    def __enter__(self) -> FolderFault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
