"""The platform's events over a WebSocket: they only say that it is worth reading now."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from minerbridge.miners.mining_platform import login
from minerbridge.miners.mining_platform.client import PlatformClient

log = structlog.get_logger(__name__)

#: The public code serves the first, its documentation names the second.
PATHS = ("/ws/events", "/ws")
#: Statistics come every ten seconds and pongs at will; neither is news.
_NO_NEWS = frozenset({"miner.stats", "stats", "pong", "state.sync"})
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_STEADY_S = 60.0
_STEP_S = 0.5
_CLOSE_S = 0.5
_MAX_MESSAGE = 262_144
Deliver = Callable[[str, Mapping[str, Any]], None]


class EventListener:
    """A thread of its own while started; polling goes on whether or not it hears anything."""

    def __init__(self, client: PlatformClient, timeout_s: float, deliver: Deliver) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._deliver = deliver
        self._stop: threading.Event | None = None
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        if self._stop is None:
            self._stop = threading.Event()
            self.thread = threading.Thread(
                target=self._run,
                args=(self._stop,),
                name=f"events-{self._client.host}",
                daemon=True,
            )
            self.thread.start()

    def stop(self) -> None:
        """Let the thread end by itself, which takes at most a connect and a goodbye."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()

    def _run(self, stop: threading.Event) -> None:
        pause_s = _FIRST_PAUSE_S
        while not stop.is_set():
            began_s = time.monotonic()
            try:
                with self._opened() as connection:
                    self._listen(connection, stop)
            except (OSError, WebSocketException, ValueError) as error:
                log.debug("events_not_heard", host=self._client.host, reason=str(error))
            except Exception:
                log.exception("events_failed", host=self._client.host)
            if time.monotonic() - began_s >= _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _listen(self, connection: Connection, stop: threading.Event) -> None:
        # What happened before it was connected was not heard.
        self._deliver("connected", {})
        while not stop.is_set():
            try:
                text = connection.recv(timeout=_STEP_S)
            except TimeoutError:
                continue
            event = _event(text)
            if event is not None and not stop.is_set():
                self._deliver(*event)

    def _opened(self) -> Connection:
        """Connect to the first path there is."""
        try:
            return self._logged_in(PATHS[0])
        except InvalidStatus as error:
            if error.response.status_code not in (404, 405):
                raise
        return self._logged_in(PATHS[1])

    def _logged_in(self, path: str) -> Connection:
        """Connect to *path*, with a login where one is asked for."""
        try:
            return self._open(path, None)
        except InvalidStatus as error:
            challenge = error.response.headers.get("WWW-Authenticate", "")
            answer = self._answer(challenge, path) if error.response.status_code == 401 else None
            if answer is None:
                raise
            return self._open(path, answer)

    def _answer(self, challenge: str, path: str) -> str | None:
        client = self._client
        if client.password is None:
            return None
        return login.answer(challenge, "GET", client.base + path, client.username, client.password)

    def _open(self, path: str, authorization: str | None) -> Connection:
        client = self._client
        host = f"[{client.host}]" if ":" in client.host else client.host
        return connect(
            f"ws://{host}:{client.port}{client.base}{path}",
            additional_headers={"Authorization": authorization} if authorization else None,
            compression=None,
            proxy=None,
            open_timeout=self._timeout_s,
            close_timeout=_CLOSE_S,
            max_size=_MAX_MESSAGE,
            user_agent_header="minerbridge",
        )


def _event(text: str | bytes) -> tuple[str, Mapping[str, Any]] | None:
    """Return kind and content of a message that is news."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    kind, told = str(document.get("type") or ""), document.get("data")
    if kind in _NO_NEWS:
        return None
    return kind, told if isinstance(told, dict) else {}
