# SPDX-License-Identifier: MIT OR Apache-2.0
"""pytest's fixtures for tests of programs that use the Offline State API. pytest finds them when mapioffline is installed."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Callable, Iterator

import pytest

from ._objects import State
from .testing import FolderFault, PrivateFolder, PrivateProfile, program


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "mapioffline(profile='Outlook', state='online', faults=()): the profile of offline_profile, its state at the beginning, and faults",
    )


def _marked(request: pytest.FixtureRequest) -> tuple[str, State, list[str]]:
    found: dict[str, object] = {}
    for mark in request.node.iter_markers("mapioffline"):
        if mark.args:
            raise pytest.UsageError("the mark mapioffline takes names: profile=, state=, faults=")
        # The nearest one counts.
        found = {**mark.kwargs, **found}
    unknown = set(found) - {"profile", "state", "faults"}
    if unknown:
        raise pytest.UsageError(f"mapioffline has no {', '.join(sorted(unknown))}: profile, state and faults are known")
    faults = found.get("faults", ())
    texts = [faults] if isinstance(faults, str) else [str(text) for text in faults]  # type: ignore[attr-defined]
    return str(found.get("profile", "Outlook")), State[str(found.get("state", "online")).upper()], texts


@pytest.fixture
def offline_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateFolder]:
    """A state folder for this test alone. Programs that the test starts use it: MAPIOFFLINE_STATE_DIR names it meanwhile."""
    with PrivateFolder(tmp_path / "state") as folder:
        monkeypatch.setenv("MAPIOFFLINE_STATE_DIR", str(folder.path))
        if "MAPIOFFLINE_STORE" in os.environ:
            monkeypatch.delenv("MAPIOFFLINE_STORE")
        yield folder


@pytest.fixture
def offline_profile(request: pytest.FixtureRequest, offline_folder: PrivateFolder) -> PrivateProfile:
    """The profile Outlook of the test's folder, online; or what ``@pytest.mark.mapioffline(profile=…, state=…, faults=[…])`` says."""
    name, state, faults = _marked(request)
    profile = offline_folder.profile(name)
    profile.set(state, settle=0)
    for text in faults:
        offline_folder.add_fault(text)
    return profile


@pytest.fixture
def offline_fault(offline_folder: PrivateFolder) -> Callable[[str], FolderFault]:
    """A function that adds a fault, such as ``"set fails E_PENDING times 2"``, which this test's programs have."""
    return offline_folder.add_fault


@pytest.fixture
def offline_scenario(request: pytest.FixtureRequest, offline_folder: PrivateFolder) -> Callable[..., str]:
    """A function that plays a scenario, a ``Path`` or a text, to this test's programs. Without the program mapioffline the test is skipped."""
    if program() is None:
        pytest.skip("the program mapioffline, which plays scenarios, is not installed")
    name, _, _ = _marked(request)
    return functools.partial(offline_folder.play, profile=name)
