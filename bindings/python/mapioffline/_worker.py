# SPDX-License-Identifier: MIT OR Apache-2.0
"""A process that uses a private folder for the tests of another one: a request a line, as JSON, and an answer a line.

A process keeps its folder from its first open on, so that each folder needs a process of its own.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import mapioffline
from mapioffline import Change, Error, NoSupportError, PendingError, Phase, Profile, State, TimedOutError


class _Worker:
    def __init__(self) -> None:
        self._profiles: dict[str, Profile] = {}
        self._changes: dict[str, list[list[int]]] = {}
        self._lock = threading.Lock()

    def _open(self, name: str) -> Profile:
        if name not in self._profiles:
            profile = self._profiles[name] = mapioffline.open(name)
            changes: list[list[int]] = []
            self._changes[name] = changes

            def take(change: Change) -> None:
                with self._lock:
                    changes.append([int(change.phase), int(change.old), int(change.new)])

            profile.subscribe(take)
        return self._profiles[name]

    def open(self, profile: str) -> None:
        self._open(profile)

    def state(self, profile: str) -> int:
        opened = self._open(profile)
        try:
            # What is stored may not have come here yet.
            mapioffline.settle(profile, 0.5)
        except TimedOutError:
            pass
        return int(opened.state)

    def set(self, profile: str, state: int) -> None:
        opened, deadline = self._open(profile), time.monotonic() + 10
        while True:
            try:
                return opened.set(State(state), wait=True)
            except PendingError:
                # A tested program has just asked for a change, too.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)

    def check_fault(self, text: str) -> None:
        """A fault's text is read before it is refused here, where none may happen."""
        self._open("Outlook")
        try:
            mapioffline.add_fault(text).remove()
        except NoSupportError:
            pass

    def wait(self, profile: str, state: int, timeout: float) -> None:
        mapioffline.wait_for(profile, State(state), timeout)

    def settle(self, profile: str, timeout: float) -> None:
        mapioffline.settle(profile, timeout)

    def changes(self, profile: str) -> list[list[int]]:
        self._open(profile)
        with self._lock:
            taken = list(self._changes[profile])
            self._changes[profile].clear()
        return [change for change in taken if change[0] == Phase.CHANGE]

    def serve(self) -> None:
        for line in sys.stdin:
            request: dict[str, Any] = json.loads(line)
            answer: dict[str, Any]
            try:
                answer = {"value": getattr(self, request.pop("do"))(**request)}
            except Error as error:
                answer = {"hresult": error.hresult, "what": str(error).rpartition(": ")[0]}
            print(json.dumps(answer), flush=True)
        for profile in self._profiles.values():
            profile.close()


if __name__ == "__main__":
    _Worker().serve()
