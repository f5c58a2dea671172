"""The demo's fleet: its line, the order it proposes, and a show in which that order is given."""

import shlex
import subprocess

import pytest

from minerbridge.demo import advice, fleet, plain
from minerbridge.demo.broker import LOOPBACK, Broker
from minerbridge.demo.house import settings_for
from minerbridge.demo.journal import Journal
from minerbridge.demo.rows import DASH
from minerbridge.model_fleet import Capability, Dispatch, FleetStatus
from minerbridge.mqtt.topics import Topics
from minerbridge.simulator.kinds import KINDS
from tests.demo_process import piped
from tests.miners import AT
from tests.mosquitto import PROGRAM, free_port

BROKER = Broker(LOOPBACK, 1883)


def status(fleet_state="active", active_w=6240.0, override=False, **dispatch):
    return FleetStatus(
        AT, fleet_state, rated_power_w=18_400.0, active_power_w=active_w, override_active=override,
        dispatch=Dispatch(**dispatch),
    )  # fmt: skip


def on_order(state, **more):
    return {"id": "1", "mode": "target", "state": state, "target_power_w": 8000.0, **more}


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (None, f"fleet {DASH}"),
        (status(), "fleet 6.2 of 18.4 kW, no order"),
        (status("initializing", None), f"fleet {DASH} of 18.4 kW, no order"),
        (status("activating", **on_order("started", in_flight=2)),
         "fleet 6.2 of 18.4 kW, target 8.0 kW: activating, 2 under way"),
        (status("active", **on_order("started", reason="MIN_OFF")),
         "fleet 6.2 of 18.4 kW, target 8.0 kW: started (min off)"),
        (status("active", **on_order("achieved")),
         "fleet 6.2 of 18.4 kW, target 8.0 kW: achieved"),
        (status("activating", **on_order("achieved", mode="limit")),
         "fleet 6.2 of 18.4 kW, limit 8.0 kW: achieved"),
        (status("standby", 0.0, True, target_power_w=0.0),
         "fleet 0.0 of 18.4 kW, override 0.0 kW: standby"),
    ],
)  # fmt: skip
def test_the_fleet_in_a_line(seen, words):
    assert fleet.line(seen) == words


@pytest.mark.parametrize(
    ("least_w", "most_w", "step_w", "rated_w", "power_kw"),
    [
        (0.0, 0.0, None, 0.0, None),  # nobody can be told anything
        (22.0, 3250.0, 3228.0, 3250.0, 0.0),  # one miner, off or on
        (44.0, 6500.0, 3228.0, 6500.0, 3.3),
        (200.0, 19_900.0, 55.0, 20_000.0, 10.0),
        (7_600.0, 859_300.0, 1.0, 859_300.0, 430.0),
        (51.0, 1460.0, 55.0, 1460.0, 0.76),
        (12_500.0, 15_900.0, 55.0, 3400.0, None),  # more is drawn by miners that nobody switches
    ],
)
def test_the_proposed_order_leaves_something_to_do(least_w, most_w, step_w, rated_w, power_kw):
    able = Capability(least_w, most_w, step_w)
    assert fleet.suitable_kw(able, rated_w) == power_kw


@pytest.mark.parametrize("width", [40, 78, 200])
def test_a_long_line_is_broken_so_that_a_shell_takes_it_for_one(width):
    whole = advice.order_line(BROKER, Topics(site="demo"), 10.0)
    lines = advice.wrapped(whole, width)
    assert len(lines) == {40: 3, 78: 2, 200: 1}[width]
    printed = ["sh", "-c", "printf '%s|' " + "\n".join(lines)]
    words = subprocess.run(printed, check=True, capture_output=True, text=True).stdout
    assert words.split("|")[:-1] == shlex.split(whole)
    assert shlex.split(whole)[-1] == '{"activationPowerInKw": 10}'


def test_the_journal_tells_what_the_fleet_tells():
    journal = Journal(lambda: AT)
    journal.fleet("order_achieved", None, "target 10 kW achieved")
    journal.fleet("quarantined", "s19_1", "it did not do as told")
    assert [line[10:] for line in plain.events(journal.newest(9))] == [
        "fleet  target 10 kW achieved",
        "s19_1  it did not do as told",
    ]
    assert [entry.tone for entry in journal.newest(9)] == ["good", "bad"]


def test_only_what_is_switched_and_tells_no_watts_is_rated_by_its_nameplate(tmp_path):
    devices = [kind() for kind in KINDS.values()]
    settings = settings_for(BROKER, devices, tmp_path)
    rated = {one.id: one.rated_power_w for one in settings.miners if one.rated_power_w}
    assert rated == {"demo_iceriver_1": 3400.0}
    assert settings.fleet.failsafe_power_kw is not None


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed")
def test_the_usual_mix_follows_the_order_that_it_proposes():
    port = free_port()
    with piped("--port", str(port), "--plain") as demo:
        said = demo.until("7 of 7 mining", "no order", "ems/dispatch\n")
        (line,) = [one.strip() for one in said.splitlines() if "ems/request/activate" in one]
        subprocess.run(shlex.split(line), check=True, timeout=10)
        said = demo.until("target 10 kW accepted", "stop: confirmed", "target 10 kW achieved")
        topic = f"mosquitto_sub -p {port} -t minerbridge/ems/dispatch"
        assert topic in said
        life = subprocess.run(
            [*shlex.split(topic), "-C", "1"], check=True, timeout=10, capture_output=True
        )
    assert b'"state":"achieved"' in life.stdout
