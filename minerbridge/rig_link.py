"""Joins the Mining Rig Monitor's reporter with the miners it reports and with their topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minerbridge.errors import NotAllowed
from minerbridge.model import CommandResult, MinerCommand, MinerProfile, MinerReading
from minerbridge.rig_monitor.client import MonitorClient, tls_for
from minerbridge.rig_monitor.reported import MonitorState
from minerbridge.rig_monitor.reporter import Outside, Reporter
from minerbridge.runtime import Service

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

#: What a reported miner's profile says, so that its entities appear.
REPORTED = "rig_monitor"


class RigLink:
    """Does nothing where no server or no miner is set."""

    def __init__(self, bridge: Bridge) -> None:
        monitor = bridge.settings.rig_monitor
        self._bridge = bridge
        self._states: dict[str, MonitorState] = {}
        self.reporter: Reporter | None = None
        if monitor.url and monitor.miners:
            client = MonitorClient(monitor.url, tls_for(monitor.url))
            self.reporter = Reporter(monitor, client, Outside(self._on_state, self._submit))

    def services(self) -> list[Service]:
        return [self.reporter] if self.reporter is not None else []

    def stop(self) -> None:
        if self.reporter is not None:
            self.reporter.stop()

    # -- what the bridge hears of miners -----------------------------------------------------

    def profile(self, profile: MinerProfile) -> None:
        if self.reporter is not None:
            self.reporter.profile(profile)

    def reading(self, reading: MinerReading) -> None:
        if self.reporter is not None:
            self.reporter.reading(reading)

    def availability(self, miner_id: str, reason: str, *, online: bool) -> None:
        if self.reporter is not None:
            self.reporter.availability(miner_id, online, reason)

    def result(self, result: CommandResult) -> None:
        if self.reporter is not None:
            self.reporter.result(result)

    # -- what is shown -----------------------------------------------------------------------

    def decorated(self, profile: MinerProfile) -> MinerProfile:
        """Return *profile* with the entities of a reported miner, if it is one."""
        if self.reporter is None or profile.miner_id not in self.reporter.miners:
            return profile
        return profile.replace(reports=profile.reports | {REPORTED})

    def marked(self, reading: MinerReading) -> MinerReading:
        """Return *reading* with how its reports fare and what the monitor expects."""
        state = self._states.get(reading.miner_id)
        if state is None:
            return reading
        facts = {
            "reporting": state.working,
            "reporting_reason": state.reason or None,
            "expected_status": state.expected_asic,
            "expected_light": state.expected_light,
        }
        return reading.replace(details={**reading.details, **facts})

    def _submit(self, command: MinerCommand) -> None:
        """Hand on what the monitor expects, unless the fleet's order says otherwise."""
        fleet, miner_id = self._bridge.fleet, command.miner_id
        if command.name in ("start", "stop") and fleet.drives(miner_id):
            raise NotAllowed(f"an order of the fleet drives {miner_id}")
        if command.name == "start" and fleet.protects(miner_id):
            raise NotAllowed(f"{miner_id} was stopped for being too hot")
        self._bridge.submit(command)

    def _on_state(self, miner_id: str, state: MonitorState) -> None:
        self._states[miner_id] = state
        self._bridge.show_again(miner_id)
