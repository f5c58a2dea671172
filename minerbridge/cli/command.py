"""`minerbridge command HOST COMMAND [key=value …]`: one command, confirmed by reading back."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from minerbridge.cli import device
from minerbridge.cli.probe import read_once
from minerbridge.errors import BridgeError, MinerError, OutcomeUnknown, Unsupported
from minerbridge.miners.commands import check_parameters, describe
from minerbridge.miners.confirm import Pending, Verdict, verdict
from minerbridge.miners.driver import MinerDriver
from minerbridge.miners.families import driver_for
from minerbridge.model import CommandResult, Confirmation, MinerCommand, MinerProfile
from minerbridge.mqtt.wire import result_json


def arguments(parser: argparse.ArgumentParser) -> None:
    device.arguments(parser)
    parser.add_argument("command_name", metavar="COMMAND", help="'list' shows what there is")
    parser.add_argument("--yes", action="store_true", help="really send a guarded command")
    here = Path()
    parser.add_argument(
        "--firmware-dir", type=Path, default=here, metavar="DIR",
        help="where update_firmware finds its file (default: here)",
    )  # fmt: skip
    parser.add_argument(
        "--logs-dir", type=Path, default=here, metavar="DIR",
        help="where download_logs saves (default: here)",
    )  # fmt: skip
    parser.add_argument("parameters", nargs="*", metavar="key=value")


def run(options: argparse.Namespace) -> int:
    pairs = [text.partition("=") for text in options.parameters]
    if any(not sign for _, sign, _ in pairs):
        print("minerbridge: parameters are written key=value", file=sys.stderr)
        return 2
    parameters = {key: value for key, _, value in pairs}
    target = device.target(
        options, firmware_dir=str(options.firmware_dir), logs_dir=str(options.logs_dir)
    )
    driver = driver_for(options.family, dataclasses.replace(target, progress=_print_progress))
    try:
        with contextlib.closing(driver):
            profile = next(iter(driver.contact()))
            if options.command_name == "list":
                print_commands(profile)
                return 0
            spec = profile.commands.get(options.command_name)
            if spec is None or spec.is_query:
                reply = driver.query(options.command_name, parameters)
                print(json.dumps(reply, indent=2))
                return 0
            if spec.access == "guarded" and not options.yes:
                print(
                    f"{spec.name} can lose the miner its settings or its network: add --yes",
                    file=sys.stderr,
                )
                return 1
            result = execute(driver, profile, options.command_name, parameters)
    except MinerError as error:
        print(f"{options.host}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(json.loads(result_json(result)), indent=2))
    return 0 if result.status in ("confirmed", "unconfirmed") else 1


def execute(
    driver: MinerDriver, profile: MinerProfile, name: str, parameters: dict[str, Any]
) -> CommandResult:
    """Check, send and read back; return how it ended."""
    began_s = time.monotonic()
    spec = profile.commands.get(name)
    is_secret = spec is not None and spec.access == "secret"
    command = MinerCommand(
        profile.miner_id, name, uuid.uuid4().hex[:12], name, parameters,
        None if is_secret else parameters or None, source="command line",
    )  # fmt: skip
    try:
        if spec is None:
            raise Unsupported(f"{name} is not supported by this {profile.model or profile.family}")
        checked = check_parameters(spec, parameters)
        ready = MinerCommand(
            command.miner_id, name, command.id, name, checked, command.value, command.source
        )
        found = _sent(driver, ready)
    except MinerError as error:
        found = ("failed", error.code, str(error))
    except BridgeError as error:
        found = ("rejected", error.code, str(error))
    status, code, message = found
    if is_secret:
        message = _without(parameters, message)
    return CommandResult(
        command.id, profile.miner_id, name, command.value, status, code, message,
        datetime.now(UTC), round(time.monotonic() - began_s, 3),
    )  # fmt: skip


def _sent(driver: MinerDriver, command: MinerCommand) -> Verdict:
    try:
        pending = Pending(command, driver.execute(command), time.monotonic())
    except OutcomeUnknown as error:
        confirmation = error.confirmation or Confirmation(None, 0, "the effect")
        pending = Pending(command, confirmation, time.monotonic(), reply_lost=True)
    while True:
        reading = None
        if pending.confirmation.seen is not None:
            with contextlib.suppress(MinerError):
                reading = read_once(driver)
        found = verdict(pending, reading, time.monotonic())
        if found is not None:
            return found
        time.sleep(pending.confirmation.interval_s)


def _without(secrets: Mapping[str, Any], message: str) -> str:
    """Return *message* without the values it quotes: a terminal is often shown or logged."""
    for name, value in secrets.items():
        message = message.replace(repr(str(value)[:60]), f"what was given as {name}")
    return message


def _print_progress(command: str, done: int, total: int) -> None:
    print(f"{command}: {done * 100 // total} %, {done} of {total} bytes", file=sys.stderr)


def print_commands(profile: MinerProfile) -> None:
    """List the commands of a miner with what each takes."""
    for name, spec in sorted(profile.commands.items()):
        takes = "; ".join(f"{one.name}: {describe(one)}" for one in spec.parameters)
        access = "" if spec.access == "normal" else f" [{spec.access}]"
        print(f"{name:<20} {spec.summary}{access}{' (' + takes + ')' if takes else ''}")
