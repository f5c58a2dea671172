"""The controller on simulated machines: hours in seconds, with faults on purpose."""

import pytest

from minerbridge.fleet.member import Member
from minerbridge.model import CommandSpec, MinerProfile, OperatingPoint, Parameter
from minerbridge.model_fleet import FleetConfig, OrderRequest, OverrideRequest, ParticipationRequest
from minerbridge.settings_fleet import Circuit, Ems, Fleet, FleetMeter
from tests.fleet_sim import FleetSim, Machine, profile_of

KW = 1000.0


def machines(count, **facts):
    return [Machine(f"m{number}", **facts) for number in range(count)]


def running(count, **facts):
    return machines(count, state="mining", **facts)


def sent_to(sim, name=None, since_s=0.0):
    return [
        (miner_id, command)
        for at_s, miner_id, command, _ in sim.sent
        if at_s >= since_s and name in (None, miner_id)
    ]


def test_without_any_order_nothing_is_sent():
    sim = FleetSim(running(3) + machines(3)[2:])
    sim.run(600)

    assert sim.sent == []


def test_a_target_starts_as_many_as_it_takes():
    sim = FleetSim(machines(5, boot_s=(60, 60)))
    sim.run(5)

    assert sim.activate(3 * 1460 + 2 * 51).accepted
    sim.run(120)

    assert sorted(sim.machines[name].state for name in sim.machines).count("mining") == 3
    assert sim.status().dispatch.state == "achieved"
    assert sim.status().dispatch.compliant
    assert len(sim.sent) == 3


def test_deactivation_stops_everyone_at_once():
    sim = FleetSim(running(50))
    sim.run(5)
    sim.activate(50 * 1460)
    sim.run(5)

    sim.deactivate()
    sim.run(1)

    assert len(sent_to(sim)) == 50
    sim.run(30)
    assert sim.status().dispatch.state == "achieved"
    assert sim.status().state == "standby"


def test_a_running_fleet_is_adopted_not_reset():
    sim = FleetSim(running(4))
    sim.run(6)

    sim.activate(4 * 1460)
    sim.run(60)

    assert sim.sent == []
    assert sim.status().dispatch.state == "achieved"


def test_twice_the_same_step_sends_nothing_twice():
    sim = FleetSim(machines(6))
    sim.run(5)
    sim.activate(4000)
    first = sim.controller.step(sim.now)

    again = sim.controller.step(sim.now)

    assert first
    assert again == []


def test_steps_that_cannot_reach_the_target_settle_as_partial_and_say_so_at_once():
    sim = FleetSim(machines(2, boot_s=(60, 60)))
    sim.run(5)

    answer = sim.activate(2000)
    sim.run(200)

    assert "achievable now: 1.51 kW" in answer.message
    assert (sim.status().dispatch.state, sim.status().dispatch.reason) == ("partial", "STEP_SIZE")
    assert sim.status().dispatch.compliant is False
    assert sim.status().dispatch.achievable_power_w == pytest.approx(1511, abs=1)


