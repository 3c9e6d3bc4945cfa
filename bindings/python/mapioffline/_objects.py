# SPDX-License-Identifier: MIT OR Apache-2.0
"""Profiles, their states, and notifications of changes."""

from __future__ import annotations

import asyncio
import collections
import ctypes
import enum
import itertools
import os
import sys
import threading
import time
import warnings
import weakref
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
    """All know it. A request that does not wait is accepted, and is carried out when the change is over."""


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


def _name(profile: str) -> bytes:
    # Surrogates go to the library as they are, which refuses them with a reason.
    return profile.encode("utf-8", "surrogatepass")


# ---- sinks ----------------------------------------------------------------------------------------------------------


class _Registered:
    """A sink that the library may call. It is kept until the library has released it."""

    def __init__(self, number: int, callback: Callable[[Change], object]) -> None:
        # None: the registration has ended for its owner.
        self.callback: Callable[[Change], object] | None = callback
        self.count = 1
        self.sink = _abi.Sink(ctypes.pointer(_VTABLE), number)


# Garbage collection may come anywhere, and end objects in it.
_lock = threading.RLock()
_sinks: dict[int, _Registered] = {}
_numbers = itertools.count(1)
_thread = threading.local()


def _number(this: int) -> int:
    return int(_abi.Sink.from_address(this).number)


def _count(this: int, more: int) -> int:
    number = _number(this)
    with _lock:
        registered = _sinks[number]
        registered.count += more
        if registered.count == 0:
            del _sinks[number]
        return registered.count


@_abi.FUNCTION(_abi.HRESULT, c_void_p, POINTER(_abi.Guid), POINTER(c_void_p))  # type: ignore[untyped-decorator]
def _query_interface(this: int, iid: Any, out: Any) -> int:
    if not out:
        return _abi.E_POINTER
    if _abi.same(iid[0], _abi.IID_IUNKNOWN) or _abi.same(iid[0], _abi.IID_NOTIFY):
        _count(this, 1)
        out[0] = this
        return _abi.S_OK
    out[0] = None
    return _abi.E_NOINTERFACE


@_abi.FUNCTION(ULONG, c_void_p)  # type: ignore[untyped-decorator]
def _add_ref(this: int) -> int:
    return _count(this, 1)


@_abi.FUNCTION(ULONG, c_void_p)  # type: ignore[untyped-decorator]
def _release(this: int) -> int:
    return _count(this, -1)


@_abi.FUNCTION(None, c_void_p, POINTER(_abi.Notification))  # type: ignore[untyped-decorator]
def _notify(this: int, notification: Any) -> None:
    callback = _sinks[_number(this)].callback
    info = notification[0]
    # Types that come later are no concern of a client.
    if callback is None or info.type not in (Phase.START, Phase.CHANGE, Phase.DONE):
        return
    change = Change(Phase(info.type), State(info.old & _abi.OFFLINE_MASK), State(info.new & _abi.OFFLINE_MASK))
    try:
        callback(change)
    except Exception:
        # Goes to sys.unraisablehook, which pytest reports.
        raise
    except BaseException as interrupt:
        # Ctrl-C, while this thread waits in `set`: raised there.
        if getattr(_thread, "is_in_call", False):
            _thread.interrupt = interrupt
        else:
            raise


_VTABLE = _abi.SinkVtable(*(ctypes.cast(slot, c_void_p) for slot in (_query_interface, _add_ref, _release, _notify)))


# ---- objects --------------------------------------------------------------------------------------------------------


