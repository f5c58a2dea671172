"""What requests about the monitor are answered with, and that no code or wallet is among it."""

import threading
from contextlib import contextmanager

import pytest

from minerbridge.errors import InvalidValue, NotFound, Unsupported
from minerbridge.mqtt.wire import to_json
from minerbridge.rig_monitor.failures import ServerAway, ServerTrouble, WrongCode
from minerbridge.rig_monitor_answers import SLOW_REQUESTS, RigMonitorAnswers
from minerbridge.settings import Settings
from tests.rig_monitor_rig import ASIC, RIG, asic_reading, reporting
from tests.test_rig_monitor_reporter import FORMS, started
from tests.waiting import until

PLAYBOOK = {
    "id": 60, "software_name": "XMRig", "software_version": "6.22.2",
    "module": "Elixir.MinerProvision.XMRIG_6_22_2", "cpu_coin_name": "Monero",
    "command_argument": "--url pool.example.com:1 --user 4Awallet.rig --pass hunter2 -p hunter2",
    "cpu_wallet_address": "4Awallet", "gpu_wallet_address_1": None,
    "cpu_pool_address": "pool.example.com:1",
}  # fmt: skip


@contextmanager
def asking(miners=None, **settings):
    """Run a reporter in its thread; yield what asks, the rig and the server."""
    with reporting(miners or {"m": ASIC, "n": ASIC, "rig": RIG}, forms=FORMS) as (rig, server):
        reporter = started(rig)
        table = RigMonitorAnswers(Settings(rig_monitor=rig.settings, **settings), reporter).table()
        yield (lambda name, **document: table[f"rig-monitor/{name}"](document)), rig, server
        reporter.stop()
        assert reporter.join(2)


def test_the_requests_are_those_of_the_contract():
    table = RigMonitorAnswers(Settings(), None).table()
    assert set(table) == {f"rig-monitor/{n}" for n in ("expected", "playbooks", "status")}
    assert set(table) >= SLOW_REQUESTS


def test_what_is_expected_is_asked_now():
    with asking() as (ask, _, server):
        ask("expected")
        server.miners["code-n"].asic = "off"
        (row,) = ask("expected", miner_id="n")["miners"]
        assert row == {
            "miner_id": "n", "asic_expected_status": "off", "light_expected_status": "off",
        }  # fmt: skip
        found = ask("expected")
        assert (found["total"], [one["miner_id"] for one in found["miners"]]) == (2, ["m", "n"])
        assert b"code-" not in to_json(found)


def test_a_rig_is_expected_nothing_of_and_an_asic_has_no_playbooks():
    with asking() as (ask, _, _):
        with pytest.raises(Unsupported, match="rig: the monitor expects nothing"):
            ask("expected", miner_id="rig")
        with pytest.raises(Unsupported, match="m: playbooks are for CPU/GPU rigs"):
            ask("playbooks", miner_id="m")


def test_playbooks_come_without_wallets_and_passwords():
    with asking() as (ask, _, server):
        server.miners["code-rig"].playbooks.append(PLAYBOOK)
        found = ask("playbooks", miner_id="rig")
        (playbook,) = found["playbooks"]
        assert playbook.keys() == PLAYBOOK.keys()
        assert playbook["module"] == PLAYBOOK["module"]
        assert b"4Awallet" not in to_json(found)
        assert b"hunter2" not in to_json(found)
        assert not [name for name in server.requests if "module" in name]


def test_playbooks_come_whole_where_pool_users_may_be_published():
    with asking(publish_pool_users=True) as (ask, _, server):
        server.miners["code-rig"].playbooks.append(PLAYBOOK)
        assert ask("playbooks", miner_id="rig")["playbooks"] == [PLAYBOOK]


def test_the_status_tells_of_every_miner_without_secrets():
    with asking({"m": ASIC, "bare": {}}) as (ask, rig, _):
        rig.read(asic_reading("m"), asic_reading("bare"))
        until(lambda: ask("status")["miners"][0]["working"], 5, "a report")
        until(lambda: ask("status")["miners"][1]["missing_field"], 5, "a missing field")
        found = ask("status")
        first, second = found["miners"]
        assert (found["url"], found["total"]) == (rig.settings.url, 2)
        assert (first["form"], first["reason"], first["last_error"]) == ("asic", "", None)
        assert first["last_report_at"] is not None
        assert (second["working"], second["missing_field"]) == (False, "coin_name")
        assert b"code-" not in to_json(found)


@pytest.mark.parametrize(
    ("fault", "error"), [({"status": 500}, ServerTrouble), ({"close": True}, ServerAway)]
)
def test_trouble_is_the_answer(fault, error):
    with asking() as (ask, _, server):
        for name, value in fault.items():
            setattr(server.faults, name, value)
        for name, document in (("expected", {}), ("playbooks", {"miner_id": "rig"})):
            with pytest.raises(error):
                ask(name, **document)


def test_a_wrong_code_is_the_answer():
    with asking() as (ask, _, server):
        del server.miners["code-m"]
        with pytest.raises(WrongCode):
            ask("expected", miner_id="m")


@pytest.mark.parametrize(
    ("document", "error"), [({}, InvalidValue), ({"miner_id": 5}, InvalidValue),
                            ({"miner_id": "nobody"}, NotFound)]
)  # fmt: skip
def test_a_miner_must_be_named_and_known(document, error):
    with asking() as (ask, _, _), pytest.raises(error):
        ask("playbooks", **document)


def test_without_a_server_there_is_nothing_to_ask():
    table = RigMonitorAnswers(Settings(), None).table()
    assert table["rig-monitor/status"]({})["miners"] == []
    for name in SLOW_REQUESTS:
        with pytest.raises(Unsupported, match=r"rig_monitor\.url"):
            table[name]({"miner_id": "m"})


def test_who_waits_is_answered_at_the_end():
    with asking() as (ask, rig, server):
        server.faults.silent = True
        failures = []

        def wait():
            try:
                ask("expected")
            except ServerAway as error:
                failures.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: server.requests["silent"], 5, "it hangs")
        rig.reporter.stop()
        thread.join(2)
        assert len(failures) == 1
