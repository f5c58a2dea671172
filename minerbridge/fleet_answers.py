"""Requests about the fleet: its status, orders of the dashboard, its settings, its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from minerbridge import seed_fields
from minerbridge.errors import CommandRejected, InvalidValue
from minerbridge.fleet.status import as_rows
from minerbridge.model_fleet import FleetConfig, OrderKind, OrderRequest, OverrideRequest
from minerbridge.mqtt.fleet_documents import seed_status
from minerbridge.mqtt.requests import Answerer
from minerbridge.request_fields import MAX_LIMIT, number_in, page, whole_in
from minerbridge.settings_fleet import Fleet

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

MODES = ("on_off", "frequency")
MAX_KW = 1_000_000.0
#: The five names of the seed; nothing else of the settings changes while running.
CONFIG_NAMES = (
    "rated_power_kw_override",
    "power_distribution_strategy",
    "miner_priority",
    "max_power_change_rate_kw_per_sec",
    "min_miner_power_percent",
)


class FleetAnswers:
    """One method per request."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def table(self) -> dict[str, Answerer]:
        return {
            "fleet/status": self.status,
            "fleet/override": self.override,
            "fleet/power-mode": self.power_mode,
            "fleet/allocation": self.allocation,
            "power/apply": self.apply,
            "config": self.config,
            "config/set": self.set_config,
            "history": self.history,
        }

    def status(self, _: dict[str, Any]) -> Any:
        status = self._bridge.fleet.status_now()
        if status is None:
            raise CommandRejected("the fleet is starting", code="INTERNAL_ERROR")
        return seed_status(status)

    def override(self, document: dict[str, Any]) -> Any:
        enabled = document.get("enabled")
        if not isinstance(enabled, bool):
            raise InvalidValue("enabled: expected true or false")
        power_kw = number_in(document, "target_power_kw", 0, MAX_KW)
        power_w = None if power_kw is None else 1000 * power_kw
        answer = self._bridge.fleet.decide(
            OverrideRequest(enabled, power_w, id=str(document["id"]))
        )
        return {"success": True, "message": answer.message, "override_active": enabled}

    def power_mode(self, document: dict[str, Any]) -> Any:
        mode = document.get("mode")
        if mode is None:
            return {"mode": self._bridge.fleet.ask(lambda one, _: one.terms.control_mode)}
        if mode not in MODES:
            raise InvalidValue(f"mode: {str(mode)[:60]!r} is not one of {', '.join(MODES)}")
        self._bridge.fleet.decide(
            FleetConfig(
                power_control_mode=mode,
                changed=frozenset({"power_control_mode"}),
                id=str(document["id"]),
            )
        )
        return {"success": True, "message": f"Power control mode set to {mode}", "mode": mode}

    def allocation(self, document: dict[str, Any]) -> Any:
        rows = self._bridge.fleet.ask(as_rows)
        return page("miners", rows, document)

    def apply(self, document: dict[str, Any]) -> Any:
        """Order a power as the EMS would: the answer says that it was accepted, not met."""
        power_kw = target_kw(document)
        kind: OrderKind = "activate" if power_kw else "deactivate"
        answer = self._bridge.fleet.decide(
            OrderRequest(kind, str(document["id"]), 1000 * power_kw, source="dashboard")
        )
        return {"success": True, "message": answer.message, "target_power_kw": power_kw}

    # -- settings at run time ----------------------------------------------------------------

    def config(self, _: dict[str, Any]) -> Any:
        changed = self._bridge.fleet.ask(lambda one, _: one.config)
        return seed_fields.config(self._bridge.settings, changed)

    def set_config(self, document: dict[str, Any]) -> Any:
        """Take over what is named; null goes back to the settings file."""
        changes = {name: value for name, value in document.items() if name != "id"}
        unknown = sorted(changes.keys() - set(CONFIG_NAMES))
        if unknown or not changes:
            names = ", ".join(CONFIG_NAMES)
            what = f"{unknown[0][:60]!r} cannot be set" if unknown else "nothing to set"
            raise InvalidValue(f"{what}; there are {names}", code="INVALID_REQUEST")
        order = changes.pop("miner_priority", None) if "miner_priority" in changes else None
        values = _checked(changes)
        if "miner_priority" in document:
            values["miner_priority"] = self._priority(order)
        request = FleetConfig(**values, changed=frozenset(values), id=str(document["id"]))
        self._bridge.fleet.decide(request)
        return {"success": True, "config": self.config({})}

    def _priority(self, order: Any) -> tuple[str, ...] | None:
        if order is None:
            return None
        if not isinstance(order, list) or not all(isinstance(name, str) for name in order):
            raise InvalidValue("miner_priority: expected a list of miner ids")
        known = self._bridge.population.specs()
        for name in order:
            if name not in known:
                raise InvalidValue(f"miner_priority: no miner {name[:60]!r}")
        if len(set(order)) < len(order):
            raise InvalidValue("miner_priority: a miner is named twice")
        return tuple(order)

    # -- history -----------------------------------------------------------------------------

    def history(self, document: dict[str, Any]) -> Any:
        asked = whole_in(document, "limit", 0, MAX_LIMIT)
        limit = 100 if asked is None else asked
        offset = whole_in(document, "offset", 0, 10_000_000) or 0
        entries, total = self._bridge.fleet.history.commands(limit, offset)
        rows = [
            {
                "id": one.id,
                "timestamp": one.at,
                "source": one.source,
                "command": one.command,
                "parameters": one.parameters,
                "success": one.success,
                "message": one.message,
                "state": one.state,
            }
            for one in entries
        ]
        return {"commands": rows, "total": total, "limit": limit, "offset": offset}


def target_kw(document: dict[str, Any]) -> float:
    """Return the power a request asks for."""
    power_kw = number_in(document, "target_power_kw", 0, MAX_KW)
    if power_kw is None:
        raise InvalidValue("target_power_kw is missing", code="INVALID_POWER")
    return float(power_kw)


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    """Return *changes* as the settings file would take them; null stays null."""
    given = {name: value for name, value in changes.items() if value is not None}
    for name, value in given.items():
        if isinstance(value, bool):
            raise InvalidValue(f"{name}: {value} is not a value for it")
    try:
        fleet = Fleet(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidValue(f"{name}: {first['msg']}") from None
    return {name: getattr(fleet, name) if name in given else None for name in changes}
