"""What the commands share: sending a write, and finding the profile it names."""

from __future__ import annotations

from typing import Any

from minerbridge.errors import MinerRefused, OutcomeUnknown
from minerbridge.miners.mining_platform.client import PlatformClient
from minerbridge.miners.mining_platform.profiles import MiningProfile, named
from minerbridge.miners.mining_platform.reader import PlatformReader
from minerbridge.model import Confirmation


def written(
    client: PlatformClient,
    seen: Confirmation,
    method: str,
    path: str,
    body: Any = None,
    **query: str | None,
) -> Any:
    """Send a write; where its reply is lost, *seen* tells how its effect would show."""
    try:
        return client.write(method, path, body, **query)
    except OutcomeUnknown as error:
        error.confirmation = seen
        raise


def profile_named(reader: PlatformReader, name: str) -> MiningProfile:
    profile = named(reader.profiles, name)
    if profile is None:
        raise MinerRefused("the platform has no such profile", code="PROFILE_NOT_FOUND")
    return profile
