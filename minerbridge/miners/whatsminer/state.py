"""What a WhatsMiner is doing, from what it tells."""

from __future__ import annotations

from minerbridge.model import Status

#: From start to full hashrate, as far as it was observed.
STARTING_S = 900.0
#: Boards that are switched off leave the power supply this share of the limit at most.
OFF_SHARE = 0.05


def decide(
    hashrate_hs: float | None,
    power_w: float | None,
    limit_w: float | None,
    *,
    is_off: bool | None,
    is_tuned: bool | None,
    elapsed_s: float | None,
    has_faults: bool,
) -> tuple[Status, bool | None]:
    """Return the status and whether it mines.

    A miner that says it is off and draws power while it hashes is mining: an M64 with firmware
    20250409.15.REL started again by itself after power_off and went on saying "off".
    """
    is_hashing = bool(hashrate_hs)
    if is_off:
        if not (is_hashing and _draws(power_w, limit_w)):
            return "stopped", False
    elif hashrate_hs is None and is_off is None:
        return "unknown", None
    if is_hashing:
        return ("tuning" if is_tuned is False else "mining"), True
    if elapsed_s is None or elapsed_s < STARTING_S:
        return "starting", False
    return "error" if has_faults else "starting", False


def _draws(power_w: float | None, limit_w: float | None) -> bool:
    return power_w is not None and power_w > (limit_w or 1000.0) * OFF_SHARE
