# SPDX-License-Identifier: MIT OR Apache-2.0
"""Profiles, their states, and notifications of changes."""

from __future__ import annotations

import asyncio
import ctypes
import enum
import queue
import sys
import threading
import warnings
from ctypes import POINTER, byref, c_void_p
from dataclasses import dataclass
from types import TracebackType
from typing import Any, AsyncIterator, Callable, Iterator, Optional

from . import _abi
from ._abi import ULONG, library
from ._dispatcher import dispatcher, gate
from ._errors import TimedOutError, check


class State(enum.IntEnum):
    """The state of a profile: MAPIOFFLINE_STATE_…"""

    OFFLINE = 1
    ONLINE = 2

    def __str__(self) -> str:
        return self.name.lower()


class Phase(enum.IntEnum):
    """A part of a change: MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_… Every registration has returned from one before the next begins."""

    START = 1
    """The state is still the old one."""
    CHANGE = 2
    """The state is the new one."""
    DONE = 3
    """Everybody knows it; requests are accepted again."""


class Capability(enum.IntFlag):
    """What the state of an object can be changed to: MAPIOFFLINE_CAPABILITY_…"""

    NONE = 0
    OFFLINE = 1
    ONLINE = 2
    ALL = 3


@dataclass(frozen=True)
class Change:
    """A notification: one phase of one change."""

    phase: Phase
    old: State
    new: State


Seconds = Optional[float]
"""A time in seconds; None: without a limit."""


def _milliseconds(timeout: Seconds) -> int:
    if timeout is None:
        return _abi.ALL
    if timeout < 0:
        raise ValueError(f"a time of {timeout} seconds")
    return min(int(timeout * 1000), _abi.ALL - 1)


def _name(profile: str) -> bytes:
    # Surrogates go to the library as they are, which refuses them with a reason.
    return profile.encode("utf-8", "surrogatepass")


# ---- sinks ----------------------------------------------------------------------------------------------------------


class _Registered:
    """A sink that the library may call. It is kept until the library has released it."""

    def __init__(self, number: int, callback: Callable[[Change], object]) -> None:
        self.callback = callback
        self.count = 0
        self.sink = _abi.Sink(ctypes.pointer(_VTABLE), number)


_lock = threading.Lock()
_sinks: dict[int, _Registered] = {}
_last_number = 0


def _number(this: int) -> int:
    return int(_abi.Sink.from_address(this).number)


@_abi.FUNCTION(_abi.HRESULT, c_void_p, POINTER(_abi.Guid), POINTER(c_void_p))  # type: ignore[untyped-decorator]
def _query_interface(this: int, iid: Any, out: Any) -> int:
    if not out:
        return _abi.E_POINTER
    if _abi.same(iid[0], _abi.IID_IUNKNOWN) or _abi.same(iid[0], _abi.IID_NOTIFY):
        out[0] = this
        _add_ref(this)
        return _abi.S_OK
    out[0] = None
    return _abi.E_NOINTERFACE


@_abi.FUNCTION(ULONG, c_void_p)  # type: ignore[untyped-decorator]
def _add_ref(this: int) -> int:
    with _lock:
        registered = _sinks[_number(this)]
        registered.count += 1
        return registered.count


@_abi.FUNCTION(ULONG, c_void_p)  # type: ignore[untyped-decorator]
def _release(this: int) -> int:
    with _lock:
        number = _number(this)
        registered = _sinks[number]
        registered.count -= 1
        if registered.count == 0:
            del _sinks[number]
        return registered.count


@_abi.FUNCTION(None, c_void_p, POINTER(_abi.Notification))  # type: ignore[untyped-decorator]
def _notify(this: int, notification: Any) -> None:
    registered = _sinks[_number(this)]
    info = notification[0]
    # Types that come later are no concern of a client (contract, section 3).
    if info.type in (Phase.START, Phase.CHANGE, Phase.DONE):
        change = Change(Phase(info.type), State(info.old & _abi.OFFLINE_MASK), State(info.new & _abi.OFFLINE_MASK))
        # What it raises goes to sys.unraisablehook, which pytest reports.
        registered.callback(change)


_VTABLE = _abi.SinkVtable(*(ctypes.cast(slot, c_void_p) for slot in (_query_interface, _add_ref, _release, _notify)))


# ---- objects --------------------------------------------------------------------------------------------------------


