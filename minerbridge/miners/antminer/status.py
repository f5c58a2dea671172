"""What the miner is doing, from what it tells."""

from __future__ import annotations

from minerbridge.model import Status

#: From power-on to full hashrate a stock miner takes up to this long.
STARTING_S = 900.0


def decide(
    hashrate_hs: float | None, mode: str | None, idle_s: float
) -> tuple[Status, bool | None]:
    """Return the status and whether it mines; *mode* is the one set, None where unknown.

    *idle_s*: how long it has not been hashing. A miner falling asleep counts as mining while it
    still hashes.
    """
    if hashrate_hs:
        return "mining", True
    if mode == "sleep":
        return "sleeping", False
    if idle_s < STARTING_S:
        return "starting", False
    if mode is None:
        return "unknown", False  # asleep or broken: the web interface would tell
    # Awake and not hashing is a fault, whether the firmware names one or not (dead pools).
    return "error", False
