"""Where a limit, a cable, a hot chip or a misleading meter meets the steering."""

from dataclasses import replace

import pytest

from minerbridge.fleet.member import Member
from minerbridge.model_fleet import OrderRequest, ParticipationRequest
from minerbridge.settings_fleet import Circuit, Fleet
from tests.fleet_sim import FleetSim, Machine


def running(count, **facts):
    return [Machine(f"m{number}", state="mining", **facts) for number in range(count)]


def told(sim, miner_id, since_s):
    return [name for at_s, name in sim.machines[miner_id].told if at_s >= since_s]


def limited(count=3, power_w=2000.0, valid_for_s=100.0, **facts):
    """Return a running fleet that a limit reduced, and which is over after *valid_for_s*."""
    sim = FleetSim(running(count), **facts)
    sim.run(30)
    sim.activate(power_w, mode="limit", valid_for_s=valid_for_s)
    sim.run(60)
    return sim


@pytest.mark.parametrize("ramp_s", [None, 60.0])
def test_a_limit_is_kept_once_its_ramp_is_over(ramp_s):
    sim = FleetSim(running(10))
    sim.run(30)
    sim.activate(10_000.0, mode="limit", ramp_s=ramp_s)  # seven miners would be a little more
    sim.run(120)

    assert sim.power_w <= 10_000.0


def test_what_is_too_hot_is_not_given_back_when_the_limit_ends():
    members = {f"m{n}": Member(f"m{n}", max_chip_temperature_c=80.0) for n in range(3)}
    sim = FleetSim(running(3), members=members)
    sim.run(30)
    sim.machines["m0"].chip_temperature_c = 95.0
    sim.activate(2000.0, mode="limit", valid_for_s=100.0)
    sim.run(200)
    assert "start" not in told(sim, "m0", 0.0)

    sim.machines["m0"].chip_temperature_c = 70.0
    sim.run(700)
    assert {machine.state for machine in sim.machines.values()} == {"mining"}


def test_a_limit_that_ended_while_the_bridge_was_down_gives_back():
    sim = limited()
    later = FleetSim(
        list(sim.machines.values()),
        ordered=sim.controller.ordered(),
        kept=sim.controller.kept(sim.now),
        now_s=sim.now_s + 200,
    )
    later.run(300)

    assert {machine.state for machine in later.machines.values()} == {"mining"}


def test_a_limit_gives_back_what_it_took_of_a_miner_met_later():
    sim = FleetSim(running(3))
    late = sim.machines["m2"]
    late.is_silent = True
    sim.controller.heard("m2", sim.now, online=False)
    sim.run(30)
    sim.activate(2000.0, mode="limit", valid_for_s=200.0)
    sim.run(60)
    late.is_silent = False
    sim.run(100)
    assert sim.power_w <= 2000.0

    sim.run(400)
    assert {machine.state for machine in sim.machines.values()} == {"mining"}


def test_whom_a_person_stops_after_a_limit_stays_stopped():
    sim = limited()
    sleeper = next(one for one in sim.machines.values() if one.state == "sleeping")
    sleeper.is_dead = True  # so that giving back goes on and on
    sim.run(600)
    one = next(one for one in sim.machines.values() if one.state == "mining")
    one.state = "sleeping"
    sim.controller.person(one.miner_id, "stop")
    since_s = sim.now_s
    sim.run(300)

    assert told(sim, one.miner_id, since_s) == []


def circuit_fleet(cap_w, parent=None):
    circuits = {"a": Circuit(max_power_w=cap_w if parent is None else 50_000, parent=parent)}
    if parent is not None:
        circuits[parent] = Circuit(max_power_w=cap_w)
    return Fleet(min_off_s=0, failsafe_power_kw=0, circuits=circuits)


@pytest.mark.parametrize("parent", [None, "hall"])
@pytest.mark.parametrize("is_silent", [False, True])
def test_a_circuit_carries_what_the_fleet_leaves_out_too(parent, is_silent):
    machines = [Machine(f"m{n}", state="sleeping" if n < 4 else "mining") for n in range(6)]
    members = {f"m{n}": Member(f"m{n}", circuit="a", dispatch=n < 4) for n in range(6)}
    sim = FleetSim(machines, fleet=circuit_fleet(5000, parent), members=members)
    sim.run(30)
    machines[5].is_silent = is_silent  # it mines on
    sim.run(900 if is_silent else 1)
    sim.activate(5000.0)
    sim.run(400)

    assert sim.power_w <= 5000.0


