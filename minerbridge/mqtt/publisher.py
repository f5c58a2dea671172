"""Keeps the broker's picture of every miner true: announces, publishes what changed, withdraws."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from minerbridge.model import CommandResult, MinerProfile, MinerReading
from minerbridge.mqtt import discovery
from minerbridge.mqtt.entity import NOT_REPORTED, Entity
from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.topics import Topics
from minerbridge.mqtt.units import hashrate_unit
from minerbridge.mqtt.wire import LENIENT, reading_json, result_json, to_json

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Announced:
    """What stands on the broker for one miner; kept on disk, to be withdrawn after a restart."""

    unit: str | None = None
    components: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Shown:
    """One miner as the broker knows it. Its lock is held for one publication at a time."""

    announced: Announced
    lock: threading.Lock = field(default_factory=threading.Lock)
    profile: MinerProfile | None = None
    rows: tuple[Entity, ...] = ()
    controls: tuple[Entity, ...] = ()
    states: dict[str, str] = field(default_factory=dict)
    reading: bytes | None = None
    availability: str | None = None
    started_at: datetime | None = None
    #: A digest of the discovery message: the message itself is large.
    discovery: bytes | None = None


@dataclass(frozen=True, slots=True)
class Presentation:
    """What the settings say about how miners are shown. *denied*: commands, by miner.

    *owner_of* tells of a device the miner of the settings that it belongs to, mostly itself.
    """

    discovery: bool = True
    with_pool_users: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()
    all_read_only: bool = False
    denied: Mapping[str, frozenset[str]] = field(default_factory=dict)
    owner_of: Callable[[str], str] = str

    def shown(self, profile: MinerProfile) -> MinerProfile:
        """Return *profile* with the commands for which controls are shown."""
        owner = self.owner_of(profile.miner_id)
        if self.all_read_only or owner in self.read_only:
            return profile.replace(commands={})
        denied = self.denied.get(owner, frozenset())
        allowed = {n: spec for n, spec in profile.commands.items() if not spec.is_among(denied)}
        return profile.replace(commands=allowed) if denied else profile


class Publisher:
    """Called by any thread. What it sends goes to *send*, which never blocks."""

    def __init__(
        self,
        topics: Topics,
        send: Callable[[Outgoing], None],
        announced: Mapping[str, Announced] | None = None,
        presentation: Presentation | None = None,
        on_announced: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._topics = topics
        self._send = send
        self.presentation = presentation or Presentation()
        self._on_announced = on_announced
        self._lock = threading.Lock()
        self._shown = {miner_id: _Shown(one) for miner_id, one in (announced or {}).items()}
        self._macs: dict[str, set[str]] = {}
        self._bridge_states: dict[str, str] = {}

    # -- what workers tell -------------------------------------------------------------------

    def profile(self, profile: MinerProfile) -> None:
        """Announce a miner, or what it has grown by."""
        shown = self._of(profile.miner_id)
        rivals = self._note_mac(profile)
        with shown.lock:
            shown.profile = profile
            if shown.announced.unit is not None:
                self._announce(shown)
        for rival in rivals:
            with rival.lock:
                if rival.profile is not None and rival.announced.unit is not None:
                    self._announce(rival)

    def reading(self, reading: MinerReading) -> None:
        """Publish what differs from what was published before."""
        shown = self._of(reading.miner_id)
        with shown.lock:
            if shown.profile is None:
                return
            if shown.announced.unit is None:
                algorithm = shown.profile.algorithm or reading.algorithm
                shown.announced.unit = hashrate_unit(algorithm, reading.hashrate_hs)
                self._announce(shown)
            shown.reading = reading_json(reading, with_pool_users=self.presentation.with_pool_users)
            self._send(Outgoing(self._topics.reading(reading.miner_id), shown.reading, 0, True))
            for row in shown.rows:
                if row.platform == "button":
                    continue
                text = self._held(shown, row, reading) if row.hold_s else row.state(reading)
                if shown.states.get(row.component) != text:
                    shown.states[row.component] = text
                    self._send_state(reading.miner_id, row, text)

    def availability(self, miner_id: str, online: bool) -> None:
        shown = self._of(miner_id)
        with shown.lock:
            shown.availability = "online" if online else "offline"
            self._send_availability(miner_id, shown)

    def result(self, result: CommandResult) -> None:
        """Answer a command on its result topic, and on MQTT 5's response topic if it named one."""
        body = result_json(result)
        self._send(Outgoing(self._topics.result(result.miner_id), body, 1))
        if result.answer_to is not None:
            topic, correlation = result.answer_to
            self._send(Outgoing(topic, body, 1, correlation=correlation))

    def event(self, kind: str, miner_id: str | None = None, **facts: Any) -> None:
        """Publish what happened, for automations."""
        at = datetime.now(UTC)
        event = {"type": kind, "miner_id": miner_id, "at": at, **facts}
        self._send(Outgoing(self._topics.bridge("event"), to_json(event), 1))

    def bridge(self, name: str, content: Any) -> None:
        """Publish a retained document about the bridge itself."""
        body = content.encode() if isinstance(content, str) else to_json(content)
        self._send(Outgoing(self._topics.bridge(name), body, 1, True))

    def bridge_state(self, key: str, text: str, *, anew: bool = False) -> None:
        """Publish one value of the bridge's own device where it changed, or *anew*."""
        if self._bridge_states.get(key) == text and not anew:
            return
        self._bridge_states[key] = text
        topic = self._topics.state("sensor", self._topics.own_id("bridge"), key)
        self._send(Outgoing(topic, text.encode(), 0, True))

    # -- anew, and away ----------------------------------------------------------------------

    def announce_bridge(self) -> None:
        topic = self._topics.discovery(self._topics.own_id("bridge"))
        body = discovery.bridge_payload(self._topics) if self.presentation.discovery else b""
        self._send(Outgoing(topic, body, 1, True))

    def republish(self, miner_id: str) -> None:
        """Send everything about one miner again, whether it changed or not."""
        shown = self._shown.get(miner_id)
        if shown is None:
            return
        with shown.lock:
            if shown.profile is not None and shown.announced.unit is not None:
                shown.discovery = None
                self._announce(shown)
            self._send_availability(miner_id, shown)
            if shown.reading is not None:
                self._send(Outgoing(self._topics.reading(miner_id), shown.reading, 0, True))
            rows = {row.component: row for row in shown.rows}
            for component, text in shown.states.items():
                if component in rows:
                    self._send_state(miner_id, rows[component], text)

    def miners(self) -> list[str]:
        with self._lock:
            return list(self._shown)

    def announced(self, miner_id: str) -> Announced:
        """Return a copy of what stands on the broker for one miner, to be kept on disk."""
        one = self._of(miner_id).announced
        return Announced(one.unit, dict(one.components))

    def withdraw(self, miner_id: str) -> None:
        """Take a miner out of Home Assistant and empty its retained topics."""
        with self._lock:
            shown = self._shown.pop(miner_id, None)
            for owners in self._macs.values():
                owners.discard(miner_id)
        of = self._topics
        for topic in (of.discovery(miner_id), of.availability(miner_id), of.reading(miner_id)):
            self._send(Outgoing(topic, b"", 1, True))
        for component, platform in dict(shown.announced.components if shown else {}).items():
            self._send_empty_state(miner_id, platform, component)
        log.info("miner_withdrawn", miner_id=miner_id)

    # -- inside ------------------------------------------------------------------------------

    def row(self, miner_id: str, platform: str, key: str) -> Entity | None:
        """Return the row that a set topic names; also one whose command the settings forbid."""
        shown = self._shown.get(miner_id)
        rows = (*shown.rows, *shown.controls) if shown else ()
        return next((row for row in rows if row.platform == platform and row.key == key), None)

    def _of(self, miner_id: str) -> _Shown:
        with self._lock:
            return self._shown.setdefault(miner_id, _Shown(Announced()))

    def _note_mac(self, profile: MinerProfile) -> list[_Shown]:
        """Book whose MAC this is; return the miners for which it has stopped being their own."""
        if profile.mac_address is None:
            return []
        with self._lock:
            owners = self._macs.setdefault(profile.mac_address, set())
            if profile.miner_id in owners:
                return []
            owners.add(profile.miner_id)
            others = owners - {profile.miner_id}
            return [self._shown[other] for other in others if other in self._shown]

    def _announce(self, shown: _Shown) -> None:
        profile = shown.profile
        assert profile is not None
        assert shown.announced.unit is not None
        miner_id = profile.miner_id
        visible = self.presentation.shown(profile)
        shown.rows = discovery.rows_of(visible, shown.announced.unit)
        everything = discovery.rows_of(profile, shown.announced.unit)
        shown.controls = tuple(row for row in everything if row.control is not None)
        components = {row.component: row.platform for row in shown.rows}
        gone = {c: p for c, p in shown.announced.components.items() if c not in components}
        payload = b""  # takes out of Home Assistant what an earlier run announced
        if self.presentation.discovery:
            payload = discovery.miner_payload(
                visible,
                shown.rows,
                gone,
                self._topics,
                name=self.presentation.names.get(miner_id),
                mac_is_unique=self._macs.get(profile.mac_address or "", set()) <= {miner_id},
            )
        digest = hashlib.sha256(payload).digest()
        if digest == shown.discovery:
            return
        shown.discovery = digest
        self._send(Outgoing(self._topics.discovery(miner_id), payload, 1, True))
        for component, platform in gone.items():
            self._send_empty_state(miner_id, platform, component)
        if components != shown.announced.components:
            shown.announced.components = components
            self._on_announced(miner_id)

    def _held(self, shown: _Shown, row: Entity, reading: MinerReading) -> str:
        """Let a start time move only by more than it jitters."""
        started_at = row.value(reading)
        if started_at is None:
            return NOT_REPORTED
        before = shown.started_at
        if before is None or abs((started_at - before).total_seconds()) > row.hold_s:
            shown.started_at = started_at
        return row.text(shown.started_at)

    def _send_state(self, miner_id: str, row: Entity, text: str) -> None:
        topic = self._topics.state(row.platform, miner_id, row.key)
        self._send(Outgoing(topic, text.encode(errors=LENIENT), 0, True))

    def _send_empty_state(self, miner_id: str, platform: str, component: str) -> None:
        if platform == "button":
            return  # it has none
        key = component.removeprefix(f"{platform}_")
        self._send(Outgoing(self._topics.state(platform, miner_id, key), b"", 1, True))

    def _send_availability(self, miner_id: str, shown: _Shown) -> None:
        if shown.availability is not None:
            topic = self._topics.availability(miner_id)
            self._send(Outgoing(topic, shown.availability.encode(), 1, True))
