"""What each request is answered with: the bridge's side of the request desk."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from minerbridge import seed_fields
from minerbridge.blanking import blanked
from minerbridge.discovery_answers import DiscoveryAnswers
from minerbridge.errors import (
    BadReply,
    InvalidValue,
    MinerRefused,
    MinerUnreachable,
    Unsupported,
)
from minerbridge.fleet_answers import FleetAnswers
from minerbridge.miners.plan import REFRESH
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import CommandSpec, MinerCommand, MinerProfile
from minerbridge.mqtt.requests import Answerer
from minerbridge.platform_answers import SLOW_PLATFORM_REQUESTS, PlatformAnswers
from minerbridge.power_answers import PowerAnswers
from minerbridge.request_fields import devices_of, known, named, page
from minerbridge.rig_monitor_answers import SLOW_REQUESTS as SLOW_MONITOR_REQUESTS
from minerbridge.rig_monitor_answers import RigMonitorAnswers

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

#: What asks devices, which may take their time or hang.
SLOW_REQUESTS = (
    frozenset({"miner/details", "miner/command", "discovery/add", "history"})
    | SLOW_PLATFORM_REQUESTS
    | SLOW_MONITOR_REQUESTS
)


class Answers:
    """One method per request; each takes the request's document and returns the answer's data."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def table(self) -> dict[str, Answerer]:
        return {
            "miners": self.miners,
            "miner": self.miner,
            "miner/details": self.miner_details,
            "miner/control": self.control,
            "miner/blink": self.blink,
            "miner/command": self.command,
            **DiscoveryAnswers(self._bridge).table(),
            **FleetAnswers(self._bridge).table(),
            **PowerAnswers(self._bridge).table(),
            **PlatformAnswers(self._bridge).table(),
            **RigMonitorAnswers(self._bridge.settings, self._bridge.rig_monitor.reporter).table(),
            "health": self.health,
        }

    # -- miners ------------------------------------------------------------------------------

    def miners(self, document: dict[str, Any]) -> Any:
        rows = [self._row(worker, profile) for worker, profile in devices_of(self._bridge)]
        return page("miners", rows, document)

    def miner(self, document: dict[str, Any]) -> Any:
        worker, profile = named(self._bridge, document)
        return self._row(worker, profile)

    def miner_details(self, document: dict[str, Any]) -> Any:
        """Read the device now; what it cannot be asked is null."""
        worker, profile = named(self._bridge, document)
        if profile is None:
            raise MinerUnreachable(f"{worker.plan.miner_id} has not answered yet")
        raw: dict[str, Any] = {"status": None, "config": None}
        silence: MinerUnreachable | None = None
        worker.query(REFRESH, {})
        for part, question in (("status", "summary"), ("config", "get_miner_conf")):
            try:
                raw[part] = self._clean(worker.query(question, {}), worker)
            except MinerUnreachable as error:
                silence = error
            except (Unsupported, MinerRefused, BadReply):
                continue
        reading = worker.readings.get(profile.miner_id)
        if silence is not None and not any(raw.values()):
            raise silence
        if reading is None:
            raise MinerUnreachable(f"{profile.miner_id} has not been read yet")
        with_users = self._bridge.settings.publish_pool_users
        return seed_fields.details(profile, reading, raw, with_users=with_users)

    def control(self, document: dict[str, Any]) -> Any:
        action = document.get("action")
        actions = ("start", "stop", "restart", "reboot", "reset")
        if action not in actions:
            raise InvalidValue(f"action: {action!r} is not one of {', '.join(actions)}")
        profile = known(self._bridge, document)[1]
        command = self.send(profile, action, {}, document)
        expected_s = profile.commands[action].expected_s
        return {
            "success": None,
            "miner_id": profile.miner_id,
            "action": action,
            "message": f"{action} is under way; the result follows, usually in {expected_s:g} s",
            "expected_s": expected_s,
            "id": command.id,
        }

    def blink(self, document: dict[str, Any]) -> Any:
        worker, profile = known(self._bridge, document)
        reading = worker.readings.get(profile.miner_id)
        is_on = reading.led_on if reading is not None else None
        command = self.send(profile, "led", {"enabled": not is_on}, document)
        return {
            "success": None,
            "miner_id": profile.miner_id,
            "miner_ip": worker.plan.host,
            "message": f"the LED is being switched {'off' if is_on else 'on'}; the result follows",
            "is_enabled": None if is_on is None else not is_on,
            "id": command.id,
        }

    def command(self, document: dict[str, Any]) -> Any:
        """Run a vendor's command: a write is answered by its result, a read by the reply itself."""
        name = document.get("command")
        parameters = document.get("parameters") or {}
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise InvalidValue('expected {"miner_id": …, "command": "name", "parameters": {…}}')
        if "profile" in document:
            parameters = {**parameters, "profile": document["profile"]}
        worker, profile = known(self._bridge, document)
        spec = profile.commands.get(name)
        if spec is not None and not spec.is_query:
            command = self.send(profile, name, parameters, document)
            return {
                "miner_id": profile.miner_id,
                "command": name,
                "message": "under way; its result follows",
                "id": command.id,
            }
        # Asking changes nothing, so a read-only miner may be asked; what is denied is denied.
        policy = replace(worker.plan.policy, read_only=False)
        policy.permit(spec or CommandSpec(name), profile.miner_id)
        reply = self._clean(worker.query(name, parameters), worker)
        return {"miner_id": profile.miner_id, "command": name, "reply": reply}

    # -- the bridge itself -------------------------------------------------------------------

    def health(self, _: dict[str, Any]) -> Any:
        bridge = self._bridge
        workers = list(bridge.workers.values())
        networks = bridge.settings.discovery.networks
        status = bridge.fleet.status_now()
        return {
            "healthy": bridge.self_test != "failed" and not bridge.housekeeping.failing,
            "mode": "direct",
            "network_cidr": str(networks[0]) if networks else None,
            "services": {
                "miner_discovery": bridge.settings.discovery.enabled,
                "fleet_manager": bridge.settings.fleet.enabled,
                "awesome_miner": "disabled",
            },
            "miners_registered": len(workers),
            "miners_online": sum(bool(worker.online) for worker in workers),
            "fleet_state": status.state if status is not None else None,
            "timestamp": datetime.now(UTC),
        }

    # -- inside ------------------------------------------------------------------------------

    def _row(self, worker: MinerWorker, profile: MinerProfile | None) -> dict[str, Any]:
        device_id = profile.miner_id if profile else worker.plan.miner_id
        name = self._bridge.publisher.presentation.names.get(device_id, device_id)
        reading = worker.readings.get(device_id)
        return seed_fields.miner_row(worker, profile, reading, name)

    def send(
        self,
        profile: MinerProfile,
        name: str,
        parameters: dict[str, Any],
        document: dict[str, Any],
    ) -> MinerCommand:
        """Hand a command to its miner; raise `CommandRejected`."""
        command = MinerCommand(
            profile.miner_id,
            name,
            str(document["id"]) if document.get("id") is not None else uuid.uuid4().hex[:12],
            name,
            parameters,
            parameters or None,
            source="request",
        )
        self._bridge.submit(command)
        return command

    def _clean(self, reply: Any, worker: MinerWorker) -> Any:
        """Blank passwords, and pool users unless they may be published."""
        if self._bridge.settings.publish_pool_users:
            return blanked(reply)
        readings = list(worker.readings.values())
        users = {pool.user for reading in readings for pool in reading.pools if pool.user}
        return blanked(reply, users=users)
