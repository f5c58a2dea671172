"""What each request is answered with: the bridge's side of the request desk."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import structlog

from minerbridge import seed_fields
from minerbridge.errors import (
    BridgeError,
    InvalidValue,
    MinerError,
    MinerUnreachable,
    NotAllowed,
    NotFound,
    Unsupported,
)
from minerbridge.miners.scan import addresses_of, answers, meet, scan
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import MinerCommand, MinerProfile
from minerbridge.mqtt.requests import Answerer
from minerbridge.plans import login_for
from minerbridge.settings import MAX_SCAN_ADDRESSES
from minerbridge.state import FoundMiner

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

log = structlog.get_logger(__name__)

ADDRESS_FIELDS = ("miner_id", "miner_ip", "ip")
MAX_LIMIT = 1000
_SECRET = ("pass", "password", "passwd", "pwd", "pw")
_USERS = ("user", "worker", "stratumuser")


class Answers:
    """One method per request; each takes the request's document and returns the answer's data."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._scanning = threading.Lock()

    def table(self) -> dict[str, Answerer]:
        return {
            "miners": self.miners,
            "miner": self.miner,
            "miner/details": self.miner_details,
            "miner/control": self.control,
            "miner/blink": self.blink,
            "miner/command": self.command,
            "discovery/scan": self.discovery_scan,
            "discovery/add": self.discovery_add,
            "discovery/remove": self.discovery_remove,
            "discovery/miners": self.discovery_miners,
            "config": self.config,
            "health": self.health,
        }

    # -- miners ------------------------------------------------------------------------------

    def miners(self, document: dict[str, Any]) -> Any:
        rows = [self._row(worker, profile) for worker, profile in self._devices()]
        return _page("miners", rows, document)

    def miner(self, document: dict[str, Any]) -> Any:
        worker, profile = self._named(document)
        return self._row(worker, profile)

    def miner_details(self, document: dict[str, Any]) -> Any:
        """Read the device now; what it cannot be asked is null."""
        worker, profile = self._named(document)
        if profile is None:
            raise MinerUnreachable(f"{worker.plan.miner_id} has not answered yet")
        raw = {}
        for part, question in (("status", "summary"), ("config", "get_miner_conf")):
            try:
                raw[part] = self._clean(worker.query(question, {}))
            except Unsupported:
                raw[part] = None
        reading = worker.readings.get(profile.miner_id)
        if reading is None:
            raise MinerUnreachable(f"{profile.miner_id} has not been read yet")
        with_users = self._bridge.settings.publish_pool_users
        return seed_fields.details(profile, reading, raw, with_users=with_users)

    def control(self, document: dict[str, Any]) -> Any:
        action = document.get("action")
        actions = ("start", "stop", "restart", "reboot", "reset")
        if action not in actions:
            raise InvalidValue(f"action: {action!r} is not one of {', '.join(actions)}")
        worker, profile = self._known(document)
        command = self._send(worker, profile, action, {}, document)
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
        worker, profile = self._known(document)
        reading = worker.readings.get(profile.miner_id)
        is_on = reading.led_on if reading is not None else None
        command = self._send(worker, profile, "led", {"enabled": not is_on}, document)
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
        worker, profile = self._known(document)
        if name in profile.commands and not profile.commands[name].is_query:
            command = self._send(worker, profile, name, parameters, document)
            return {
                "miner_id": profile.miner_id,
                "command": name,
                "message": "under way; its result follows",
                "id": command.id,
            }
        reply = self._clean(worker.query(name, parameters))
        return {"miner_id": profile.miner_id, "command": name, "reply": reply}

    # -- discovery ---------------------------------------------------------------------------

    def discovery_scan(self, document: dict[str, Any]) -> Any:
        """Start a scan; each find is an event, and the last event carries them all."""
        allowed = self._bridge.settings.discovery.networks
        text = document.get("network_cidr")
        networks = allowed if text is None else (_network(text),)
        for network in networks:
            if not any(network.subnet_of(one) for one in allowed):
                raise NotAllowed(f"{network} is not inside discovery.networks")
        if not networks:
            raise NotAllowed("discovery.networks names no network")
        if not self._scanning.acquire(blocking=False):
            raise BridgeError("a scan is running", code="BUSY")
        shown = ", ".join(str(network) for network in networks)
        threading.Thread(
            target=self._scan, args=(networks, document["id"], shown), name="scan", daemon=True
        ).start()
        return {
            "success": None,
            "network_scanned": shown,
            "message": "scanning; finds follow as events",
            "id": document["id"],
        }

    def _scan(self, networks: Iterable[IPv4Network], scan_id: str, shown: str) -> None:
        rows = []
        try:
            stop = self._bridge.discoverer.stopping
            for found in scan(addresses_of(networks), self._login, stop):
                row = _found_row(found.miner_id, found.host, found.profile)
                rows.append(row)
                facts = {"host": found.host, "family": found.family, "id": scan_id}
                self._bridge.publisher.event("discovered", found.miner_id, **facts)
        except Exception:
            log.exception("scan_failed")
        finally:
            self._scanning.release()
        self._bridge.publisher.event(
            "scan_finished", id=scan_id, network_scanned=shown, miners_found=len(rows), miners=rows
        )

    def discovery_add(self, document: dict[str, Any]) -> Any:
        host = _host(document)
        allowed = self._bridge.settings.discovery.networks
        if not any(ip_address(host) in network for network in allowed):
            raise NotAllowed(f"{host} is not inside discovery.networks")
        same = [w.plan.miner_id for w in self._bridge.workers.values() if w.plan.host == host]
        if same:
            raise BridgeError(f"{host} is already miner {same[0]}", code="ALREADY_KNOWN")
        port = _number(document, "port", 1, 65_535)
        rated_w = _number(document, "rated_power_watts", 0, 1_000_000)
        ports = {"rpc": int(port)} if port else {}
        try:
            if not ports and not answers(host):
                raise MinerUnreachable(f"{host} does not answer")
            found = meet(host, self._login, ports)
        except MinerError as error:
            raise BridgeError(f"{host}: {error}", code=error.code) from error
        one = FoundMiner(found.miner_id, host, found.family, ports.get("rpc"), rated_w)
        if one.id in self._bridge.workers:
            raise BridgeError(f"{host} is the known miner {one.id}", code="ALREADY_KNOWN")
        self._bridge.add(one)
        row = {**_found_row(one.id, host, found.profile), "rated_power_watts": rated_w}
        return {"success": True, "miner": row}

    def discovery_remove(self, document: dict[str, Any]) -> Any:
        worker, _ = self._named(document)
        miner_id = worker.plan.miner_id
        if any(miner.id == miner_id for miner in self._bridge.settings.miners):
            raise NotAllowed(f"{miner_id} stands in the settings file: remove it there")
        self._bridge.remove(miner_id)
        return {"success": True, "miner_id": miner_id}

    def discovery_miners(self, document: dict[str, Any]) -> Any:
        devices = self._devices()
        rows = [
            seed_fields.discovered_row(w, p, w.readings.get(p.miner_id) if p else None)
            for w, p in devices
        ]
        return {
            **_page("miners", rows, document),
            "online": sum(row["is_online"] for row in rows),
            "mining": sum(row["is_mining"] is True for row in rows),
        }

    # -- the bridge itself -------------------------------------------------------------------

    def config(self, _: dict[str, Any]) -> Any:
        return seed_fields.config(self._bridge.settings)

    def health(self, _: dict[str, Any]) -> Any:
        bridge = self._bridge
        workers = list(bridge.workers.values())
        networks = bridge.settings.discovery.networks
        return {
            "healthy": bridge.self_test != "failed",
            "mode": "direct",
            "network_cidr": str(networks[0]) if networks else None,
            "services": {
                "miner_discovery": bridge.settings.discovery.enabled,
                "fleet_manager": False,
                "awesome_miner": "disabled",
            },
            "miners_registered": len(workers),
            "miners_online": sum(bool(worker.online) for worker in workers),
            "fleet_state": None,
            "timestamp": datetime.now(UTC),
        }

    # -- inside ------------------------------------------------------------------------------

    def _devices(self) -> list[tuple[MinerWorker, MinerProfile | None]]:
        devices: list[tuple[MinerWorker, MinerProfile | None]] = []
        for worker in list(self._bridge.workers.values()):
            devices += [(worker, profile) for profile in worker.profiles.values()] or [
                (worker, None)
            ]
        return devices

    def _row(self, worker: MinerWorker, profile: MinerProfile | None) -> dict[str, Any]:
        device_id = profile.miner_id if profile else worker.plan.miner_id
        name = self._bridge.publisher.presentation.names.get(device_id, device_id)
        reading = worker.readings.get(device_id)
        return seed_fields.miner_row(worker, profile, reading, name)

    def _named(self, document: dict[str, Any]) -> tuple[MinerWorker, MinerProfile | None]:
        named = [document[field] for field in ADDRESS_FIELDS if document.get(field) is not None]
        if not named or not isinstance(named[0], str):
            raise InvalidValue("miner_id is missing (an id or an address)")
        worker = self._bridge.worker_of(named[0])
        profiles = worker.profiles
        return worker, profiles.get(named[0]) or next(iter(profiles.values()), None)

    def _known(self, document: dict[str, Any]) -> tuple[MinerWorker, MinerProfile]:
        worker, profile = self._named(document)
        if profile is None:
            raise NotFound(f"{worker.plan.miner_id} has not answered yet", code="OFFLINE")
        return worker, profile

    def _send(
        self,
        worker: MinerWorker,
        profile: MinerProfile,
        name: str,
        parameters: dict[str, Any],
        document: dict[str, Any],
    ) -> MinerCommand:
        command = MinerCommand(
            profile.miner_id,
            name,
            str(document.get("id") or uuid.uuid4().hex[:12]),
            name,
            parameters,
            parameters or None,
            source="request",
        )
        worker.submit(command)
        return command

    def _login(self, family: str) -> tuple[str | None, str | None]:
        return login_for(self._bridge.settings, family)

    def _clean(self, reply: Any) -> Any:
        """Blank passwords, and pool users unless they may be published."""
        hidden = _SECRET if self._bridge.settings.publish_pool_users else (*_SECRET, *_USERS)
        return _blanked(reply, hidden)


