"""`minerbridge demo`: broker, simulated miners and bridge at once, with a live table."""

from __future__ import annotations

import argparse
import io
import queue
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from minerbridge.demo import brokers, show
from minerbridge.demo.broker import Broker
from minerbridge.demo.goodbye import leave
from minerbridge.demo.house import House, settings_for
from minerbridge.demo.journal import Journal
from minerbridge.demo.log_file import last_reason, log_kept_on_failure
from minerbridge.demo.miners import kinds_wanted, running
from minerbridge.demo.monitor import DemoMonitor

CONNECTED_WITHIN_S = 3.5
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="BROKER", help="use this MQTT broker (default: its own)")
    parser.add_argument(
        "--port", type=_port, metavar="N", help="port of the broker (default: 1883 or near it)"
    )
    parser.add_argument("--username", metavar="U", help="user of the broker")
    parser.add_argument("--password", metavar="P", help="password of the broker")
    parser.add_argument(
        "--miners", nargs="+", type=kinds_wanted, default=[], metavar="N|FAMILY=N",
        help="how many miners, or how many of which (default: 7 of four kinds)",
    )  # fmt: skip
    parser.add_argument(
        "--speed", type=_above_zero, default=1.0, metavar="S", help="let the miners live S x faster"
    )
    parser.add_argument("--seconds", type=_above_zero, metavar="S", help="end by itself")
    parser.add_argument(
        "--with-rig-monitor", action="store_true",
        help="also simulate a Mining Rig Monitor, which is reported to and switches the miners",
    )  # fmt: skip
    parser.add_argument("--plain", action="store_true", help="print lines instead of a live table")


def run(options: argparse.Namespace) -> int:
    if options.host is None and (options.username or options.password):
        print("minerbridge: --username and --password need --host", file=sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a dash or an arrow must not end the demo
    # Signal handlers only put a word here: a SimpleQueue is safe to use inside them.
    happenings: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in SIGNALS:
        signal.signal(number, lambda *_: happenings.put(show.STOP))
    print("starting broker, miners and bridge …", flush=True)
    began_s = time.monotonic()
    with log_kept_on_failure() as log, ExitStack() as stack:
        journal = Journal()
        _play(options, happenings, journal, log, stack)
    print(
        f"ended after {time.monotonic() - began_s:.0f} s, {journal.readings} readings and"
        f" {journal.commands} commands; nothing is left behind"
    )
    return 0


def _play(
    options: argparse.Namespace,
    happenings: queue.SimpleQueue[str],
    journal: Journal,
    log: Path,
    stack: ExitStack,
) -> None:
    """Start everything, show it until told to stop; *stack* ends it in the reverse order."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="minerbridge-demo-")))
    broker = _broker(options, folder)
    stack.callback(broker.stop)
    fleet = stack.enter_context(running(options.miners, options.speed))
    monitor = stack.enter_context(DemoMonitor(journal)) if options.with_rig_monitor else None
    settings = settings_for(broker, fleet.devices, folder / "state", monitor)
    bridge = House(settings, journal)
    bridge.ended = lambda name: happenings.put(f"the thread {name} has ended")
    bridge.start()
    stack.callback(leave, bridge, broker)
    end_s = time.monotonic() + (options.seconds or float("inf"))
    stage = show.Stage(bridge, broker, happenings, end_s, monitor)
    if not stage.is_connected(CONNECTED_WITHIN_S, lambda: last_reason(log)):
        return
    if options.plain or not show.has_table():
        show.show_lines(stage)
    else:
        show.show_table(stage)


def _broker(options: argparse.Namespace, folder: Path) -> Broker:
    if options.host is not None:
        return brokers.named(options.host, options.port, options.username, options.password)
    return brokers.started(folder, options.port)


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return number


def _above_zero(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
