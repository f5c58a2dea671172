"""`minerbridge run`: the daemon."""

from __future__ import annotations

import argparse
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

import structlog

from minerbridge import __version__, logs
from minerbridge.bridge import Bridge
from minerbridge.errors import SettingsError
from minerbridge.runtime import notify_systemd, watchdog_interval_s
from minerbridge.settings_load import DEFAULT_PATHS, load

log = structlog.get_logger(__name__)

#: Enough for a driver's read; the default of 8 MiB a thread is 80 GiB of address space at 10,000.
THREAD_STACK_BYTES = 512 * 1024


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings file")


def settings_path(given: Path | None) -> Path | None:
    """Return the settings file to use: the given one, else the first that exists."""
    if given is not None:
        return given
    return next((path for path in DEFAULT_PATHS if path.is_file()), None)


def run(options: argparse.Namespace) -> int:
    path = settings_path(options.config)
    settings = load(path)
    logs.set_up(settings.log.level, settings.log.format)
    threading.stack_size(THREAD_STACK_BYTES)
    bridge = Bridge(settings)
    code = Main(bridge, path).run()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that hang in a device's socket must not keep the process.
    os._exit(code)


class Main:
    """The main thread: signals, supervision, watchdog."""

    def __init__(self, bridge: Bridge, path: Path | None) -> None:
        self._bridge = bridge
        self._path = path
        # Signal handlers only put a word here: a SimpleQueue is safe to use inside them.
        self._happenings: queue.SimpleQueue[str] = queue.SimpleQueue()

    def run(self) -> int:
        """Run until told to stop or until a thread dies; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._happenings.put("stop"))
        signal.signal(signal.SIGHUP, lambda *_: self._happenings.put("reload"))
        bridge = self._bridge
        bridge.ended = lambda name: self._happenings.put(f"ended {name}")
        miners = len(bridge.settings.miners)
        log.info("bridge_starting", version=__version__, miners=miners, settings=str(self._path))
        bridge.start()
        notify_systemd("READY=1")
        log.info("bridge_started", threads=len(bridge.services()))
        code = self._supervise()
        notify_systemd("STOPPING=1")
        bridge.stop()
        log.info("bridge_stopped", code=code)
        return code

    def _supervise(self) -> int:
        interval_s = watchdog_interval_s()
        fed_s = 0.0
        while True:
            try:
                happening = self._happenings.get(timeout=min(1.0, (interval_s or 2.0) / 2))
            except queue.Empty:
                happening = ""
            if happening == "stop":
                return 0
            if happening == "reload":
                self._reload()
            if happening.startswith("ended "):
                log.critical("thread_ended", thread=happening.removeprefix("ended "))
                return 1
            now_s = time.monotonic()
            if interval_s is not None and now_s - fed_s >= interval_s / 2:
                silent = [s.name for s in self._bridge.services() if not s.is_alive(now_s)]
                if silent:
                    log.error("thread_silent", threads=silent[:5])
                else:
                    notify_systemd("WATCHDOG=1")
                    fed_s = now_s

    def _reload(self) -> None:
        notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._bridge.apply(load(self._path))
            log.info("settings_reloaded", miners=len(self._bridge.workers))
        except SettingsError as error:
            log.error("settings_rejected", reason=str(error))
        notify_systemd("READY=1")
