"""The rarer read commands of a plain cgminer 4.11.1, and the table of all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from minerbridge.simulator.cgminer_rows import asc_devices, pools, summary, version
from minerbridge.simulator.rpc_api import Answer, Bare, Row, block, fixed

if TYPE_CHECKING:
    from minerbridge.simulator.cgminer import Cgminer

CALLS = block(
    {"Calls": 0, "Wait": Bare("0.000000"), "Max": Bare("0.000000"), "Min": Bare("99999999.000000")}
)


def stats(device: Cgminer) -> Answer:
    return _all_stats(device, [*_device_stats(device)])


def _all_stats(device: Cgminer, found: list[Row]) -> Answer:
    elapsed_s = int(device.plant.elapsed_s)
    for number in range(len(device.pools.entries)):
        row: Row = {
            "STATS": len(found),
            "ID": f"POOL{number}",
            "Elapsed": elapsed_s,
            "calls": CALLS,
            "pool": POOL_CALLS,
            "Times Sent": device.plant.shares + 2,
            "Bytes Sent": device.plant.shares * 110 + 139,
            "Times Recv": device.plant.shares + 4,
            "Bytes Recv": device.plant.shares * 60 + 562,
            "Net Bytes Sent": device.plant.shares * 110 + 139,
            "Net Bytes Recv": device.plant.shares * 60 + 562,
        }
        found.append(row)
    return Answer("S", 70, "CGMiner stats", "STATS", tuple(found))


def device_stats(device: Cgminer) -> Answer:
    return Answer("S", 70, "CGMiner stats", "STATS", tuple(_device_stats(device)))


def _device_stats(device: Cgminer) -> list[Row]:
    plant = device.plant
    return [
        {
            "STATS": number,
            "ID": f"SPN{number}",
            "Elapsed": int(plant.elapsed_s),
            "calls": CALLS,
            "ASICs total rate": int(plant.hashrate_hs() / 1e9 / len(device.enabled)),
            "Temperature front": round(plant.ambient_c),
            "Temperature rear top": round(plant.chip_c(number)),
            "Temperature rear bot": round(plant.chip_c(number + 5)),
        }
        for number in range(len(device.enabled))
    ]


def debug_stats(device: Cgminer) -> Answer:
    """Answer good data with the letter F, as cgminer 4.11.1 does."""
    elapsed_s, found = int(device.plant.elapsed_s), list[Row]()
    for n in range(len(device.enabled)):
        found.append({"STATS": n, "ID": f"SPN{n}", "Elapsed": elapsed_s, "calls": CALLS})
    return Answer("F", -1, "126", "STATS", _all_stats(device, found).rows)


def debug() -> Answer:
    names = ("Silent", "Quiet", "Verbose", "Debug", "RPCProto", "PerDevice", "WorkTime")
    row: Row = {name: name == "Silent" for name in names}
    return Answer("S", 79, "Debug settings", "DEBUG", (row,))


def notify(device: Cgminer) -> Answer:
    found: list[Row] = [
        {
            "NOTIFY": number,
            "Name": "SPN",
            "ID": number,
            "Last Well": int(time.time()),
            "Last Not Well": 0,
            "Reason Not Well": "None",
            "counts": NOTIFY_COUNTS,
        }
        for number in range(len(device.enabled))
    ]
    return Answer("S", 60, "Notify", "NOTIFY", tuple(found))


def device_details(device: Cgminer) -> Answer:
    found: list[Row] = [
        {
            "DEVDETAILS": number,
            "Name": "SPN",
            "ID": number,
            "Driver": "Spondoolies",
            "Kernel": "",
            "Model": "",
            "Device Path": "",
        }
        for number in range(len(device.enabled))
    ]
    return Answer("S", 69, "Device Details", "DEVDETAILS", tuple(found))


def config(device: Cgminer) -> Answer:
    row: Row = {
        "ASC Count": len(device.enabled),
        "PGA Count": 0,
        "Pool Count": len(device.pools.entries),
        "Strategy": "Failover",
        "Log Interval": 5,
        "Device Code": "SPN ",
        "OS": "Linux",
        "Hotplug": "None",
    }
    return Answer("S", 33, "CGMiner config", "CONFIG", (row,))


def coin(device: Cgminer) -> Answer:
    row: Row = {
        "Hash Method": "sha256",
        "Current Block Time": fixed(time.time() - device.plant.elapsed_s % 600, 6),
        "Current Block Hash": "0" * 64,
        "LP": True,
        "Network Difficulty": fixed(device.plant.rating.share_difficulty, 8),
    }
    return Answer("S", 78, "CGMiner coin", "COIN", (row,))


def lcd(device: Cgminer) -> Answer:
    plant, current = device.plant, device.pools.current
    row: Row = {
        "Elapsed": int(plant.elapsed_s),
        "GHS av": fixed(plant.average_hs / 1e9),
        "GHS 5m": fixed(plant.hashrate_hs(window_s=300) / 1e9),
        "GHS 5s": fixed(plant.hashrate_hs() / 1e9),
        "Temperature": fixed(round(plant.chip_c())),
        "Last Share Difficulty": fixed(plant.rating.share_difficulty if plant.shares else 0, 8),
        "Last Share Time": int(time.time()) if plant.shares else 0,
        "Best Share": int(plant.hashes / 2**32 * 1.7),
        "Last Valid Work": int(time.time()),
        "Found Blocks": 0,
        "Current Pool": current.url,
        "User": current.user,
    }
    return Answer("S", 125, "LCD", "LCD", (row,))


def _count(code: int, message: str, table: str, count: int) -> Answer:
    return Answer("S", code, message, table, ({"Count": count},))


POOL_CALLS = block(
    {
        "Pool Calls": 0,
        "Pool Attempts": 0,
        "Pool Wait": Bare("0.000000"),
        "Pool Max": Bare("0.000000"),
        "Pool Min": Bare("99999999.000000"),
        "Pool Av": Bare("0.000000"),
        "Work Had Roll Time": False,
        "Work Can Roll": False,
        "Work Had Expire": False,
        "Work Roll Time": 0,
        "Work Diff": Bare("4096.00000000"),
        "Min Diff": Bare("4096.00000000"),
        "Max Diff": Bare("4096.00000000"),
        "Min Diff Count": 357,
        "Max Diff Count": 357,
    }
)
NOTIFY_COUNTS = block(
    dict.fromkeys(
        (
            "*Thread Fail Init",
            "*Thread Zero Hash",
            "*Thread Fail Queue",
            "*Dev Sick Idle 60s",
            "*Dev Dead Idle 600s",
            "*Dev Nostart",
            "*Dev Over Heat",
            "*Dev Thermal Cutoff",
            "*Dev Comms Error",
            "*Dev Throttle",
        ),
        0,
    )
)
READS: dict[str, Callable[[Cgminer], Answer]] = {
    "version": version,
    "summary": summary,
    "devs": asc_devices,
    "edevs": asc_devices,
    "pools": pools,
    "stats": stats,
    "estats": device_stats,
    "dbgstats": debug_stats,
    "notify": notify,
    "devdetails": device_details,
    "config": config,
    "coin": coin,
    "lcd": lcd,
    "usbstats": lambda _device: Answer("I", 88, "No USB Statistics"),
    "asccount": lambda device: _count(104, "ASC count", "ASCS", len(device.enabled)),
    "pgacount": lambda _device: _count(59, "PGA count", "PGAS", 0),
}
