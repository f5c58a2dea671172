"""What the platform says, in both forms, in the bridge's own words, and what follows from it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from minerbridge.errors import BadReply, InvalidValue, MinerRefused, MinerUnreachable, NotAllowed
from minerbridge.miners.http_reply import HttpReply
from minerbridge.miners.mining_platform import listing, login
from minerbridge.miners.mining_platform.client import PlatformRefused, RouteMissing, unwrapped
from minerbridge.miners.mining_platform.documents import SoftwareMiner, software_miners, stats_of
from minerbridge.miners.mining_platform.pace import AT_ONCE, PER_SECOND, Pace
from minerbridge.miners.mining_platform.places import Places, slug
from minerbridge.miners.mining_platform.profiles import candidates, profiles_of, refuse_secrets
from minerbridge.settings import Miner

#: Seed 003's PerformanceMetrics: every field of it is read.
METRICS = {
    "hashrate": 4520.5,
    "hashrateAvg": 4485.2,
    "shares": {"accepted": 42, "rejected": 3, "invalid": 1},
    "uptime": 8215,
    "connection": {"pool": "pool.example.com:3333", "uptime": 8200, "ping": 45, "failures": 2},
    "cpu": {"usage": 95.5, "temperature": 65.2},
    "gpu": [
        {"id": 0, "name": "RTX 3080", "hashrate": 95234.5, "temperature": 68.5, "fanSpeed": 75,
         "powerUsage": 220}
    ],
}  # fmt: skip
FLAT = {
    "hashrate": 4520, "shares": 42, "rejected": 3, "uptime": 8215, "lastShare": 0,
    "algorithm": "rx/0", "avgDifficulty": 0, "diffCurrent": 100001,
}  # fmt: skip


def test_every_field_of_the_documented_statistics_is_read():
    stats = stats_of(METRICS)

    assert (stats.hashrate_hs, stats.hashrate_average_hs, stats.uptime_s) == (4520.5, 4485.2, 8215)
    assert (stats.accepted, stats.rejected, stats.details["shares_invalid"]) == (42, 3, 1)
    assert (stats.pool, stats.details["ping_ms"]) == ("pool.example.com:3333", 45)
    assert (stats.details["pool_uptime_s"], stats.details["pool_failures"]) == (8200, 2)
    assert stats.cpu == {"usage_percent": 95.5, "temperature_c": 65.2}
    assert stats.gpus == (
        {"id": 0, "name": "RTX 3080", "hashrate_hs": 95234.5, "temperature_c": 68.5,
         "fan_percent": 75, "power_w": 220},
    )  # fmt: skip


def test_the_public_codes_flat_statistics_are_read():
    stats = stats_of(FLAT)

    assert (stats.hashrate_hs, stats.accepted, stats.rejected) == (4520, 42, 3)
    assert (stats.algorithm, stats.details["difficulty"]) == ("rx/0", 100001)
    assert (stats.hashrate_average_hs, stats.pool, stats.cpu, stats.gpus) == (None, None, {}, ())


@pytest.mark.parametrize("document", [[], "text", 7, None])
def test_statistics_that_are_no_object_are_a_bad_reply(document):
    with pytest.raises(BadReply):
        stats_of(document)


@given(st.dictionaries(st.sampled_from([*METRICS, *FLAT]), st.none() | st.text() | st.floats()))
def test_statistics_of_any_content_are_read_or_left_out(document):
    stats_of(document)


def test_rows_of_both_forms_name_their_miner():
    history = [
        {"timestamp": "2025-12-31T12:00:00.123456789Z", "hashrate": 4520},
        {"timestamp": "yesterday", "hashrate": 1},
    ]
    bare = {"name": "xmrig-rx", "miner_type": "xmrig", "version": "6.24.0", "running": True,
            "hashrateHistory": history}  # fmt: skip
    documented = {"name": "xmrig", "type": "xmrig", "status": "error", "config": {"algo": "rx/0"}}

    one, two = software_miners([bare, documented, {"noname": 1}, None])

    assert (one.name, one.kind, one.version, one.status) == (
        "xmrig-rx",
        "xmrig",
        "6.24.0",
        "running",
    )
    assert one.history == ((datetime(2025, 12, 31, 12, 0, 0, 123456, UTC), 4520),)
    assert (two.status, two.config) == ("error", {"algo": "rx/0"})
    assert software_miners(None) == []
    assert software_miners({"items": [bare], "pagination": {}})[0].name == "xmrig-rx"


# -- envelopes and errors ----------------------------------------------------------------------


def reply(status, body):
    return HttpReply(status, body.encode() if isinstance(body, str) else body)


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ('{"success": true, "data": {"a": 1}}', {"a": 1}),
        ('{"success": true, "data": []}', []),
        ('{"success": true}', None),
        ('{"a": 1}', {"a": 1}),
        ("[1]", [1]),
        ("null", None),
    ],
)
def test_what_is_said_comes_out_of_its_envelope(body, content):
    assert unwrapped(reply(200, body), "GET /x") == content


def test_no_content_is_nothing():
    assert unwrapped(reply(204, b""), "DELETE /x") is None


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (404, '{"code": "MINER_NOT_FOUND", "message": "no xmrig", "retryable": false}',
         "MINER_NOT_FOUND", "no xmrig"),
        (409, '{"success": false, "error": {"code": "RUNS", "message": "m", "details": {"pid":1}}}',
         "RUNS", "m; {'pid': 1}"),
        (400, '{"error": "bad name", "details": "too long"}', "REFUSED", "bad name; too long"),
        (200, '{"success": false, "error": {"code": "INVALID_WALLET", "message": "w"}}',
         "INVALID_WALLET", "w"),
        (500, "[]", "REFUSED", "HTTP 500"),
        (500, "<html>", "REFUSED", "HTTP 500"),
    ],
)  # fmt: skip
def test_every_form_of_error_keeps_its_code_and_words(status, body, code, words):
    with pytest.raises(PlatformRefused, match=re.escape(words)) as caught:
        unwrapped(reply(status, body), "GET /x")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "code",
    ["MINER_NOT_FOUND", "MINER_ALREADY_RUNNING", "MINER_NOT_INSTALLED", "INVALID_CONFIG",
     "POOL_UNREACHABLE", "PROFILE_NOT_FOUND", "PROFILE_ALREADY_EXISTS", "INVALID_WALLET",
     "INSUFFICIENT_RESOURCES"],
)  # fmt: skip
def test_the_documented_codes_are_passed_through(code):
    body = f'{{"success": false, "error": {{"code": "{code}", "message": "m"}}}}'
    with pytest.raises(MinerRefused) as caught:
        unwrapped(reply(503, body), "GET /x")
    assert caught.value.code == code


def test_a_route_the_server_lacks_is_unsupported():
    with pytest.raises(RouteMissing, match="is not supported by this Mining Platform") as caught:
        unwrapped(reply(404, "404 page not found"), "POST /miners/xmrig")
    assert caught.value.code == "UNSUPPORTED"


def test_what_is_no_platform_is_a_bad_reply():
    with pytest.raises(BadReply):
        unwrapped(reply(200, "<html>hello"), "GET /miners")
    with pytest.raises(BadReply):
        unwrapped(reply(301, "{}"), "GET /miners")


# -- which device is which -----------------------------------------------------------------------


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_names_become_distinct_ids_of_the_allowed_letters(one, two):
    assert re.fullmatch(r"[a-z0-9_]{1,59}", slug(one, 59))
    assert (slug(one, 59) == slug(two, 59)) == (one == two)
    assert slug(one, 59) == slug(one, 59)


def test_plain_names_lose_only_their_dashes():
    places = Places("rig1")
    assert places.id_of("xmrig-rx") == "rig1_xmrig_rx"
    assert re.fullmatch(r"rig1_xmrig_rx_0_[0-9a-f]{6}", places.id_of("xmrig-rx/0"))


def test_a_name_drawn_at_the_start_is_no_identity():
    places = Places("rig1")
    drawn = [SoftwareMiner("xmrig-417", "xmrig"), SoftwareMiner("xmrig-rx", "xmrig")]
    assert set(places.seat(drawn)) == {"rig1_xmrig", "rig1_xmrig_rx"}

    again = places.seat([SoftwareMiner("xmrig-52", "xmrig"), SoftwareMiner("xmrig-417", "xmrig")])
    assert again["rig1_xmrig"].name == "xmrig-417"
    assert again["rig1_xmrig_2"].name == "xmrig-52"
    assert places.seat([SoftwareMiner("xmrig-9", "xmrig")])["rig1_xmrig"].name == "xmrig-9"


def test_a_device_may_run_the_profiles_of_its_name_else_of_its_kind():
    def row(id_, name, algo):
        return {"id": id_, "name": name, "minerType": "xmrig", "config": {"algo": algo}}

    places = Places("rig1")
    found = profiles_of([row("1", "A", "rx/0"), row("2", "B", "kawpow"), row("3", "A", "gr")])

    assert [one.label for one in found] == ["A (1)", "B", "A (3)"]
    assert [one.id for one in candidates(found, "rig1_xmrig_rx", "xmrig", places)] == ["1"]
    assert len(candidates(found, "rig1_xmrig", "xmrig", places)) == 3
    assert candidates(found, "rig1_tt_miner_x", "tt-miner", places) == []


@pytest.mark.parametrize(
    "config",
    [
        {"pool": "stratum+tcp://x"}, {"wallet": "4x"}, {"password": "x"}, {"userPass": "a:b"},
        {"gpuPool": "x"}, {"gpuWallet": "x"}, {"proxy": "x"}, {"cliArgs": "-o x"},
        {"coin": "me@example.com"}, {"algo": "rx/0 -o evil.example.com"},
        {"devices": {"url": "stratum+ssl://x"}}, {"more": {"pool": "x.example:1"}},
        {"more": [{"deep": {"gpuWallet": "x"}}]},
    ],
)  # fmt: skip
def test_pools_wallets_and_passwords_are_refused(config):
    with pytest.raises(NotAllowed, match="never"):
        refuse_secrets(config)


def test_everything_else_of_the_documented_configuration_is_taken():
    refuse_secrets(
        {"algo": "rx/0", "threads": 4, "cpuPriority": 3, "cuda": {"enabled": False, "devices": []},
         "opencl": {"enabled": False, "devices": []}, "hugePages": True, "coin": "monero",
         "keepalive": True, "cpuMaxThreadsHint": 75, "intensity": 20}
    )  # fmt: skip


# -- lists ---------------------------------------------------------------------------------------

ROWS: list[dict[str, Any]] = [
    {"name": "b", "miner_type": "xmrig", "running": True, "hashrate": 20},
    {"name": "a", "type": "tt-miner", "status": "error"},
    {"name": "c", "miner_type": "xmrig", "running": False, "hashrate": 30},
]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, "bac"),
        ({"status": "running"}, "b"),
        ({"status": "error"}, "a"),
        ({"type": "xmrig"}, "bc"),
        ({"sort": "name"}, "abc"),
        ({"sort": "hashrate", "order": "desc"}, "cba"),
        ({"page": 2, "limit": 2}, "c"),
        ({"page": 9}, ""),
    ],
)
def test_lists_are_filtered_sorted_and_paged_where_the_platform_does_not(asked, names):
    page = listing.answer(ROWS, ROWS, listing.checked(asked))
    assert "".join(row["name"] for row in page["items"]) == names


def test_the_platforms_own_page_is_passed_on():
    pages = {"page": 1, "limit": 10, "total": 42, "pages": 5}
    own = {"items": ROWS, "pagination": pages}
    assert listing.answer(own, ROWS, {"status": "stopped"}) == own


@pytest.mark.parametrize(
    "asked",
    [{"status": "asleep"}, {"sort": "age"}, {"order": "up"}, {"page": 0}, {"limit": "10"},
     {"limit": True}, {"colour": "red"}],
)  # fmt: skip
def test_a_wrong_filter_is_named(asked):
    with pytest.raises(InvalidValue, match=next(iter(asked))):
        listing.checked(asked)


# -- logins and pace -----------------------------------------------------------------------------


def test_logins_of_the_websocket():
    assert login.answer('Basic realm="x"', "GET", "/ws", "a", "b") == "Basic YTpi"
    digest = login.answer('Digest realm="r", qop="auth", nonce="n"', "GET", "/ws", "a", "b")
    assert digest is not None
    assert digest.startswith('Digest username="a", realm="r", nonce="n", uri="/ws"')
    assert login.answer("Bearer", "GET", "/ws", "a", "b") is None
    assert login.answer('Digest nonce="n", algorithm=SHA-512', "GET", "/ws", "a", "b") is None


class Watch:
    """A clock that a wait moves."""

    def __init__(self):
        self.now_s = 100.0
        self.waits = []
        self.is_cut = False

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now_s += seconds
        return self.is_cut


def test_requests_keep_below_the_limit():
    watch = Watch()
    pace = Pace(watch, watch.wait)
    for _ in range(int(AT_ONCE)):
        pace.enter()
    assert watch.waits == []
    for _ in range(80):
        pace.enter()
    assert watch.now_s - 100.0 == pytest.approx(80 / PER_SECOND)


def test_a_pause_the_platform_wants_is_kept():
    watch = Watch()
    pace = Pace(watch, watch.wait)
    pace.pause(2.0)
    pace.enter()
    assert watch.now_s == pytest.approx(102.0)

    pace.pause(30.0)
    with pytest.raises(MinerRefused) as caught:
        pace.enter()
    assert caught.value.code == "RATE_LIMITED"
    assert watch.now_s == pytest.approx(102.0)
    watch.now_s += 30.0
    pace.enter()


def test_a_wait_can_be_cut():
    watch = Watch()
    watch.is_cut = True
    pace = Pace(watch, watch.wait)
    pace.pause(2.0)
    with pytest.raises(MinerUnreachable):
        pace.enter()


# -- settings ------------------------------------------------------------------------------------


def test_the_namespace_is_a_path():
    miner = Miner(id="rig1", host="h", family="mining_platform", namespace="/custom/path/")
    assert miner.namespace == "/custom/path"
    for wrong in ("custom", "/a b", "/a?x=1", "//x", "/"):
        with pytest.raises(ValidationError, match="a path such as /api/v1/mining"):
            Miner(id="rig1", host="h", namespace=wrong)
