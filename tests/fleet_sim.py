"""A fleet of simulated miners around a real controller, on a clock of its own: days in seconds."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from minerbridge.fleet.controller import Controller
from minerbridge.fleet.listener import FleetListener
from minerbridge.fleet.member import Member
from minerbridge.fleet.status import status_of
from minerbridge.model import CommandResult, CommandSpec, MinerProfile, MinerReading, OperatingPoint
from minerbridge.model_fleet import Moment, OrderRequest
from minerbridge.settings_fleet import Ems, Fleet

EPOCH = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


@dataclass
class Machine:
    """One miner: what it truly draws, and how it boots."""

    miner_id: str
    power_w: float = 1460.0
    standby_w: float = 51.0
    hashrate_hs: float = 14e12
    boot_s: tuple[float, float] = (80.0, 130.0)
    is_dead: bool = False
    ignores_stop: bool = False
    reports_power: bool = True
    state: Any = "sleeping"
    until_s: float = 0.0
    fails: bool = False
    share: float = 1.0
    point: OperatingPoint | None = None
    chip_temperature_c: float | None = 70.0
    is_silent: bool = False
    told: list[tuple[float, str]] = field(default_factory=list)

    def command(self, name, parameters, now_s, rng, failure):
        self.told.append((now_s, name))
        if name == "start" and self.state == "sleeping":
            self.state = "starting"
            self.until_s = now_s + rng.uniform(*self.boot_s)
            self.fails = self.is_dead or rng.random() < failure
        elif name == "start" and self.state == "starting":
            self.until_s = now_s + rng.uniform(*self.boot_s)  # a second wake resets the boot
        elif name == "stop" and not self.ignores_stop:
            self.state = "sleeping"
        elif name not in ("start", "stop"):
            self.point = parameters

    def tick(self, now_s):
        if self.state == "starting" and now_s >= self.until_s:
            self.state = "sleeping" if self.fails else "mining"

    @property
    def draw_w(self):
        return self.power_w * self.share if self.state == "mining" else self.standby_w

    def reading(self, at):
        is_mining = self.state == "mining"
        return MinerReading(
            self.miner_id, at, "vnish", status=self.state, is_mining=is_mining,
            hashrate_hs=self.hashrate_hs * self.share if is_mining else 0.0,
            power_w=self.draw_w if is_mining and self.reports_power else None,
            chip_temperature_c=self.chip_temperature_c if is_mining else None,
        )  # fmt: skip


def profile_of(machine, rated_power_w=1460.0, **more):
    return MinerProfile(
        machine.miner_id, "vnish", model="Antminer S9", algorithm="sha256",
        rated_power_w=rated_power_w, standby_power_w=machine.standby_w,
        commands={
            "start": CommandSpec("start", expected_s=120.0),
            "stop": CommandSpec("stop", expected_s=20.0),
        },
        **more,
    )  # fmt: skip


class Listener(FleetListener):
    def __init__(self):
        self.events, self.entries, self.outcomes = [], [], []

    def event(self, kind, miner_id=None, **facts):
        self.events.append((kind, miner_id, facts))

    def remember(self, entry):
        self.entries.append(entry)

    def outcome(self, entry_id, success, state, message):
        self.outcomes.append((entry_id, success, state, message))


class FleetSim:
    """Machines, their controller, and a clock; one step is a second."""

    def __init__(self, machines, *, fleet=None, ems=None, seed=1, poll_s=5, failure=None,
                 members=None, profiles=None, ordered=None, kept=None, now_s=1000.0):  # fmt: skip
        self.machines = {machine.miner_id: machine for machine in machines}
        self.rng = random.Random(seed)
        self.poll_s = poll_s
        self.failure = failure or (lambda _booting: 0.0)
        self.now_s = now_s
        self.listener = Listener()
        self.metered = None
        fleet = fleet or Fleet(min_off_s=0, failsafe_power_kw=0)
        self.controller = Controller(
            fleet, ems or Ems(), self.listener, self.now, ordered, kept or {}
        )
        members = members or {name: Member(name) for name in self.machines}
        self.controller.apply(fleet, members, self.now)
        for name, machine in self.machines.items():
            self.controller.meet((profiles or {}).get(name) or profile_of(machine))
        self.sent = []
        self.trace = []

    @property
    def now(self):
        return Moment(self.now_s, EPOCH + timedelta(seconds=self.now_s))

    @property
    def power_w(self):
        return sum(machine.draw_w for machine in self.machines.values())

    def activate(self, power_w, **more):
        request = OrderRequest("activate", f"order-{self.now_s:g}-{power_w:g}", power_w, **more)
        return self.controller.request(request, self.now)

    def deactivate(self, **more):
        request = OrderRequest("deactivate", f"stop-{self.now_s:g}", **more)
        return self.controller.request(request, self.now)

    def status(self):
        return status_of(self.controller, self.now)

    def step(self):
        for number, machine in enumerate(self.machines.values()):
            machine.tick(self.now_s)
            if not machine.is_silent and (self.now_s + number) % self.poll_s < 1:
                self.controller.heard(machine.miner_id, self.now, online=True)
                self.controller.sees(machine.reading(self.now.at), self.now)
        commands = self.controller.step(self.now, self.metered() if self.metered else None)
        for command in commands:
            self.sent.append((self.now_s, command.miner_id, command.name, dict(command.parameters)))
            machine = self.machines[command.miner_id]
            booting = sum(one.state == "starting" for one in self.machines.values())
            if machine.is_silent:
                self.answer(command, "rejected", "OFFLINE")
                continue
            machine.command(
                command.name, command.parameters, self.now_s, self.rng, self.failure(booting)
            )
            self.answer(command, "unconfirmed", None)
        self.trace.append((self.now_s, self.power_w))
        self.now_s += 1.0
        return commands

    def answer(self, command, status, code):
        result = CommandResult(
            command.id, command.miner_id, command.key, None, status, code, "", self.now.at, 0.0
        )
        self.controller.answered(result, self.now)

    def run(self, seconds):
        for _ in range(int(seconds)):
            self.step()
