# SPDX-License-Identifier: MIT OR Apache-2.0
"""The thread on which callbacks run.

The library never calls into Python from a thread of its own: such a thread belongs to no interpreter, and Python would attach it to the
main one, or end it while it ends itself. So changes wait for a thread of this interpreter, which runs them (MapiOfflineDispatch).
"""

from __future__ import annotations

import atexit
import ctypes
import os
import select
import sys
import threading
import time

from . import _abi
from ._errors import check


class _Waker:
    """What wakes the thread, beside a change that waits."""

    def __init__(self) -> None:
        handle = ctypes.c_ssize_t(-1)
        check(_abi.library.MapiOfflineGetDispatchHandle(ctypes.byref(handle)), "callbacks")
        self._handle = handle.value
        if sys.platform == "win32":
            self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            self._kernel.CreateEventW.restype = ctypes.c_void_p
            self._event = self._kernel.CreateEventW(None, True, False, None)
        else:
            self._reader, self._writer = os.pipe()
            self._poll = select.poll()
            self._poll.register(self._handle, select.POLLIN)
            self._poll.register(self._reader, select.POLLIN)

    def wait(self) -> None:
        if sys.platform == "win32":
            both = (ctypes.c_void_p * 2)(self._handle, self._event)
            self._kernel.WaitForMultipleObjects(2, both, False, _abi.ALL)
        else:
            self._poll.poll()

    def wake(self) -> None:
        if sys.platform == "win32":
            self._kernel.SetEvent(ctypes.c_void_p(self._event))
        else:
            os.write(self._writer, b"w")

    def close(self) -> None:
        if sys.platform == "win32":
            self._kernel.CloseHandle(ctypes.c_void_p(self._event))
        else:
            os.close(self._reader)
            os.close(self._writer)


class _Gate(threading.local):
    """Where calls are counted that may call back: none may be under way when Python ends, as a thread that then comes back to Python is
    unwound through the library's frames."""

    depth = 0

    def __init__(self) -> None:
        # For each thread.
        self.depth = 0

    def __enter__(self) -> None:
        if self.depth == 0:
            with _condition:
                # As Python itself does with threads that it does not wait for. The main thread is the one that ends.
                while _calls.is_closed and threading.current_thread() is not threading.main_thread():
                    _condition.wait()
                _calls.inside += 1
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if self.depth == 0:
            with _condition:
                _calls.inside -= 1
                _condition.notify_all()


class _Calls:
    def __init__(self) -> None:
        self.inside = 0
        self.is_closed = False


_condition = threading.Condition()
_calls = _Calls()
gate = _Gate()


# How long a callback may still run when Python ends.
_PATIENCE = 10.0


class _Dispatcher:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waker: _Waker | None = None
        self._thread: threading.Thread | None = None
        self._ends = False

    def start(self) -> None:
        """Has a thread run what changes ask for. Before the first open: what is accepted earlier would stay with the library's threads."""
        with self._lock:
            if self._thread is not None or self._ends:
                return
            check(_abi.library.MapiOfflineSetDelivery(_abi.DELIVERY_PUMPED), "callbacks")
            waker = _Waker()
            # Python does not wait for it: it is ended by `stop`.
            thread = threading.Thread(target=self._run, args=(waker,), name="mapioffline", daemon=True)
            self._waker = waker
            try:
                thread.start()
            except BaseException:
                self._waker = None
                waker.close()
                raise
            self._thread = thread

    def _run(self, waker: _Waker) -> None:
        # A child that was forked in a callback has another one.
        while self._waker is waker:
            waker.wait()
            if self._waker is waker:
                with gate:
                    # One at a time: Python may be about to end.
                    _abi.library.MapiOfflineDispatch(1, 0, None)

    def stop(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        with self._lock:
            self._ends = True
            thread, waker = self._thread, self._waker
            self._thread = self._waker = None
        if waker is not None and thread is not None:
            # Delays that a test has asked for end.
            _abi.library.MapiOfflineRemoveFault(0)
            waker.wake()
            thread.join(_PATIENCE)
            if not thread.is_alive():
                waker.close()
        with _condition:
            _calls.is_closed = True
            _condition.wait_for(lambda: _calls.inside == 0, max(0.0, deadline - time.monotonic()))

    def after_fork(self) -> None:
        """The child has no such thread, a handle of its own, and no other thread's calls."""
        global _condition, _calls
        was_started = self._thread is not None
        if self._waker is not None:
            self._waker.close()
        _condition, _calls = threading.Condition(), _Calls()
        _calls.inside = 1 if gate.depth > 0 else 0
        self.__init__()  # type: ignore[misc]
        if was_started:
            self.start()


dispatcher = _Dispatcher()
atexit.register(dispatcher.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=dispatcher.after_fork)
