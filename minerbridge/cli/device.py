"""What the commands that talk to one device share."""

from __future__ import annotations

import argparse

from minerbridge import logs
from minerbridge.miners.driver import Target


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add HOST and how to reach and open it."""
    parser.add_argument("host", metavar="HOST", help="address of the miner")
    parser.add_argument("--family", default="auto", help="firmware family (default: found out)")
    parser.add_argument("--port", type=_port, metavar="N", help="port of its API")
    parser.add_argument("--v3-port", type=_port, metavar="N", help="port of a WhatsMiner's API v3")
    parser.add_argument(
        "--api", choices=("auto", "v2", "v3"), default="auto", help="which API of a WhatsMiner"
    )
    parser.add_argument("--http-port", type=_port, metavar="N", help="port of its web pages")
    parser.add_argument("--username", metavar="U", help="web user")
    parser.add_argument("--password", metavar="P", help="password")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="S", help="seconds to wait")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens")


def target(options: argparse.Namespace, **files: object) -> Target:
    """Return the device the options name, and *files*, the directories it may use.

    Without --http-port, --port is tried for both; without --v3-port, --api v3 is at --port.
    """
    logs.set_up("debug" if options.verbose else "critical")
    ports = {}
    if options.port is not None:
        ports = {"rpc": options.port, "http": options.http_port or options.port}
    elif options.http_port is not None:
        ports = {"http": options.http_port}
    v3_port = options.v3_port or (options.port if options.api == "v3" else None)
    if v3_port is not None:
        ports["v3"] = v3_port
    return Target(
        miner_id=options.host.replace(".", "_").replace(":", "_").lower(),
        host=options.host,
        username=options.username,
        password=options.password,
        ports=ports,
        timeout_s=options.timeout,
        options={"api": options.api, **files},
    )


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return number
