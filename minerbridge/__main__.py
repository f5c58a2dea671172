"""The command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from minerbridge import __version__
from minerbridge.errors import BridgeError, SettingsError

#: name: (module of `minerbridge.cli`, what it does)
COMMANDS = {
    "run": ("run", "run the bridge"),
    "check": ("check", "check the settings and say what would run"),
    "probe": ("probe", "identify a miner and read it once"),
    "scan": ("scan", "find miners on a network"),
    "record": ("record", "write a miner's replies to files, without secrets"),
    "command": ("command", "send one command to a miner and wait for its effect"),
    "history": ("history", "print the history as CSV: minutes of orders, commands, snapshots"),
    "simulate": ("simulate", "run simulated miners"),
    "asyncapi": ("asyncapi", "print the AsyncAPI document of every topic"),
    "demo": ("demo", "run broker, simulated miners and bridge, with a live table"),
    "node-red": ("node_red", "print a flow for Node-RED; without a name, list them"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0 good, 1 failed, 2 wrong use or settings."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except BridgeError as error:
        print(f"minerbridge: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="minerbridge",
        description="Bridge between ASIC miners, MQTT, Home Assistant and energy management.",
    )
    parser.add_argument("--version", action="version", version=f"minerbridge {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        # Only the wanted command is imported: `--help` and `probe` start at once.
        wanted = arguments[:1] == [name]
        command = commands.add_parser(name, help=summary, description=summary, add_help=True)
        if wanted and name != "simulate":
            import_module(f"minerbridge.cli.{module}").arguments(command)
    if arguments[:1] == ["simulate"]:
        # The simulator has a command line of its own and imports nothing of the bridge.
        return int(import_module("minerbridge.simulator.command").main(arguments[1:]))
    options = parser.parse_args(arguments)
    return int(import_module(f"minerbridge.cli.{COMMANDS[options.command][0]}").run(options))


if __name__ == "__main__":
    sys.exit(main())
