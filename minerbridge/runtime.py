"""What every room stands on: mailboxes, supervised threads, systemd, state on disk."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from minerbridge.errors import SettingsError

log = structlog.get_logger(__name__)
T = TypeVar("T")


class MailboxClosed(Exception):
    """The owner is to stop. Nothing more is taken."""


class Mailbox(Generic[T]):
    """A closable queue with one taker; an item posted under a key replaces a waiting one."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._items: deque[tuple[Hashable | None, T]] = deque()
        self._closed = False
        self._nudged = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        return self._closed

    def post(self, item: T, key: Hashable | None = None) -> T | None:
        """Add *item* at the end; return the waiting item of *key* that it replaced, if any."""
        with self._changed:
            if self._closed:
                raise MailboxClosed
            replaced = None
            if key is not None:
                for position, (waiting_key, waiting) in enumerate(self._items):
                    if waiting_key == key:
                        replaced = waiting
                        del self._items[position]
                        break
            self._items.append((key, item))
            self._changed.notify()
            return replaced

    def take(self, timeout_s: float | None = None) -> T | None:
        """Return the oldest item, None after *timeout_s*; raise `MailboxClosed` at the end."""
        with self._changed:
            if not self._items and not self._closed and not self._nudged:
                self._changed.wait(timeout_s)
            self._nudged = False
            if self._closed:
                raise MailboxClosed
            return self._items.popleft()[1] if self._items else None

    def nudge(self) -> None:
        """Let the owner's `take` return now, with nothing if nothing waits."""
        with self._changed:
            self._nudged = True
            self._changed.notify()

    def close(self) -> list[T]:
        """Wake the owner and return what nobody will take any more."""
        with self._changed:
            self._closed = True
            left = [item for _, item in self._items]
            self._items.clear()
            self._changed.notify_all()
            return left


class Service:
    """A supervised thread: `run` in a subclass, `stop` to end it; an early end is reported."""

    #: Longest silence of `beat` that still counts as alive; None where a thread may wait for ever.
    silence_s: float | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.stopping = threading.Event()
        self.last_beat_s = time.monotonic()
        self._on_end: Callable[[str], None] = lambda _: None
        self._thread: threading.Thread | None = None

    def start(self, on_end: Callable[[str], None]) -> None:
        """Start the thread; *on_end* hears its name if it ends without having been stopped."""
        self._on_end = on_end
        self.beat()
        self._thread = threading.Thread(target=self._guard, name=self.name, daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Work until `stopping` is set."""
        raise NotImplementedError  # a subclass that forgot it must not look alive

    def wake(self) -> None:
        """Bring the thread out of whatever it waits for."""

    def beat(self) -> None:
        self.last_beat_s = time.monotonic()

    def stop(self) -> None:
        self.stopping.set()
        self.wake()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; return whether it came."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def is_alive(self, now_s: float) -> bool:
        if self._thread is None or not self._thread.is_alive():
            return False
        return self.silence_s is None or now_s - self.last_beat_s <= self.silence_s

    def _guard(self) -> None:
        structlog.contextvars.bind_contextvars(thread=self.name)
        try:
            self.run()
        except Exception:
            log.exception("thread_died")
        finally:  # SystemExit ends a thread without a word
            if not self.stopping.is_set():
                self._on_end(self.name)


def notify_systemd(message: str) -> None:
    """Send *message* to the service manager; without one, do nothing. See sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.settimeout(1)
            notify.sendto(message.encode(), address)
    except OSError as error:
        log.warning("systemd_notify_failed", reason=str(error))


def watchdog_interval_s() -> float | None:
    """Return half of what systemd allows between signs of life; None when it does not watch."""
    try:
        interval_s = int(os.environ["WATCHDOG_USEC"]) / 1_000_000
    except (KeyError, ValueError):
        return None
    if interval_s <= 0:
        return None
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return interval_s / 2


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    """Return the one adapter of *shape*: building it takes milliseconds, miners are many."""
    return TypeAdapter(shape)


class StateFile(Generic[T]):
    """One small JSON file of a declared shape, replaced atomically. A broken one is set aside."""

    def __init__(self, path: Path, shape: Any, version: int = 1) -> None:
        self.path = path
        self._version = version
        self._adapter: TypeAdapter[T] = _adapter(shape)

    def load(self) -> T | None:
        """Return what was saved; None when there is nothing usable.

        Raise `SettingsError` where the file may not be read: starting without what it says would
        overwrite it.
        """
        try:
            document = json.loads(self.path.read_bytes())
            if document["version"] != self._version:
                raise ValueError(f"version {document['version']}, expected {self._version}")
            return self._adapter.validate_python(document["content"])
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingsError(f"{self.path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            aside = self.path.with_suffix(f".unreadable-{int(time.time())}")
            self.path.replace(aside)
            log.error(
                "state_set_aside", file=str(self.path), as_=str(aside), reason=str(error)[:300]
            )
            return None

    def save(self, content: T) -> None:
        """Write *content* so that a power cut leaves the old or the new file, never half of one."""
        body = json.dumps(
            {"version": self._version, "content": self._adapter.dump_python(content, mode="json")}
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        with temporary.open("w") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
