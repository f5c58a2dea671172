"""The commands of stock firmware, and which of them a miner has."""

from __future__ import annotations

from collections.abc import Mapping

from minerbridge.miners.antminer.conf import Configuration
from minerbridge.model import CommandSpec, Parameter

#: A fan standing still under manual control burns boards before the firmware notices.
MINIMUM_FAN_PERCENT = 30
_TEXT = 255


def offered(
    configuration: Configuration, *, has_led: bool, profiles: tuple[str, ...]
) -> Mapping[str, CommandSpec]:
    """Return the commands of a miner that showed *configuration*."""
    restart_s = 40.0 if configuration.can_sleep and not configuration.is_new else 20.0
    found = [
        CommandSpec("restart", expected_s=restart_s + 60, topic_key="restart", summary=
            "Restart the mining program, by writing its configuration unchanged"),
        CommandSpec("reboot", expected_s=180, topic_key="restart", summary="Reboot the miner"),
        _fan(restart_s),
        _pools(restart_s),
        _password(),
        _network(),
        CommandSpec("reset", access="guarded", expected_s=180, summary=
            "Set the configuration to factory defaults, pools included"),
    ]  # fmt: skip
    if configuration.can_sleep:
        found += _power(configuration, restart_s)
    if has_led:
        found.append(
            CommandSpec("led", (_enabled(),), topic_key="led", summary="Blink to be found")
        )
    if profiles:
        choice = Parameter("profile", "choice", choices=profiles)
        found.append(
            CommandSpec(
                "pool_profile",
                (choice,),
                topic_key="pools",
                expected_s=restart_s + 30,
                summary="Mine at the pools that the settings name so",
            )
        )
    return {spec.name: spec for spec in found}


def _power(configuration: Configuration, restart_s: float) -> list[CommandSpec]:
    modes = ["normal", "sleep"]
    # Which models take the other modes is not told: what is set now is known to exist.
    if configuration.mode not in (None, *modes):
        modes.append(str(configuration.mode))
    return [
        CommandSpec("start", topic_key="power", expected_s=restart_s + 90, summary="Wake up"),
        CommandSpec("stop", topic_key="power", expected_s=restart_s + 10, summary="Fall asleep"),
        CommandSpec(
            "power_mode",
            (Parameter("mode", "choice", choices=tuple(modes)),),
            topic_key="power",
            expected_s=restart_s + 90,
            summary="Set the work mode; the mining program restarts",
        ),
    ]


def _enabled() -> Parameter:
    return Parameter("enabled", "boolean")


def _fan(restart_s: float) -> CommandSpec:
    return CommandSpec(
        "set_fan",
        (
            Parameter("percent", "integer", MINIMUM_FAN_PERCENT, 100, 1, unit="%", required=False),
            Parameter("automatic", "boolean", required=False),
        ),
        access="guarded",
        expected_s=restart_s + 30,
        summary="Hold the fans at a speed, or leave them to the miner; it restarts",
    )


def _pools(restart_s: float) -> CommandSpec:
    required = {"url1", "user1"}
    names = [f"{name}{place}" for place in (1, 2, 3) for name in ("url", "user", "password")]
    parameters = [
        Parameter(name, "text", maximum=_TEXT, required=name in required) for name in names
    ]
    return CommandSpec(
        "update_pools",
        tuple(parameters),
        access="secret",
        topic_key="pools",
        expected_s=restart_s + 30,
        summary="Set the pools; the mining program restarts",
    )


def _password() -> CommandSpec:
    return CommandSpec(
        "update_pwd",
        (Parameter("new", "text", maximum=64),),
        access="secret",
        summary="Set the password of the web interface",
    )


def _network() -> CommandSpec:
    names = ("hostname", "address", "netmask", "gateway", "dns")
    return CommandSpec(
        "net_config",
        (
            Parameter("mode", "choice", choices=("dhcp", "static")),
            *(Parameter(name, "text", maximum=_TEXT, required=False) for name in names),
        ),
        access="guarded",
        expected_s=30,
        summary="Set the network of the miner, which may then answer elsewhere",
    )
