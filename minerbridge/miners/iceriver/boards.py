"""The hashboards of a panel, and the sensors on them that cannot be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minerbridge.miners.iceriver.values import between, flag, rate_hs
from minerbridge.miners.rpc_decode import number
from minerbridge.miners.rpc_fields import count, hottest_c, items, positive
from minerbridge.model import Board, Fault

#: A KS3M told 126 °C at one outlet beside 49 °C at the others.
_SENSOR_FAULT_C = 120.0
_SENSORS = {"intmp": "inlet", "outtmp": "outlet", "chiptmp": "chip"}
_MOST_CHIPS = 10_000


def parse_boards(document: Mapping[str, Any]) -> tuple[Board, ...]:
    """Return the boards by their own numbers."""
    unit = document.get("unit")
    boards = {
        (slot := _slot(told, place)): _board(told, slot, unit)
        for place, told in enumerate(items(document, "boards"), 1)
    }
    return tuple(boards[slot] for slot in sorted(boards))


def average_rates(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the boards' means of half an hour, numbered from 1 in their order."""
    told = sorted(
        (_slot(one, place), place, one) for place, one in enumerate(items(document, "boards"), 1)
    )
    found = {
        f"board_{number}_hashrate_average_hs": rate_hs(one.get("avgpow"), document.get("unit"))
        for number, (_, _, one) in enumerate(told, 1)
    }
    return {name: rate for name, rate in found.items() if rate is not None}


def sensor_faults(document: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return a fault for each sensor whose value is left out for being impossible."""
    return tuple(
        Fault(
            f"SENSOR_BOARD_{_slot(told, place)}_{where.upper()}",
            f"board {_slot(told, place)}: its {where} sensor tells {found:g} °C and is faulty",
        )
        for place, told in enumerate(items(document, "boards"), 1)
        for key, where in _SENSORS.items()
        if (found := number(told.get(key))) is not None and found >= _SENSOR_FAULT_C
    )


def board_faults(document: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return a fault for each board that the firmware calls unhealthy."""
    return tuple(
        Fault(f"BOARD_{_slot(told, place)}", f"board {_slot(told, place)} is not healthy")
        for place, told in enumerate(items(document, "boards"), 1)
        if flag(told.get("state")) is False
    )


def _slot(told: Mapping[str, Any], place: int) -> int:
    return count(told.get("no")) or place


def _board(told: Mapping[str, Any], slot: int, unit: object) -> Board:
    chip_c, inlet_c, outlet_c = (_celsius(told.get(key)) for key in ("chiptmp", "intmp", "outtmp"))
    healthy = flag(told.get("state"))
    return Board(
        slot=slot,
        hashrate_hs=rate_hs(told.get("rtpow"), unit),
        # Stock has two sensors a board, where the air comes in and where it leaves behind the
        # chips; only pbfarmer's firmware tells the chips' own.
        chip_temperature_c=outlet_c if chip_c is None else chip_c,
        board_temperature_c=inlet_c if chip_c is None else hottest_c((inlet_c, outlet_c)),
        frequency_mhz=positive(told.get("chippll")) or positive(told.get("freq")),
        chips=_chips(told),
        chips_expected=_chip_count(told.get("chipnum")) or None,
        status=None if healthy is None else "ok" if healthy else "faulty",
    )


def _celsius(value: object) -> float | None:
    found = number(value)
    return found if found is not None and 0 < found < _SENSOR_FAULT_C else None


def _chip_count(value: object) -> int | None:
    found = between(value, 0, _MOST_CHIPS)
    return None if found is None else round(found)


def _chips(told: Mapping[str, Any]) -> int | None:
    """Return how many chips work: counted, or all but those in the list of bad ones.

    ICM168_3_2_10 counts 0 and lists all as bad while it hashes: that tells nothing.
    """
    counted, slots, bad = told.get("chipsuc"), _chip_count(told.get("chipnum")), told.get("false")
    if working := _chip_count(counted):
        return working
    if not isinstance(bad, list) or not slots or not 0 < len(bad) < slots:
        return None
    return slots - len(bad)
