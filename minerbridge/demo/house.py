"""The real bridge on the demo's miners and broker, with somebody watching."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from minerbridge.bridge import Bridge
from minerbridge.demo import fleet
from minerbridge.demo.broker import Broker
from minerbridge.demo.journal import Journal
from minerbridge.demo.miners import rated_power_w
from minerbridge.demo.monitor import DemoMonitor
from minerbridge.errors import CommandRejected
from minerbridge.model import CommandResult, MinerCommand, MinerReading
from minerbridge.settings import Settings
from minerbridge.simulator.device import Device

QUICK_POLL_S, SLOW_POLL_S = 2.0, 10.0
POLLS_PER_S = 20
OFFLINE_AFTER_POLLS = 4
#: On a broker that others use, everything of the demo is recognisable and apart.
SITE = "demo"
#: Nobody waits five minutes for a miner to come back in a show.
FLEET = {"power_control_mode": "frequency", "min_off_s": 0, "failsafe_power_kw": 0}


class DemoSettings(Settings):
    """Settings that nothing outside of the demo changes, neither environment nor credentials."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is theirs
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class House(Bridge):
    """A bridge that also tells a journal what it is told."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.journal = journal
        self._order_kw: float | None = None
        super().__init__(settings)

    def order_kw(self) -> float | None:
        """Return an order to propose, the same at every call; None until the miners were met."""
        status = self.fleet.status_now()
        if self._order_kw is None and status is not None and status.state != "initializing":
            self._order_kw = fleet.suitable_kw(status.capability, status.rated_power_w)
        return self._order_kw

    def submit(self, command: MinerCommand) -> None:
        self.journal.command(command)
        try:
            super().submit(command)
        except CommandRejected as error:
            self.journal.rejected(command, error)
            raise

    def reading(self, reading: MinerReading) -> None:
        worker = self.workers.get(reading.miner_id)
        before = worker.previous.get(reading.miner_id) if worker is not None else None
        super().reading(reading)
        self.journal.reading(before, reading)

    def availability(self, miner_id: str, online: bool, code: str, reason: str) -> None:
        super().availability(miner_id, online, code, reason)
        self.journal.availability(miner_id, online, reason)

    def result(self, result: CommandResult) -> None:
        super().result(result)
        self.journal.result(result)

    def tell(self, kind: str, miner_id: str | None = None, **facts: Any) -> None:
        super().tell(kind, miner_id, **facts)
        self.journal.fleet(kind, miner_id, facts.get("message"))


def settings_for(
    broker: Broker, devices: Sequence[Device], state: Path, monitor: DemoMonitor | None = None
) -> Settings:
    """Return the bridge's settings; with *monitor*, which switches miners, no fleet does."""
    prefix = "" if broker.is_private else f"{SITE}_"
    interval_s = min(SLOW_POLL_S, max(QUICK_POLL_S, len(devices) / POLLS_PER_S))
    mqtt = {
        "host": broker.host,
        "port": broker.port,
        "protocol": broker.protocol,
        "username": broker.username,
        "password": broker.password,
    }
    return DemoSettings(
        site=None if broker.is_private else SITE,
        mqtt=mqtt,
        poll_interval_s=interval_s,
        offline_after_s=OFFLINE_AFTER_POLLS * interval_s,
        miners=[_miner(device, prefix) for device in devices],
        fleet={"enabled": monitor is None, **FLEET},
        rig_monitor=monitor.settings(devices, prefix) if monitor is not None else {},
        files={"state": state},
    )


def _miner(device: Device, prefix: str) -> dict[str, Any]:
    username, password = device.credentials or (None, None)
    return {
        "id": f"{prefix}{device.id}",
        "host": device.address,
        "family": device.family,
        "username": username,
        "password": password,
        "ports": dict(device.ports),
        "rated_power_w": rated_power_w(device),
    }
