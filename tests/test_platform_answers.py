"""Seed 003's endpoints as requests: where each works, or the exact reason why it does not."""

import base64

import pytest

from minerbridge.errors import (
    BridgeError,
    InvalidValue,
    MinerRefused,
    NotAllowed,
    NotFound,
    Unsupported,
)
from minerbridge.miners import worker as worker_module
from minerbridge.miners.mining_platform import pace
from minerbridge.miners.permission import Policy
from minerbridge.mqtt.wire import to_json
from minerbridge.platform_answers import SLOW_PLATFORM_REQUESTS, PlatformAnswers
from tests.fake_bridge import fake_bridge
from tests.platform_rig import KAWPOW, RVN, RX, WALLET, XMR, Rig
from tests.waiting import until

pytestmark = pytest.mark.slow

REQUESTS = {
    "platform/info", "platform/miners", "platform/miner", "platform/stats", "platform/history",
    "platform/logs", "platform/profiles", "platform/profile/set", "platform/profile/delete",
    "platform/start", "platform/stop", "platform/install", "platform/uninstall",
}  # fmt: skip
ALLOWED = Policy(allow=frozenset({"install", "uninstall"}))


class Desk:
    """A platform, its worker, and the requests of a bridge that has it beside another miner."""

    def __init__(self, *, envelope=False, policy=ALLOWED, **settings):
        self.rig = Rig(envelope=envelope)
        self.bridge = fake_bridge(**settings)
        self.worker, self.ear = self.rig.worker(policy=policy)
        self.bridge.workers["rig1"] = self.worker
        until(lambda: len(self.worker.readings) == 3, 5, "readings")

    def ask(self, name, /, **document):
        return PlatformAnswers(self.bridge).table()[f"platform/{name}"]({"id": "7", **document})

    def outcome(self, name, /, **document):
        """Return what came of a write."""
        answer = self.ask(name, **document)
        result = self.ear.results.get(timeout=10)
        assert (answer["id"], result.id, result.miner_id) == ("7", "7", answer["miner_id"])
        return result.status, result.code


@pytest.fixture
def open_desk(monkeypatch):
    monkeypatch.setattr(pace, "AT_ONCE", 1000.0)
    monkeypatch.setattr(worker_module, "LONGEST_OFFSET_S", 0.1)
    opened = []

    def desk(**options):
        opened.append(Desk(**options))
        return opened[-1]

    yield desk
    for one in opened:
        one.rig.stop()


@pytest.fixture(params=[False, True], ids=["bare", "envelope"])
def desk(open_desk, request):
    return open_desk(envelope=request.param)


@pytest.fixture
def bare(open_desk):
    return open_desk()


def test_the_requests_are_those_of_the_contract():
    assert PlatformAnswers(fake_bridge()).table().keys() == REQUESTS
    assert SLOW_PLATFORM_REQUESTS <= REQUESTS


# -- GET: the documents of the seed ----------------------------------------------------------------


def test_info_is_system_info(desk):
    """SystemInfo, with all its fields; the public code has other names for some."""
    info = desk.ask("info")

    assert info["os"] == "linux"
    if desk.rig.device.envelope:
        assert info.keys() == {"os", "arch", "goVersion", "totalMemory", "installedMiners"}
        assert info["installedMiners"][0].keys() == {"type", "version", "installed", "path"}
    else:
        assert info["installed_miners_info"][0]["is_installed"] is True
        assert info["available_cpu_cores"] == 8


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"xmrig-rx", "xmrig-kawpow"}),
        ({"page": 1, "limit": 1}, {"xmrig-rx"}),
        ({"page": 2, "limit": 1}, {"xmrig-kawpow"}),
        ({"status": "running"}, {"xmrig-rx", "xmrig-kawpow"}),
        ({"status": "stopped"}, set()),
        ({"type": "tt-miner"}, set()),
        ({"sort": "hashrate", "order": "desc", "page": 1, "limit": 1}, {"xmrig-kawpow"}),
        ({"sort": "uptime", "order": "asc"}, {"xmrig-rx", "xmrig-kawpow"}),
        ({"sort": "name", "order": "asc", "page": 1, "limit": 1}, {"xmrig-kawpow"}),
    ],
)
def test_miners_are_paged_filtered_and_sorted(desk, query, names):
    answer = desk.ask("miners", **query)

    assert {row["name"] for row in answer["items"]} == names
    pagination = answer["pagination"]
    assert pagination.keys() == {"page", "limit", "total", "pages"}
    assert pagination["page"] == query.get("page", 1)
    assert WALLET not in to_json(answer).decode()


def test_a_miner_is_its_row_and_its_statistics(desk):
    row = desk.ask("miner", miner_id=RX)
    assert (row["name"], row["stats"]["uptime"] >= 8215) == ("xmrig-rx", True)
    assert not any(name.endswith("History") for name in row)


