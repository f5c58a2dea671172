"""`miner/command`: a read is answered by the device's own reply, a write by its result."""

import pytest

from minerbridge.answers import Answers
from minerbridge.errors import InvalidValue, MinerUnreachable, NotAllowed, Unsupported
from minerbridge.model import CommandSpec, Parameter, Pool
from tests.fake_bridge import fake_bridge
from tests.miners import COMMANDS, profile, reading

WITH_QUERY = COMMANDS | {
    "summary": CommandSpec("summary", is_query=True),
    "addpool": CommandSpec("addpool", (Parameter("url", "text"),), access="secret"),
}
REPLIES = {"summary": {"Elapsed": 5}, "stats": {"A": 1}, "devs": Unsupported("no devs")}


@pytest.fixture
def bridge():
    return fake_bridge()


@pytest.fixture
def ask(bridge):
    def command(name, replies=REPLIES, policy=None, **document):
        of = [profile(commands=WITH_QUERY)]
        bridge.miner = bridge.settle("m", "192.0.2.7", of, replies, **(policy or {}))
        return Answers(bridge).command({"id": "7", "miner_id": "m", "command": name, **document})

    return command


@pytest.mark.parametrize("name", ["summary", "stats"])
@pytest.mark.parametrize("policy", [{}, {"read_only": True}])
def test_a_read_is_answered_by_the_devices_own_reply(bridge, ask, name, policy):
    found = ask(name, policy=policy, parameters={"x": 1})

    assert found == {"miner_id": "m", "command": name, "reply": REPLIES[name]}
    assert bridge.miner._driver.asked == [(name, {"x": 1})]
    assert bridge.miner.queued() is None


def test_a_write_is_answered_by_its_id_and_its_result_follows(bridge, ask):
    found = ask("power_limit", parameters={"power_limit_w": "2500"})

    assert (found["command"], found["id"]) == ("power_limit", "7")
    sent = bridge.miner.queued()
    assert (sent.name, sent.key, sent.id) == ("power_limit", "power_limit", "7")
    assert sent.parameters == {"power_limit_w": 2500.0}
    assert bridge.miner._driver.asked == []


def test_a_pool_profile_travels_by_name(bridge, ask):
    ask("pool_profile", profile="home")
    assert bridge.miner.queued().parameters == {"profile": "home"}


@pytest.mark.parametrize(
    ("name", "policy", "words"),
    [
        ("addpool", {}, "never taken over MQTT"),
        ("addpool", {"allow": {"addpool"}}, "never taken over MQTT"),
        ("reset", {}, r"commands\.allow of m"),
        ("reboot", {"deny": {"reboot"}}, r"commands\.deny"),
        ("summary", {"deny": {"summary"}}, r"commands\.deny"),
        ("stats", {"deny": {"stats"}}, r"commands\.deny"),
        ("reboot", {"read_only": True}, "read-only"),
        ("reset", {"read_only": True, "allow": {"reset"}}, "read-only"),
    ],
)
def test_what_the_settings_forbid_never_reaches_the_device(bridge, ask, name, policy, words):
    with pytest.raises(NotAllowed, match=words):
        ask(name, policy=policy, parameters={"url": "tcp://p:1"} if name == "addpool" else {})
    assert bridge.miner.queued() is None
    assert bridge.miner._driver.asked == []


def test_a_guarded_command_that_is_allowed_is_sent(bridge, ask):
    ask("reset", policy={"allow": {"reset"}})
    assert bridge.miner.queued().name == "reset"


@pytest.mark.parametrize(
    ("name", "document", "error"),
    [
        ("power_limit", {"parameters": {"power_limit_w": 5}}, InvalidValue),
        ("power_limit", {"parameters": {"power_limit_w": "nan"}}, InvalidValue),
        ("power_limit", {}, InvalidValue),
        ("reboot", {"parameters": {"x": 1}}, InvalidValue),
        ("reboot", {"parameters": [1]}, InvalidValue),
        (None, {}, InvalidValue),
        (["reboot"], {}, InvalidValue),
        ("devs", {}, Unsupported),
    ],
)
def test_what_makes_no_sense_is_refused(bridge, ask, name, document, error):
    with pytest.raises(error):
        ask(name, **document)
    assert bridge.miner.queued() is None


def test_a_silent_device_is_said_so(ask):
    with pytest.raises(MinerUnreachable):
        ask("summary", replies={"summary": MinerUnreachable("no answer")})


REPLY = {
    "POOLS": [{"POOL": 0, "URL": "tcp://me:hunter2@p:1", "User": "wallet.1", "Pass": "hunter2"}],
    "bitmain-pool1user": "wallet.1",
    "passwd": "hunter2",
    "text": "mining as wallet.1 since noon",
    "workers": 3,
    "bypass": "yes",
}


@pytest.mark.parametrize("users_shown", [False, True])
def test_passwords_and_users_are_blanked(users_shown):
    bridge = fake_bridge(publish_pool_users=users_shown)
    worker = bridge.settle("m", "192.0.2.7", replies={"stats": REPLY})
    worker.readings["m"] = reading(pools=(Pool(0, user="wallet.1"),))

    found = Answers(bridge).command({"id": "7", "miner_id": "m", "command": "stats"})["reply"]

    assert "hunter2" not in str(found)
    assert ("wallet.1" in str(found)) is users_shown
    assert (found["workers"], found["bypass"], found["POOLS"][0]["POOL"]) == (3, "yes", 0)
