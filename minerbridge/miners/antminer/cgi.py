"""The JSON of the newer web interface (S19 and later, KS, L7): stats, summary, system info."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minerbridge.miners.antminer import models
from minerbridge.miners.antminer.stats import first_rate
from minerbridge.miners.rpc_decode import number
from minerbridge.miners.rpc_fields import (
    count,
    fan_rpm,
    first,
    hottest_c,
    items,
    mac_address,
    positive,
    text,
)
from minerbridge.model import Board, Fault

Fields = dict[str, Any]


def parse_stats(reply: Mapping[str, Any] | None) -> Fields:
    """Return fields of a reading; asleep, STATS is empty and only the name is left."""
    head = reply.get("INFO") if reply else None
    head = head if isinstance(head, dict) else {}
    body = first(reply, "STATS")
    model = models.model_name(head.get("type"))
    unit = models.rate_unit(model, body.get("rate_unit"))
    boards = tuple(_board(chain, slot, unit) for slot, chain in enumerate(items(body, "chain")))
    frequencies = [board.frequency_mhz for board in boards if board.frequency_mhz is not None]
    found: Fields = {
        "model": model,
        "firmware": text(head.get("CompileTime")),
        "algorithm": models.algorithm(model),
        "hashrate_hs": first_rate(body, ("rate_5s", "rate_avg"), unit),
        "hashrate_average_hs": first_rate(body, ("rate_avg",), unit),
        "uptime_s": number(body.get("elapsed")),
        "frequency_mhz": sum(frequencies) / len(frequencies) if frequencies else None,
        "chip_temperature_c": hottest_c(board.chip_temperature_c for board in boards),
        "board_temperature_c": hottest_c(board.board_temperature_c for board in boards),
        "boards": boards,
        "details": _details(head, body, unit),
    }
    return {name: value for name, value in found.items() if value is not None}


def fans_rpm(reply: Mapping[str, Any] | None) -> dict[int, int]:
    """Return the speeds by slot, counted from 1 as the RPC does."""
    fans = first(reply, "STATS").get("fan")
    found = {slot: fan_rpm(value) for slot, value in enumerate(_list(fans), 1)}
    return {slot: rpm for slot, rpm in found.items() if rpm is not None}


def parse_faults(reply: Mapping[str, Any] | None) -> tuple[Fault, ...] | None:
    """Return what `summary.cgi` complains about; None when it does not tell."""
    body = first(reply, "SUMMARY")
    if not isinstance(body.get("status"), list):
        return None
    return tuple(
        _fault(entry)
        for entry in items(body, "status")
        if str(entry.get("status", "s")).strip().lower() not in ("s", "")
    )


def parse_summary(reply: Mapping[str, Any] | None) -> Fields:
    found = {"hardware_errors": count(first(reply, "SUMMARY").get("hw_all"))}
    return {name: value for name, value in found.items() if value is not None}


def parse_system(reply: Mapping[str, Any]) -> Fields:
    """Return who the device is, of `get_system_info.cgi` of either generation."""
    model = models.model_name(reply.get("minertype"))
    version = reply.get("system_filesystem_version", reply.get("file_system_version"))
    found: Fields = {
        "model": model,
        "firmware": text(version),
        "mac_address": mac_address(reply.get("macaddr")),
        "serial_number": text(reply.get("serinum")),
        "hostname": text(reply.get("hostname")),
        "ip_address": text(reply.get("ipaddress")),
        "algorithm": models.algorithm(model, reply.get("Algorithm")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _board(chain: Mapping[str, Any], position: int, unit: str) -> Board:
    index = count(chain.get("index"))
    chips = chain.get("asic")
    return Board(
        slot=(position if index is None else index) + 1,  # the RPC counts from 1
        hashrate_hs=first_rate(chain, ("rate_real",), unit),
        chip_temperature_c=hottest_c(_list(chain.get("temp_chip"))),
        board_temperature_c=hottest_c(_list(chain.get("temp_pcb"))),
        frequency_mhz=positive(chain.get("freq_avg")),
        chips=chips.count("o") if isinstance(chips, str) and chips.strip() else None,
        chips_expected=count(chain.get("asic_num")) or None,
        serial_number=text(chain.get("sn")),
    )


def _fault(entry: Mapping[str, Any]) -> Fault:
    kind = text(entry.get("type")) or "status"
    code = text(entry.get("code"))
    message = text(entry.get("msg")) or f"the miner reports a fault of its {kind}"
    return Fault(code=kind if code in (None, "0") else f"{kind}:{code}", message=message)


def _details(head: Mapping[str, Any], body: Mapping[str, Any], unit: str) -> Fields:
    found = {
        "miner_version": text(head.get("miner_version")),
        "hashrate_30m_hs": first_rate(body, ("rate_30m",), unit),
        "hashrate_ideal_hs": first_rate(body, ("rate_ideal",), unit) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
