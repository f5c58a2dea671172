"""The summary of each firmware generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minerbridge.simulator.whatsminer_replies import Document, listed, said

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

MHS = 1e-6


def summary(device: Whatsminer) -> Document:
    number = device.generation.number
    if number >= 4:
        return said(device, _newest(device))
    row = _cgminer(device) if number == 1 else _btminer(device)
    return listed(device, 11, "Summary", "SUMMARY", [row])


def mhs(device: Whatsminer, window_s: float, digits: int = 2) -> float:
    return round(device.plant.hashrate_hs(1.0, window_s) * MHS, digits)


def power_rate(device: Whatsminer) -> float:
    """Joules per terahash."""
    hashrate_hs = device.plant.hashrate_hs(1.0, 60.0)
    return device.power_w / hashrate_hs * 1e12 if hashrate_hs > 1e9 else 0.0


def _newest(device: Whatsminer) -> Document:
    plant, mining, now = device.plant, device.mining, round(mhs(device, 60.0))
    chips = device.chips_c()
    return {
        "Elapsed": plant.elapsed_s,
        "MHS av": round(plant.average_hs * MHS),
        "MHS 1m": now,
        "MHS 15m": round(mhs(device, 900.0)),
        "HS RT": now,
        "freq_avg": device.frequency_mhz(),
        "Fan Speed In": device.fan_rpm(0),
        "Fan Speed Out": device.fan_rpm(1),
        "Power": 0 if mining.is_off and plant.is_resting else round(device.power_w, 2),
        "Power Rate": power_rate(device),
        "Pool Rejected%": device.rejected_percent(),
        "Uptime": int(plant.uptime_s),
        "Hash Stable": "true" if mining.is_tuned else "false",
        "Hash Stable Cost Seconds": device.stable_cost_s(),
        "Target Freq": mining.orders.frequency_percent,
        "Env Temp": round(plant.ambient_c, 3),
        "Power Mode": mining.orders.mode.capitalize(),
        "Factory GHS": device.model.factory_ghs,
        "Power Limit": mining.limit_w,
        "Chip Temp Min": chips[0],
        "Chip Temp Max": chips[1],
        "Chip Temp Avg": chips[2],
        "Debug": f"{plant.ambient_c:.1f} 2.8/0.3 3.0/0.9 3.0/2.1 A:99.9/0.16/19.2/11.0",
        "Btminer Fast Boot": "enable" if mining.orders.fast_boot else "disable",
    }


def _shared(device: Whatsminer) -> Document:
    """Say what the generations before have in common."""
    plant, mining = device.plant, device.mining
    chips = [round(value, 2) for value in device.chips_c()]
    is_off = mining.is_off and plant.is_resting
    return {
        "Elapsed": int(plant.elapsed_s),
        "MHS av": round(plant.average_hs * MHS, 2),
        "MHS 5s": mhs(device, 5.0),
        "MHS 1m": mhs(device, 60.0),
        "MHS 5m": mhs(device, 300.0),
        "MHS 15m": mhs(device, 900.0),
        "HS RT": mhs(device, 300.0 if device.generation.number == 1 else 5.0),
        "Accepted": plant.accepted,
        "Rejected": plant.rejected,
        "Total MH": float(round(plant.hashes / 1e6)),
        "Temperature": round(plant.board_c(), 1),
        "freq_avg": round(device.frequency_mhz()),
        "Fan Speed In": device.fan_rpm(0),
        "Fan Speed Out": device.fan_rpm(1),
        "Power": -1 if is_off else round(device.power_w),
        "Power Limit": mining.limit_w,
        "Power Mode": mining.orders.mode.capitalize(),
        "Uptime": int(plant.uptime_s),
        "MAC": device.mac_address,
        "Hash Stable": mining.is_tuned,
        "Hash Stable Cost Seconds": device.stable_cost_s(),
        "Hash Deviation%": 0.1061,
        "Target Freq": device.model.frequency_mhz,
        "Target MHS": round(mining.goal().hashrate_hs * MHS),
        "Factory GHS": device.model.factory_ghs,
        "Pool Rejected%": device.rejected_percent(),
        "Pool Stale%": 0.0,
        "Chip Temp Min": chips[0],
        "Chip Temp Max": chips[1],
        "Chip Temp Avg": chips[2],
    }


def _btminer(device: Whatsminer) -> Document:
    more: Document = {
        "Power Rate": round(power_rate(device), 2),
        "Env Temp": round(device.plant.ambient_c, 2),
        "Best Share": 82_000_000,
        "Firmware Version": f"'{device.firmware}'",
        "Debug": "3.9 3.0/2.9 3.0/2.9 3.0/2.9 A:99.9/0.06/29.8/0.0",
        "Btminer Fast Boot": "enable" if device.mining.orders.fast_boot else "disable",
        "Upfreq Complete": int(device.mining.is_tuned),
    }
    if device.generation.number == 2:  # as recorded: text there, a number in the next one
        more["Env Temp"] = str(more["Env Temp"])
    return _shared(device) | more


def _cgminer(device: Whatsminer) -> Document:
    plant = device.plant
    codes = device.error_codes()
    row: Document = {
        "Found Blocks": 0,
        "Getworks": int(plant.elapsed_s / 11),
        "Hardware Errors": plant.hardware_errors,
        "Utility": 13.82,
        "Discarded": int(plant.elapsed_s * 60),
        "Stale": plant.stale,
        "Get Failures": 0,
        "Local Work": int(plant.elapsed_s * 7800),
        "Remote Failures": 0,
        "Network Blocks": int(plant.elapsed_s / 500),
        "Work Utility": 3697.27,
        "Difficulty Accepted": plant.accepted * plant.rating.share_difficulty,
        "Difficulty Rejected": plant.rejected * plant.rating.share_difficulty,
        "Difficulty Stale": 0.0,
        "Best Share": 41_127_493,
        "Power Fanspeed": device.supply_fan_rpm(),
        "Power_RT": round(device.power_w),
        "Power Current": round(device.power_w / 13),
        "Voltage": 1180,
        "Device Hardware%": 0.011,
        "Device Rejected%": 0.0,
        "Last getwork": 0,
        "Firmware Version": f"'{device.firmware}'",
        "CB Platform": "ALLWINNER_H3",
        "CB Version": "V8",
        "Chip Data": device.model.chip_data,
        "Liquid Cooling": device.model.is_liquid,
        "Security Mode": 0,
        "Error Code Count": len(codes),
        "Factory Error Code Count": 0,
    }
    row |= {f"Error Code {index}": code for index, (code, _) in enumerate(codes)}
    return _shared(device) | row