def test_a_circuit_is_relieved_when_its_other_load_grows():
    machines = [Machine(f"m{n}", state="mining" if n < 3 else "sleeping") for n in range(5)]
    members = {f"m{n}": Member(f"m{n}", circuit="a", dispatch=n < 3) for n in range(5)}
    sim = FleetSim(machines, fleet=circuit_fleet(5000), members=members)
    sim.run(30)
    sim.activate(4380.0)
    sim.run(60)
    machines[3].state = machines[4].state = "mining"
    sim.run(60)

    assert sim.power_w <= 5000.0


class Plugged(Machine):
    """A miner whose power a plug tells, which may lag."""

    plug_w: float | None = None

    def reading(self, at):
        reading = super().reading(at)
        return reading if self.plug_w is None else replace(reading, power_w=self.plug_w)


def test_a_plug_that_lags_when_a_miner_stops_does_not_take_it_out_for_ever():
    machine = Plugged("m0", state="mining")
    sim = FleetSim([machine])
    sim.run(60)
    machine.plug_w = 1460.0
    sim.deactivate()
    sim.run(60)
    machine.plug_w = None
    assert sim.activate(1460.0).accepted
    sim.run(200)

    assert machine.state == "mining"


def test_a_plug_that_lags_when_a_person_starts_a_miner_teaches_nothing():
    machine = Plugged("m0", standby_w=60.0)
    sim = FleetSim([machine])
    sim.run(30)
    machine.state = "mining"
    machine.plug_w = 51.0
    sim.run(40)
    machine.plug_w = None

    assert sim.status().rated_power_w == 1460.0


def test_a_target_in_force_is_kept_up_while_some_of_its_miners_are_away():
    sim = FleetSim(running(4))
    sim.run(30)
    assert sim.activate(5840.0, valid_for_s=1000.0).accepted
    sim.run(60)
    for miner_id in ("m0", "m1"):
        sim.machines[miner_id].is_silent = True
        sim.controller.heard(miner_id, sim.now, online=False)
    sim.run(500)
    assert sim.status().rated_power_w < 3000.0

    again = OrderRequest("activate", "again", 5840.0, valid_for_s=1000.0)
    more = OrderRequest("activate", "more", 5900.0, valid_for_s=1000.0)
    assert sim.controller.request(again, sim.now).accepted
    assert sim.controller.request(more, sim.now).code == "INVALID_POWER"


def test_a_limit_is_kept_while_a_lower_target_is_still_ramping_down():
    sim = FleetSim(running(10))
    sim.run(30)
    sim.activate(1500.0, ramp_s=600.0)
    sim.run(10)
    sim.activate(8000.0, mode="limit")
    sim.run(5)

    assert 6000.0 < sim.power_w <= 8000.0  # as the limit has it, then as the ramp has it


def test_a_circuit_is_relieved_at_once_whatever_the_ramp():
    members = {f"m{n}": Member(f"m{n}", circuit="a") for n in range(10)}
    sim = FleetSim(running(10), fleet=circuit_fleet(5000), members=members)
    sim.run(30)
    sim.activate(4500.0, ramp_s=600.0)
    sim.run(10)

    assert sim.power_w <= 5000.0


def test_who_fell_silent_before_a_restart_counts_under_a_limit():
    sim = FleetSim(running(6))
    silent = sim.machines["m5"]
    sim.run(60)
    silent.is_silent = True  # and mines on
    sim.controller.heard("m5", sim.now, online=False)
    kept = sim.controller.kept(sim.now)
    later = FleetSim(list(sim.machines.values()), kept=kept, now_s=sim.now_s + 5)
    later.controller.heard("m5", later.now, online=False)
    later.activate(6000.0, mode="limit")
    later.run(600)

    assert later.power_w <= 6000.0


def test_a_target_that_is_in_force_again_is_under_way_again():
    sim = FleetSim(running(4), fleet=Fleet(min_off_s=300, failsafe_power_kw=0))
    sim.run(30)
    sim.activate(5840.0)
    sim.run(30)
    assert sim.status().dispatch.state == "achieved"
    sim.activate(3000.0, mode="limit", valid_for_s=60.0)
    sim.run(70)

    dispatch = sim.status().dispatch
    assert (dispatch.mode, dispatch.state, dispatch.reason) == ("target", "started", "MIN_OFF")
    sim.run(600)
    assert sim.status().dispatch.state == "achieved"


def test_who_leaves_the_settings_and_returns_is_as_a_person_left_it():
    sim = FleetSim(running(2))
    sim.run(30)
    sim.controller.request(ParticipationRequest("m0", enabled=False), sim.now)
    both = {name: one.member for name, one in sim.controller.participants.items()}
    sim.controller.apply(sim.controller.fleet, {"m1": both["m1"]}, sim.now)
    sim.controller.apply(sim.controller.fleet, both, sim.now)

    assert not sim.controller.participants["m0"].dispatch
