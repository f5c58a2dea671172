"""Readings and other things as JSON."""

import json
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import pytest

from minerbridge.blanking import blanked
from minerbridge.mqtt.wire import reading_json, to_json
from tests.miners import fault, reading


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        ({"a": {1: (2.5, "ä")}}, '{"a":{"1":[2.5,"ä"]}}'),
        (datetime(2026, 1, 20, 14, 30, tzinfo=UTC), '"2026-01-20T14:30:00+00:00"'),
        (Colour.RED, '"red"'),
        (frozenset({1}), "[1]"),
        (Path("/a"), '"/a"'),
        ("\ud800", '"?"'),
        (fault("E", "x"), '{"code":"E","message":"x","at":null}'),
    ],
)
def test_anything_becomes_compact_json(value, text):
    assert to_json(value).decode() == text


@pytest.mark.parametrize("model", ["S19", "S19 \ud800"])
def test_a_reading_carries_every_field_nulls_included(model):
    shown = reading(model=model, power_w=float("nan"), serial_number=None, details={"x": 1})

    found = json.loads(reading_json(shown, with_pool_users=True))

    assert set(found) == set(type(shown).__slots__)
    assert (found["power_w"], found["serial_number"], found["details"]) == (None, None, {"x": 1})
    assert found["pools"][1]["user"] == "wallet.worker"
    assert found["at"] in ("2026-01-20T12:00:00Z", "2026-01-20T12:00:00+00:00")


@pytest.mark.parametrize("model", ["S19", "S19 \ud800"])
def test_pool_users_stay_out_unless_wanted(model):
    body = reading_json(reading(model=model))
    assert b"wallet" not in body
    assert json.loads(body)["pools"][1]["url"] == "stratum+tcp://two.example.com:3333"


@pytest.mark.parametrize(
    "key", ["pass", "Password", "passwd", "passwd2", "pool1pwd", "pw1", "_ant_pool1pw", "token"]
)
def test_passwords_are_blanked_by_their_key(key):
    assert blanked({key: "x"}) == {key: None}


@pytest.mark.parametrize("key", ["user", "User", "username", "Stratum User", "worker1", "user3"])
def test_users_are_blanked_by_their_key_where_wanted(key):
    assert blanked([{key: "x"}], users=set()) == [{key: None}]
    assert blanked([{key: "x"}]) == [{key: "x"}]


@pytest.mark.parametrize("key", ["bypass", "workers", "user_agent", "passes", "power"])
def test_other_keys_are_left_alone(key):
    assert blanked({key: "x"}, users=set()) == {key: "x"}


def test_known_users_are_blanked_in_any_text_the_longest_first():
    found = blanked({"log": ["as a.b for a"]}, users={"a.b", "a.b.c"})
    assert found == {"log": ["as *** for a"]}
    assert blanked("tcp://me:pw@p:1") == "tcp://***@p:1"
