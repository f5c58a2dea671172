"""Shows the running demo until something ends it."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from minerbridge.demo import plain
from minerbridge.demo.broker import Broker
from minerbridge.demo.house import House
from minerbridge.demo.monitor import DemoMonitor
from minerbridge.demo.view import View, view_of
from minerbridge.errors import BridgeError

REFRESH_S = 0.25
#: Between two tables in lines; the first comes when every miner has been read, or after this.
PLAIN_TABLE_S = 10.0
FIRST_TABLE_S = 5.0
CONNECT_GLANCE_S = 0.05
STOP = "stop"


@dataclass(frozen=True, slots=True)
class Stage:
    """What is running; *happenings* tells "stop" or why something ended."""

    bridge: House
    broker: Broker
    happenings: queue.SimpleQueue[str]
    end_s: float
    monitor: DemoMonitor | None = None

    def goes_on(self) -> bool:
        """Wait a moment; return whether to draw again. Raise `BridgeError` when a part ended."""
        left_s = self.end_s - time.monotonic()
        try:
            happening = self.happenings.get(timeout=max(0.0, min(REFRESH_S, left_s)))
        except queue.Empty:
            happening = ""
        if happening not in ("", STOP):
            raise BridgeError(happening)
        if problem := self.broker.problem():
            raise BridgeError(problem)
        return happening != STOP and time.monotonic() < self.end_s

    def is_connected(self, within_s: float, reason: Callable[[], str]) -> bool:
        """Wait for the broker; return False when told to stop, raise `BridgeError` in the end."""
        deadline_s = time.monotonic() + within_s
        while not self.bridge.client.connected.wait(CONNECT_GLANCE_S):
            if time.monotonic() > deadline_s:
                where = f"{self.broker.host}:{self.broker.port}"
                raise BridgeError(f"no connection to {self.broker.what} at {where}: {reason()}")
            if not self.goes_on():
                return False
        return True

    def view(self) -> View:
        return view_of(self.bridge, self.broker, self.monitor)


def has_table() -> bool:
    """Whether a live table can be drawn on this terminal."""
    if find_spec("rich") is None or not sys.stdout.isatty():
        return False
    from rich.console import Console

    return not Console().is_dumb_terminal


def show_table(stage: Stage) -> None:
    from rich.console import Console

    from minerbridge.demo.screen import Screen
    from minerbridge.demo.table import frame

    journal, console = stage.bridge.journal, Console(highlight=False)
    with Screen(console) as screen:
        while True:
            width, height = console.size
            events = journal.newest(height)
            screen.draw(frame(stage.view(), dict(journal.last), events, width, height))
            if not stage.goes_on():
                return


def show_lines(stage: Stage) -> None:
    journal, seen = stage.bridge.journal, 0
    _say(plain.opening(stage.view()))
    due_s = time.monotonic() + FIRST_TABLE_S
    is_first = True
    told: set[str] = set()
    while True:
        entries, seen = journal.since(seen)
        _say(plain.events(entries))
        view = stage.view()
        if (is_first and view.is_settled) or time.monotonic() >= due_s:
            _say(plain.table(view))
            _say([view.advice] if is_first else ())
            is_first, due_s = False, time.monotonic() + PLAIN_TABLE_S
        if not is_first:
            _say(plain.copies(one for one in view.copies if one[1] not in told))
            told.update(line for _, line in view.copies)
        if not stage.goes_on():
            return


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)
