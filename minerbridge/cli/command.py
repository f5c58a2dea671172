"""`minerbridge command HOST COMMAND [key=value …]`: one command, confirmed by reading back."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
import uuid
from datetime import UTC, datetime
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
    parser.add_argument("parameters", nargs="*", metavar="key=value")


def run(options: argparse.Namespace) -> int:
    pairs = [text.partition("=") for text in options.parameters]
    if any(not sign for _, sign, _ in pairs):
        print("minerbridge: parameters are written key=value", file=sys.stderr)
        return 2
    parameters = {key: value for key, _, value in pairs}
    driver = driver_for(options.family, device.target(options))
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
    command = MinerCommand(
        profile.miner_id, name, uuid.uuid4().hex[:12], name, parameters, parameters or None,
        source="command line",
    )  # fmt: skip
    try:
        if name not in profile.commands:
            raise Unsupported(f"{name} is not supported by this {profile.model or profile.family}")
        checked = check_parameters(profile.commands[name], parameters)
        ready = MinerCommand(
            command.miner_id, name, command.id, name, checked, command.value, command.source
        )
        found = _sent(driver, ready, began_s)
    except MinerError as error:
        found = ("failed", error.code, str(error))
    except BridgeError as error:
        found = ("rejected", error.code, str(error))
    status, code, message = found
    return CommandResult(
        command.id, profile.miner_id, name, command.value, status, code, message,
        datetime.now(UTC), round(time.monotonic() - began_s, 3),
    )  # fmt: skip


def _sent(driver: MinerDriver, command: MinerCommand, began_s: float) -> Verdict:
    try:
        pending = Pending(command, driver.execute(command), began_s)
    except OutcomeUnknown as error:
        confirmation = error.confirmation or Confirmation(None, 0, "the effect")
        pending = Pending(command, confirmation, began_s, reply_lost=True)
    while True:
        reading = None
        if pending.confirmation.seen is not None:
            with contextlib.suppress(MinerError):
                reading = read_once(driver)
        found = verdict(pending, reading, time.monotonic())
        if found is not None:
            return found
        time.sleep(pending.confirmation.interval_s)


def print_commands(profile: MinerProfile) -> None:
    """List the commands of a miner with what each takes."""
    for name, spec in sorted(profile.commands.items()):
        takes = "; ".join(f"{one.name}: {describe(one)}" for one in spec.parameters)
        access = "" if spec.access == "normal" else f" [{spec.access}]"
        print(f"{name:<20} {spec.summary}{access}{' (' + takes + ')' if takes else ''}")
