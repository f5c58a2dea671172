"""The S19's five RPC commands in the old form, which its stock firmware still answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from minerbridge.simulator.antminer_s19_cgi import (
    BOARDS,
    CHIPS,
    COMPILED,
    FANS,
    FREQUENCY_MHZ,
    MINER,
    reports,
)
from minerbridge.simulator.rpc_api import Answer, Bare, Row, Value, fixed

if TYPE_CHECKING:
    from minerbridge.simulator.antminer_s19 import AntminerS19

ZEROS = "0-0-0-0"


def version(device: AntminerS19) -> Answer:
    row: Row = {"BMMiner": "1.0.0", "API": "3.1", "Miner": MINER, "CompileTime": COMPILED,
                "Type": device.model}  # fmt: skip
    return Answer("S", 22, "CGMiner versions", "VERSION", (row,))


def summary(device: AntminerS19) -> Answer:
    plant, difficulty = device.plant, device.rating.share_difficulty
    accepted, rejected, elapsed_s = plant.accepted, plant.rejected, int(plant.elapsed_s)
    minutes = max(1, elapsed_s) / 60
    row: Row = {
        "Elapsed": elapsed_s,
        "GHS 5s": fixed(plant.hashrate_hs() / 1e9),
        "GHS av": fixed(plant.average_hs / 1e9),
        "GHS 30m": fixed(plant.hashrate_hs(window_s=1800) / 1e9),
        "Found Blocks": 0,
        "Getwork": elapsed_s // 12,
        "Accepted": accepted,
        "Rejected": rejected,
        "Hardware Errors": plant.hardware_errors,
        "Utility": fixed(accepted / minutes),
        "Discarded": elapsed_s * 89,
        "Stale": plant.stale,
        "Get Failures": 0,
        "Local Work": elapsed_s * 90,
        "Remote Failures": 0,
        "Network Blocks": elapsed_s // 600,
        "Total MH": fixed(plant.hashes / 1e6, 1),
        "Work Utility": fixed(plant.hashes / 2**32 / minutes),
        "Difficulty Accepted": fixed(accepted * difficulty, 1),
        "Difficulty Rejected": fixed(rejected * difficulty, 1),
        "Difficulty Stale": fixed(plant.stale * difficulty, 1),
        "Best Share": int(plant.hashes / 2**32 * 1.7),
        "Device Hardware%": Bare("0.0"),
        "Device Rejected%": Bare("0.0"),
        "Pool Rejected%": Bare("0.0"),
        "Pool Stale%": Bare("0.0"),
        "Last getwork": int(time.time()),
    }
    return Answer("S", 11, "Summary", "SUMMARY", (row,))


def devices(device: AntminerS19) -> Answer:
    """Rates are always 0.0 here and ``Tenperature`` is the firmware's own spelling (2022-12-06)."""
    plant, now = device.plant, int(time.time())
    row: Row = {
        "ASC": 0,
        "Name": "BTM_SOC",
        "ID": 0,
        "Enabled": "Y",
        "Status": "Alive",
        "Tenperature": Bare("0.0"),
        "MHS av": Bare("0.0"),
        "MHS 5s": Bare("0.0"),
        "Accepted": plant.accepted,
        "Rejected": plant.rejected,
        "Hardware Errors": 0,
        "Utility": Bare("0.0"),
        "Last Share Pool": 0,
        "Last Share Time": now,
        "Total MH": Bare("0.0"),
        "Diff1 Work": 0,
        "Difficulty Accepted": int(plant.accepted * device.rating.share_difficulty),
        "Difficulty Rejected": int(plant.rejected * device.rating.share_difficulty),
        "Last Share Difficulty": now,
        "Last Valid Work": now,
        "Device Hardware%": Bare("0.0"),
        "Device Rejected%": Bare("0.0"),
        "Device Elapsed": int(plant.elapsed_s),
    }
    return Answer("S", 9, "1 ASC(s)", "DEVS", (row,))


