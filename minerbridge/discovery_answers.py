"""What requests of discovery are answered with: scan, add, remove, list."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address
from typing import TYPE_CHECKING, Any

import structlog

from minerbridge import seed_fields
from minerbridge.errors import BridgeError, MinerError, MinerUnreachable, NotAllowed
from minerbridge.miners.scan import Discovered, addresses_of, answers, meet, scan
from minerbridge.model import MinerProfile
from minerbridge.mqtt.requests import Answerer
from minerbridge.plans import login_for
from minerbridge.request_fields import (
    devices_of,
    host_in,
    named,
    network_in,
    number_in,
    page,
    whole_in,
)
from minerbridge.state import FoundMiner

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

log = structlog.get_logger(__name__)

#: An event with more finds would not fit into a message; each find is an event of its own too.
MAX_FINDS_IN_EVENT = 200


class DiscoveryAnswers:
    """One method per request; all stay inside the networks of the settings."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._scanning = threading.Lock()

    def table(self) -> dict[str, Answerer]:
        return {
            "discovery/scan": self.scan,
            "discovery/add": self.add,
            "discovery/remove": self.remove,
            "discovery/miners": self.miners,
        }

    def scan(self, document: dict[str, Any]) -> Any:
        """Start a scan; each find is an event, and the last event carries them all."""
        allowed = self._bridge.settings.discovery.networks
        text = document.get("network_cidr")
        networks = allowed if text is None else (network_in(text),)
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
                rows.append(_row(found.miner_id, found.host, found.profile))
                facts = {"host": found.host, "family": found.family, "id": scan_id}
                self._bridge.publisher.event("discovered", found.miner_id, **facts)
        except Exception:
            log.exception("scan_failed")
        finally:
            self._scanning.release()
        self._bridge.publisher.event(
            "scan_finished",
            id=scan_id,
            network_scanned=shown,
            miners_found=len(rows),
            miners=rows[:MAX_FINDS_IN_EVENT],
        )

    def add(self, document: dict[str, Any]) -> Any:
        """Meet the device now, and take it in when it is a miner that is not known yet."""
        host = host_in(document)
        port = whole_in(document, "port", 1, 65_535)
        rated_w = number_in(document, "rated_power_watts", 0, 1_000_000)
        allowed = self._bridge.settings.discovery.networks
        if not any(ip_address(host) in network for network in allowed):
            raise NotAllowed(f"{host} is not inside discovery.networks")
        for worker in list(self._bridge.workers.values()):
            if worker.plan.host == host and port in (None, worker.plan.rpc_port):
                raise _known(host, worker.plan.miner_id)
        try:
            if port is None and not answers(host):
                raise MinerUnreachable(f"{host} does not answer")
            found = meet(host, self._login, {} if port is None else {"rpc": port})
        except MinerError as error:
            raise BridgeError(f"{host}: {error}", code=error.code) from error
        self._refuse_known(found)
        self._bridge.add(FoundMiner(found.miner_id, host, found.family, port, rated_w))
        row = _row(found.miner_id, host, found.profile)
        return {"success": True, "miner": {**row, "rated_power_watts": rated_w}}

    def _refuse_known(self, found: Discovered) -> None:
        mac = found.profile.mac_address
        for worker in list(self._bridge.workers.values()):
            macs = {profile.mac_address for profile in list(worker.profiles.values())}
            if worker.plan.miner_id == found.miner_id or (mac is not None and mac in macs):
                raise _known(found.host, worker.plan.miner_id)

    def remove(self, document: dict[str, Any]) -> Any:
        worker, _ = named(self._bridge, document)
        miner_id = worker.plan.miner_id
        if any(miner.id == miner_id for miner in self._bridge.settings.miners):
            raise NotAllowed(f"{miner_id} stands in the settings file: remove it there")
        self._bridge.remove(miner_id)
        return {"success": True, "miner_id": miner_id}

    def miners(self, document: dict[str, Any]) -> Any:
        rows = [
            seed_fields.discovered_row(
                worker, profile, worker.readings.get(profile.miner_id) if profile else None
            )
            for worker, profile in devices_of(self._bridge)
        ]
        return {
            **page("miners", rows, document),
            "online": sum(row["is_online"] for row in rows),
            "mining": sum(row["is_mining"] is True for row in rows),
        }

    def _login(self, family: str) -> tuple[str | None, str | None]:
        return login_for(self._bridge.settings, family)


def _known(host: str, miner_id: str) -> BridgeError:
    return BridgeError(f"{host} is the known miner {miner_id}", code="ALREADY_KNOWN")


def _row(miner_id: str, host: str, profile: MinerProfile) -> dict[str, Any]:
    return {
        "id": miner_id,
        "ip": host,
        "model": profile.model,
        "type": "asic",
        "family": profile.family,
        "is_online": True,
        "is_mining": None,
    }