class Subscription:
    """A registration. It ends by ``close``, or at the end of a ``with``."""

    def __init__(self, profile: Profile, token: int) -> None:
        self._profile = profile
        self._token: int | None = token

    def close(self) -> None:
        """Ends it: no callback begins after this has returned. One that runs on another thread may still end. Callable from a
        callback, several times, and after the profile was closed."""
        token, self._token = self._token, None
        if token is not None:
            self._profile._unadvise(token)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Changes:
    """The changes of a profile as they come: to iterate over, with ``for`` or ``async for``. It ends by ``close``."""

    _END: Any = object()

    def __init__(self, profile: Profile, phases: tuple[Phase, ...]) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._phases = phases
        self._subscription = profile.subscribe(self._take)

    def _take(self, change: Change) -> None:
        if change.phase in self._phases:
            self._put(change)

    def _put(self, item: Any) -> None:
        self._queue.put(item)
        for loop, event in list(self._waiting):
            # A loop that has been closed waits for nothing.
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def get(self, timeout: Seconds = None) -> Change:
        """The next one. Raises TimedOutError if none comes in time, EOFError after ``close``. Never in a callback of the same profile."""
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            raise TimedOutError(0x80040401, "no change came") from None
        if item is self._END:
            self._queue.put(item)
            raise EOFError("the subscription has ended")
        return item  # type: ignore[no-any-return]

    def close(self) -> None:
        self._subscription.close()
        self._put(self._END)

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Change]:
        while True:
            try:
                yield self.get()
            except EOFError:
                return

    async def __aiter__(self) -> AsyncIterator[Change]:
        waiting = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.append(waiting)
        try:
            while True:
                waiting[1].clear()
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    await waiting[1].wait()
                    continue
                if item is self._END:
                    self._queue.put(item)
                    return
                yield item
        finally:
            self._waiting.remove(waiting)


class Profile:
    """An object of the library: the global object of a profile, or one below it. It is released by ``close``, or at the end of a
    ``with``. Methods may be called on any thread."""

    def __init__(self, address: int, name: str) -> None:
        self._lock = threading.Lock()
        self._address: int | None = address
        self._slots = _abi.Slots(address)
        self._users = 0
        self.name = name
        dispatcher.start()

    # A call on another thread may be under way when it is closed: the last one releases.

    def _begin(self) -> int:
        with self._lock:
            if self._address is None:
                raise ValueError(f"the profile {self.name!r} is closed")
            self._users += 1
            return self._address

    def _end(self, address: int) -> None:
        with self._lock:
            self._users -= 1
            is_last = self._users == 0 and self._address is None
        if is_last:
            self._release(address)

    def _release(self, address: int) -> None:
        # When Python ends the process does: what the library would call back is not there any more.
        if not sys.is_finalizing():
            with gate:
                self._slots.release(address)

    def _call(self, slot: str, *arguments: Any) -> None:
        address = self._begin()
        try:
            with gate:
                hresult = getattr(self._slots, slot)(address, *arguments)
            check(hresult, self.name)
        finally:
            self._end(address)

    @property
    def state(self) -> State:
        """The state now: one atomic load in the library."""
        value = ULONG()
        self._call("get_current_state", byref(value))
        return State(value.value)

    @property
    def capabilities(self) -> Capability:
        """What the state can be changed to."""
        value = ULONG()
        self._call("get_capabilities", byref(value))
        return Capability(value.value)

    def set(self, state: State, *, wait: bool = False) -> None:
        """Sets the state, for all programs of the user.

        Without ``wait`` it returns at once, and callbacks run on the library's thread for Python. With it they run on this thread, and it
        returns when all of this process have returned; never in a callback. Raises PendingError while a change is under way,
        NoSupportError without the capability, DiskError and TimedOutError if it cannot be stored. Then nothing has changed.
        """
        self._call("set_current_state", _abi.BLOCK if wait else 0, _abi.OFFLINE_MASK, int(State(state)), None)

    def subscribe(self, callback: Callable[[Change], object]) -> Subscription:
        """Has ``callback`` called with each phase of each change from now on, one after the other.

        It may call everything but what waits. What it raises goes to ``sys.unraisablehook``, and the change goes on.
        """
        global _last_number
        with _lock:
            _last_number += 1
            number = _last_number
            registered = _sinks[number] = _Registered(number, callback)
            # Ours, until Advise has returned.
            registered.count = 1
        this = ctypes.addressof(registered.sink)
        info = _abi.AdviseInfo(
            ctypes.sizeof(_abi.AdviseInfo), 0, 0, this, _abi.ADVISE_TYPE_STATECHANGE, _abi.STATE_ALL
        )
        token = ULONG()
        try:
            self._call("advise", 0, byref(info), byref(token))
        finally:
            _release(this)
        return Subscription(self, token.value)

    def _unadvise(self, token: int) -> None:
        try:
            self._call("unadvise", 0, token)
        except ValueError:
            # The object is gone, and its registrations with it.
            pass

    def changes(self, *phases: Phase) -> Changes:
        """The changes from now on, to iterate over; of these phases, or ``Phase.CHANGE`` only."""
        return Changes(self, phases or (Phase.CHANGE,))

    def child(self, capabilities: Capability = Capability.ALL) -> Profile:
        """Creates an object below this one, which follows its changes as far as it can."""
        address = self._begin()
        try:
            return _create(self.name, capabilities, None, address)
        finally:
            self._end(address)

    def close(self) -> None:
        """Releases it. Callable several times, and in a callback. Registrations end with the last reference of the object."""
        with self._lock:
            address, self._address = self._address, None
            is_idle = self._users == 0
        if address is not None and is_idle:
            self._release(address)

    def __enter__(self) -> Profile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_address", None) is not None:
            warnings.warn(f"the profile {self.name!r} was not closed", ResourceWarning, stacklevel=2)
            self.close()

    def __repr__(self) -> str:
        return f"<mapioffline.Profile {self.name!r}{' closed' if self._address is None else ''}>"