def test_starts_go_in_waves():
    fleet = Fleet(min_off_s=0, wave_miners=5, wave_percent=0, wave_interval_s=15)
    sim = FleetSim(machines(20, boot_s=(300, 300)), fleet=fleet)
    sim.run(5)
    sim.activate(20 * 1460)
    began_s = sim.now_s
    sim.run(50)

    starts = [at_s - began_s for at_s, _, command, _ in sim.sent if command == "start"]
    assert [sum(start // 15 == wave for start in starts) for wave in range(4)] == [5, 5, 5, 5]


def test_power_rises_no_faster_than_the_settings_allow_and_falls_at_once():
    fleet = Fleet(min_off_s=0, max_power_change_rate_kw_per_sec=0.1, wave_miners=100)
    sim = FleetSim(machines(10, boot_s=(1, 1)), fleet=fleet, poll_s=1)
    sim.run(5)
    sim.activate(10 * 1460)
    began_s = sim.now_s
    sim.run(200)
    starts = [at_s - began_s for at_s, _, command, _ in sim.sent if command == "start"]

    assert len(starts) == 10
    # 1,409 W more each: at 100 W/s the ninth miner may follow after eight times 14 s.
    assert starts[-1] >= 110
    sim.deactivate()
    sim.run(1)
    assert sum(command == "stop" for _, command in sent_to(sim)) == 10


def test_an_order_with_a_ramp_comes_down_along_it():
    sim = FleetSim(running(10))
    sim.run(6)
    sim.activate(10 * 1460)
    sim.run(3)
    sim.deactivate(ramp_s=100)
    began_s = sim.now_s
    sim.run(130)
    stops = [at_s - began_s for at_s, _, command, _ in sim.sent if command == "stop"]

    assert len(stops) == 10
    assert stops[0] < 20
    assert 80 < stops[-1] <= 105


def test_min_off_is_waited_for_and_shown():
    fleet = Fleet(min_off_s=300)
    sim = FleetSim(running(2), fleet=fleet)
    sim.run(6)
    sim.deactivate()
    sim.run(30)
    sim.activate(2 * 1460)
    sim.run(30)

    status = sim.status().dispatch
    assert (status.state, status.reason, status.in_flight) == ("started", "MIN_OFF", 2)
    assert not any(command == "start" for _, command in sent_to(sim))
    sim.run(300)
    assert sum(command == "start" for _, command in sent_to(sim)) == 2


def test_min_off_survives_a_restart():
    fleet = Fleet(min_off_s=300)
    sim = FleetSim(running(2), fleet=fleet)
    sim.run(6)
    sim.deactivate()
    sim.run(30)
    kept, ordered = sim.controller.kept(sim.now), sim.controller.ordered()

    again = FleetSim(
        list(sim.machines.values()), fleet=fleet, kept=kept, ordered=ordered, now_s=sim.now_s
    )
    again.run(6)
    again.activate(2 * 1460)
    again.run(60)

    assert again.sent == []


def test_what_does_not_start_is_quarantined_and_its_share_moves_on():
    fleet = [Machine("a", is_dead=True, boot_s=(30, 30)), Machine("b", boot_s=(30, 30))]
    sim = FleetSim(fleet)
    sim.run(5)
    sim.activate(1460 + 51)
    sim.run(1500)

    assert sim.machines["b"].state == "mining"
    assert sim.status().dispatch.state == "achieved"
    assert 1 <= sum(command == "start" for _, command in sent_to(sim, "a")) <= 3


def test_a_miner_that_ignores_its_stop_is_told_again_then_counted_as_load():
    fleet = [Machine("a", state="mining", ignores_stop=True), *running(4)]
    sim = FleetSim(fleet)
    sim.run(6)
    sim.activate(2 * 1460 + 3 * 51)
    sim.run(300)

    assert sim.power_w == pytest.approx(2 * 1460 + 3 * 51)
    assert sim.status().dispatch.state == "achieved"


def test_a_start_is_not_repeated_while_it_boots():
    sim = FleetSim([Machine("a", boot_s=(110, 110))])
    sim.run(5)
    sim.activate(1460)
    sim.run(400)

    assert sent_to(sim) == [("a", "start")]


def test_a_person_takes_a_miner_out_and_the_others_take_its_share():
    sim = FleetSim(running(2) + machines(3, boot_s=(30, 30))[2:])
    sim.run(6)
    sim.activate(2 * 1460 + 51)
    assert sim.sent == []
    sim.run(10)
    sim.controller.person("m0", "stop")
    sim.machines["m0"].state = "sleeping"
    sim.run(120)

    assert [machine.state for machine in sim.machines.values()] == ["sleeping", "mining", "mining"]
    assert ("dispatch_off", "m0") in [event[:2] for event in sim.listener.events]
    assert sent_to(sim, "m0") == []


def test_a_person_switching_a_miner_on_makes_it_base_load():
    sim = FleetSim(running(2) + machines(3)[2:])
    sim.run(6)
    sim.activate(2 * 1460 + 51)
    sim.run(10)
    sim.controller.person("m2", "start")
    sim.machines["m2"].state = "mining"
    sim.run(60)

    assert sim.power_w == pytest.approx(2 * 1460 + 51)
    assert sim.machines["m2"].state == "mining"
    sim.controller.request(ParticipationRequest("m2", True), sim.now)
    sim.run(5)
    assert sim.controller.participants["m2"].dispatch


def test_without_an_order_a_person_leaves_dispatch_alone():
    sim = FleetSim(running(1))
    sim.run(6)

    sim.controller.person("m0", "stop")

    assert sim.controller.participants["m0"].dispatch


def test_a_limit_starts_nothing_stops_what_is_too_much_and_gives_back():
    sim = FleetSim(running(3) + machines(5, boot_s=(30, 30))[3:])
    sim.run(6)
    sim.controller.request(
        OrderRequest("activate", "cap", 1460 + 4 * 51, mode="limit", valid_for_s=300), sim.now
    )
    sim.run(60)
    during = [machine.state for machine in sim.machines.values()].count("mining")
    sim.run(400)

    assert during == 1
    assert [machine.state for machine in sim.machines.values()].count("mining") == 3
    assert sim.machines["m4"].told == []
    assert sim.machines["m3"].told == []


def test_under_a_limit_a_silent_miner_counts_as_if_it_ran_full():
    sim = FleetSim(running(3))
    sim.run(6)
    sim.machines["m0"].is_silent = True
    sim.run(40)
    sim.controller.heard("m0", sim.now, online=False)

    sim.controller.request(OrderRequest("activate", "cap", 2 * 1460 + 60, mode="limit"), sim.now)
    sim.run(60)

    assert sim.power_w == pytest.approx(2 * 1460 + 51)


def test_override_outranks_the_target_and_its_end_brings_the_order_back():
    sim = FleetSim(running(3))
    sim.run(6)
    sim.activate(3 * 1460)
    sim.run(5)

    sim.controller.request(OverrideRequest(True, None), sim.now)
    sim.run(30)
    assert sim.power_w == pytest.approx(3 * 51)
    sim.controller.request(OverrideRequest(False), sim.now)
    sim.run(300)

    assert sim.power_w == pytest.approx(3 * 1460)


def test_too_hot_is_stopped_whoever_ordered_it_and_may_return_when_cool():
    members = {"m0": Member("m0", max_chip_temperature_c=90)}
    sim = FleetSim(running(1, boot_s=(10, 10)), members=members, poll_s=1)
    sim.run(5)
    sim.activate(1460)
    sim.machines["m0"].chip_temperature_c = 95.0
    sim.run(2)
    assert sent_to(sim) == []
    sim.run(2)
    assert sent_to(sim) == [("m0", "stop")]
    assert "overheated" in [event[0] for event in sim.listener.events]
    assert sim.status().dispatch.counts == {"protected": 1}

    sim.machines["m0"].chip_temperature_c = 60.0
    sim.run(590)
    assert len(sim.sent) == 1
    sim.run(60)
    assert sim.machines["m0"].state == "mining"


def test_protection_needs_no_order():
    members = {"m0": Member("m0", max_chip_temperature_c=90, dispatch=False)}
    sim = FleetSim(running(1, chip_temperature_c=95.0), members=members)
    sim.run(20)

    assert sent_to(sim) == [("m0", "stop")]


def test_read_only_and_undispatched_miners_are_never_told():
    members = {
        "m0": Member("m0", is_read_only=True),
        "m1": Member("m1", dispatch=False),
        "m2": Member("m2"),
    }
    sim = FleetSim(running(3), members=members)
    sim.run(6)
    sim.deactivate()
    sim.run(60)

    assert sent_to(sim) == [("m2", "stop")]


def test_circuits_cap_what_a_target_would_put_on_them():
    members = {f"m{n}": Member(f"m{n}", circuit="pdu" if n < 4 else None) for n in range(8)}
    fleet = Fleet(min_off_s=0, circuits={"pdu": Circuit(max_power_w=3000)})
    sim = FleetSim(machines(8, boot_s=(10, 10)), members=members, fleet=fleet)
    sim.run(6)
    sim.activate(5 * 1460 + 3 * 51)
    sim.run(60)

    assert sum(sim.machines[f"m{n}"].state == "mining" for n in range(4)) <= 2
    assert sum(one.state == "mining" for one in sim.machines.values()) == 5


def test_the_meter_corrects_miners_that_report_nothing():
    fleet = Fleet(min_off_s=0, meter=FleetMeter(topic="site/power"))
    sim = FleetSim(machines(20, boot_s=(10, 10), power_w=1200, reports_power=False), fleet=fleet)
    sim.metered = lambda: sim.power_w
    sim.run(6)
    sim.activate(15_000)
    sim.run(600)

    assert sim.power_w == pytest.approx(15_000, rel=0.05)


def test_estimates_alone_confirm_nothing():
    sim = FleetSim(running(2, reports_power=False))
    sim.run(6)
    sim.activate(2 * 1460)
    sim.run(60)

    assert (sim.status().dispatch.state, sim.status().dispatch.reason) == ("partial", "ESTIMATED")


def test_what_a_miner_truly_draws_is_learned():
    sim = FleetSim(machines(10, boot_s=(20, 20), power_w=1200))
    sim.run(6)
    sim.activate(6 * 1200 + 4 * 51)
    sim.run(300)

    assert sum(one.state == "mining" for one in sim.machines.values()) == 6
    assert sim.controller.participants["m0"].full_power_w == pytest.approx(1200, rel=0.02)


def test_a_kill_in_the_middle_of_a_boot_starts_nothing_again():
    sim = FleetSim(machines(3, boot_s=(100, 100)))
    sim.run(6)
    sim.activate(3 * 1460)
    sim.run(20)
    for machine in sim.machines.values():
        machine.told.clear()
    kept, ordered = sim.controller.kept(sim.now), sim.controller.ordered()

    again = FleetSim(list(sim.machines.values()), kept=kept, ordered=ordered, now_s=sim.now_s + 5)
    again.run(200)

    assert again.sent == []
    assert again.power_w == pytest.approx(3 * 1460)
    assert again.status().dispatch.state == "achieved"


def test_a_lost_heartbeat_brings_the_failsafe_within_a_second():
    fleet = Fleet(min_off_s=0, failsafe_power_kw=0)
    sim = FleetSim(running(3), fleet=fleet, ems=Ems(heartbeat_timeout_s=60))
    sim.run(6)
    sim.activate(3 * 1460)
    began_s = sim.now_s
    sim.run(70)

    assert [at_s - began_s for at_s, *_ in sim.sent] == [60, 60, 60]


def test_miners_with_set_points_share_a_target_at_their_best():
    curve = [(300, 600, 6.5), (350, 700, 7.5), (400, 800, 8.6), (450, 900, 9.6), (500, 1000, 10.7),
             (550, 1140, 11.8), (600, 1280, 12.9), (650, 1460, 14.0)]  # fmt: skip
    points = tuple(
        OperatingPoint(power_w, ths * 1e12, mhz, command="set_frequency",
                       parameters={"frequency_mhz": mhz})
        for mhz, power_w, ths in curve
    )  # fmt: skip
    spec = CommandSpec(
        "set_frequency", (Parameter("frequency_mhz", "number"),), expected_s=30,
        restarts_mining=True, works_asleep=True,
    )  # fmt: skip
    both = machines(2, standby_w=0)
    profiles = {}
    for machine in both:
        profile = profile_of(machine)
        profiles[machine.miner_id] = MinerProfile(
            machine.miner_id, "vnish", model="Antminer S9", algorithm="sha256",
            commands={**profile.commands, "set_frequency": spec}, operating_points=points,
            standby_power_w=0.0,
        )  # fmt: skip
    fleet = Fleet(min_off_s=0, power_control_mode="frequency")
    sim = FleetSim(both, profiles=profiles, fleet=fleet)
    sim.run(6)

    answer = sim.activate(2000)
    sim.step()

    assert "the set-points come to 2.00 kW" in answer.message
    assert [(name, command, parameters) for _, name, command, parameters in sim.sent] == [
        ("m0", "set_frequency", {"frequency_mhz": 500}),
        ("m0", "start", {}),
        ("m1", "set_frequency", {"frequency_mhz": 500}),
        ("m1", "start", {}),
    ]


def test_the_settings_may_change_while_running_and_go_back():
    sim = FleetSim(running(2))
    sim.run(6)
    change = FleetConfig(
        rated_power_kw_override=1.0, changed=frozenset({"rated_power_kw_override"})
    )
    sim.controller.request(change, sim.now)
    assert sim.controller.rated_w(sim.now) == 1000
    back = FleetConfig(changed=frozenset({"rated_power_kw_override"}))
    sim.controller.request(back, sim.now)

    assert sim.controller.rated_w(sim.now) == pytest.approx(2 * 1460, rel=0.02)


def test_the_history_hears_of_orders_and_of_what_came_of_them():
    sim = FleetSim(running(2))
    sim.run(6)
    sim.activate(2 * 1460)
    sim.activate(99_000)
    sim.run(30)

    entries = [(one.command, one.success, one.state) for one in sim.listener.entries]
    assert entries == [("activate", None, "accepted"), ("activate", False, "INVALID_POWER")]
    assert [(success, state) for _, success, state, _ in sim.listener.outcomes][-1] == (
        True, "achieved",
    )  # fmt: skip


def test_what_mines_on_and_cannot_be_told_keeps_a_stop_from_counting_as_achieved():
    members = {"m0": Member("m0"), "m1": Member("m1", is_read_only=True)}
    sim = FleetSim(running(2), members=members)
    sim.run(6)
    sim.deactivate()
    sim.run(60)

    status = sim.status().dispatch
    assert (status.state, status.reason, status.compliant) == ("partial", "BASE_LOAD", False)
    assert status.deviation_w == pytest.approx(1511)


def test_who_the_settings_leave_out_is_no_part_of_the_sum_but_whom_a_person_took_out_is():
    members = {"m0": Member("m0"), "m1": Member("m1", dispatch=False), "m2": Member("m2")}
    sim = FleetSim(running(3), members=members)
    sim.run(6)
    assert sim.status().active_power_w == pytest.approx(2 * 1460)
    assert sim.status().rated_power_w == pytest.approx(2 * 1460, rel=0.02)

    sim.controller.request(ParticipationRequest("m2", False), sim.now)
    sim.run(2)

    assert sim.status().active_power_w == pytest.approx(2 * 1460)
    assert sim.status().rated_power_w == pytest.approx(1460, rel=0.02)


def test_a_rating_that_was_just_published_may_still_be_ordered():
    sim = FleetSim(running(2, power_w=1200))
    sim.run(2)
    before_w = sim.status().rated_power_w
    sim.run(30)

    assert sim.status().rated_power_w < before_w - 100
    assert sim.activate(before_w).accepted


def test_a_limit_of_nothing_is_met_when_everyone_is_off():
    sim = FleetSim(running(2))
    sim.run(6)
    sim.controller.request(OrderRequest("activate", "cap", 0.0, mode="limit"), sim.now)
    sim.run(60)

    assert (sim.status().dispatch.state, sim.status().dispatch.compliant) == ("achieved", True)
