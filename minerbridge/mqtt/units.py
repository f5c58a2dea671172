"""The unit a hashrate is shown in: what its field counts in."""

from __future__ import annotations

_BY_ALGORITHM = {
    "sha256": "TH/s",
    "kheavyhash": "GH/s",
    "x11": "GH/s",
    "scrypt": "MH/s",
    "equihash": "kSol/s",
}
_ALIASES = {"sha256d": "sha256", "kaspa": "kheavyhash", "equihash200,9": "equihash"}
_SCALES = {"TH/s": 1e12, "GH/s": 1e9, "MH/s": 1e6, "kSol/s": 1e3, "H/s": 1.0}


def hashrate_unit(algorithm: str | None, hashrate_hs: float | None) -> str:
    """Return the unit of *algorithm*; where it is unknown, the one that suits the first figure."""
    if algorithm is not None:
        return _BY_ALGORITHM.get(_ALIASES.get(bare := _bare(algorithm), bare), "H/s")
    if not hashrate_hs:
        return "TH/s"
    return next(
        (unit for unit in ("TH/s", "GH/s", "MH/s") if hashrate_hs >= _SCALES[unit] / 100), "H/s"
    )


def _bare(algorithm: str) -> str:
    return "".join(letter for letter in algorithm.lower() if letter not in "-_ ")


def scale_of(unit: str) -> float:
    """Return how many hashes (or solutions) a second one *unit* is."""
    return _SCALES[unit]
