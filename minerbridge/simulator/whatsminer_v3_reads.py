"""What ``get.*`` of the v3 API tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minerbridge.simulator.whatsminer_models import V3_API
from minerbridge.simulator.whatsminer_reads import NTP
from minerbridge.simulator.whatsminer_replies import Document
from minerbridge.simulator.whatsminer_summary import power_rate

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

THS = 1e-12
REASONS = {560: "Slot 0 loss of balance", 561: "Slot 1 loss of balance",
           562: "Slot 2 loss of balance"}  # fmt: skip


def device_info(device: Whatsminer) -> Document:
    return {
        "network": _network(device),
        "miner": _miner(device),
        "system": {
            "api": V3_API,
            "platform": device.generation.platform,
            "fwversion": device.firmware,
            "control-board-version": "CB6V10",
            "apiswitch": "1" if device.api_switch else "0",
            "ledstatus": device.system.led,
        },
        "power": _power(device),
        "salt": device.accounts.salt,
        "error-code": _errors(device),
    }


def summary(device: Whatsminer) -> Document:
    plant, mining = device.plant, device.mining
    low, high, mean = (round(value, 1) for value in device.chips_c())
    return {
        "elapsed": int(plant.elapsed_s),
        "bootup-time": int(plant.uptime_s),
        "freq-avg": round(device.frequency_mhz()),
        "target-freq": device.model.frequency_mhz,
        "factory-hash": device.model.factory_ghs / 1000,
        "hash-average": round(plant.average_hs * THS, 3),
        "hash-1min": round(plant.hashrate_hs(1.0, 60.0) * THS, 3),
        "hash-15min": round(plant.hashrate_hs(1.0, 900.0) * THS, 3),
        "hash-realtime": round(plant.hashrate_hs() * THS, 3),
        "power-rate": round(power_rate(device), 2),
        "power-5min": round(device.power_w, 1),
        "power-realtime": round(device.power_w, 1),
        "environment-temperature": round(plant.ambient_c, 1),
        "board-temperature": [
            round(plant.board_c(board), 1) for board in range(device.model.boards)
        ],
        "chip-temp-min": low,
        "chip-temp-avg": mean,
        "chip-temp-max": high,
        "power-limit": mining.limit_w,
        "up-freq-finish": int(mining.is_tuned),
        "fan-speed-in": device.fan_rpm(0),
        "fan-speed-out": device.fan_rpm(1),
        "Debug": "",
    }


def pools(device: Whatsminer) -> list[Document]:
    return [
        {
            "id": index + 1,
            "pool-priority": index,
            "url": pool.url,
            "status": "alive",
            "account": pool.user,
            "stratum-active": index == 0 and device.plant.is_hashing,
            "reject-rate": device.rejected_percent() if index == 0 else 0,
            "last-share-time": device.last_share_at() if index == 0 else 0,
        }
        for index, pool in enumerate(device.pools)
    ]


def edevs(device: Whatsminer) -> list[Document]:
    return [_edev(device, board) for board in range(device.model.boards)]


def miner_setting(device: Whatsminer) -> Document:
    mining = device.mining
    orders = mining.orders
    return {
        "power-limit": mining.limit_w,
        "upfreq-speed": orders.upfreq_speed,
        "power-mode": orders.mode,
        "fast-boot": "enable" if orders.fast_boot else "disable",
        "fast-hash": "enable" if orders.fast_hash else "disable",
        "target-freq": orders.frequency_percent,
        "power": orders.watts or 0,
        "power-percent": mining.percent or 0,
        "heat-mode": device.system.heat_mode,
    }


def fan_setting(device: Whatsminer) -> Document:
    system = device.system
    return {
        "fan-poweroff-cool": int(system.poweroff_cool),
        "fan-zero-speed": int(system.fan_zero_speed),
        "fan-temp-offset": system.temp_offset_c,
    }


def system_setting(device: Whatsminer) -> Document:
    system = device.system
    ip, port, proto = system.log_server
    start_s, stop_s = system.randomized_s
    return {
        "web-pool": int(system.web_pools),
        "timezone": system.zone[0],
        "zonename": system.zone[1],
        "hostname": system.hostname,
        "log-upload": {"ip": ip, "port": port, "proto": proto},
        "time-randomized": {"start": start_s, "stop": stop_s},
        "ntp-server": system.ntp_servers.split(",") if system.ntp_servers else NTP,
    }


def _network(device: Whatsminer) -> Document:
    network = device.system.network(device.address)
    return network | {"mac": device.mac_address, "hostname": device.system.hostname}


def _miner(device: Whatsminer) -> Document:
    model, orders = device.model, device.mining.orders
    boards = range(model.boards)
    return {
        "working": "false" if device.mining.is_off else "true",
        "type": model.name,
        "hash-board": model.name.split("_V")[-1],
        "cointype": device.system.coin,
        "pool-strategy": "FAILOVER",
        "heatmode": device.system.heat_mode if model.is_liquid else "",
        "hash-percent": str(orders.frequency_percent),
        "fast-boot": "enable" if orders.fast_boot else "disable",
        "board-num": str(model.boards),
        "miner-sn": device.serial("miner", 33),
        "detect-hash-rate": ":".join(
            str(round(model.factory_ghs * device.share(board))) for board in boards
        ),
        "power-limit-set": "" if orders.limit_w is None else str(orders.limit_w),
        "UpfreqSpeed": str(orders.upfreq_speed or ""),
        "web-pool": int(device.system.web_pools),
        "permission": device.accounts.permission,
        **{f"chipdata{board}": model.chip_data for board in boards},
        **{f"pcbsn{board}": device.serial(f"board {board}", 20) for board in boards},
    }


def _power(device: Whatsminer) -> Document:
    """Amperes, volts and watts, unlike v2."""
    volts = 398.0 if device.model.is_liquid else 229.0
    liquid = {"liquid-temperature": device.liquid_c()} if device.model.is_liquid else {}
    return liquid | {
        "type": device.model.supply,
        "mode": "1",
        "hwversion": "RT0159",
        "swversion": "230224.220429",
        "model": device.model.supply,
        "iin": round(device.power_w / volts, 2),
        "vin": volts,
        "vout": 1209,
        "pin": round(device.power_w),
        "fanspeed": device.supply_fan_rpm(),
        "temp0": round(device.plant.ambient_c + device.power_w / 150, 1),
        "sn": device.serial("psu", 15),
        "vendor": "1",
    }


def _errors(device: Whatsminer) -> list[Document] | str:
    if not device.mining.is_program_up:
        return "btminer process is down err"
    return [
        {str(code): at, "reason": REASONS.get(code, f"Error {code}")}
        for code, at in device.error_codes()
    ]


def _edev(device: Whatsminer, board: int) -> Document:
    share, plant = device.share(board), device.plant
    low, high, mean = (round(value, 1) for value in device.chips_c(board))
    return {
        "id": board,
        "slot": board,
        "status": "alive",
        "hash-average": round(plant.average_hs * share * THS, 3),
        "hash-realtime": round(plant.hashrate_hs(share, 5.0, board) * THS, 3),
        "factory-hash": round(device.model.factory_ghs * share / 1000, 3),
        "freq": round(device.frequency_mhz(board)),
        "effective-chips": device.model.chips,
        "chip-temp-min": low,
        "chip-temp-avg": mean,
        "chip-temp-max": high,
    }
