"""Power down waits for nothing: from the EMS's message to the stop at every live miner."""

import errno
import json
import sqlite3
from contextlib import closing

import pytest

from minerbridge.runtime import StateFile
from tests.fleet_house import house, now_s

pytestmark = pytest.mark.slow

__all__ = ["house"]

#: From publishing to the last arrival; a step of the fleet is due at once after a request.
WITHIN_S = 0.7
MINERS = 10
FULL_KW = MINERS * 1.46


@pytest.fixture
def running(house):
    """Ten S9 that an order drives at full power."""
    house.add("vnish_s9", MINERS)
    house.start(history={"snapshot_interval_s": 60})
    house.activate(FULL_KW, id="full")
    house.until_order("achieved", "full")
    return house


def deactivate(house, miners, **more):
    """Order it and wait for the stops; return how long the last of *miners* waited."""
    began_s = now_s()
    house.tap.publish("minerbridge/ems/request/deactivate", json.dumps({"id": "down", **more}))
    house.tap.wait(
        lambda: house.stops(began_s).keys() >= {one.id for one in miners},
        lambda: f"stops at all, only {house.stops(began_s)}", 15,
    )  # fmt: skip
    took_s = house.stops(began_s)
    last_s = max(took_s[one.id] for one in miners)
    print(f"first stop after {min(took_s.values()):.3f} s, last after {last_s:.3f} s")
    return last_s


def test_from_full_power(running):
    assert deactivate(running, running.miners.devices) < WITHIN_S


def test_with_a_full_disk(running, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(StateFile, "save", full)

    assert deactivate(running, running.miners.devices) < WITHIN_S
    answer = running.tap.wait(
        lambda: running.tap.latest.get("minerbridge/ems/response/deactivate"), "the answer"
    )
    assert json.loads(answer)["accepted"]
    assert "could not be saved" in json.loads(answer)["message"]


def test_with_a_locked_history(running):
    with closing(sqlite3.connect(running.state / "history.db", timeout=5)) as other:
        other.execute("BEGIN EXCLUSIVE")

        assert deactivate(running, running.miners.devices) < WITHIN_S


def test_above_the_rate_limit(running):
    mark = running.tap.mark()
    for _ in range(200):
        running.tap._client.publish("minerbridge/ems/request/status", "", 1)

    assert deactivate(running, running.miners.devices) < WITHIN_S
    running.tap.wait(
        lambda: any("RATE_LIMITED" in p for _, p in running.tap.heard[mark:]), "a refusal"
    )


def test_while_some_hang_in_a_read(running):
    hung = running.miners.devices[:2]
    for device in hung:
        device.faults.port, device.faults.hang = "rpc", True
    polled = [device.requests["rpc connections"] for device in hung]
    running.tap.wait(
        lambda: all(d.requests["rpc connections"] > n for d, n in zip(hung, polled, strict=True)),
        "a hanging read",
    )

    live = [device for device in running.miners.devices if device not in hung]
    assert deactivate(running, live) < WITHIN_S
    began_s = now_s()
    running.tap.wait(
        lambda: all(any("stop_bmminer" in what for _, what in one.journal) for one in hung),
        "the stops of those that hang", 20,
    )  # fmt: skip
    print(f"those that hang heard it {now_s() - began_s:.2f} s later")


def test_during_a_wave_of_starts(house):
    """Whoever boots has no ears yet; what was to start in later waves never does."""
    asleep = house.add("vnish_s9", 6, asleep=True)
    awake = house.add("vnish_s9", 4)
    house.start(fleet={"wave_miners": 2, "wave_percent": 0, "wave_interval_s": 2})
    house.activate(FULL_KW)
    house.tap.wait(lambda: len(starts(asleep)) == 2, "the first wave")
    order = house.latest("ems/dispatch")
    assert order["state"] == "started"

    assert deactivate(house, awake) < WITHIN_S

    house.until_fleet(lambda status: not status["mining_miners"], "a fleet at rest", 40)
    house.until_order("achieved", "down")
    assert len(starts(asleep)) == 2


def test_during_a_ramp(house):
    awake = house.add("vnish_s9", 4)
    house.add("vnish_s9", 4, asleep=True)
    house.start()
    house.activate(8 * 1.46, rampSeconds=600)
    house.until_order("started")

    assert deactivate(house, awake) < WITHIN_S


def test_while_miners_wait_for_their_shortest_pause(house):
    stopped, awake = house.add("vnish_s9", 2), house.add("vnish_s9", 2)
    for device in stopped:
        house.facts[device.id] = {"priority": -1}
    house.start(fleet={"min_off_s": 300, "power_distribution_strategy": "priority"})
    house.activate(2 * 1.46 + 2 * 0.051)
    house.until_order("achieved")
    house.activate(4 * 1.46)
    waiting = house.until_order("started")
    house.tap.wait(lambda: house.latest("ems/dispatch")["reason"] == "MIN_OFF", "MIN_OFF")
    assert house.latest("ems/dispatch")["inFlight"] == 2, waiting

    assert deactivate(house, awake) < WITHIN_S
    assert starts(stopped) == []


def starts(devices):
    return [what for one in devices for _, what in one.journal if what == "do_sleep_mode 0"]


def test_only_an_override_and_old_news_stand_in_the_way(running):
    running.tap.ask("fleet/override", {"enabled": True, "target_power_kw": FULL_KW})
    blocked = running.ems("deactivate")
    running.tap.ask("fleet/override", {"enabled": False})
    old = running.ems("deactivate", at="2026-01-20T14:30:00Z")

    assert (blocked["accepted"], blocked["errorCode"]) == (False, "MANUAL_OVERRIDE")
    assert (old["accepted"], old["errorCode"], old["statusCode"]) == (False, "STALE", 409)
    assert running.stops(0) == {}

    assert deactivate(running, running.miners.devices) < WITHIN_S
