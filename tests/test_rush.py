"""What is urgent goes first: it cuts a read that hangs, and polls elsewhere wait for it."""

import dataclasses
import threading

from minerbridge.miners.rush import LONGEST_S, Rush
from tests.test_worker import WAIT_S, command, driver, online, start  # noqa: F401  fixtures


def urgent(name):
    return dataclasses.replace(command(name), is_urgent=True)


def test_a_hanging_read_is_cut_by_what_is_urgent_and_costs_no_contact(driver, start):  # noqa: F811
    worker = online(start())
    driver.step_gate = threading.Event()
    driver.in_step.clear()
    assert driver.in_step.wait(WAIT_S)

    worker.submit(urgent("stop"))

    driver.step_gate.set()
    result = worker.ear.results.get(timeout=WAIT_S)
    assert result.status == "confirmed"
    assert driver.interrupted.is_set()
    assert driver.contacts == 1
    assert worker.ear.availabilities.empty()


def test_what_is_not_urgent_cuts_nothing(driver, start):  # noqa: F811
    worker = online(start())
    driver.step_gate = threading.Event()
    driver.in_step.clear()
    assert driver.in_step.wait(WAIT_S)

    worker.submit(command("stop"))

    driver.step_gate.set()
    assert worker.ear.results.get(timeout=WAIT_S).status == "confirmed"
    assert not driver.interrupted.is_set()


def test_reading_waits_while_somebody_elses_stop_is_not_sent(driver, start):  # noqa: F811
    rush = Rush()
    worker = online(start(rush=rush))
    worker.ear.readings.get(timeout=WAIT_S)

    rush.begin("of another miner")
    while not worker.ear.readings.empty():
        worker.ear.readings.get()
    reads = driver.reads
    worker.submit(urgent("stop"))
    result_waits = worker.ear.results.empty()
    rush.end("of another miner")

    assert result_waits
    assert driver.reads <= reads + 1
    assert worker.ear.results.get(timeout=WAIT_S).status == "confirmed"
    assert not rush.is_on


def test_a_rush_ends_by_itself():
    now = [0.0]
    rush = Rush(lambda: now[0])
    rush.begin("never sent")
    assert rush.is_on

    now[0] = LONGEST_S

    assert not rush.is_on
