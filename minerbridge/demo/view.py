"""Everything there is to show at one moment, whichever way it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from minerbridge import __version__
from minerbridge.demo import advice
from minerbridge.demo.broker import Broker
from minerbridge.demo.house import House
from minerbridge.demo.rows import Row, row, total
from minerbridge.model import MinerReading


@dataclass(frozen=True, slots=True)
class View:
    """What a screen is made of; *copies* are (what it does, line to copy)."""

    title: str
    rows: tuple[Row, ...]
    total: str
    address: str
    remark: str
    advice: str
    copies: tuple[tuple[str, str], ...]


def view_of(bridge: House, broker: Broker) -> View:
    """Look at the bridge's own readings, not at what went over MQTT."""
    rows: list[Row] = []
    readings: list[MinerReading] = []
    for worker in list(bridge.workers.values()):
        known = dict(worker.readings)
        rows += [row(one, worker.online, known.get(one)) for one in known or [worker.plan.miner_id]]
        readings += known.values() if worker.online else []
    return View(
        title=f"minerbridge {__version__} demo: {_counted(len(rows))}, bridge, MQTT broker",
        rows=tuple(rows),
        total=total(readings, len(rows)),
        address=advice.address(broker),
        remark=broker.remark,
        advice=advice.in_home_assistant(broker),
        copies=copies(bridge, broker),
    )


def copies(bridge: House, broker: Broker) -> tuple[tuple[str, str], ...]:
    hint = advice.missing_clients()
    watch = (f"watch every value as it changes{hint}", advice.watch_line(broker, bridge.topics))
    profiles = [one for worker in list(bridge.workers.values()) for one in worker.profiles.values()]
    miner_id = advice.switchable(profiles)
    if miner_id is None:
        return (watch,)
    switch = advice.switch_line(broker, bridge.topics, miner_id)
    return watch, (f"switch {miner_id} off (with ON at the end: on again)", switch)


def _counted(number: int) -> str:
    return f"{number} simulated miner{'s' if number > 1 else ''}"
