"""The broker inside the demo's own process: amqtt, which speaks MQTT 3.1.1."""

from __future__ import annotations

import asyncio
import threading
from importlib.metadata import version
from typing import Any, ClassVar, Literal

from minerbridge.demo.broker import LOOPBACK, Broker, PortTaken
from minerbridge.errors import BridgeError

STARTED_WITHIN_S = 10.0
STOPPED_WITHIN_S = 2.0


class EmbeddedBroker(Broker):
    """amqtt on a thread with a loop of its own."""

    is_private: ClassVar[bool] = True
    protocol: ClassVar[Literal["auto", "3.1.1"]] = "3.1.1"

    def __init__(self, port: int, why: str) -> None:
        super().__init__(LOOPBACK, port)
        self.remark = f"{why}: the embedded broker stands in, MQTT 3.1.1 only"
        self.what = f"embedded broker amqtt {version('amqtt')}"
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._error: Exception | None = None

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(STARTED_WITHIN_S):
            raise BridgeError(f"{self.what} does not start")
        if isinstance(self._error, OSError) or _is_about_port(self._error):
            raise PortTaken(f"port {self.port} is taken") from self._error
        if self._error is not None:
            raise BridgeError(f"{self.what} does not start: {self._error}") from self._error

    def stop(self) -> None:
        loop, ending = self._loop, self._ending
        if loop is not None and ending is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(ending.set)
        self._thread.join(STOPPED_WITHIN_S)

    def problem(self) -> str:
        return "" if self._thread.is_alive() else f"{self.what} ended: {self._error}"

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  a library's whatever; `start` tells it
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        from amqtt.broker import Broker as Amqtt  # takes half a second, and may be missing

        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        broker = Amqtt(_configuration(self.port))
        await broker.start()
        self._ready.set()
        await self._ending.wait()
        await broker.shutdown()


def _configuration(port: int) -> dict[str, Any]:
    anonymous = "amqtt.plugins.authentication.AnonymousAuthPlugin"
    return {
        "listeners": {
            "default": {"type": "tcp", "bind": f"{LOOPBACK}:{port}", "max_connections": 0}
        },
        "plugins": {anonymous: {"allow_anonymous": True}},
    }


def _is_about_port(error: Exception | None) -> bool:
    """Whether *error* wraps a failed bind, as amqtt's own class does."""
    while error is not None:
        if isinstance(error, OSError):
            return True
        cause = error.__cause__ or error.__context__
        error = cause if isinstance(cause, Exception) else None
    return False
