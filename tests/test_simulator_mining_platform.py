"""The simulated Mining Platform over real sockets, against what the public code does."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from minerbridge.simulator import Fleet

BASE = "/api/v1/mining"
MARK = {"X-Requested-With": "test"}


class Clock:
    now_s = 5_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fleet(clock):
    with Fleet(ports={"http": 0}, clock=clock) as running:
        yield running


@pytest.fixture
def make(fleet):
    def device(**options):
        (made,) = fleet.add("mining_platform", **options)
        return made

    return device


def ask(device, method, path, **options: Any):
    url = f"http://{device.address}:{device.ports['http']}{options.pop('base', BASE)}{path}"
    return httpx.request(method, url, timeout=2, **options)


def socket_of(device, path="/ws/events", **options: Any):
    address = f"ws://{device.address}:{device.ports['http']}{BASE}{path}"
    return connect(address, proxy=None, open_timeout=2, close_timeout=1, **options)


def next_event(connection, kind):
    while True:
        event = json.loads(connection.recv(timeout=2))
        if event["type"] == kind:
            return event["data"]


def test_the_public_codes_documents(make):
    device = make()
    (first, _) = ask(device, "GET", "/miners").json()
    assert (first["name"], first["miner_type"], first["running"]) == ("xmrig-rx", "xmrig", True)
    stats = ask(device, "GET", "/miners/xmrig-rx/stats").json()
    assert stats.keys() == {"hashrate", "shares", "rejected", "uptime", "lastShare", "algorithm",
                            "avgDifficulty", "diffCurrent"}  # fmt: skip
    assert ask(device, "GET", "/health").json() == {"status": "healthy"}
    assert ask(device, "GET", "/ready").json()["components"].keys() == {
        "manager", "profiles", "events", "p2p"
    }  # fmt: skip


def test_the_documented_envelope_with_pages_and_filters(make):
    device = make(envelope=True)
    body = ask(device, "GET", "/miners?page=1&limit=1&sort=hashrate&order=desc").json()
    assert body["success"] is True
    assert [row["name"] for row in body["data"]["items"]] == ["xmrig-kawpow"]
    assert body["data"]["pagination"] == {"page": 1, "limit": 1, "total": 2, "pages": 2}
    assert ask(device, "GET", "/miners?status=stopped").json()["data"] == []


def test_the_error_shapes_of_both(make):
    bare = ask(make(), "GET", "/miners/nobody/stats")
    assert (bare.status_code, bare.json()["code"]) == (404, "MINER_NOT_FOUND")
    assert bare.json()["retryable"] is False
    enveloped = ask(make(envelope=True), "GET", "/miners/nobody/stats").json()
    assert (enveloped["success"], enveloped["error"]["code"]) == (False, "MINER_NOT_FOUND")


def test_what_is_not_routed_is_plain_text(make):
    device = make()
    for path in ("/miners/xmrig", "/nonsense"):
        reply = ask(device, "POST", path, headers=MARK)
        assert (reply.status_code, reply.text) == (404, "404 page not found")
    assert ask(device, "GET", "/miners/xmrig-rx%2F0/stats").text == "404 page not found"
    assert ask(device, "GET", "/miners", base="/other").status_code == 404


def test_writes_need_a_mark_against_forgery(make):
    device = make()
    refused = ask(device, "DELETE", "/miners/xmrig-rx")
    assert (refused.status_code, refused.json()["code"]) == (403, "CSRF_PROTECTION")
    assert "xmrig-rx" in device.miners
    assert ask(device, "DELETE", "/miners/xmrig-rx", headers=MARK).json() == {"status": "stopped"}
    assert ask(device, "POST", "/profiles", content="x", headers=MARK).status_code == 415


def test_stopping_takes_the_first_name_that_begins_so(make):
    device = make()
    assert ask(device, "DELETE", "/miners/xmrig", headers=MARK).status_code == 200
    assert list(device.miners) == ["xmrig-kawpow"]
    gone = ask(device, "DELETE", "/miners/xmrig-rx", headers=MARK)
    assert (gone.status_code, gone.json()["code"]) == (500, "STOP_FAILED")


def test_ten_requests_a_second_and_twenty_at_once(make, clock):
    device = make()
    replies = [ask(device, "GET", "/health") for _ in range(21)]
    assert [one.status_code for one in replies] == [200] * 20 + [429]
    assert replies[-1].headers["retry-after"] == "1"
    assert replies[-1].json()["code"] == "RATE_LIMITED"
    clock.now_s += 1.0
    assert ask(device, "GET", "/health").status_code == 200


@pytest.mark.parametrize("login", ["digest", "basic"])
def test_logins(make, login):
    device = make(login=login)
    closed = ask(device, "GET", "/miners")
    assert (closed.status_code, closed.json()["code"]) == (401, "AUTH_REQUIRED")
    assert closed.headers["www-authenticate"].lower().startswith(login)
    assert ask(device, "GET", "/health").status_code == 200
    way = httpx.DigestAuth if login == "digest" else httpx.BasicAuth
    assert ask(device, "GET", "/miners", auth=way("miner", "secret")).status_code == 200
    assert ask(device, "GET", "/miners", auth=way("miner", "wrong")).status_code == 401


def test_a_started_miner_takes_time_to_hash_and_then_counts_shares(make, clock):
    device = make(running=0)
    (first, _) = ask(device, "GET", "/profiles").json()
    started = ask(device, "POST", f"/profiles/{first['id']}/start", headers=MARK)
    assert started.json()["name"] == "xmrig-rx"

    def stats():
        return ask(device, "GET", "/miners/xmrig-rx/stats").json()

    assert (stats()["hashrate"], device.state) == (0, "starting")
    clock.now_s += 120.0
    early = stats()
    clock.now_s += 600.0
    late = stats()
    assert 4300 < late["hashrate"] < 4750
    assert late["hashrate"] != early["hashrate"]
    assert late["shares"] > early["shares"] > 0
    assert device.state == "mining"
    again = ask(device, "POST", f"/profiles/{first['id']}/start", headers=MARK)
    assert (again.status_code, again.json()["code"]) == (500, "START_FAILED")


def test_profiles_are_kept(make):
    device = make()
    body = {"name": "New", "minerType": "xmrig", "config": {"algo": "gr"}}
    made = ask(device, "POST", "/profiles", json=body)
    assert made.status_code == 201
    path = f"/profiles/{made.json()['id']}"
    assert ask(device, "POST", "/profiles", json=body).json()["code"] == "PROFILE_EXISTS"
    assert ask(device, "PUT", path, json=body | {"config": {}}).json()["config"] == {}
    bad = ask(device, "POST", f"{path}/start", headers=MARK)
    assert (bad.status_code, bad.json()["code"]) == (400, "INVALID_CONFIG")
    assert ask(device, "DELETE", path, headers=MARK).json() == {"status": "profile deleted"}
    assert ask(device, "GET", path).json()["code"] == "PROFILE_NOT_FOUND"


def test_events_tell_of_start_stop_and_statistics(make, fleet):
    device = make()
    with socket_of(device) as connection:
        sync = next_event(connection, "state.sync")
        assert {row["name"] for row in sync["miners"]} == {"xmrig-rx", "xmrig-kawpow"}
        assert next_event(connection, "miner.stats")["algorithm"] == "rx"
        ask(device, "DELETE", "/miners/xmrig-rx", headers=MARK)
        fleet.settle()
        assert next_event(connection, "miner.stopped")["name"] == "xmrig-rx"
        connection.send(json.dumps({"type": "ping"}))
        while json.loads(connection.recv(timeout=2))["type"] != "pong":
            pass
        assert connection.ping().wait(2)


def test_the_path_of_the_events_and_their_end(make, fleet):
    with pytest.raises(InvalidStatus):
        socket_of(make(), "/ws")
    device = make(envelope=True)
    with socket_of(device, "/ws") as connection:
        device.drop_sockets()
        fleet.settle()
        with pytest.raises(ConnectionClosed):
            next_event(connection, "nothing")
