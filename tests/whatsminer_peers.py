"""Read a WhatsMiner with the public clients: `python whatsminer_peers.py HOST` prints JSON.

It runs under the interpreter that has pyasic and pyasic_rs, and imports nothing of this project.
"""

import asyncio
import json
import logging
import os
import sys


def plain(model):
    return str(model).replace("+", "Plus").replace(" ", "").replace("_", "")


async def by_pyasic(host):
    import pyasic

    miner = await pyasic.get_miner(host)
    found = await miner.get_data()
    return {
        "model": plain(found.model),
        "firmware": found.fw_ver,
        "mac_address": found.mac.lower(),
        "serial_number": found.serial_number,
        "hostname": found.hostname,
        "hashrate_ths": found.hashrate.rate if found.hashrate else None,
        "power_w": found.wattage,
        "power_limit_w": found.wattage_limit,
        "ambient_temperature_c": None if found.env_temp is None else float(found.env_temp),
        "board_hashrates_ths": [one.hashrate.rate for one in found.hashboards],
        "board_temperatures_c": [one.temp for one in found.hashboards],
        "board_chips": [one.chips for one in found.hashboards],
        "fan_speeds_rpm": [one.speed for one in found.fans],
        "pool_urls": [str(one.url) for one in found.pools],
        "shares_accepted": [one.accepted for one in found.pools],
        "is_mining": found.is_mining,
        "uptime_s": found.uptime,
        "errors": [str(getattr(one, "error_code", one)) for one in found.errors],
    }


async def by_pyasic_rs(host):
    import pyasic_rs

    miner = await pyasic_rs.MinerFactory().get_miner(host)
    found = (await miner.get_data()).model_dump()
    boards = found["hashboards"]
    pools = [one for group in found["pools"] for one in group["pools"]]
    target = found["tuning_target"] or {}
    return {
        "model": plain(found["device_info"]["model"]),
        "firmware": found["firmware_version"],
        "mac_address": str(found["mac"]).lower(),
        "serial_number": found["serial_number"],
        "hostname": found["hostname"],
        "hashrate_ths": (found["hashrate"] or {}).get("value"),
        "power_w": found["wattage"],
        "power_limit_w": target.get("value") if target.get("type") == "power" else None,
        "ambient_temperature_c": found["fluid_temperature"],
        "board_hashrates_ths": [(one["hashrate"] or {}).get("value") for one in boards],
        "board_temperatures_c": [one["board_temperature"] for one in boards],
        "board_chips": [one["working_chips"] for one in boards],
        "fan_speeds_rpm": [one["rpm"] for one in found["fans"]],
        "pool_urls": [str(one["url"]) for one in pools],
        "shares_accepted": [one["accepted_shares"] for one in pools],
        "is_mining": found["is_mining"],
        "uptime_s": found["uptime"].total_seconds() if found["uptime"] else None,
        "errors": [str(one["code"]) for one in found["messages"]],
    }


async def main(host):
    found = {}
    for name, read in (("pyasic", by_pyasic), ("pyasic_rs", by_pyasic_rs)):
        try:
            found[name] = await read(host)
        except ImportError:
            found[name] = None
    print(json.dumps(found), flush=True)


logging.disable(logging.CRITICAL)
asyncio.run(main(sys.argv[1]))
# pyasic_rs 0.8.6 sometimes aborts when the interpreter ends; what was to be said is said.
os._exit(0)
