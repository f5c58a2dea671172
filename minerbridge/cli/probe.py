"""`minerbridge probe HOST`: identify a miner and read it once."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
from typing import Any

from minerbridge.cli import device
from minerbridge.errors import MinerError
from minerbridge.miners import enrich
from minerbridge.miners.driver import MinerDriver
from minerbridge.miners.families import driver_for
from minerbridge.model import MinerProfile, MinerReading
from minerbridge.mqtt.units import hashrate_unit, scale_of
from minerbridge.mqtt.wire import reading_json


def arguments(parser: argparse.ArgumentParser) -> None:
    device.arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the reading as one JSON object")


def run(options: argparse.Namespace) -> int:
    target = device.target(options)
    driver = driver_for(options.family, target)
    try:
        with contextlib.closing(driver):
            profile = next(iter(driver.contact()))
            reading = read_once(driver)
    except MinerError as error:
        print(f"{options.host}: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(json.loads(reading_json(reading, with_pool_users=True)), indent=2))
    else:
        for name, value in rows(profile, reading):
            print(f"{name:<20} {value}")
    return 0


def read_once(driver: MinerDriver) -> MinerReading:
    """Run a read to its end; return the first device's reading."""
    steps = driver.read()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            reading: MinerReading = end.value[0]
            return enrich.with_derived(reading, None)


def rows(profile: MinerProfile, reading: MinerReading) -> list[tuple[str, Any]]:
    """Return what was reported, for people; what was not is left out."""
    unit = hashrate_unit(reading.algorithm, reading.hashrate_hs)
    shown: list[tuple[str, Any]] = [("evidence", profile.evidence)]
    for field in dataclasses.fields(reading):
        value = getattr(reading, field.name)
        if value in (None, (), {}) or field.name in ("miner_id", "at"):
            continue
        if field.name in ("hashrate_hs", "hashrate_average_hs"):
            shown.append((field.name.removesuffix("_hs"), f"{value / scale_of(unit):.2f} {unit}"))
        elif field.name in ("boards", "pools", "errors"):
            shown += [(field.name.removesuffix("s"), _brief(item)) for item in value]
        else:
            shown.append((field.name, value if not isinstance(value, tuple) else list(value)))
    shown.append(("commands", ", ".join(sorted(profile.commands)) or "none"))
    return shown


def _brief(item: Any) -> str:
    facts = dataclasses.asdict(item)
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
