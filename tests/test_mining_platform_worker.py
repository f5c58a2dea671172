"""A worker whose driver has several devices: they come and go, and events bring polls forward."""

import threading
import time

import pytest

from minerbridge.miners import worker as worker_module
from minerbridge.miners.mining_platform import pace
from minerbridge.model import MinerCommand
from tests.platform_rig import KAWPOW, RX, Rig
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def rig(monkeypatch):
    monkeypatch.setattr(pace, "AT_ONCE", 1000.0)
    monkeypatch.setattr(worker_module, "LONGEST_OFFSET_S", 0.1)
    one = Rig()
    yield one
    one.stop()


def news(queue, question, timeout_s=10):
    """Return the first of *queue* that answers *question*."""
    while True:
        one = queue.get(timeout=timeout_s)
        if question(one):
            return one


def test_every_device_is_announced_read_and_available(rig):
    worker, ear = rig.worker()

    assert set(worker.profiles) == {"rig1", RX, KAWPOW}
    for miner_id in (RX, KAWPOW):
        news(ear.readings, lambda one, id_=miner_id: one.miner_id == id_)
    told = {ear.availabilities.get(timeout=5)[:2] for _ in range(2)}
    assert told == {(RX, True), (KAWPOW, True)}


def test_a_device_that_comes_later_is_met_available_and_keeps_the_others(rig):
    worker, ear = rig.worker()
    news(ear.readings, lambda one: one.miner_id == RX)
    reports = worker.profiles[RX].reports
    rig.device.rename("xmrig-kawpow", "xmrig-new")

    news(ear.availabilities, lambda one: one[:2] == ("rig1_xmrig_new", True))

    until(lambda: "rig1_xmrig_new" in worker.readings, 5, "its reading")
    assert worker.profiles[RX].reports >= reports > set()
    stopped = news(ear.readings, lambda one: one.miner_id == KAWPOW and one.status == "stopped")
    assert stopped.is_mining is False


def test_a_device_known_from_before_reads_as_stopped(rig):
    worker, _ = rig.worker()
    known = list(worker.profiles.values())
    rig.device.end("xmrig-rx")

    _, ear = rig.worker(known=known)

    assert news(ear.readings, lambda one: one.miner_id == RX).status == "stopped"


def test_a_plug_measures_the_host_and_is_not_counted_for_each_miner(rig):
    worker, ear = rig.worker(metered_power_w=lambda: 3_600_000.0, rated_power_w=200.0)

    host = news(ear.readings, lambda one: one.miner_id == "rig1")
    miner = news(ear.readings, lambda one: one.miner_id == RX)

    assert (host.power_w, miner.power_w, miner.power_estimated_w) == (3_600_000.0, None, None)
    assert miner.energy_kwh is None
    until(lambda: (worker.energy_kwh or 0) > 0.1, 5, "energy")


def test_the_rating_is_an_estimate_of_the_host_alone(rig):
    _, ear = rig.worker(rated_power_w=200.0)
    assert news(ear.readings, lambda one: one.miner_id == "rig1").power_estimated_w == 200.0
    assert news(ear.readings, lambda one: one.miner_id == RX).power_estimated_w is None


def test_an_event_makes_the_state_immediate(rig):
    """The next poll would be due in an hour."""
    _, ear = rig.worker(poll_interval_s=3600.0)
    until(lambda: rig.device.sockets, 5, "the event connection")
    news(ear.readings, lambda one: one.miner_id == RX)
    news(ear.readings, lambda one: one.miner_id == RX)  # of the poll that connecting brings

    rig.device.end("xmrig-rx", "crashed")

    assert news(ear.readings, lambda one: one.miner_id == RX, 1.5).status == "stopped"


def test_events_without_end_do_not_poll_without_end(rig):
    worker, _ = rig.worker(poll_interval_s=3600.0)
    until(lambda: rig.device.sockets, 5, "the event connection")
    polls, began_s = worker.counters.polls, time.monotonic()

    while worker.counters.polls < polls + 4:
        rig.device.emit("miner.error", {"name": "xmrig-rx"})
        threading.Event().wait(0.01)

    assert time.monotonic() - began_s >= 3 * worker_module.SHORTEST_PAUSE_S


def test_a_lost_event_connection_leaves_polling_as_it_was(rig):
    worker, _ = rig.worker()
    until(lambda: rig.device.sockets, 5, "the event connection")
    rig.device.has_socket = False
    rig.device.drop_sockets()
    polls = worker.counters.polls
    until(lambda: worker.counters.polls > polls + 3, 5, "polls")
    assert worker.online
    assert worker.counters.failures == 0


def test_a_command_reaches_one_miner_and_is_confirmed(rig):
    worker, ear = rig.worker()

    worker.submit(MinerCommand(RX, "stop", "7", "power"))

    result = ear.results.get(timeout=10)
    assert (result.miner_id, result.status) == (RX, "confirmed")
    assert rig.writes == ["stop xmrig-rx"]


def test_the_platforms_code_is_the_results(rig):
    worker, ear = rig.worker()
    worker.submit(
        MinerCommand("rig1", "start_profile", "7", "start_profile", {"profile": "RVN - GPU"})
    )
    result = ear.results.get(timeout=10)
    assert (result.status, result.code) == ("failed", "START_FAILED")
    assert "already running" in result.message


def test_stopping_takes_less_than_two_seconds_while_the_platform_hangs(rig):
    worker, _ = rig.worker()
    rig.device.faults.hang = True
    worker.stop()
    assert worker.join(1.5)