class Subscription:
    """A registration. It ends by ``close``, at the end of a ``with``, and when its profile is closed."""

    def __init__(self, profile: Profile, token: int, registered: _Registered, ended: Callable[[], object] | None) -> None:
        self._profile = profile
        self._token: int | None = token
        self._registered = registered
        self._ended = ended

    def close(self) -> None:
        """Ends it: no callback begins after this has returned. One that runs on another thread may still end. Callable from a
        callback, and several times."""
        token, self._token = self._token, None
        if token is not None:
            # Also one that the library has begun, and Python has not.
            self._registered.callback = None
            self._profile._unadvise(token)
            self._profile._subscriptions.discard(self)
            if self._ended is not None:
                self._ended()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Changes:
    """The changes of a profile as they come: to iterate over, with ``for`` or ``async for``. It ends by ``close``, at the end of a ``with``,
    when its profile is closed, and when nothing refers to it any more."""

    def __init__(self, profile: Profile, phases: tuple[Phase, ...]) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._items: collections.deque[Change] = collections.deque()
        self._has_ended = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        own = weakref.ref(self)

        def take(change: Change) -> None:
            changes = own()
            if changes is not None and change.phase in phases:
                changes._put(change)

        def end() -> None:
            changes = own()
            if changes is not None:
                changes._put(None)

        self._subscription = profile._subscribe(take, end)

    def _put(self, change: Change | None) -> None:
        with self._condition:
            if change is None:
                self._has_ended = True
            elif not self._has_ended:
                self._items.append(change)
            self._condition.notify_all()
            waiting = list(self._waiting)
        for loop, event in waiting:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                # The loop has been closed, and waits for nothing.
                pass

    def get(self, timeout: Seconds = None) -> Change:
        """The next one. Raises TimedOutError if none comes in time, EOFError if none comes any more. Never in a callback."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._items or self._has_ended, timeout):
                raise TimedOutError(0x80040401, "no change came")
            if not self._items:
                raise EOFError("the subscription has ended")
            return self._items.popleft()

    def close(self) -> None:
        """Ends it. What has come already is still given."""
        self._subscription.close()

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_subscription"):
            self.close()

    def __iter__(self) -> Iterator[Change]:
        while True:
            try:
                yield self.get()
            except EOFError:
                return

    async def __aiter__(self) -> AsyncIterator[Change]:
        event = asyncio.Event()
        waiting = (asyncio.get_running_loop(), event)
        with self._condition:
            self._waiting.append(waiting)
        try:
            while True:
                event.clear()
                with self._condition:
                    change = self._items.popleft() if self._items else None
                    has_ended = self._has_ended
                if change is not None:
                    yield change
                elif has_ended:
                    return
                else:
                    await event.wait()
        finally:
            with self._condition:
                self._waiting.remove(waiting)


_profiles: weakref.WeakSet[Profile] = weakref.WeakSet()


class Profile:
    """An object of the library: the global object of a profile, or one below it. It is released by ``close``, or at the end of a
    ``with``. Methods may be called on any thread."""

    def __init__(self, address: int, name: str) -> None:
        self._lock = threading.RLock()
        self._address: int | None = address
        self._slots = _abi.Slots(address)
        # The calls that are under way, by their threads.
        self._calls: collections.Counter[int] = collections.Counter()
        self._subscriptions: set[Subscription] = set()
        self.name = name
        _profiles.add(self)

    # A call on another thread may be under way when it is closed: the last one releases.

    def _begin(self) -> int:
        with self._lock:
            if self._address is None:
                raise ValueError(f"the profile {self.name!r} is closed")
            self._calls[threading.get_ident()] += 1
            return self._address

    def _end(self, address: int) -> None:
        with self._lock:
            self._calls[threading.get_ident()] -= 1
            self._calls += collections.Counter()
            is_last = not self._calls and self._address is None
        if is_last:
            self._release(address)

    def _release(self, address: int) -> None:
        # When Python ends the process does: what the library would call back is not there any more.
        if not sys.is_finalizing():
            with gate:
                self._slots.release(address)

    def _call(self, slot: str, *arguments: Any) -> None:
        address = self._begin()
        is_nested, _thread.is_in_call = getattr(_thread, "is_in_call", False), True
        try:
            with gate:
                hresult = getattr(self._slots, slot)(address, *arguments)
        finally:
            _thread.is_in_call = is_nested
            self._end(address)
        interrupt, _thread.interrupt = getattr(_thread, "interrupt", None), None
        if interrupt is not None:
            raise interrupt
        check(hresult, self.name)

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        own = threading.get_ident()
        self._calls = collections.Counter({own: self._calls[own]}) if self._calls[own] else collections.Counter()

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
        return self._subscribe(callback, None)

    def _subscribe(self, callback: Callable[[Change], object], ended: Callable[[], object] | None) -> Subscription:
        # Ours, until Advise has returned.
        registered = _Registered(next(_numbers), callback)
        this = ctypes.addressof(registered.sink)
        with _lock:
            _sinks[registered.sink.number] = registered
        info = _abi.AdviseInfo(
            ctypes.sizeof(_abi.AdviseInfo), 0, 0, this, _abi.ADVISE_TYPE_STATECHANGE, _abi.STATE_ALL
        )
        token = ULONG()
        try:
            self._call("advise", 0, byref(info), byref(token))
        finally:
            _count(this, -1)
        subscription = Subscription(self, token.value, registered, ended)
        with self._lock:
            self._subscriptions.add(subscription)
            is_closed = self._address is None
        if is_closed:
            subscription.close()
        return subscription

    def _unadvise(self, token: int) -> None:
        # As for `_release`.
        if sys.is_finalizing():
            return
        try:
            self._call("unadvise", 0, token)
        except ValueError:
            # Closed on another thread meanwhile: the callback has been taken away.
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
        """Ends its subscriptions, and releases it. Callable several times, and in a callback."""
        for subscription in list(self._subscriptions):
            subscription.close()
        with self._lock:
            address, self._address = self._address, None
            is_idle = not self._calls
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
            try:
                warnings.warn(f"the profile {self.name!r} was not closed", ResourceWarning, stacklevel=2)
            finally:
                self.close()

    def __repr__(self) -> str:
        return f"<mapioffline.Profile {self.name!r}{' closed' if self._address is None else ''}>"


def open(profile: str) -> Profile:
    """Opens the global object of a profile, which all programs of the user share.

    The first open decides where this process keeps states: MAPIOFFLINE_STATE_DIR and MAPIOFFLINE_STORE are read then. Raises
    InvalidArgumentError (an empty name), NotFoundError (longer than 64 UTF-16 units; or strict hosting, and no program has created it).
    """
    dispatcher.start()
    address = c_void_p()
    hresult = library.MapiOfflineOpenUtf8(0, _name(profile), byref(_abi.GUID_GLOBAL_STATE), None, byref(address))
    check(hresult, profile)
    return Profile(address.value or 0, profile)


def create(profile: str, capabilities: Capability = Capability.ALL) -> Profile:
    """Creates the global object of a profile with these capabilities, or opens it if it is there already."""
    return _create(profile, capabilities, _abi.GUID_GLOBAL_STATE, None)


def _create(profile: str, capabilities: Capability, guid: _abi.Guid | None, parent: int | None) -> Profile:
    dispatcher.start()
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


# How long one wait in the library takes: between two of them Ctrl-C counts, and Python may end.
_SLICE = 0.2


def _in_slices(timeout: Seconds, wait: Callable[[int], int]) -> int:
    """Waits so long in all. ``wait`` takes milliseconds, and returns an HRESULT."""
    if timeout is not None and timeout < 0:
        raise ValueError(f"a time of {timeout} seconds")
    dispatcher.start()
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _SLICE if deadline is None else max(0.0, min(_SLICE, deadline - time.monotonic()))
        with gate:
            hresult = wait(int(left * 1000))
        is_over = deadline is not None and time.monotonic() >= deadline
        if hresult & 0xFFFFFFFF != _TIMED_OUT or is_over:
            return hresult


_TIMED_OUT = 0x80040401


def wait_for(profile: str, state: State, timeout: Seconds = 10.0) -> None:
    """Waits until the profile is in the state in this process, and all callbacks here have returned from that change.

    Raises TimedOutError; PendingError in a callback.
    """
    name, wanted = _name(profile), int(State(state))
    check(_in_slices(timeout, lambda left: int(library.MapiOfflineWaitUtf8(name, wanted, left))), profile)


def settle(profile: str, timeout: Seconds = 10.0) -> None:
    """Waits until all programs that have the profile open have returned from their last notification of the last change.

    Raises TimedOutError, which says how many have not; PendingError in a callback.
    """
    name, late = _name(profile), ULONG()
    hresult = _in_slices(timeout, lambda left: int(library.MapiOfflineSettleUtf8(name, left, byref(late))))
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


# ---- fork -----------------------------------------------------------------------------------------------------------


def _after_fork() -> None:
    """Other threads, which may have held locks, are not in the child."""
    global _lock
    _lock = threading.RLock()
    for profile in list(_profiles):
        profile._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
