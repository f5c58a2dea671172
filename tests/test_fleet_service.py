"""The fleet's own thread: what fails around the controller costs no more than itself."""

import pytest

from minerbridge.fleet.listener import FleetListener
from minerbridge.fleet.member import Member
from minerbridge.fleet.memory import Memory
from minerbridge.fleet.service import FleetService
from minerbridge.model_fleet import Moment, OrderAnswer, OrderRequest
from minerbridge.settings_fleet import Ems, Fleet
from tests.fleet_sim import EPOCH, Machine, profile_of


class Wire(FleetListener):
    """Sends to nobody; fails for the miners in *broken*."""

    def __init__(self):
        self.sent, self.broken = [], set()

    def send(self, command):
        if command.miner_id in self.broken:
            raise RuntimeError("nobody expected this")
        self.sent.append(command.miner_id)


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def service(tmp_path, wire):
    """Three running miners, and a step that is made by hand."""
    fleet = Fleet(min_off_s=0, failsafe_power_kw=0)
    service = FleetService(
        fleet, Ems(), Memory(tmp_path), wire, clock=lambda: 1000.0, wall=lambda: EPOCH
    )
    machines = [Machine(f"m{number}", state="mining") for number in range(3)]
    now = Moment(1000.0, EPOCH)
    service.controller.apply(fleet, {one.miner_id: Member(one.miner_id) for one in machines}, now)
    for machine in machines:
        service.controller.meet(profile_of(machine))
        service.sees(machine.reading(EPOCH))
    service.step()
    return service


def ask(service, request):
    answers: list[OrderAnswer] = []
    service._request(request, answers.append, Moment(1000.0, EPOCH))
    return answers[0]


def test_a_stop_that_cannot_be_sent_keeps_no_other_back(service, wire):
    wire.broken = {"m0"}
    assert ask(service, OrderRequest("deactivate", "off")).accepted
    service.step()

    assert sorted(wire.sent) == ["m1", "m2"]
    assert service.controller.participants["m0"].told is None
    assert service.status.dispatch.target_power_w == 0


def test_an_order_that_was_answered_with_an_error_is_not_in_force(service, monkeypatch):
    assert ask(service, OrderRequest("activate", "first", 4380.0)).accepted

    def fail(*_, **__):
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(service.controller, "_think", fail)
    answer = ask(service, OrderRequest("activate", "second", 1460.0))

    assert answer.code == "INTERNAL_ERROR"
    assert service.controller.orders.target.id == "first"
    monkeypatch.undo()
    assert ask(service, OrderRequest("activate", "second", 1460.0)).accepted
