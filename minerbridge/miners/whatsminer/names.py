"""The bridge's own names for the common commands, the same in every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.whatsminer.readback import DEFAULT_LIMIT_W
from minerbridge.miners.whatsminer.row import Given, Row
from minerbridge.miners.whatsminer.table import ROWS
from minerbridge.model import Parameter

Becomes = Callable[[Given], tuple[str, dict[str, Any]]]
POOLS = 3
MODES = ("low", "normal", "high")
_BLINKING = {"color": "red", "period": 500, "duration": 250, "start": 0}
_PERCENT_COMMANDS = {"normal": "set_power_pct_v2", "fast": "set_power_pct"}


def _as(name: str, **renamed: str) -> Becomes:
    return lambda given: (name, {new: given[old] for new, old in renamed.items()})


def _led(given: Given) -> tuple[str, dict[str, Any]]:
    return "set_led", dict(_BLINKING) if given["enabled"] else {"param": "auto"}


def _mode(given: Given) -> tuple[str, dict[str, Any]]:
    return f"set_{given['mode']}_power", {}


def _percent(given: Given) -> tuple[str, dict[str, Any]]:
    return _PERCENT_COMMANDS[given.get("speed", "normal")], {"percent": given["power_percent"]}


def _own(
    name: str, of: str, becomes: Becomes, *parameters: Parameter, summary: str = "",
    same_as: tuple[str, ...] = (),
) -> Row:  # fmt: skip
    """Return a row that costs, and may do, what the manual's command *of* does."""
    row = ROWS[of]
    return Row(
        name, row.section, summary or row.summary, parameters, row.restarts, row.access,
        row.topic_key, row.expected_s, becomes=becomes, same_as=same_as or (of,),
    )  # fmt: skip


NAMES = (
    _own("start", "power_on", _as("power_on")),
    _own("stop", "power_off", _as("power_off")),
    _own("restart", "restart_btminer", _as("restart_btminer")),
    _own("reset", "factory_reset", _as("factory_reset")),
    _own("led", "set_led", _led, Parameter("enabled", "boolean"), summary="Blink to be found"),
    _own("power_limit", "adjust_power_limit",
         _as("adjust_power_limit", power_limit="power_limit_w"),
         Parameter("power_limit_w", "integer", 1, 99_999, 1, unit="W"),
         summary="Set the power limit"),
    _own("power_limit_default", "adjust_power_limit",
         lambda _given: ("adjust_power_limit", {"power_limit": DEFAULT_LIMIT_W}),
         summary="Set the power limit to the default",
         same_as=("adjust_power_limit", "power_limit")),
    _own("power_percent", "set_power_pct_v2", _percent,
         Parameter("power_percent", "integer", 0, 200, 1, unit="%"),
         Parameter("speed", "choice", choices=tuple(_PERCENT_COMMANDS), required=False),
         summary="Set the power, once it is tuned: within minutes, or fast for a while",
         same_as=tuple(_PERCENT_COMMANDS.values())),
    _own("power_mode", "set_normal_power", _mode,
         Parameter("mode", "choice", choices=MODES), summary="Set the power mode",
         same_as=tuple(f"set_{mode}_power" for mode in MODES)),
)  # fmt: skip


def pool_profile(profiles: Mapping[str, Sequence[PoolLogin]]) -> Row:
    """Return the row that sets the pools of a profile, which only the settings spell out."""

    def becomes(given: Given) -> tuple[str, dict[str, Any]]:
        found: dict[str, Any] = {}
        for place, login in enumerate(profiles[given["profile"]][:POOLS], 1):
            found |= {
                f"pool{place}": login.url,
                f"worker{place}": login.user,
                f"passwd{place}": login.password,
            }
        return "update_pools", found

    row = ROWS["update_pools"]
    return Row(
        "pool_profile", row.section, "Mine at the pools that the settings name so",
        (Parameter("profile", "choice", choices=tuple(sorted(profiles))),),
        topic_key=row.topic_key, expected_s=row.expected_s, becomes=becomes, same_as=(row.name,),
    )  # fmt: skip


def rows(profiles: Mapping[str, Sequence[PoolLogin]]) -> dict[str, Row]:
    """Return the whole table, by name: the manual's rows tell which names here mean them, too."""
    own = [*NAMES, *([pool_profile(profiles)] if profiles else [])]
    manual = [
        replace(row, same_as=(*row.same_as, *(one.name for one in own if row.name in one.same_as)))
        for row in ROWS.values()
    ]
    return {row.name: row for row in (*manual, *own)}
