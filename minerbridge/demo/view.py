"""Everything there is to show at one moment, whichever way it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minerbridge import __version__
from minerbridge.demo import advice, fleet, monitor
from minerbridge.demo.broker import Broker
from minerbridge.demo.house import House
from minerbridge.demo.monitor import DemoMonitor
from minerbridge.demo.rows import CONNECTING, Row, row, total
from minerbridge.model import MinerProfile, MinerReading


@dataclass(frozen=True, slots=True)
class View:
    """What a screen is made of; *copies* are (what it does, line to copy), best first.

    *steering* says how what switches the miners stands: the fleet, or the monitor. *is_settled*:
    every miner and the fleet have said something.
    """

    title: str
    rows: tuple[Row, ...]
    total: str
    steering: str
    address: str
    remark: str
    advice: str
    copies: tuple[tuple[str, str], ...]
    is_settled: bool = True


def view_of(bridge: House, broker: Broker, monitored: DemoMonitor | None = None) -> View:
    """Look at the bridge's own readings, not at what went over MQTT."""
    rows: list[Row] = []
    readings: list[MinerReading] = []
    for worker in list(bridge.workers.values()):
        known = dict(worker.readings)
        rows += [row(one, worker.online, known.get(one)) for one in known or [worker.plan.miner_id]]
        readings += known.values() if worker.online else []
    status = bridge.fleet.status_now()
    is_ready = status is not None and status.state != "initializing"
    parts = "bridge, MQTT broker" + (", rig monitor" if monitored is not None else "")
    remarks = (broker.remark, advice.ORDERS_REFUSED if monitored is not None else "")
    return View(
        title=f"minerbridge {__version__} demo: {_counted(len(rows))}, {parts}",
        rows=tuple(rows),
        total=total(readings, len(rows)),
        steering=fleet.line(status) if monitored is None else monitor.line(monitored),
        address=advice.address(broker),
        remark="; ".join(filter(None, remarks)),
        advice=advice.in_home_assistant(broker),
        copies=tuple(copies(bridge, broker, monitored)),
        is_settled=is_ready and all(one.status != CONNECTING for one in rows),
    )


def copies(
    bridge: House, broker: Broker, monitored: DemoMonitor | None
) -> Iterator[tuple[str, str]]:
    topics, hint = bridge.topics, advice.missing("mosquitto_pub", "mosquitto-clients")
    profiles = [one for worker in list(bridge.workers.values()) for one in worker.profiles.values()]
    miner_id = advice.switchable(profiles)
    if monitored is not None:
        yield from _expected(monitored, profiles)
    elif miner_id is not None:
        what = f"switch {miner_id} off (with ON at the end: on again)"
        yield what, advice.switch_line(broker, topics, miner_id)
    power_kw = bridge.order_kw() if monitored is None else None
    if power_kw is not None:
        what = f"order {power_kw:g} kW of the fleet, as an EMS would"
        yield what, advice.order_line(broker, topics, power_kw)
    yield f"watch every value as it changes{hint}", advice.watch_line(broker, topics)
    if power_kw is not None:
        yield "follow the order's life", advice.follow_line(broker, topics)


def _expected(monitored: DemoMonitor, profiles: list[MinerProfile]) -> Iterator[tuple[str, str]]:
    """Yield the stand-in for the switch on the monitor's page: other switches would not last."""
    reported = {one.name for one in monitored.miners.values()}
    miner_id = advice.switchable(one for one in profiles if one.miner_id in reported)
    if miner_id is not None:
        what = f"let the monitor expect {miner_id} off (with asic=on: on again)"
        what += advice.missing("curl", "curl")
        yield what, advice.expected_line(monitored.page(miner_id))


def _counted(number: int) -> str:
    return f"{number} simulated miner{'s' if number > 1 else ''}"
