"""`minerbridge scan NETWORK`: find miners."""

from __future__ import annotations

import argparse
import json
import sys
from ipaddress import ip_network

from minerbridge import logs
from minerbridge.miners.scan import addresses_of, scan
from minerbridge.settings import MAX_SCAN_ADDRESSES


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", metavar="NETWORK", help="for example 192.168.1.0/24")
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(options: argparse.Namespace) -> int:
    logs.set_up("critical")
    try:
        network = ip_network(options.network, strict=False)
    except ValueError as error:
        print(f"minerbridge: {error}", file=sys.stderr)
        return 2
    if network.version != 4 or network.num_addresses > MAX_SCAN_ADDRESSES:
        print(f"minerbridge: IPv4, at most {MAX_SCAN_ADDRESSES} addresses", file=sys.stderr)
        return 2
    found = []
    for one in scan(addresses_of([network]), lambda _: (None, None)):
        found.append(one)
        if not options.json:
            model = one.profile.model or "unknown model"
            print(f"{one.host:<16} {one.family:<12} {model:<28} {one.miner_id}", flush=True)
    if options.json:
        rows = [
            {
                "id": one.miner_id,
                "host": one.host,
                "family": one.family,
                "model": one.profile.model,
                "firmware": one.profile.firmware,
                "mac_address": one.profile.mac_address,
                "evidence": one.profile.evidence,
            }
            for one in found
        ]
        print(json.dumps(rows, indent=2))
    elif not found:
        print(f"no miners found in {network}", file=sys.stderr)
    return 0
