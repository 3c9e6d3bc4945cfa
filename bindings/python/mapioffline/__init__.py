# SPDX-License-Identifier: MIT OR Apache-2.0
"""The Offline State API of Microsoft Outlook, without Outlook: whether a profile is online, for all programs of a user.

    import mapioffline
    from mapioffline import State

    with mapioffline.open("Outlook") as outlook:
        with outlook.subscribe(print):
            outlook.set(State.OFFLINE, wait=True)

Names, phases and errors are those of the reference (docs/python.md). Not affiliated with or endorsed by Microsoft.
"""

from ._errors import (
    DiskError,
    Error,
    InvalidArgumentError,
    NoSupportError,
    NotFoundError,
    OutOfMemoryError,
    PendingError,
    TimedOutError,
    UnexpectedError,
)
from ._objects import (
    Capability,
    Change,
    Changes,
    Fault,
    Phase,
    Profile,
    State,
    StoreStatus,
    Subscription,
    add_fault,
    create,
    live_objects,
    open,
    set_strict_hosting,
    settle,
    store_status,
    version,
    wait_for,
)


def __getattr__(name: str) -> str:
    # The library is loaded when it is needed first.
    if name == "__version__":
        return version()
    raise AttributeError(f"module 'mapioffline' has no attribute {name!r}")


__all__ = [
    "Capability",
    "Change",
    "Changes",
    "DiskError",
    "Error",
    "Fault",
    "InvalidArgumentError",
    "NoSupportError",
    "NotFoundError",
    "OutOfMemoryError",
    "PendingError",
    "Phase",
    "Profile",
    "State",
    "StoreStatus",
    "Subscription",
    "TimedOutError",
    "UnexpectedError",
    "add_fault",
    "create",
    "live_objects",
    "open",
    "set_strict_hosting",
    "settle",
    "store_status",
    "version",
    "wait_for",
]