def test_stats_are_the_platforms_own(desk):
    """PerformanceMetrics, by device or by the platform's own name."""
    stats = desk.ask("stats", miner_id=KAWPOW)
    assert stats.keys() == desk.ask("stats", name="xmrig-kawpow").keys()
    assert 23_000 < stats["hashrate"] < 26_000
    if desk.rig.device.envelope:
        assert {"hashrate", "hashrateAvg", "shares", "uptime", "connection", "cpu", "gpu"} == set(
            stats
        )
    else:
        assert stats["algorithm"] == "kawpow"


def test_history_is_points(desk):
    """HashratePoint: timestamp, hashrate; resolution where the platform has it."""
    points = desk.ask("history", miner_id=RX, limit=5)
    assert (len(points["points"]), points["total"]) == (5, 30)
    assert {"timestamp", "hashrate"} <= points["points"][0].keys()
    since = desk.ask("history", miner_id=RX, since="2025-12-31T12:00:00Z")
    assert since["total"] == 60


def test_a_resolution_works_where_the_platform_has_it(open_desk):
    answer = open_desk(envelope=True).ask("history", miner_id=RX, resolution="1m", duration="1h")
    assert answer["resolution"] == "1m"


def test_a_resolution_is_unsupported_by_the_public_code(bare):
    with pytest.raises(Unsupported, match="not supported by this Mining Platform"):
        bare.ask("history", miner_id=RX, resolution="1m")


def test_logs_are_decoded_and_name_no_wallet(desk):
    logs = desk.ask("logs", miner_id=RX, limit=60)
    assert (logs["total"], len(logs["lines"])) == (60, 60)
    assert logs["lines"][0].startswith("[12:00:00] use pool stratum+tcp://pool.example.com")
    assert WALLET not in to_json(logs).decode()
    raw = desk.rig.device.miners["xmrig-rx"].logs()[0]
    assert WALLET in base64.b64decode(raw).decode()


def test_profiles_are_mining_profiles_without_secrets(desk):
    """MiningProfile and Config: what is no secret stays; the wallet and the password go."""
    row = desk.ask("profiles")["items"][0]
    fields = {"id", "name", "minerType", "config"}
    if desk.rig.device.envelope:
        fields |= {"description", "createdAt", "updatedAt"}
    assert row.keys() == fields
    config = row["config"]
    assert (config["wallet"], config["password"]) == ("***", None)
    assert (config["algo"], config["threads"]) == ("rx", 4)
    assert desk.ask("profiles", profile=row["id"]) == row


def test_wallets_are_told_where_pool_users_may_be_published(open_desk):
    config = open_desk(publish_pool_users=True).ask("profiles")["items"][0]["config"]
    assert (config["wallet"], config["password"]) == (WALLET, None)


# -- POST, PUT, DELETE -----------------------------------------------------------------------------


def test_start_and_stop(desk):
    """POST /profiles/{id}/start and DELETE /miners/{name}."""
    assert desk.outcome("stop", miner_id=RX) == ("confirmed", None)
    assert desk.outcome("start", miner_id=RX) == ("confirmed", None)
    assert desk.outcome("stop", name="xmrig-kawpow") == ("confirmed", None)
    assert desk.outcome("start", miner_id="rig1", profile=RVN) == ("confirmed", None)
    assert desk.rig.device.miners.keys() == {"xmrig-rx", "xmrig-kawpow"}


def test_the_code_of_a_failed_start_is_passed_on(desk):
    code = "MINER_ALREADY_RUNNING" if desk.rig.device.envelope else "START_FAILED"
    assert desk.outcome("start", profile=XMR) == ("failed", code)


def test_starting_from_a_configuration_is_unsupported(bare):
    """POST /miners/{type} was taken out of the public code before it was documented."""
    with pytest.raises(Unsupported, match="not supported by the Mining Platform since 2025-12"):
        bare.ask("start", type="xmrig", config={"algo": "rx/0"})


def test_profiles_are_saved_and_deleted(desk):
    """POST and PUT /profiles, DELETE /profiles/{id}."""
    saved = {"name": "New", "minerType": "xmrig", "config": {"algo": "gr"}, "description": "d"}
    assert desk.outcome("profile/set", pool_profile=None, **saved) == ("confirmed", None)
    assert desk.outcome("profile/set", name="New", config={"threads": 2}) == ("confirmed", None)
    profile = next(one for one in desk.rig.device.profiles.values() if one.name == "New")
    assert profile.config == {"algo": "gr", "threads": 2}

    until(lambda: "New" in desk.worker.readings["rig1"].details["profiles"], 5, "the profile")
    assert desk.outcome("profile/delete", profile="New") == ("confirmed", None)
    assert desk.outcome("profile/delete", profile="New") == ("failed", "PROFILE_NOT_FOUND")


