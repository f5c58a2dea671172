"""What can go wrong with one device, switched on and off while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Faults:
    """Assign to any field from any thread; it holds from the next connection on.

    Values in seconds are real ones, whatever the device's speed.
    """

    refuse: bool = False  # nobody listens
    hang: bool = False  # accepts, reads, never answers
    close: bool = False  # accepts and closes with zero bytes, as api-allow does to strangers
    truncate_after_bytes: int | None = None  # of the body, then closes
    cut_file_after_bytes: int | None = None  # of a file taken or given, with its length; closes
    garbage: bool = False
    delay_s: float = 0.0
    wrong_password: bool = False
    mac_address: str | None = None  # another device answers at this address
    drop_writes: bool = False  # says OK and does nothing
    lose_reply: bool = False  # does the write and closes without a word
    fails_to_start: bool = False  # from the next start on the boards hash nothing
    port: str | None = None  # only this one ("rpc", "http") is afflicted; None: all
    reboot_in_s: float | None = None
    changed: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        hook = getattr(self, "changed", None)
        if hook is not None and name != "changed":
            hook()

    def clear(self) -> None:
        """Healthy again."""
        for one in fields(self):
            if one.name != "changed" and getattr(self, one.name) != one.default:
                setattr(self, one.name, one.default)

    def afflicts(self, port: str) -> bool:
        return self.port is None or self.port == port
