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
from minerbridge.miners.driver import MinerDriver, finished
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
    for name in ("web_problem", "rpc_problem"):
        if name in reading.details:
            print(f"{options.host}: {reading.details[name]}", file=sys.stderr)
    if options.json:
        print(json.dumps(json.loads(reading_json(reading, with_pool_users=True)), indent=2))
    else:
        for name, value in rows(profile, reading):
            print(f"{name:<20} {value}")
    return 0


def read_once(driver: MinerDriver) -> MinerReading:
    """Run a read to its end; return the first device's reading."""
    return enrich.with_derived(finished(driver.read())[0], None)


def rows(profile: MinerProfile, reading: MinerReading) -> list[tuple[str, str]]:
    """Return what was reported, for people; what was not is left out."""
    unit = hashrate_unit(reading.algorithm, reading.hashrate_hs)
    shown = [("evidence", profile.evidence)]
    for field in dataclasses.fields(reading):
        value = getattr(reading, field.name)
        if value in (None, (), {}) or field.name in ("miner_id", "at"):
            continue
        if field.name in ("boards", "pools", "errors"):
            shown += [(field.name.removesuffix("s"), _brief(item, unit)) for item in value]
        elif field.name == "details":
            shown += [(name, _text(name, one, unit)) for name, one in value.items()]
        else:
            shown.append((field.name.removesuffix("_hs"), _text(field.name, value, unit)))
    writes = sorted(name for name, spec in profile.commands.items() if not spec.is_query)
    shown.append(("commands", ", ".join(writes) or "none"))
    return shown


def _brief(item: Any, unit: str) -> str:
    facts = dataclasses.asdict(item)
    told = {name: value for name, value in facts.items() if value is not None}
    return ", ".join(
        f"{name.removesuffix('_hs')} {_text(name, value, unit)}" for name, value in told.items()
    )


def _text(name: str, value: Any, unit: str) -> str:
    if name.endswith("_hs"):
        return f"{value / scale_of(unit):.2f} {unit}"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
