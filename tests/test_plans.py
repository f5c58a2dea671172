"""From the settings to what each miner's thread is told."""

import dataclasses
from typing import Any

import pytest

from minerbridge import plans
from minerbridge.miners.rush import Rush
from minerbridge.plans import login_for, specs_of
from minerbridge.settings import Settings
from minerbridge.state import FoundMiner, MinerState, Store
from tests.log_lines import keep

FOUND = FoundMiner("antminer_000001", "192.0.2.8", "antminer", None, 1460.0)
MINER = {"id": "m", "host": "192.0.2.7"}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def spec(store, settings=None, **miner):
    return specs_of(Settings(miners=[MINER | miner], **(settings or {})), store)["m"]


def test_a_miner_has_the_general_settings_unless_its_own(store):
    general = spec(store, {"poll_interval_s": 5, "offline_after_s": 20})
    own = spec(store, poll_interval_s=2)
    assert (general.poll_interval_s, general.offline_after_s) == (5, 20)
    assert own.poll_interval_s == 2


@pytest.mark.parametrize(
    ("everywhere", "here", "read_only"),
    [(False, False, False), (True, False, True), (False, True, True)],
)
def test_read_only_is_general_or_the_miners(store, everywhere, here, read_only):
    found = spec(store, {"read_only": everywhere}, read_only=here)
    assert found.plan(lambda: None, Rush()).policy.read_only is read_only


def test_the_plan_says_what_the_settings_do(store):
    plan = spec(
        store,
        {"pool_profiles": {"home": [{"url": "u", "user": "n", "password": "p"}]}},
        ports={"rpc": 4029, "http": 8080},
        limits={"min_power_w": 1, "max_power_w": 2, "min_percent": 60, "max_percent": 90},
        commands={"allow": ["reset"], "deny": ["reboot"]},
        rated_power_w=3250,
        algorithm="scrypt",
    ).plan(lambda: 7.0, Rush())

    policy = plan.policy
    assert (plan.miner_id, plan.host, plan.rpc_port) == ("m", "192.0.2.7", 4029)
    assert (plan.rated_power_w, plan.algorithm, plan.metered_power_w()) == (3250, "scrypt", 7.0)
    assert (policy.min_power_w, policy.max_power_w) == (1, 2)
    assert (policy.min_percent, policy.max_percent) == (60, 90)
    assert (policy.allow, policy.deny) == ({"reset"}, {"reboot"})
    assert plan.pool_profiles["home"][0].password == "p"


def test_the_target_says_where_and_how_to_log_in(store):
    target = spec(
        store, username="u", password="p", ports={"http": 8080}, api="v3", encrypted_reads=True
    ).target()

    assert (target.host, target.username, target.password) == ("192.0.2.7", "u", "p")
    assert target.ports == {"http": 8080}
    assert (target.options["api"], target.options["encrypted_reads"]) == ("v3", True)
    assert (target.options["min_percent"], target.options["firmware_dir"]) == (50, None)


def test_the_curve_is_handed_on_in_the_order_of_its_columns(store):
    curve = [{"frequency_mhz": 350, "power_w": 660, "hashrate_ths": 7.5}, {"power_w": 1460}]

    assert spec(store, curve=curve).target().options["curve"] == (
        (350, 660, 7.5, None),
        (None, 1460, None, None),
    )
    assert spec(store).target().options["curve"] == ()


LOGINS: dict[str, Any] = {
    "credentials": {"antminer": {"username": "root", "password": "of-family"}}
}


@pytest.mark.parametrize(
    ("miner", "login"),
    [
        ({"family": "antminer"}, ("root", "of-family")),
        ({"family": "antminer", "password": "own"}, (None, "own")),
        ({"family": "cgminer"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_a_miner_without_login_has_its_familys(store, miner, login):
    found = spec(store, LOGINS, **miner)
    assert (found.username, found.password) == login
    assert login_for(Settings(**LOGINS), "antminer") == ("root", "of-family")
    assert login_for(Settings(**LOGINS), "unheard of") == (None, None)


def test_no_secret_is_in_a_spec_or_plan(store):
    found = spec(
        store,
        {"pool_profiles": {"home": [{"url": "u", "user": "wallet", "password": "hunter2"}]}},
        password="hunter2",
    )
    for text in (repr(found), repr(found.plan(lambda: None, Rush())), repr(found.target())):
        assert "hunter2" not in text
        assert "wallet" not in text


def test_a_spec_differs_when_a_setting_does(store):
    assert spec(store) == spec(store)
    for change in ({"password": "x"}, {"priority": 1}, {"limits": {"max_power_w": 1}}):
        assert spec(store, **change) != spec(store)
    assert spec(store, {"poll_interval_s": 3}) != spec(store)


def test_a_plugs_topic_becomes_a_meter(store):
    assert spec(store).meter() is None
    meter = spec(store, power_topic={"topic": "plug", "value_path": "a.b", "unit": "kW"}).meter()
    assert (meter.topic, meter.value_path, meter.unit, meter.max_age_s) == ("plug", "a.b", "kW", 30)


def test_found_miners_run_beside_those_of_the_file(store):
    store.save_found({FOUND.id: FOUND})
    found = specs_of(Settings(miners=[MINER], **LOGINS), store)
    assert list(found) == ["m", FOUND.id]
    assert (found[FOUND.id].host, found[FOUND.id].password) == ("192.0.2.8", "of-family")
    assert found[FOUND.id].miner.rated_power_w == 1460.0


@pytest.mark.parametrize(
    "miner",
    [{"id": FOUND.id, "host": "192.0.2.50"}, {"id": "mine", "host": FOUND.host}],
)
def test_a_found_miner_that_was_named_in_the_file_is_not_run_twice(store, miner):
    store.save_found({FOUND.id: FOUND})
    found = specs_of(Settings(miners=[miner]), store)
    assert {miner_id: one.host for miner_id, one in found.items()} == {miner["id"]: miner["host"]}


def test_another_port_of_a_host_is_another_miner(store):
    other = dataclasses.replace(FOUND, rpc_port=4029)
    store.save_found({other.id: other})
    assert len(specs_of(Settings(miners=[MINER | {"host": FOUND.host}]), store)) == 2


@pytest.mark.parametrize("wrong", [{"family": "of a later version"}, {"id": "Not An Id"}])
def test_a_found_miner_that_makes_no_sense_is_skipped_with_a_line(store, monkeypatch, wrong):
    logged = keep(monkeypatch, plans)
    store.save_found({"x": dataclasses.replace(FOUND, **wrong)})
    assert list(specs_of(Settings(miners=[MINER]), store)) == ["m"]
    assert logged.events() == ["found_miner_skipped"]


def test_a_moved_miner_is_asked_where_it_was_found_until_its_setting_changes(store):
    store.save_miner("m", MinerState(found_at="192.0.2.9", moved_from="192.0.2.7"))
    assert spec(store).host == "192.0.2.9"
    assert spec(store, host="192.0.2.50").host == "192.0.2.50"
