"""Every command of the cgminer RPC (API-README 3.7), with what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from minerbridge.errors import InvalidValue
from minerbridge.model import Access, CommandSpec, Parameter

_POOL = Parameter("pool", "integer", 0, 999)
_DEVICE = Parameter("device", "integer", 0, 999)
_OPTION = Parameter("option", "text", maximum=100)
_VALUE = Parameter("value", "text", maximum=500, required=False)

_AIMS = ("pool", "device", "option", "url")


def _spec(
    name: str,
    *parameters: Parameter,
    summary: str,
    access: Access = "normal",
    topic_key: str = "",
    expected_s: float = 5.0,
) -> CommandSpec:
    # Of two switches the newer counts; what is done to different pools or devices all counts.
    aims = () if name == "switchpool" else _AIMS
    targets = tuple(one.name for one in parameters if one.name in aims)
    return CommandSpec(name, parameters, access, topic_key, expected_s, summary, targets=targets)


def _queries(*specs: CommandSpec) -> dict[str, CommandSpec]:
    return {spec.name: replace(spec, is_query=True) for spec in specs}


def _table(*specs: CommandSpec) -> dict[str, CommandSpec]:
    return {spec.name: spec for spec in specs}


#: They only tell something.
QUERIES: Mapping[str, CommandSpec] = _queries(
    _spec("version", summary="Versions of the miner and of its API"),
    _spec("config", summary="Settings the miner runs with"),
    _spec("summary", summary="Totals: hashrate, shares, errors"),
    _spec("devs", summary="Every device with its hashrate and temperature"),
    _spec("edevs", summary="As devs, without devices that are disabled or unplugged"),
    _spec("pools", summary="Every pool with its state"),
    _spec("pgacount", summary="Number of PGA devices"),
    _spec("asccount", summary="Number of ASC devices"),
    _spec("notify", summary="When and why each device was last not well"),
    _spec("devdetails", summary="Driver, model and path of each device"),
    _spec("stats", summary="Statistics of each device and pool"),
    _spec("estats", summary="As stats, without devices that are disabled or unplugged"),
    _spec("dbgstats", summary="As stats, with what a developer wants to know"),
    _spec("coin", summary="Hash method, block and difficulty"),
    _spec("usbstats", summary="USB statistics"),
    _spec("lcd", summary="One line for a display"),
    _spec("privileged", summary="Whether this address may write"),
    _spec("pga", _DEVICE, summary="One PGA device"),
    _spec("asc", _DEVICE, summary="One ASC device"),
    _spec("check", Parameter("command", "text", maximum=60), summary="Whether a command exists"),
)

_BASE = _table(
    _spec("switchpool", _POOL, summary="Mine for this pool", topic_key="pool", expected_s=15),
    _spec("enablepool", _POOL, summary="Use this pool again", topic_key="enablepool"),
    _spec("disablepool", _POOL, summary="Do not use this pool", topic_key="enablepool"),
    _spec(
        "poolpriority",
        Parameter("pools", "text", maximum=200),
        summary="Order of the pools, the first one first, as in 1,0,2",
    ),
    _spec(
        "addpool",
        Parameter("url", "text", maximum=500),
        Parameter("user", "text", maximum=500),
        Parameter("password", "text", maximum=500),
        summary="Add a pool",
        access="secret",
    ),
    _spec("removepool", _POOL, summary="Forget this pool", access="guarded"),
    _spec("restart", summary="Restart the mining program", topic_key="restart", expected_s=30),
    _spec("quit", summary="End the mining program", access="guarded", topic_key="restart"),
    _spec(
        "save",
        Parameter("file", "text", maximum=300, required=False),
        summary="Write the running settings to a file of the miner",
        access="guarded",
    ),
    _spec(
        "debug",
        Parameter(
            "setting",
            "choice",
            choices=(
                *("silent", "quiet", "verbose", "debug"),
                *("rpcproto", "perdevice", "worktime", "normal"),
            ),
        ),
        summary="Switch a kind of output of the miner on or off",
        access="guarded",
    ),
    # cgminer 4.11.1 crashes on setconfig without a parameter: both are required.
    _spec(
        "setconfig",
        Parameter("name", "choice", choices=("queue", "scantime", "expiry")),
        Parameter("value", "integer", 0, 9999),
        summary="Set the work queue, scan time or expiry",
        access="guarded",
    ),
    _spec(
        "zero",
        Parameter("which", "choice", choices=("all", "bestshare")),
        Parameter("show_summary", "boolean"),
        summary="Set the statistics to zero",
        access="guarded",
    ),
)
_ASC = _table(
    _spec("ascenable", _DEVICE, summary="Let this device mine", topic_key="ascenable"),
    _spec("ascdisable", _DEVICE, summary="Stop this device", topic_key="ascenable"),
    _spec("ascidentify", _DEVICE, summary="Let this device blink"),
    _spec("ascset", _DEVICE, _OPTION, _VALUE, summary="Set an option of this device"),
)
_PGA = _table(
    _spec("pgaenable", _DEVICE, summary="Let this device mine", topic_key="pgaenable"),
    _spec("pgadisable", _DEVICE, summary="Stop this device", topic_key="pgaenable"),
    _spec("pgaidentify", _DEVICE, summary="Let this device blink"),
    _spec("pgaset", _DEVICE, _OPTION, _VALUE, summary="Set an option of this device"),
)
#: Commands that exist together, under the one to ask `check` for.
WRITE_GROUPS: Mapping[str, Mapping[str, CommandSpec]] = {
    "addpool": _BASE,
    "ascenable": _ASC,
    "pgaenable": _PGA,
    "poolquota": _table(
        _spec(
            "poolquota",
            _POOL,
            Parameter("quota", "integer", 0, 1_000_000),
            summary="Share of the work for this pool under load balancing",
        )
    ),
    "failover-only": _table(
        _spec(
            "failover-only",
            Parameter("enabled", "boolean"),
            summary="Leak no work to backup pools",
        )
    ),
    "lockstats": _table(_spec("lockstats", summary="Write statistics of locks to the log")),
    "hotplug": _table(
        _spec(
            "hotplug",
            Parameter("seconds", "integer", 0, 9999, unit="s"),
            summary="How often to look for new devices; 0 is never",
            access="guarded",
        )
    ),
}
#: They change something.
WRITES: Mapping[str, CommandSpec] = {
    name: spec for group in WRITE_GROUPS.values() for name, spec in group.items()
}


def pool_profile(names: tuple[str, ...]) -> CommandSpec:
    """Return the command that makes the pools of one of the profiles *names* active."""
    profile = Parameter("profile", "choice", choices=names)
    return _spec(
        "pool_profile",
        profile,
        summary="Mine for the pools of this profile",
        topic_key="pool",
        expected_s=20,
    )


def parameter_text(name: str, parameters: Mapping[str, Any]) -> str | None:
    """Return checked *parameters* as the server wants them: joined by commas, or None for none."""
    if name == "addpool":
        return ",".join(_escape(str(parameters[key])) for key in ("url", "user", "password"))
    if name == "poolpriority":
        return _pool_order(str(parameters["pools"]))
    values = [_text(parameters[key]) for key in _order(name) if parameters.get(key) is not None]
    return ",".join(values) if values else None


def _order(name: str) -> tuple[str, ...]:
    spec = WRITES.get(name) or QUERIES[name]
    return tuple(parameter.name for parameter in spec.parameters)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,")


def _pool_order(text: str) -> str:
    """Return "1,0" from "1, 0". cgminer reads anything else as pool 0, so it must not get it."""
    parts = [part.strip() for part in text.split(",")]
    valid = all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts)
    if not valid or len({int(part) for part in parts}) != len(parts):
        raise InvalidValue(f"pools: {text[:60]!r} is not a list of different pool numbers")
    return ",".join(str(int(part)) for part in parts)
