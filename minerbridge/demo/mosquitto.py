"""A mosquitto of the demo's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import ClassVar

from minerbridge.demo.broker import LOOPBACK, Broker, PortTaken
from minerbridge.errors import BridgeError

#: Debian keeps it where the PATH of an ordinary user does not lead.
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/sbin")
CONFIGURATION = """\
per_listener_settings false
listener {port} {address}
allow_anonymous true
set_tcp_nodelay true
persistence false
log_dest stderr
log_timestamp false
log_type error
log_type warning
log_type notice
log_type information
connection_messages false
"""
STARTED_WITHIN_S = 5.0
STOPPED_WITHIN_S = 2.0
_RUNNING = re.compile(r"mosquitto version (\S+) running")


def program() -> str | None:
    """Return where mosquitto is; None when it is not installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
    return shutil.which("mosquitto", path=path)


class Mosquitto(Broker):
    """A child process on loopback that keeps nothing on disk."""

    is_private: ClassVar[bool] = True

    def __init__(self, program: str, directory: Path, port: int) -> None:
        super().__init__(LOOPBACK, port)
        self._program = program
        self._configuration = directory / f"mosquitto-{port}.conf"
        self._log = directory / f"mosquitto-{port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._configuration.write_text(CONFIGURATION.format(port=self.port, address=LOOPBACK))
        with self._log.open("wb") as log:
            # A session of its own: the terminal's Ctrl-C must not reach it before the goodbyes.
            self._process = subprocess.Popen(  # noqa: S603  the program that PATH names
                [self._program, "-c", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while (running := _RUNNING.search(self._words())) is None:
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                raise self._failure()
            time.sleep(0.01)
        self.what = f"mosquitto {running[1]}"

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def problem(self) -> str:
        if self._process is None or self._process.poll() is None:
            return ""
        return f"{self.what} ended: {self._last_words()}"

    def _failure(self) -> BridgeError:
        if "Address already in use" in self._words():
            return PortTaken(f"port {self.port} is taken")
        return BridgeError(f"{self._program} does not start: {self._last_words()}")

    def _words(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def _last_words(self) -> str:
        lines = self._words().strip().splitlines()
        return lines[-1] if lines else "it did not say why"
