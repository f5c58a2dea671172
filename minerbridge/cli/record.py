"""`minerbridge record HOST DIR`: a device's replies as files, without what tells its owner."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from minerbridge import __version__
from minerbridge.cli import device
from minerbridge.cli.probe import read_once
from minerbridge.errors import BridgeError, MinerError, UnknownDevice
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for
from minerbridge.miners.identify import identify
from minerbridge.miners.recorder import record
from minerbridge.miners.recorder_pages import Recording
from minerbridge.miners.recording import Kind, Sanitiser
from minerbridge.miners.recording_files import INDEX, file_name, index_of, sanitised
from minerbridge.miners.replay import LOOPBACK, Replay
from minerbridge.mqtt.wire import reading_json

SHORTEST_SECRET = 4
MINER_ID = "recording"


def arguments(parser: argparse.ArgumentParser) -> None:
    device.arguments(parser)
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder to write into")
    parser.add_argument("--force", action="store_true", help="write over what is there")


def run(options: argparse.Namespace) -> int:
    folder: Path = options.directory
    target = device.target(options)
    try:
        if not options.force:
            _refuse_existing([folder / INDEX])
        sanitiser = Sanitiser(_known(options))
        recording = sanitised(record(target, _family(options.family, target)), sanitiser)
        facts = _facts(options.family, recording)
        files = {file_name(one, reply): reply for one, reply in recording.replies.items()}
        files[INDEX] = index_of(recording, {**facts, "replaced": sanitiser.replaced()})
        if not options.force:
            _refuse_existing([folder / name for name in files])
        _write(folder, files)
    except (BridgeError, OSError) as error:
        print(f"{options.host}: {error}", file=sys.stderr)
        return 1
    says = {file_name(one, reply): str(one) for one, reply in recording.replies.items()}
    for name, content in files.items():
        print(f"{folder / name}  {len(content)} bytes  {says.get(name, _summary(facts))}")
    print(_conclusion(sanitiser, recording))
    return 0


def _family(wanted: str, target: Target) -> str | None:
    """Return the family whose pages to ask for; None where the device is not recognised."""
    if wanted != "auto":
        return wanted
    try:
        return identify(target).family
    except UnknownDevice:
        return None


def _known(options: argparse.Namespace) -> Iterator[tuple[Kind, str]]:
    """Yield what the command line itself tells of the device."""
    try:
        yield "address", str(ip_address(options.host))
    except ValueError:
        if "." in options.host:
            yield "hostname", options.host
    if options.password and len(options.password) > SHORTEST_SECRET:
        yield "password", options.password


def _facts(family: str, recording: Recording) -> dict[str, Any]:
    """Read the device again from its sanitised recording: what this version makes of it."""
    facts: dict[str, Any] = {
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "minerbridge": __version__,
    }
    with Replay(recording) as replay:
        target = Target(MINER_ID, LOOPBACK, ports=replay.ports)
        try:
            driver = driver_for(family, target)
            with contextlib.closing(driver):
                profile = next(iter(driver.contact()))
                reading = read_once(driver)
        except MinerError as error:
            return {**facts, "family": None, "problem": str(error), "reading": None}
    return {
        **facts,
        "family": profile.family,
        "model": reading.model,
        "firmware": reading.firmware,
        "evidence": profile.evidence,
        "reading": json.loads(reading_json(reading, with_pool_users=True)),
    }


def _refuse_existing(paths: list[Path]) -> None:
    for path in paths:
        if path.exists():
            raise BridgeError(f"{path} exists; --force writes over it")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _summary(facts: dict[str, Any]) -> str:
    if facts["reading"] is None:
        return f"no reading: {facts['problem']}"
    return f"{facts['model'] or 'unknown model'} as read by family {facts['family']}"


def _conclusion(sanitiser: Sanitiser, recording: Recording) -> str:
    counts = [f"{number} {name}" for name, number in sanitiser.replaced().items()]
    replaced = ", ".join(counts) or "nothing"
    refused = f"{len(recording.refused)} requests refused, " if recording.refused else ""
    return f"{refused}replaced: {replaced}. Look through the files before you publish them."
