"""The commands of IceRiver firmware, and which of them a miner has."""

from __future__ import annotations

from collections.abc import Mapping

from minerbridge.model import CommandSpec, Parameter

#: A fan that hardly turns burns boards before the firmware notices.
MINIMUM_FAN_PERCENT = 30
#: What the clock of pbfarmer's firmware may be moved by; it sets no limit of its own.
MOST_OFFSET_MHZ = 500
_LEAST_CLOCK_MHZ = 200
_TEXT, _SHORT = 255, 63


def stock(*, has_hardware: bool, profiles: tuple[str, ...]) -> Mapping[str, CommandSpec]:
    """Return the commands of stock firmware; *has_hardware*: it tells its mode and fan ratio."""
    found = [_led(), _reboot(), *_pools(profiles), _password(), _network(), _reset(), _logs()]
    if has_hardware:
        found += [
            *_power("; held fans are left to the miner again, unless set_fan holds them"),
            _fan(),
        ]
    return {spec.name: spec for spec in found}


def pbfarmer(base_mhz: float | None) -> Mapping[str, CommandSpec]:
    """Return the commands of pbfarmer's firmware; *base_mhz*: the clock its offset starts from."""
    found = [_led(), _reboot(), _reset(), *_power()]
    if base_mhz is not None:
        least_mhz = max(-MOST_OFFSET_MHZ, min(0, round(_LEAST_CLOCK_MHZ - base_mhz)))
        offset = Parameter("offset_mhz", "integer", least_mhz, MOST_OFFSET_MHZ, 1, unit="MHz")
        found.append(
            CommandSpec("clock_offset", (offset,), topic_key="clock", expected_s=30, summary=
                "Move the chips' clock from its base; it rises by 25 MHz in 30 s")
        )  # fmt: skip
    return {spec.name: spec for spec in found}


def _power(fans: str = "") -> list[CommandSpec]:
    return [
        CommandSpec("start", topic_key="power", expected_s=120, summary=f"Wake up{fans}"),
        CommandSpec("stop", topic_key="power", expected_s=60, summary=f"Fall asleep{fans}"),
    ]


def _fan() -> CommandSpec:
    return CommandSpec(
        "set_fan",
        (
            Parameter("percent", "integer", MINIMUM_FAN_PERCENT, 100, 1, unit="%", required=False),
            Parameter("automatic", "boolean", required=False),
        ),
        access="guarded",
        expected_s=60,
        summary="Hold the fans at a speed, or leave them to the miner",
    )


def _led() -> CommandSpec:
    enabled = Parameter("enabled", "boolean")
    return CommandSpec("led", (enabled,), topic_key="led", summary="Blink to be found")


def _reboot() -> CommandSpec:
    return CommandSpec(
        "reboot", expected_s=180, topic_key="restart", restarts_mining=True,
        summary="Reboot the miner",
    )  # fmt: skip


def _pools(profiles: tuple[str, ...]) -> list[CommandSpec]:
    required = {"url1", "user1"}
    names = [f"{name}{place}" for place in (1, 2, 3) for name in ("url", "user", "password")]
    parameters = tuple(
        Parameter(name, "text", maximum=_TEXT, required=name in required) for name in names
    )
    found = [
        CommandSpec("update_pools", parameters, access="secret", topic_key="pools",
                    expected_s=60, summary="Set the pools"),
    ]  # fmt: skip
    if profiles:
        choice = Parameter("profile", "choice", choices=profiles)
        found.append(
            CommandSpec("pool_profile", (choice,), topic_key="pools", expected_s=60, summary=
                "Mine at the pools that the settings name so")
        )  # fmt: skip
    return found


def _password() -> CommandSpec:
    new = Parameter("new", "text", maximum=_SHORT)
    return CommandSpec(
        "update_pwd", (new,), access="secret", summary="Set the password of the web interface"
    )


def _network() -> CommandSpec:
    names = ("hostname", "address", "netmask", "gateway", "dns")
    return CommandSpec(
        "net_config",
        (
            Parameter("mode", "choice", choices=("dhcp", "static")),
            *(Parameter(name, "text", maximum=_SHORT, required=False) for name in names),
        ),
        access="guarded",
        expected_s=30,
        summary="Set the network of the miner, which may then answer elsewhere",
    )


def _reset() -> CommandSpec:
    return CommandSpec(
        "reset", access="guarded", expected_s=180, restarts_mining=True, summary=
        "Set the configuration to factory defaults, pools and network included",
    )  # fmt: skip


def _logs() -> CommandSpec:
    return CommandSpec("logs", is_query=True, summary="The miner's log of the current run")
