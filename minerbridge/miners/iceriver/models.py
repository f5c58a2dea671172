"""Which model it is, told by the name of its mining program alone, and what that model mines."""

from __future__ import annotations

import re

#: ICM168_3_2_10_ks5L_miner, 5977449_ks3m_miner, pbv077c_ks0miner, 634927_ks0pro_miner.
_NAME = re.compile(
    r"(?<![a-z])(ks|al|ae|rx)(\d+)(?:[ _-]?(pro|ultra|lite)|([a-z])(?![a-z]))?", re.IGNORECASE
)
_ALGORITHMS = {"KS": "kheavyhash", "AL": "blake3", "AE": "zksnark", "RX": "sha512256d"}
_MAKER = "IceRiver "


def model_name(*told: object) -> str | None:
    """Return "IceRiver KS5L" of the first of *told* that names a model; stock says "none"."""
    for text in told:
        match = _NAME.search(text) if isinstance(text, str) else None
        if match is not None:
            series, number, word, letter = match.groups()
            name = f"{series.upper()}{number}{(letter or '').upper()}"
            return f"{_MAKER}{name} {word.capitalize()}" if word else f"{_MAKER}{name}"
    return None


def algorithm(model: str | None) -> str | None:
    """Return what *model* mines; None where the model is not known."""
    name = (model or "").removeprefix(_MAKER)
    return _ALGORITHMS.get(name[:2])
