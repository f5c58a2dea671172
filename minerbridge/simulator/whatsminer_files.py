"""The files a miner gives away."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer


def log_file(device: Whatsminer) -> bytes:
    """Pack one log as .tgz, the same bytes for the same text."""
    lines = [f"{at} error {code}" for code, at in device.error_codes()]
    text = "\n".join(
        [f"{device.model.name} {device.firmware} up {device.plant.uptime_s:.0f} s", *lines]
    )
    content, packed = text.encode() * 40, io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("logs/miner.log")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