def pools(device: AntminerS19) -> Answer:
    plant, difficulty = device.plant, device.rating.share_difficulty
    rows: list[Row] = []
    for index, pool in enumerate(device.pool_entries):
        in_use = index == 0
        accepted, rejected = (plant.accepted, plant.rejected) if in_use else (0, 0)
        row: Row = {
            "POOL": index,
            "URL": pool.url,
            "Status": "Alive" if pool.url else "Dead",
            "Priority": index,
            "Quota": 1,
            "Long Poll": "N",
            "Getworks": int(plant.elapsed_s) // 12 if in_use else 3,
            "Accepted": accepted,
            "Rejected": rejected,
            "Discarded": int(plant.elapsed_s) * 89 if in_use else 0,
            "Stale": plant.stale if in_use else 0,
            "Get Failures": 0,
            "Remote Failures": 0,
            "User": pool.user,
            "Last Share Time": f"0:00:{int(plant.elapsed_s) % 20:02d}" if accepted else "0",
            "Diff": "524K" if in_use else "",
            "Diff1 Shares": 0,
            "Proxy Type": "",
            "Proxy": "",
            "Difficulty Accepted": fixed(accepted * difficulty, 1),
            "Difficulty Rejected": fixed(rejected * difficulty, 1),
            "Difficulty Stale": fixed(plant.stale * difficulty if in_use else 0, 1),
            "Last Share Difficulty": fixed(difficulty if accepted else 0, 1),
            "Has Stratum": True,
            "Stratum Active": in_use,
            "Stratum URL": pool.host if in_use else "",
            "Has GBT": False,
            "Best Share": fixed(plant.hashes / 2**32 * 1.7 if in_use else 0, 1),
            "Pool Rejected%": Bare("0.0"),
            "Pool Stale%%": Bare("0.0"),
        }
        rows.append(row)
    return Answer("S", 7, f"{len(rows)} Pool(s)", "POOLS", tuple(rows))


def stats(device: AntminerS19) -> Answer:
    """Name the total ``total rate`` while mining and ``total_rate`` asleep (2020-12-11)."""
    plant, is_awake = device.plant, reports(device)
    first: Row = {"BMMiner": "1.0.0", "Miner": MINER, "CompileTime": COMPILED,
                  "Type": device.model}  # fmt: skip
    row: dict[str, Value] = {
        "STATS": 0,
        "ID": "BTM_SOC0",
        "Elapsed": int(plant.elapsed_s),
        "Calls": 0,
        "Wait": 0,
        "Max": 0,
        "Min": 99999999,
        "GHS 5s": fixed(plant.hashrate_hs() / 1e9),
        "GHS av": fixed(plant.average_hs / 1e9),
        "rate_30m": fixed(plant.hashrate_hs(window_s=1800) / 1e9),
        "Mode": 2,
        "miner_count": BOARDS,
        "frequency": FREQUENCY_MHZ,
        "fan_num": FANS,
        **{f"fan{index + 1}": plant.fan_rpm(index) for index in range(FANS)},
        "temp_num": BOARDS,
    }
    for index in range(BOARDS + 1):
        row |= _chain(device, index, is_awake=is_awake)
    row |= {
        "total_rateideal": fixed(device.rating.point.hashrate_hs / 1e9, 1),
        "rate_unit": "GH",
        "total_freqavg": FREQUENCY_MHZ,
        "total_acn": CHIPS * BOARDS,
        "total rate" if is_awake else "total_rate": fixed(plant.average_hs / 1e9),
        "temp_max": 0,
        "no_matching_work": plant.hardware_errors,
        "miner_version": MINER,
        "miner_id": f"8144d5ca{device.number:08x}",
    }
    if device.reports_power:
        row["chain_power"] = f"{round(device.power_w)} W"
    return Answer("S", 70, "CGMiner stats", "STATS", (first, row))


def _chain(device: AntminerS19, index: int, *, is_awake: bool) -> dict[str, Value]:
    """One chain's fields; the fourth, where the firmware counts one board too many, is empty."""
    plant, n = device.plant, index + 1
    if index == BOARDS:
        return {
            f"freq{n}": 0, f"chain_acn{n}": 0, f"chain_acs{n}": "", f"chain_hw{n}": 0,
            f"chain_rate{n}": "", f"temp_pcb{n}": ZEROS, f"temp_chip{n}": ZEROS,
            f"temp_pic{n}": ZEROS,
        }  # fmt: skip
    chip, board = round(plant.chip_c(index)), round(plant.board_c(index))
    return {
        f"temp{n}": board,
        f"temp2_{n}": chip,
        f"freq{n}": FREQUENCY_MHZ,
        f"chain_acn{n}": CHIPS,
        f"chain_acs{n}": (" ooo" if is_awake else " xxx") * (CHIPS // 3),
        f"chain_hw{n}": plant.hardware_errors // BOARDS,
        f"chain_rate{n}": f"{plant.hashrate_hs(1 / BOARDS, salt=n) / 1e9:.2f}",
        f"temp_pcb{n}": f"{board}-{board - 8}-{board - 3}-{board - 2}",
        f"temp_chip{n}": f"{chip}-{chip - 12}-{chip - 3}-{chip - 2}",
        f"temp_pic{n}": f"{board - 6}-{board - 14}-{board - 9}-{board - 8}",
    }


ANSWERS: dict[str, Callable[[AntminerS19], Answer]] = {
    "version": version,
    "summary": summary,
    "devs": devices,
    "pools": pools,
    "stats": stats,
}
