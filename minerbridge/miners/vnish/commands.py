"""The commands of Vnish 3, and why it has not others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from minerbridge.miners.antminer import commands as stock
from minerbridge.miners.antminer.conf import Configuration
from minerbridge.miners.vnish.curve import HIGHEST_MHZ, HIGHEST_V, LOWEST_MHZ, LOWEST_V, Curve
from minerbridge.model import CommandSpec, Parameter

RPC_QUERIES = ("stats", "summary", "pools", "devs", "version")
WEB_QUERIES = ("get_system_info", "get_network_info")
TEXT_QUERIES = ("get_autofreq_log", "get_kernel_log")
CHIP_QUERIES = ("chip_hr", "chip_hw")
OTHER_QUERIES = ("get_miner_status", "get_miner_conf", "profile_list")
_RESTART_S = 60.0
#: What the firmware's pages can and the bridge does not, or what others can and this cannot.
LEFT_OUT: Mapping[str, str] = {
    "update_firmware": "upgrade.cgi takes an image for flashing: use the miner's own page",
    "set_zone": "tz.cgi only changes the clock that its log is written by",
    "hotel_fee": "set_hotelfee.cgi gives hashrate away to an address: use the miner's own page",
    "kill": "kill_bmminer.cgi leaves it to the watchdog to start it again: restart, or stop",
    "ssh": "ssh.cgi opens a login to the whole system: use the miner's own page",
    "remote": "the *_remote.cgi pages act on another miner: name that one instead",
    "power_limit": "it has no watts to set: set_frequency drives it along its curve",
    "power_percent": "it has no percentage to set: set_frequency drives it along its curve",
    "power_mode": "it has frequencies instead of modes: set_frequency",
    "set_hostname": "the name is part of net_config",
}


def refusal(name: str) -> str:
    """Say that there is no *name* here, and why where that is known."""
    reason = LEFT_OUT.get(name)
    return f"{name} is not supported by Vnish on this miner" + (f": {reason}" if reason else "")


def offered(curve: Curve | None, profiles: tuple[str, ...]) -> Mapping[str, CommandSpec]:
    """Return the commands; *curve* None: a model whose frequencies are not known (L3+, T9)."""
    has_no_mode = Configuration({"pools": []}, is_new=False)
    found = dict(stock.offered(has_no_mode, has_led=True, profiles=profiles))
    for name in ("set_fan", "update_pools", "pool_profile"):
        if name in found:
            found[name] = replace(found[name], restarts_mining=True, works_asleep=True)
    own = [*_power(), _profile(), _voltage(), *_queries()]
    if curve is not None:
        own.append(_frequency(curve))
    return {**found, **{spec.name: spec for spec in own}}


def _power() -> list[CommandSpec]:
    return [
        CommandSpec("start", topic_key="power", expected_s=130, summary=
            "Wake up, which reboots the miner; awake, it is left as it is"),
        CommandSpec("stop", topic_key="power", expected_s=15, summary=
            "Fall asleep: the mining program ends, the web pages stay"),
        CommandSpec("restart", topic_key="restart", expected_s=_RESTART_S, restarts_mining=True,
                    summary="Restart the mining program; asleep, this wakes it"),
        CommandSpec("reboot", topic_key="restart", expected_s=150, restarts_mining=True, summary=
            "Reboot the miner; asleep, this wakes it"),
    ]  # fmt: skip


def _frequency(curve: Curve) -> CommandSpec:
    choices = tuple(str(mhz) for mhz in curve.settable_mhz())
    frequency = Parameter(
        "frequency_mhz", "integer", LOWEST_MHZ, HIGHEST_MHZ, 1, choices=choices, unit="MHz"
    )
    voltage = Parameter("voltage_v", "number", LOWEST_V, HIGHEST_V, 0.01, unit="V", required=False)
    return CommandSpec(
        "set_frequency",
        (frequency, voltage),
        topic_key="set_frequency",
        expected_s=_RESTART_S,
        summary="Set frequency and voltage (without one: the curve's); the mining program restarts",
        restarts_mining=True,
        works_asleep=True,
    )


def _voltage() -> CommandSpec:
    return CommandSpec(
        "volt",
        (Parameter("voltage_v", "number", LOWEST_V, HIGHEST_V, 0.01, unit="V"),),
        access="guarded",
        summary="Set the voltage of the running boards, until the next start",
    )


def _profile() -> CommandSpec:
    return CommandSpec(
        "profile",
        (
            Parameter("name", "text", maximum=64),
            Parameter("action", "choice", choices=("activate", "save", "delete")),
        ),
        access="guarded",
        expected_s=_RESTART_S,
        summary="Save, activate or delete a configuration under a name; it holds pools as well",
        targets=("name",),
    )


def _queries() -> list[CommandSpec]:
    names = (*RPC_QUERIES, *WEB_QUERIES, *TEXT_QUERIES, *CHIP_QUERIES, *OTHER_QUERIES)
    return [CommandSpec(name, is_query=True, summary="Read only") for name in names]