@pytest.mark.parametrize("secret", [{"pool": "x"}, {"wallet": "x"}, {"password": "x"}])
def test_pool_wallet_and_password_never_come_over_mqtt(bare, secret):
    with pytest.raises(NotAllowed, match="pool_profile") as caught:
        bare.ask("profile/set", name="New", minerType="xmrig", config=secret)
    assert caught.value.code == "NOT_ALLOWED"
    assert bare.rig.writes == []


def test_a_pool_profile_of_the_settings_fills_them_in(bare):
    answer = bare.outcome("profile/set", name="New", minerType="xmrig", pool_profile="home")
    assert answer == ("confirmed", None)
    profile = next(one for one in bare.rig.device.profiles.values() if one.name == "New")
    assert profile.config["pool"] == "stratum+tcp://home.example.com:3333"


def test_install_and_uninstall(desk):
    """POST /miners/{type}/install and DELETE /miners/{type}/uninstall."""
    assert desk.outcome("install", type="tt-miner") == ("confirmed", None)
    assert desk.outcome("uninstall", type="tt-miner") == ("confirmed", None)
    assert desk.outcome("install", type="gminer") == ("failed", "UNSUPPORTED_MINER")


@pytest.mark.parametrize("name", ["install", "uninstall"])
def test_software_is_left_alone_unless_the_settings_allow_it(open_desk, name):
    closed = open_desk(policy=Policy())
    with pytest.raises(NotAllowed, match=r"commands\.allow"):
        closed.ask(name, type="xmrig")


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("stop", {"miner_id": RX}),
        ("start", {"profile": XMR}),
        ("profile/set", {"name": XMR, "config": {"threads": 1}}),
        ("profile/delete", {"profile": XMR}),
        ("install", {"type": "xmrig"}),
    ],
)
def test_a_read_only_platform_takes_no_writes(open_desk, name, document):
    closed = open_desk(policy=Policy(read_only=True, allow=frozenset({"install"})))
    with pytest.raises(NotAllowed) as caught:
        closed.ask(name, **document)
    assert (caught.value.code, closed.rig.writes) == ("READ_ONLY", [])


# -- what is wrong with a request ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "document", "error", "code"),
    [
        ("stats", {"name": "nobody"}, MinerRefused, "MINER_NOT_FOUND"),
        ("miner", {"name": "nobody"}, MinerRefused, "MINER_NOT_FOUND"),
        ("history", {"name": "nobody"}, MinerRefused, "MINER_NOT_FOUND"),
        ("logs", {"name": "nobody"}, MinerRefused, "MINER_NOT_FOUND"),
        ("stop", {"name": "nobody"}, NotFound, "MINER_NOT_FOUND"),
        ("profiles", {"profile": "nobody"}, MinerRefused, "PROFILE_NOT_FOUND"),
        ("profile/delete", {"profile": 7}, InvalidValue, "INVALID_VALUE"),
        ("profile/set", {"name": "New", "config": [1]}, InvalidValue, "INVALID_VALUE"),
        ("stats", {"miner_id": "rig1"}, InvalidValue, "INVALID_VALUE"),
        ("miners", {"status": "asleep"}, InvalidValue, "INVALID_VALUE"),
        ("miners", {"page": 0}, InvalidValue, "INVALID_VALUE"),
        ("history", {"miner_id": RX, "duration": "long"}, InvalidValue, "INVALID_VALUE"),
        ("history", {"miner_id": RX, "since": "2025-12-31"}, InvalidValue, "INVALID_VALUE"),
        ("logs", {"miner_id": RX, "limit": 0}, InvalidValue, "INVALID_VALUE"),
        ("info", {"miner_id": "m"}, Unsupported, "UNSUPPORTED"),
        ("info", {"miner_id": "nobody"}, NotFound, "NOT_FOUND"),
        ("install", {}, InvalidValue, "INVALID_VALUE"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(bare, name, document, error, code):
    with pytest.raises(error) as caught:
        bare.ask(name, **document)
    assert caught.value.code == code
    assert bare.rig.writes == []


def test_without_a_platform_there_is_nothing_to_ask():
    with pytest.raises(BridgeError, match="miner_id is missing"):
        PlatformAnswers(fake_bridge()).table()["platform/info"]({"id": "7"})


def test_what_a_platform_lacks_is_unsupported(bare):
    bare.rig.device.api._routes.pop(("GET", "miners", "?", "logs"))
    with pytest.raises(MinerRefused, match="is not supported by this Mining Platform") as caught:
        bare.ask("logs", miner_id=RX)
    assert caught.value.code == "UNSUPPORTED"
