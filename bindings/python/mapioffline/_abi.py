# SPDX-License-Identifier: MIT OR Apache-2.0
"""The C ABI of the library: types, slots and functions, as in mapioffline.h.

Plain ctypes: it is in Python's own library, knows sub-interpreters and free threading, and releases the GIL in each call.
"""

from __future__ import annotations

import ctypes
import os
import sys
import uuid
from ctypes import POINTER, Structure, c_char_p, c_int32, c_ssize_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any, Callable

ULONG = c_uint32
HRESULT = c_int32

# `__stdcall`, which only 32-bit Windows has.
FUNCTION: Callable[..., Any] = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)

BLOCK = 0x2000
OFFLINE_MASK = 3
STATE_ALL = 0x003F037F
ADVISE_TYPE_STATECHANGE = 1
DELIVERY_PUMPED = 1
ALL = 0xFFFFFFFF
"""As a count: without a limit. As a time: for ever."""

S_OK = 0
E_NOINTERFACE = 0x80004002 - (1 << 32)
E_POINTER = 0x80004003 - (1 << 32)


class Guid(Structure):
    """A GUID, in the layout of the ABI."""

    _fields_ = [("bytes", ctypes.c_ubyte * 16)]

    @classmethod
    def of(cls, text: str) -> Guid:
        return cls.from_buffer_copy(uuid.UUID(text).bytes_le)


IID_IUNKNOWN = Guid.of("00000000-0000-0000-c000-000000000046")
IID_NOTIFY = Guid.of("0317bde5-fc29-44cd-8dcd-36125a3be9ec")
GUID_GLOBAL_STATE = Guid.of("fbeffd93-b11f-4094-842b-96dcd31e63d1")


class AdviseInfo(Structure):
    """MAPIOFFLINE_ADVISEINFO"""

    _fields_ = [
        ("size", ULONG),
        ("token", ULONG),
        ("callback_type", c_int32),
        ("callback", c_void_p),
        ("types", ULONG),
        ("mask", ULONG),
    ]


class Notification(Structure):
    """MAPIOFFLINE_NOTIFY"""

    _fields_ = [
        ("size", ULONG),
        ("type", c_int32),
        ("token", ULONG),
        ("mask", ULONG),
        ("old", ULONG),
        ("new", ULONG),
    ]


class CreateInfo(Structure):
    """MAPIOFFLINE_CREATEINFO"""

    _fields_ = [
        ("size", ULONG),
        ("flags", ULONG),
        ("profile", c_void_p),
        ("capabilities", ULONG),
        ("guid", POINTER(Guid)),
        ("instance", POINTER(Guid)),
        ("parent", c_void_p),
        ("support", c_void_p),
        ("aggregate", c_void_p),
        ("connect", c_void_p),
    ]


class SinkVtable(Structure):
    """IMAPIOfflineNotifyVtbl"""

    _fields_ = [("query_interface", c_void_p), ("add_ref", c_void_p), ("release", c_void_p), ("notify", c_void_p)]


class Sink(Structure):
    """An IMAPIOfflineNotify. What it is for is found by its number."""

    _fields_ = [("vtable", POINTER(SinkVtable)), ("number", ctypes.c_size_t)]


# The slots of IMAPIOfflineMgr, by their place.
_SLOTS: dict[str, tuple[int, Any]] = {
    "release": (2, FUNCTION(ULONG, c_void_p)),
    "set_current_state": (3, FUNCTION(HRESULT, c_void_p, ULONG, ULONG, ULONG, c_void_p)),
    "get_capabilities": (4, FUNCTION(HRESULT, c_void_p, POINTER(ULONG))),
    "get_current_state": (5, FUNCTION(HRESULT, c_void_p, POINTER(ULONG))),
    "advise": (7, FUNCTION(HRESULT, c_void_p, ULONG, POINTER(AdviseInfo), POINTER(ULONG))),
    "unadvise": (8, FUNCTION(HRESULT, c_void_p, ULONG, ULONG)),
}


class Slots:
    """The methods of an object."""

    release: Any
    set_current_state: Any
    get_capabilities: Any
    get_current_state: Any
    advise: Any
    unadvise: Any

    def __init__(self, address: int) -> None:
        table = ctypes.cast(address, POINTER(POINTER(c_void_p)))[0]
        for name, (place, prototype) in _SLOTS.items():
            setattr(self, name, prototype(table[place]))


_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "MapiOfflineVersionString": (c_char_p, []),
    "MapiOfflineOpenUtf8": (HRESULT, [ULONG, c_char_p, POINTER(Guid), POINTER(Guid), POINTER(c_void_p)]),
    "MapiOfflineCreateUtf8": (HRESULT, [ULONG, POINTER(CreateInfo), c_char_p, POINTER(c_void_p)]),
    "MapiOfflineSetStrictHosting": (None, [c_int32]),
    "MapiOfflineLiveObjects": (ULONG, []),
    "MapiOfflineGetStoreStatus": (
        HRESULT,
        [POINTER(ULONG), POINTER(ULONG), POINTER(ULONG), c_char_p, ULONG, c_char_p, ULONG],
    ),
    "MapiOfflineWaitUtf8": (HRESULT, [c_char_p, ULONG, ULONG]),
    "MapiOfflineSettleUtf8": (HRESULT, [c_char_p, ULONG, POINTER(ULONG)]),
    "MapiOfflineSetDelivery": (HRESULT, [ULONG]),
    "MapiOfflineDispatch": (HRESULT, [ULONG, ULONG, POINTER(ULONG)]),
    "MapiOfflineGetDispatchHandle": (HRESULT, [POINTER(c_ssize_t)]),
    "MapiOfflineAddFault": (HRESULT, [c_char_p, POINTER(ULONG)]),
    "MapiOfflineRemoveFault": (HRESULT, [ULONG]),
    "MapiOfflineGetFaultCounts": (HRESULT, [ULONG, POINTER(ULONG), POINTER(ULONG)]),
}


def _file() -> str:
    """The library: what the environment names, the wheel's own, or the installed one."""
    named = os.environ.get("MAPIOFFLINE_LIBRARY")
    if named:
        return named
    if sys.platform == "win32":
        inside = installed = "mapioffline.dll"
    else:
        inside, installed = "libmapioffline-python.so", "libmapioffline.so.0"
    own = Path(__file__).parent / inside
    return str(own) if own.exists() else installed


def _load() -> Any:
    loader = getattr(ctypes, "WinDLL", ctypes.CDLL)
    name = _file()
    try:
        library = loader(name)
    except OSError as error:
        raise ImportError(
            f"the library {name} cannot be loaded: {error}; "
            "install a wheel of mapioffline, or name the library by MAPIOFFLINE_LIBRARY"
        ) from None
    for function, (result, arguments) in _FUNCTIONS.items():
        found = getattr(library, function)
        found.restype, found.argtypes = result, arguments
    return library


class _Library:
    """The library, which is loaded when it is needed first: pytest loads its plug-ins whether a test uses them or not."""

    _loaded: Any = None

    def __getattr__(self, name: str) -> Any:
        if _Library._loaded is None:
            _Library._loaded = _load()
        return getattr(_Library._loaded, name)


library = _Library()


def same(a: Guid, b: Guid) -> bool:
    return bytes(a.bytes) == bytes(b.bytes)
