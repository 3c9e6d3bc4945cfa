# SPDX-License-Identifier: MIT OR Apache-2.0
"""Errors of the library, by the names that the reference gives them."""

from __future__ import annotations

NAMES = {
    0x80070057: "E_INVALIDARG",
    0x80004002: "E_NOINTERFACE",
    0x8000000A: "E_PENDING",
    0x8007000E: "E_OUTOFMEMORY",
    0x80004005: "E_FAIL",
    0x8000FFFF: "E_UNEXPECTED",
    0x80040106: "MAPI_E_UNKNOWN_FLAGS",
    0x8004010F: "MAPI_E_NOT_FOUND",
    0x80040102: "MAPI_E_NO_SUPPORT",
    0x80040116: "MAPI_E_DISK_ERROR",
    0x80040401: "MAPI_E_TIMEOUT",
    0x80070005: "MAPI_E_NO_ACCESS",
    0x8004010B: "MAPI_E_BUSY",
    0x8004010E: "MAPI_E_NOT_ENOUGH_RESOURCES",
    0x80040111: "MAPI_E_LOGON_FAILED",
    0x80040115: "MAPI_E_NETWORK_ERROR",
    0x8004011D: "MAPI_E_FAILONEPROVIDER",
    0x8004011C: "MAPI_E_UNCONFIGURED",
}


class Error(Exception):
    """A call of the library failed.

    ``hresult`` is the code as an unsigned number, ``name`` its name in the reference, such as ``E_PENDING``, or the number in
    hexadecimal where it has none. Each subclass is one name, and also the exception of Python that is nearest to it.
    """

    def __init__(self, hresult: int, what: str) -> None:
        self.hresult = hresult & 0xFFFFFFFF
        self.name = NAMES.get(self.hresult, f"0x{self.hresult:08X}")
        self._what = what
        super().__init__(f"{what}: {self.name}")

    def __reduce__(self) -> tuple[type[Error], tuple[int, str]]:
        # For copies, and other processes.
        return type(self), (self.hresult, self._what)


class InvalidArgumentError(Error, ValueError):
    """E_INVALIDARG: an argument is not valid, such as an empty name."""


class PendingError(Error, BlockingIOError):
    """E_PENDING: a change of the profile is under way, or the call would wait for the notification that makes it."""


class NotFoundError(Error, LookupError):
    """MAPI_E_NOT_FOUND: there is no such object, or the name has more than 64 UTF-16 units."""


class NoSupportError(Error):
    """MAPI_E_NO_SUPPORT: the object cannot be in that state, or the process cannot do this."""


class DiskError(Error, OSError):
    """MAPI_E_DISK_ERROR: the state cannot be written."""


class TimedOutError(Error, TimeoutError):
    """MAPI_E_TIMEOUT: it did not happen in time, or another process holds the lock of the state folder."""


class UnexpectedError(Error):
    """E_UNEXPECTED: the object has ended."""


class OutOfMemoryError(Error, MemoryError):
    """E_OUTOFMEMORY"""


_CLASSES: dict[str, type[Error]] = {
    "E_INVALIDARG": InvalidArgumentError,
    "E_PENDING": PendingError,
    "MAPI_E_NOT_FOUND": NotFoundError,
    "MAPI_E_NO_SUPPORT": NoSupportError,
    "MAPI_E_DISK_ERROR": DiskError,
    "MAPI_E_TIMEOUT": TimedOutError,
    "E_UNEXPECTED": UnexpectedError,
    "E_OUTOFMEMORY": OutOfMemoryError,
}


def check(hresult: int, what: str) -> None:
    """Raises what a failure is."""
    if hresult < 0:
        name = NAMES.get(hresult & 0xFFFFFFFF, "")
        raise _CLASSES.get(name, Error)(hresult, what)
