"""The readable commands of the v2 API but the summary and the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minerbridge.simulator.pools import PoolEntry
from minerbridge.simulator.whatsminer_boards import edevs
from minerbridge.simulator.whatsminer_replies import (
    INVALID,
    REFUSED,
    Document,
    RefusedError,
    listed,
    said,
)
from minerbridge.simulator.whatsminer_summary import summary

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

Read = Callable[["Whatsminer", Document], Document]
NTP = ["0.cn.pool.ntp.org", "0.openwrt.pool.ntp.org", "0.asia.pool.ntp.org", "0.pool.ntp.org"]


def pools(device: Whatsminer) -> Document:
    rows = [_pool(device, index, entry) for index, entry in enumerate(device.pools)]
    return listed(device, 7, f"{len(rows)} Pool(s)", "POOLS", rows)


def devdetails(device: Whatsminer) -> Document:
    if device.generation.number >= 4:
        raise RefusedError(REFUSED, "This command is deprecated.")
    rows = [
        {"DEVDETAILS": board, "Name": "SM", "ID": board, "Driver": "bitmicro", "Kernel": "",
         "Model": device.model.name}
        for board in range(device.model.boards)
    ]  # fmt: skip
    return listed(device, 69, "Device Details", "DEVDETAILS", rows)


def get_version(device: Whatsminer) -> Document:
    generation, model = device.generation, device.model
    version = {"api_ver": generation.api, "fw_ver": device.firmware}
    if generation.number >= 2:
        version |= {"platform": generation.platform, "chip": model.chip_data}
    if generation.number >= 3:
        version["miner_type"] = model.name
    return said(device, version)


def get_psu(device: Whatsminer) -> Document:
    model, drawn_w = device.model.supply, device.power_w
    supply = {"name": model, "hw_version": "", "sw_version": "102220.009", "model": model}
    if device.generation.number == 1:
        return said(device, supply | {"name": model[:3]})
    supply |= {"hw_version": "V01.00", "sw_version": "V01.00.V01.03", "enable": "1"}
    volts = 398.0 if device.model.is_liquid else 229.0
    return said(
        device,
        supply
        | {
            "iin": f"{drawn_w / volts * 1000:.2f}",
            "vin": f"{volts * 100:.0f}",
            "pin": f"{drawn_w:.0f}",
            "fan_speed": str(device.supply_fan_rpm()),
            "version": "-1",
            "serial_no": device.serial("psu", 15),
            "vendor": "1",
            "temp0": f"{device.plant.ambient_c + drawn_w / 150:.1f}",
        },
    )


def status(device: Whatsminer) -> Document:
    mining, number = device.mining, device.generation.number
    is_off = "true" if mining.is_off else "false"
    if number <= 2:
        return said(device, {"btmineroff": is_off, "Firmware Version": f"'{device.firmware}'"})
    limit_w, percent = mining.orders.limit_w, mining.orders.frequency_percent
    state: Document = {
        "mineroff": is_off,
        "mineroff_reason": mining.off_reason,
        "mineroff_time": mining.off_at,
        "FirmwareVersion": device.firmware,
        "power_mode": mining.orders.mode,
        "power_limit_set": "" if limit_w is None else str(limit_w),
        "hash_percent": str(percent),
    }
    if device.firmware.upper().endswith("REL3"):
        state |= {
            "fast_mining": str(int(mining.orders.fast_hash)),
            "fast_hash": str(int(mining.orders.fast_hash)),
            "liquid_temp": device.liquid_c() if device.model.is_liquid else 0,
            "power_pct": 100 if mining.percent is None else mining.percent,
        }
    return said(device, state)


def get_miner_info(device: Whatsminer, request: Document) -> Document:
    number, system = device.generation.number, device.system
    found: dict[str, Any] = {"ntp": NTP} if number >= 4 else {}
    found |= system.network(device.address) | {
        "hostname": system.hostname,
        "mac": device.mac_address,
        "ledstat": system.led,
        "minersn": device.serial("miner", 33),
        "powersn": device.serial("power", 11),
    }
    if number >= 3:
        found["upfreq_speed"] = str(device.mining.orders.upfreq_speed)
    wanted = request.get("info")
    if isinstance(wanted, str) and wanted:
        names = {name.strip() for name in wanted.split(",")}
        found = {name: value for name, value in found.items() if name in names}
    return said(device, found)


def get_error_code(device: Whatsminer) -> Document:
    if device.generation.number == 1:
        raise RefusedError(INVALID, "invalid cmd")
    return said(device, {"error_code": [{str(code): at} for code, at in device.error_codes()]})


def _pool(device: Whatsminer, index: int, entry: PoolEntry) -> Document:
    plant, is_used = device.plant, index == 0
    accepted, rejected, stale = plant.tally if is_used else (0, 0, 0)
    difficulty = plant.rating.share_difficulty if is_used else 0.0
    row: Document = {
        "POOL": index + 1,
        "URL": entry.url,
        "Status": "Alive",
        "Priority": index,
        "Quota": 1,
        "Getworks": int(plant.elapsed_s / 11) if is_used else 0,
        "Accepted": accepted,
        "Rejected": rejected,
        "Discarded": int(plant.elapsed_s * 60) if is_used else 0,
        "Stale": stale,
        "Get Failures": 0,
        "Remote Failures": 0,
        "User": entry.user,
        "Last Share Time": device.last_share_at() if is_used else 0,
        "Stratum Active": is_used and plant.is_hashing,
        "Stratum URL": entry.host,
        "Stratum Difficulty": difficulty,
        "Pool Rejected%": device.rejected_percent() if is_used else 0.0,
        "Pool Stale%": 0.0,
        "Bad Work": 0,
    }
    return row | (_cgminer_pool(accepted, difficulty) if device.generation.number == 1 else {})


def _cgminer_pool(accepted: int, difficulty: float) -> Document:
    return {
        "Long Poll": "N",
        "Diff1 Shares": int(accepted * difficulty),
        "Works": accepted * 34_626,
        "Proxy Type": "",
        "Proxy": "",
        "Difficulty Accepted": accepted * difficulty,
        "Difficulty Rejected": 0.0,
        "Difficulty Stale": 0.0,
        "Last Share Difficulty": difficulty,
        "Work Difficulty": 0.0,
        "Has Stratum": True,
        "Has GBT": False,
        "Best Share": 41_127_493 if accepted else 0,
        "Current Block Height": 920_127 if accepted else 0,
        "Current Block Version": 536_870_912 if accepted else 0,
    }


def _plain(read: Callable[[Whatsminer], Document]) -> Read:
    return lambda device, _request: read(device)


#: What goes through the mining program; the rest answers whether or not that runs.
MINING_READS: dict[str, Read] = {
    "summary": _plain(summary),
    "pools": _plain(pools),
    "edevs": _plain(edevs),
    "devs": _plain(edevs),
    "devdetails": _plain(devdetails),
}
OTHER_READS: dict[str, Read] = {
    "status": _plain(status),
    "get_psu": _plain(get_psu),
    "get_version": _plain(get_version),
    "get_error_code": _plain(get_error_code),
    "get_miner_info": get_miner_info,
}
