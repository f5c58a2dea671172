"""What a host and its software miners can be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minerbridge.model import CommandSpec, Parameter

_TEXT = 255
_CONFIG = 16_384
_KIND = Parameter("type", "text", maximum=_TEXT)
_PROFILE = Parameter("profile", "text", maximum=_TEXT)
#: The platform itself knows best which profiles there are: they are looked up when one is named.
OF_HOST: Mapping[str, CommandSpec] = {
    spec.name: spec
    for spec in (
        CommandSpec("start", topic_key="power", expected_s=30, summary=
            "Start the miners that were stopped together"),
        CommandSpec("stop", topic_key="power", expected_s=15, summary="Stop every miner"),
        CommandSpec("start_profile", (_PROFILE,), targets=("profile",), expected_s=30, summary=
            "Start a profile"),
        CommandSpec("profile_set", (
            Parameter("name", "text", maximum=_TEXT),
            Parameter("type", "text", maximum=_TEXT, required=False),
            Parameter("config", "text", maximum=_CONFIG, required=False),
            Parameter("description", "text", maximum=_TEXT, required=False),
            Parameter("pool_profile", "text", maximum=_TEXT, required=False),
        ), targets=("name",), summary="Save a profile; config is JSON without pool and wallet"),
        CommandSpec("profile_delete", (_PROFILE,), targets=("profile",), summary=
            "Delete a profile"),
        CommandSpec("install", (
            _KIND,
            Parameter("version", "text", maximum=_TEXT, required=False),
            Parameter("force", "boolean", required=False),
        ), access="guarded", targets=("type",), expected_s=300, summary="Install mining software"),
        CommandSpec("uninstall", (_KIND,), access="guarded", targets=("type",), expected_s=30,
            summary="Remove mining software"),
    )
}  # fmt: skip


def of_miner(labels: Iterable[str]) -> Mapping[str, CommandSpec]:
    """Return a software miner's commands; *labels* are the profiles it can run."""
    choices = tuple(labels)
    found = [
        CommandSpec("start", topic_key="power", expected_s=30, summary=
            "Start the profile that was chosen, else the one that ran last"),
        CommandSpec("stop", topic_key="power", expected_s=15, summary="Stop the miner"),
    ]  # fmt: skip
    if choices:
        found.append(
            CommandSpec(
                "profile",
                (Parameter("profile", "choice", choices=choices),),
                expected_s=30,
                summary="Run another profile, at once or from the next start",
                restarts_mining=True,
                works_asleep=True,
            )
        )
    return {spec.name: spec for spec in found}
