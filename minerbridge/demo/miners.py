"""The simulated miners of the demo."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any

from minerbridge.errors import BridgeError
from minerbridge.simulator.device import Device
from minerbridge.simulator.kinds import UnknownKindError, kind_named
from minerbridge.simulator.server import Fleet

#: In this order, and round again: seven make the usual mix.
MIX = ("antminer_s19", "whatsminer", "vnish_s9", "iceriver_pbfarmer", "antminer_s19",
       "whatsminer", "vnish_s9")  # fmt: skip
DEFAULT_NUMBER = len(MIX)
MOST = 5000
#: As builds with a power page.
OPTIONS: Mapping[str, Mapping[str, Any]] = {"antminer_s19": {"reports_power": True}}
#: They tell no watts; an owner would look at the nameplate. What the software miners of a mining
#: platform draw stands on none.
WITHOUT_WATTS = frozenset({"antminer_s17", "antminer_s9", "cgminer", "iceriver"})
#: Of these the fleet can switch; the power of the others would only be a guess without use.
PLACED_BY_NAMEPLATE = frozenset({"iceriver"})
#: Tried one after the other: a simulator may already run at the first.
FIRST_ADDRESSES = ("127.77.0.1", "127.78.0.1", "127.79.0.1", "127.80.0.1")


def kinds_wanted(text: str) -> Counter[str]:
    """Return the kinds that "12" or "antminer_s9=3" asks for."""
    if text.isdecimal():
        return _checked(text, Counter(islice(cycle(MIX), int(text))))
    kind, _, number = text.partition("=")
    try:
        name = kind_named(kind).kind
    except UnknownKindError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if number and not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{number!r} is not a number of miners")
    return _checked(text, Counter({name: int(number or 1)}))


def nameplate_w(device: Device) -> float | None:
    """Return the rating of a device that tells no watts; None where it does, or has none."""
    return device.rating.point.power_w if device.kind in WITHOUT_WATTS else None


def rated_power_w(device: Device) -> float | None:
    """Return what the fleet must be told to place a device; None where it learns it itself."""
    return nameplate_w(device) if device.kind in PLACED_BY_NAMEPLATE else None


def _checked(text: str, wanted: Counter[str]) -> Counter[str]:
    if not 1 <= wanted.total() <= MOST:
        raise argparse.ArgumentTypeError(f"{text}: between 1 and {MOST} miners")
    return wanted


@contextmanager
def running(wanted: Sequence[Counter[str]], speed: float) -> Iterator[Fleet]:
    """Let miners run until the end of the context; the first address with free ports is taken."""
    total: Counter[str] = sum(wanted, Counter())
    fleet = _started(total or Counter(islice(cycle(MIX), DEFAULT_NUMBER)), speed)
    try:
        yield fleet
    finally:
        fleet.stop()


def _started(kinds: Counter[str], speed: float) -> Fleet:
    problem: OSError | None = None
    for address in FIRST_ADDRESSES:
        fleet = Fleet(first_address=address, speed=speed)
        for kind, number in sorted(kinds.items(), key=lambda one: -one[1]):
            fleet.add(kind, number, **OPTIONS.get(kind, {}))
        try:
            fleet.start()
        except OSError as error:
            problem = error
            continue
        return fleet
    raise BridgeError(f"the simulated miners find no free ports: {problem}") from problem
