"""The RPC of Vnish 3.9: bmminer's rows with volts and watts, and every command open to the LAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minerbridge.simulator import antminer_old_rpc as rpc
from minerbridge.simulator.rpc_api import NOTHING, Answer, Command, Row, Value, fixed

if TYPE_CHECKING:
    from minerbridge.simulator.pools import PoolEntry
    from minerbridge.simulator.vnish_s9 import VnishS9

MINER, COMPILED = "26.0.1.3", "Tue Nov 30 17:18:39 CST 2021"
WATCHDOG_S = 5.0


def commands(device: VnishS9) -> dict[str, Command]:
    reads = {
        "version": lambda _: version(device),
        "summary": lambda _: rpc.summary(device),
        "devs": lambda _: rpc.devices(device),
        "pools": lambda _: pools(device),
        "stats": lambda _: stats(device),
    }
    writes = {
        "switchpool": lambda text: switch_pool(device, text),
        "volt": lambda text: volt(device, text),
        "dosleep": lambda _: sleep(device),
        "restart": lambda _: restart(device),
        "quit": lambda _: restart(device, WATCHDOG_S),
    }
    return {name: Command(run) for name, run in reads.items()} | {
        name: Command(run, joinable=False) for name, run in writes.items()
    }


def version(device: VnishS9) -> Answer:
    row: Row = {"CGMiner": "4.11.1", "API": "3.7", "Miner": MINER, "CompileTime": COMPILED,
                "Type": device.type_name}  # fmt: skip
    return Answer("S", 22, "CGMiner versions", "VERSION", (row,))


def stats(device: VnishS9) -> Answer:
    about: Row = {"Cgminer": "4.11.1", "Miner": MINER, "CompileTime": COMPILED,
                  "Type": device.type_name}  # fmt: skip
    return Answer("S", 70, "CGMiner stats", "STATS", (about, stats_row(device)), glue="")


def stats_row(device: VnishS9) -> dict[str, Value]:
    plant, chains = device.plant, device.chains
    boards: dict[int, Value] = {n: round(plant.board_c(n)) for n in chains}
    chips: dict[int, Value] = {n: round(plant.chip_c(n)) for n in chains}
    board_w = round(plant.power_w / len(chains)) if plant.is_hashing else 0
    return {
        **rpc.head(device, "BC50"),
        "miner_count": len(chains),
        "frequency": device.conf_values.get("freq", ""),
        **rpc.fans(device),
        "temp_num": len(chains),
        **rpc.series("temp", boards, 0),
        **rpc.series("temp2_", chips, 0),
        **rpc.series("freq_avg", dict.fromkeys(chains, fixed(device.running_mhz)), NOTHING),
        **rpc.tail(device),
        "total_freqavg": fixed(device.running_mhz),
        **{f"chain_bchips{n}": "0" if plant.is_hashing else "Warm up" for n in chains},
        **{f"chain_vol{n}": round(device.voltage_v * 100) for n in chains},
        **{f"chain_consumption{n}": board_w for n in chains},
        "build_version": device.firmware,
    }


def pools(device: VnishS9) -> Answer:
    current = device.pools.current if device.pool_entries else None
    rows = [_pool(device, index, entry, in_use=entry is current)
            for index, entry in enumerate(device.pool_entries)]  # fmt: skip
    rows.append(_row(len(rows), "DevFee", "DevFee", 993, (device.plant.accepted // 40, 0, 0)))
    return Answer("S", 7, f"{len(rows)} Pool(s)", "POOLS", tuple(rows))


def _pool(device: VnishS9, index: int, entry: PoolEntry, *, in_use: bool) -> Row:
    tally = device.pools.tally(entry, device.plant.tally)
    row = dict(_row(index, entry.url, entry.user, entry.priority, tally))
    row["Stratum Active"] = in_use
    row["Stratum URL"] = entry.host if in_use else ""
    row["Diff"] = "65.5K" if in_use else ""
    return row


def _row(index: int, url: str, user: str, priority: int, tally: tuple[int, int, int]) -> Row:
    accepted, rejected, stale = tally
    return {
        "POOL": index,
        "URL": url,
        "Status": "Alive",
        "Priority": priority,
        "Quota": 1,
        "Long Poll": "N",
        "Getworks": accepted // 2,
        "Accepted": accepted,
        "Rejected": rejected,
        "Discarded": accepted * 3,
        "Stale": stale,
        "Get Failures": 0,
        "Remote Failures": 0,
        "User": user,
        "Last Share Time": "0:00:03" if accepted else "0",
        "Diff": "512",
        "Has Stratum": True,
        "Stratum Active": False,
        "Stratum URL": "",
        "Has GBT": False,
        "Boost": "Normal",
    }


def switch_pool(device: VnishS9, text: str | None) -> Answer:
    number = device.pools.find(text)
    if isinstance(number, Answer):
        return number
    before = device.pools.current
    device.write(f"switchpool {number}", lambda: device.pools.switch(number))
    device.pools.left(before, device.plant.tally)
    url = device.pool_entries[number].url
    return Answer("S", 27, f"Switching to pool {number}:'{url}'", is_write=True)


def volt(device: VnishS9, text: str | None) -> Answer:
    device.write(f"volt {text}", lambda: device.set_voltage(text or ""))
    return Answer("S", 119, "Voltage set", is_write=True)


def sleep(device: VnishS9) -> Answer:
    device.write("dosleep", device.fall_asleep)
    return Answer("S", 119, "Sleeping", is_write=True)


def restart(device: VnishS9, after_s: float = 0.0) -> Answer:
    device.write("restart", lambda: device.restart(after_s=device.plant.restart_s + after_s))
    return Answer("S", 42, "RESTART", is_write=True)
