"""`minerbridge node-red NAME`: prints a flow that Node-RED imports."""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

from minerbridge.mqtt.topics import Topics
from minerbridge.node_red.flows import NAMES, Place, flow, summary
from minerbridge.settings import Settings
from minerbridge.settings_load import load


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="without it, the flows are listed")
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE",
        help="settings file: its broker, topics and first miner are filled in, no passwords",
    )  # fmt: skip
    parser.add_argument(
        "--broker", type=_address, metavar="HOST[:PORT]", help="the broker, as Node-RED reaches it"
    )


def run(options: argparse.Namespace) -> int:
    if options.name is None:
        for name in NAMES:
            print(f"{name:<16} {summary(name)}")
        return 0
    if options.name not in NAMES:
        near = difflib.get_close_matches(options.name, NAMES, n=1, cutoff=0.4)
        advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMES)}"
        print(f"minerbridge: no flow {options.name!r}; {advice}", file=sys.stderr)
        return 2
    settings = load(options.config) if options.config is not None else None
    place = place_of(settings) if settings is not None else Place()
    if options.broker is not None:
        host, port = options.broker
        place = replace(place, host=host, port=port or place.port)
    print(json.dumps(flow(options.name, place), indent=2, ensure_ascii=False))
    for hint in hints(settings) if settings is not None else ():
        print(f"minerbridge: {hint}", file=sys.stderr)
    return 0


def place_of(settings: Settings) -> Place:
    """Return what a flow is to be filled with for the bridge of *settings*."""
    mqtt, known = settings.mqtt, Place()
    topics = Topics(mqtt.base_topic, mqtt.discovery_prefix, mqtt.birth_topic, settings.site)
    return Place(
        host=mqtt.host,
        port=mqtt.port,
        tls=mqtt.tls is not None,
        protocol="5" if mqtt.protocol == "5" else known.protocol,
        root=topics.root,
        prefix=topics.prefix,
        miner_id=settings.miners[0].id if settings.miners else known.miner_id,
    )


def hints(settings: Settings) -> list[str]:
    """Return what a person still has to enter in Node-RED, which no flow carries."""
    found = []
    if settings.mqtt.username is not None:
        found.append("enter user and password in the broker node, tab Security")
    if settings.mqtt.tls is not None and (settings.mqtt.tls.ca or settings.mqtt.tls.certificate):
        found.append("choose the broker's CA and your certificate in the broker node, TLS settings")
    return found


def _address(text: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(?:\[([^\]\s]+)\]|([^\s:/@\[\]]+))(?::(\d{1,5}))?", text)
    if found is None or not 0 < int(found[3] or 1) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST or HOST:PORT")
    return found[1] or found[2], int(found[3]) if found[3] else None
