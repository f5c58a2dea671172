"""The command line: start devices, say where they are, run until told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from minerbridge.simulator.device import Device
from minerbridge.simulator.kinds import UnknownKindError, kind_named
from minerbridge.simulator.server import Fleet
from minerbridge.simulator.settings_file import write_config

SHOWN = 20


def main(argv: Sequence[str], stop: threading.Event | None = None) -> int:
    """Exit code 0 after SIGINT, SIGTERM or *stop*, 2 on a wrong argument, 1 if ports are taken."""
    arguments = _parser().parse_args(argv)
    fleet = Fleet(first_address=arguments.first_address, speed=arguments.speed)
    try:
        for kind, number_of in arguments.devices:
            fleet.add(kind, number_of)
        fleet.start()
        if arguments.write_config:
            write_config(fleet, arguments.write_config)
    except OSError as error:
        fleet.stop()
        print(f"minerbridge simulate: {error}", file=sys.stderr)
        return 1
    try:
        ending = stop or threading.Event()
        _end_on_signals(ending)
        _show(fleet.devices)
        ending.wait()
    finally:
        fleet.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="minerbridge simulate", description=__doc__)
    parser.add_argument("devices", nargs="+", type=_kind_and_number, metavar="KIND=N")
    parser.add_argument("--first-address", default="127.77.0.1")
    parser.add_argument("--speed", type=_speed, default=1.0, help="simulated seconds per second")
    parser.add_argument("--write-config", metavar="FILE", help="settings for these devices")
    return parser


def _kind_and_number(text: str) -> tuple[str, int]:
    kind, _, number = text.partition("=")
    try:
        kind_named(kind)
    except UnknownKindError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if number and not number.isdecimal():
        raise argparse.ArgumentTypeError(f"not a number of devices: {number!r}")
    return kind, int(number or 1)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError("the speed must be above 0")
    return speed


def _show(devices: list[Device]) -> None:
    for device in devices[:SHOWN]:
        ports = " ".join(f"{name}={port}" for name, port in device.ports.items())
        print(f"{device.id:12} {device.kind:14} {device.address:15} {ports}")
    if len(devices) > SHOWN:
        print(f"… and {len(devices) - SHOWN} more")
    sys.stdout.flush()


def _end_on_signals(stop: threading.Event) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