def open(profile: str) -> Profile:
    """Opens the global object of a profile, which all programs of the user share.

    The first open decides where this process keeps states: MAPIOFFLINE_STATE_DIR and MAPIOFFLINE_STORE are read then. Raises
    InvalidArgumentError (an empty name), NotFoundError (longer than 64 UTF-16 units; or strict hosting, and no program has created it).
    """
    address = c_void_p()
    hresult = library.MapiOfflineOpenUtf8(0, _name(profile), byref(_abi.GUID_GLOBAL_STATE), None, byref(address))
    check(hresult, profile)
    return Profile(address.value or 0, profile)


def create(profile: str, capabilities: Capability = Capability.ALL) -> Profile:
    """Creates the global object of a profile with these capabilities, or opens it if it is there already."""
    return _create(profile, capabilities, _abi.GUID_GLOBAL_STATE, None)


def _create(profile: str, capabilities: Capability, guid: _abi.Guid | None, parent: int | None) -> Profile:
    info = _abi.CreateInfo()
    info.size = ctypes.sizeof(_abi.CreateInfo)
    info.capabilities = int(capabilities)
    if guid is not None:
        info.guid = ctypes.pointer(guid)
    info.parent = parent
    address = c_void_p()
    check(library.MapiOfflineCreateUtf8(0, byref(info), _name(profile), byref(address)), profile)
    return Profile(address.value or 0, profile)


# ---- the process ----------------------------------------------------------------------------------------------------


def version() -> str:
    """The version of the library."""
    return str(library.MapiOfflineVersionString().decode())


def live_objects() -> int:
    """How many objects of the library are in memory in this process: for tests that look for leaks."""
    return int(library.MapiOfflineLiveObjects())


def set_strict_hosting(is_strict: bool) -> None:
    """Whether ``open`` finds only profiles that a program has created."""
    library.MapiOfflineSetStrictHosting(int(is_strict))


@dataclass(frozen=True)
class StoreStatus:
    """Where this process keeps states."""

    store: str
    """``undecided`` (nothing has been opened yet), ``memory`` or ``shared``."""
    watch: str
    """How it notices changes of other programs: ``none``, ``system``, ``polled`` or ``both``."""
    folder: str
    """The shared folder, or an empty string."""
    last_error: str
    """The last error in words, or an empty string."""


def store_status() -> StoreStatus:
    """Where this process keeps states, and what went wrong last."""
    store, watch = ULONG(), ULONG()
    folder, error = ctypes.create_string_buffer(4096), ctypes.create_string_buffer(4096)
    check(
        library.MapiOfflineGetStoreStatus(byref(store), byref(watch), None, folder, len(folder), error, len(error)),
        "the store",
    )
    text: Callable[[Any], str] = lambda buffer: buffer.value.decode("utf-8", "replace")
    stores, watches = ("undecided", "memory", "shared"), ("none", "system", "polled", "both")
    return StoreStatus(stores[store.value], watches[watch.value], text(folder), text(error))


def wait_for(profile: str, state: State, timeout: Seconds = 10.0) -> None:
    """Waits until the profile is in the state in this process, and all callbacks here have returned from that change.

    Raises TimedOutError; PendingError in a callback.
    """
    check(library.MapiOfflineWaitUtf8(_name(profile), int(State(state)), _milliseconds(timeout)), profile)


def settle(profile: str, timeout: Seconds = 10.0) -> None:
    """Waits until all programs that have the profile open have returned from their last notification of the last change.

    Raises TimedOutError, which says how many have not; PendingError in a callback.
    """
    late = ULONG()
    hresult = library.MapiOfflineSettleUtf8(_name(profile), _milliseconds(timeout), byref(late))
    check(hresult, f"{profile}: {late.value} programs have not returned" if late.value else profile)


# ---- faults ---------------------------------------------------------------------------------------------------------


class Fault:
    """A fault that may happen in this process until it is removed: by ``remove``, or at the end of a ``with``."""

    def __init__(self, text: str) -> None:
        number = ULONG()
        check(library.MapiOfflineAddFault(text.encode(), byref(number)), text)
        self.text = text
        self._number: int | None = number.value

    def counts(self) -> tuple[int, int]:
        """How many calls it concerned, and at how many it happened."""
        calls, times = ULONG(), ULONG()
        check(library.MapiOfflineGetFaultCounts(self._number or 0, byref(calls), byref(times)), self.text)
        return calls.value, times.value

    def remove(self) -> None:
        number, self._number = self._number, None
        if number is not None:
            check(library.MapiOfflineRemoveFault(number), self.text)

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def add_fault(text: str) -> Fault:
    """Adds a fault, such as ``"set fails E_PENDING times 2"`` (docs/faults.md has all).

    A process that would use the user's own state folder keeps states in its memory from then on; add it before the first ``open``.
    """
    return Fault(text)
