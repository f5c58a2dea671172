"""What the miner is doing, from mode and hashrate; `powstate` only says whether that is well."""

from __future__ import annotations

from minerbridge.model import Status

#: The hashrate is a mean of five minutes, and clocks rise by 25 MHz in 30 s.
STARTING_S = 900.0


def mode_name(told: object) -> str | None:
    """Return "normal" or "sleep". An old KS3L build does not end the word: "sleeps…"."""
    if isinstance(told, str) and told.strip().lower().startswith(("normal", "sleep")):
        return "sleep" if told.strip().lower().startswith("sleep") else "normal"
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return "normal" if told == 1 else "sleep"


def decide(
    hashrate_hs: float | None, mode: str | None, idle_s: float
) -> tuple[Status, bool | None]:
    """Return the status and whether it mines; *idle_s*: how long it has not been hashing.

    Asleep the mean hashrate decays for minutes: the mode outranks it.
    """
    if mode == "sleep":
        return "sleeping", False
    if hashrate_hs is None:
        return "unknown", None
    if hashrate_hs > 0:
        return "mining", True
    if idle_s < STARTING_S:
        return "starting", False
    return ("unknown", None) if mode is None else ("error", False)
