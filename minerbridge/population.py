"""Which miners run: their threads come and go with the settings, requests and discovery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import structlog

from minerbridge.errors import NotFound
from minerbridge.miners.families import driver_for
from minerbridge.miners.plan import Listener
from minerbridge.miners.rush import Rush
from minerbridge.miners.scan import Discovered, addresses
from minerbridge.miners.worker import MinerWorker
from minerbridge.mqtt.meters import Meter
from minerbridge.mqtt.publisher import Publisher
from minerbridge.plans import MinerSpec
from minerbridge.state import FoundMiner, MinerState, Store

log = structlog.get_logger(__name__)

JOIN_WITHIN_S = 2.0


class Population:
    """All workers, by miner id; a device id (`rig1_xmrig`) leads to the worker of its host."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        listener: Listener,
        wanted: Callable[[], dict[str, MinerSpec]],
        on_change: Callable[[], None],
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._listener = listener
        self._wanted = wanted
        self._on_change = on_change
        self._lock = threading.RLock()
        self.workers: dict[str, MinerWorker] = {}
        self.meters: dict[str, Meter] = {}
        self._specs: dict[str, MinerSpec] = {}
        self._owners: dict[str, str] = {}
        self._leaving: set[str] = set()
        self._rush = Rush()
        self.on_thread_end: Callable[[str], None] = lambda _: None

    # -- who is who --------------------------------------------------------------------------

    def device_ids(self) -> list[str]:
        return sorted(self._owners)

    def specs(self) -> Mapping[str, MinerSpec]:
        """Return what every miner is run by, to be looked at and left alone."""
        return MappingProxyType(self._specs)

    def owner_of(self, device_id: str) -> str:
        return self._owners.get(device_id, device_id)

    def worker_of(self, name: str) -> MinerWorker:
        """Return the worker behind a device id or an address; raise `NotFound`."""
        worker = self.workers.get(self.owner_of(name))
        if worker is not None:
            return worker
        there = {id_: one for id_, one in self.workers.items() if one.plan.host == name}
        if not there:
            raise NotFound(f"no miner {name!r}")
        if len(there) > 1:
            ids = ", ".join(sorted(there))
            raise NotFound(f"several miners are at {name}: name one of {ids}", code="AMBIGUOUS")
        return next(iter(there.values()))

    def meet(self, device_id: str) -> str:
        """Return the owner of a device, known or new: `rig1` owns `rig1_xmrig`."""
        if device_id not in self._owners:
            # By who met it: another miner's id may begin the same way.
            workers = list(self.workers.items())
            hosts = (name for name, one in workers if device_id in one.profiles)
            with self._lock:
                self._owners[device_id] = next(hosts, device_id)
            self._on_change()
        return self._owners[device_id]

    # -- come and go -------------------------------------------------------------------------

    def apply(self) -> None:
        """Start what is wanted and does not run so; withdraw what is wanted no more."""
        with self._lock:
            wanted = self._wanted()
            gone = (set(self._specs) | set(self._store.miners)) - set(wanted)
            changed = {i: spec for i, spec in wanted.items() if self._specs.get(i) != spec}
            self._stop_workers([*gone, *changed], JOIN_WITHIN_S)
            for miner_id in gone:
                self._end(miner_id)
            for miner_id, spec in changed.items():
                self._begin(miner_id, spec)
            self._on_change()

    def _begin(self, miner_id: str, spec: MinerSpec) -> None:
        old = self.workers.pop(miner_id, None)
        if old is not None:
            self._save_energy_of({miner_id: old})
        meter = spec.meter()
        self.meters.pop(miner_id, None)
        if meter is not None:
            self.meters[miner_id] = meter
        state = self._store.miners.get(miner_id, MinerState())
        plan = spec.plan(meter.power_w if meter is not None else lambda: None, self._rush)
        target = replace(spec.target(), progress=partial(self._listener.progress, miner_id))
        driver = driver_for(spec.miner.family, target)
        energy_kwh = self._store.energy_kwh.get(miner_id)
        worker = MinerWorker(plan, driver, self._listener, state.profiles, energy_kwh)
        self._specs[miner_id] = spec
        self.workers[miner_id] = worker
        self._owners[miner_id] = miner_id
        for profile in state.profiles:
            self._owners[profile.miner_id] = miner_id
            self._listener.known(profile)
        worker.start(self.on_thread_end)

    def _end(self, miner_id: str) -> None:
        """Withdraw everything that was said about a miner whose thread was stopped."""
        self.workers.pop(miner_id, None)
        self._specs.pop(miner_id, None)
        self.meters.pop(miner_id, None)
        state = self._store.miners.get(miner_id, MinerState())
        devices = {device for device, owner in self._owners.items() if owner == miner_id}
        for device_id in devices | set(state.announced) | {miner_id}:
            self._publisher.withdraw(device_id)
            self._owners.pop(device_id, None)
        self._leaving.add(miner_id)

    def forget_withdrawn(self) -> None:
        """Drop the memory of miners that left; only once the broker has heard of it."""
        leaving, self._leaving = self._leaving, set()
        for miner_id in leaving - set(self.workers):
            self._store.forget_miner(miner_id)

    def save_energy(self) -> None:
        """Write the energy totals, then let them be published."""
        self._save_energy_of(dict(self.workers))

    def _save_energy_of(self, workers: Mapping[str, MinerWorker]) -> None:
        totals = {miner_id: worker.energy_kwh for miner_id, worker in workers.items()}
        measured = {miner_id: round(kwh, 4) for miner_id, kwh in totals.items() if kwh is not None}
        self._store.save_energy(measured)
        for miner_id, kwh in measured.items():
            workers[miner_id].stored_energy_kwh = kwh

    def stop(self, within_s: float) -> None:
        self._stop_workers(list(self.workers), within_s)

    def _stop_workers(self, miner_ids: Iterable[str], within_s: float) -> None:
        """Tell all of them first, then wait for all together: hanging ones must not add up."""
        workers = [self.workers[name] for name in miner_ids if name in self.workers]
        for worker in workers:
            worker.stop()
        deadline_s = time.monotonic() + within_s
        for worker in workers:
            worker.join(deadline_s - time.monotonic())

    # -- found miners ------------------------------------------------------------------------

    def add(self, found: FoundMiner) -> None:
        """Take a found miner in, now and after restarts."""
        with self._lock:
            self._store.save_ignored(self._store.ignored - {found.id})
            self._store.save_found({**self._store.found, found.id: found})
            self.apply()

    def remove(self, miner_id: str) -> None:
        """Let a miner go, a found one for good."""
        with self._lock:
            if miner_id in self._store.found:
                rest = {name: one for name, one in self._store.found.items() if name != miner_id}
                self._store.save_found(rest)
                self._store.save_ignored(self._store.ignored | {miner_id})
            self._stop_workers([miner_id], JOIN_WITHIN_S)
            self._end(miner_id)
            self._on_change()

    def found(self, found: Discovered) -> None:
        """Hear of a miner on the network: a new one, or a known one at a new address."""
        mac = found.profile.mac_address
        for miner_id, worker in list(self.workers.items()):
            known = {profile.mac_address for profile in worker.profiles.values()}
            if mac is not None and mac in known:
                if addresses(worker.plan.host).isdisjoint({found.host}) and not worker.online:
                    self._follow(miner_id, found.host)
                return
        # An address of the settings belongs to its miner, met or not.
        claimed = set().union(*(addresses(w.plan.host) for w in self.workers.values()))
        if found.host in claimed or found.miner_id in self._store.ignored:
            return
        if found.miner_id not in self.workers:
            self._publisher.event(
                "discovered", found.miner_id, host=found.host, family=found.family
            )
            log.info("miner_discovered", miner_id=found.miner_id, host=found.host)
            self.add(FoundMiner(found.miner_id, found.host, found.family))

    def _follow(self, miner_id: str, host: str) -> None:
        log.warning("miner_moved", miner_id=miner_id, host=host)
        with self._lock:
            state = self._store.miners.get(miner_id, MinerState())
            setting = self._specs[miner_id].miner.host
            moved = MinerState(state.profiles, state.announced, host, moved_from=setting)
            self._store.save_miner(miner_id, moved)
            self.apply()