def _blanked(value: Any, hidden: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {
            key: None if str(key).lower() in hidden else _blanked(inner, hidden)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_blanked(inner, hidden) for inner in value]
    return value


def _page(name: str, rows: list[Any], document: dict[str, Any]) -> dict[str, Any]:
    limit = int(_number(document, "limit", 0, MAX_LIMIT) or 100)
    offset = int(_number(document, "offset", 0, 10_000_000) or 0)
    return {
        name: rows[offset : offset + limit],
        "total": len(rows),
        "limit": limit,
        "offset": offset,
    }


def _number(document: dict[str, Any], name: str, low: float, high: float) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidValue(f"{name}: {value!r} is not a number from {low:g} to {high:g}")
    return value


def _network(text: Any) -> IPv4Network:
    try:
        network = ip_network(str(text), strict=False)
    except ValueError as error:
        raise InvalidValue(f"network_cidr: {error}") from None
    if not isinstance(network, IPv4Network) or network.num_addresses > MAX_SCAN_ADDRESSES:
        raise InvalidValue(f"network_cidr: IPv4, at most {MAX_SCAN_ADDRESSES} addresses")
    return network


def _host(document: dict[str, Any]) -> str:
    text = document.get("ip") or document.get("miner_ip")
    try:
        return str(ip_address(str(text)))
    except ValueError:
        raise InvalidValue(f"ip: {text!r} is not an address") from None


def _found_row(miner_id: str, host: str, profile: MinerProfile) -> dict[str, Any]:
    return {
        "id": miner_id,
        "ip": host,
        "model": profile.model,
        "type": "asic",
        "family": profile.family,
        "is_online": True,
        "is_mining": None,
    }
