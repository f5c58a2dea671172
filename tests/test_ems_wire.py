"""What an EMS says: strict in, exact out, every refusal in words that show what came."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.errors import InvalidValue
from minerbridge.model_fleet import OrderAnswer
from minerbridge.mqtt.ems_wire import (
    MAX_REQUEST_BYTES,
    answer_document,
    id_of,
    parse_document,
    parse_order,
)

NOON = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


def parsed(text, kind="activate"):
    return parse_order(kind, parse_document(text.encode()), "x")


@pytest.mark.parametrize(
    ("number", "power_w"),
    [("2.0", 2000), ("2", 2000), ("0", 0), ("-0.0", 0), ("0.001", 1), ("1e3", 1e6),
     ("1e300", 1e303)],
)  # fmt: skip
def test_power_is_a_number_of_kilowatts(number, power_w):
    order = parsed(f'{{"activationPowerInKw": {number}}}')
    assert str(order.power_w) == str(float(power_w))
    assert (order.kind, order.mode, order.source) == ("activate", "target", "ems")
    assert (order.at, order.valid_for_s, order.ramp_s, order.is_retained) == (
        None, None, None, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rest", "field", "value"),
    [
        ('"at": "2026-01-20T12:00:00Z"', "at", NOON),
        ('"at": "2026-01-20T13:00:00+01:00"', "at", NOON),
        ('"at": 1768910400', "at", NOON),
        ('"at": 1768910400.5', "at", NOON.replace(microsecond=500_000)),
        ('"at": null', "at", None),
        ('"validForSeconds": 900', "valid_for_s", 900),
        ('"validForSeconds": 0.5', "valid_for_s", 0.5),
        ('"validForSeconds": null', "valid_for_s", None),
        ('"rampSeconds": 0', "ramp_s", 0),
        ('"rampSeconds": 60', "ramp_s", 60),
        ('"mode": "limit"', "mode", "limit"),
        ('"mode": "target"', "mode", "target"),
        ('"mode": null', "mode", "target"),
        ('"anything": {"else": [1]}', "power_w", 2000),
    ],
)
def test_what_may_stand_beside_the_power(rest, field, value):
    assert getattr(parsed(f'{{"activationPowerInKw": 2, {rest}}}'), field) == value


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "INVALID_POWER", "missing"),
        ("{}", "INVALID_POWER", "missing"),
        ('{"activationPowerInkW": 2}', "INVALID_POWER", "missing"),
        ('{"activationPowerInKw": null}', "INVALID_POWER", "null"),
        ('{"activationPowerInKw": "2.0"}', "INVALID_POWER", '"2.0"'),
        ('{"activationPowerInKw": true}', "INVALID_POWER", "true"),
        ('{"activationPowerInKw": [2]}', "INVALID_POWER", "[2]"),
        ('{"activationPowerInKw": {}}', "INVALID_POWER", "{}"),
        ('{"activationPowerInKw": -0.1}', "INVALID_POWER", "-0.1"),
        ('{"activationPowerInKw": -1e999}', "INVALID_POWER", "less than 0"),
        ('{"activationPowerInKw": 1e999}', "INVALID_POWER", "more than any fleet"),
        ('{"activationPowerInKw": 1e307}', "INVALID_POWER", "more than any fleet"),
        ('{"activationPowerInKw": 1' + "0" * 400 + "}", "INVALID_POWER", "more than any fleet"),
        ('{"activationPowerInKw": NaN}', "INVALID_REQUEST", "NaN"),
        ('{"activationPowerInKw": Infinity}', "INVALID_REQUEST", "Infinity"),
        ('{"activationPowerInKw": -Infinity}', "INVALID_REQUEST", "-Infinity"),
        ('{"activationPowerInKw": 2, "x": NaN}', "INVALID_REQUEST", "NaN"),
        ('{"activationPowerInKw": 1, "activationPowerInKw": 2}', "INVALID_REQUEST", "twice"),
        ("[]", "INVALID_REQUEST", "[]"),
        ('[{"activationPowerInKw": 2}]', "INVALID_REQUEST", "not a JSON object"),
        ("2.0", "INVALID_REQUEST", "2.0"),
        ("null", "INVALID_REQUEST", "null"),
        ('"' + "x" * 500 + '"', "INVALID_REQUEST", "xxx…"),
        ("activationPowerInKw=2", "INVALID_REQUEST", "not JSON"),
        ('{"activationPowerInKw": 2', "INVALID_REQUEST", "not JSON"),
        ('{"activationPowerInKw": 2, "x": ' + "[" * 99 + "]" * 99 + "}", "INVALID_REQUEST", "deep"),
        ("[" * 4000, "INVALID_REQUEST", "deep"),
        (" " * (2**20), "INVALID_REQUEST", "1048576 bytes"),
        ('{"activationPowerInKw": 2, "mode": "cap"}', "INVALID_REQUEST", '"cap"'),
        ('{"activationPowerInKw": 2, "mode": ["limit"]}', "INVALID_REQUEST", "mode"),
        ('{"activationPowerInKw": 2, "mode": true}', "INVALID_REQUEST", "true"),
        ('{"activationPowerInKw": 2, "validForSeconds": 0}', "INVALID_REQUEST", "more than 0"),
        ('{"activationPowerInKw": 2, "validForSeconds": -1}', "INVALID_REQUEST", "-1"),
        ('{"activationPowerInKw": 2, "validForSeconds": "60"}', "INVALID_REQUEST", '"60"'),
        ('{"activationPowerInKw": 2, "validForSeconds": true}', "INVALID_REQUEST", "true"),
        ('{"activationPowerInKw": 2, "validForSeconds": 1e300}', "INVALID_REQUEST", "a year"),
        ('{"activationPowerInKw": 2, "validForSeconds": 1e999}', "INVALID_REQUEST", "a year"),
        ('{"activationPowerInKw": 2, "rampSeconds": -1}', "INVALID_REQUEST", "0 or more"),
        ('{"activationPowerInKw": 2, "rampSeconds": "slow"}', "INVALID_REQUEST", '"slow"'),
        ('{"activationPowerInKw": 2, "at": "2026-01-20T12:00:00"}', "INVALID_REQUEST", "zone"),
        ('{"activationPowerInKw": 2, "at": "yesterday"}', "INVALID_REQUEST", '"yesterday"'),
        ('{"activationPowerInKw": 2, "at": ""}', "INVALID_REQUEST", '""'),
        ('{"activationPowerInKw": 2, "at": true}', "INVALID_REQUEST", "true"),
        ('{"activationPowerInKw": 2, "at": 1768910400000}', "INVALID_REQUEST", "1970"),
        ('{"activationPowerInKw": 2, "at": 1e999}', "INVALID_REQUEST", "1970"),
        ('{"activationPowerInKw": 2, "at": "0001-01-01T00:00+14:00"}', "INVALID_REQUEST", "1970"),
    ],
)  # fmt: skip
def test_what_is_no_order_is_refused_in_words_that_show_it(text, code, says):
    with pytest.raises(InvalidValue) as refusal:
        parsed(text)
    assert refusal.value.code == code
    assert says in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("payload", [b"\xff\xfe", b"{\x00}", '{"é'.encode("latin-1")])
def test_bytes_that_are_no_text_are_refused(payload):
    with pytest.raises(InvalidValue, match="not JSON"):
        parse_document(payload)


@pytest.mark.parametrize(
    ("given_id", "taken"),
    [("7", "7"), (7, 7), (0, 0), (1.5, 1.5), ("Grüße 1", "Grüße 1"), ("", None), (None, None)],
)
def test_an_id_is_a_short_text_or_a_number(given_id, taken):
    assert id_of({"id": given_id}) == taken


@pytest.mark.parametrize(
    "given_id", [True, {}, [], "x" * 129, 10**200, float("inf"), "a\nb", "\0", "\ud800"]
)
def test_what_is_no_id_is_refused(given_id):
    with pytest.raises(InvalidValue, match="neither a short text nor a number") as refusal:
        id_of({"id": given_id})
    assert refusal.value.code == "INVALID_REQUEST"


@pytest.mark.parametrize("kind", ["deactivate", "heartbeat"])
def test_the_other_requests_take_a_time_and_ignore_a_power(kind):
    order = parsed('{"at": 1768910400, "activationPowerInKw": "x", "mode": 5}', kind)
    assert (order.kind, order.at, order.power_w) == (kind, NOON, 0)
    with pytest.raises(InvalidValue):
        parsed('{"at": "noon"}', kind)


CODES = {
    "INVALID_REQUEST": 400, "INVALID_POWER": 400, "NOT_ALLOWED": 403, "NOT_FOUND": 404,
    "MANUAL_OVERRIDE": 409, "FAULT_STATE": 409, "STALE": 409, "UNSUPPORTED": 409,
    "RATE_LIMITED": 429, "INTERNAL_ERROR": 500, "FLEET_OFFLINE": 503, "SOMETHING_NEW": 500,
}  # fmt: skip


@pytest.mark.parametrize(("code", "status_code"), CODES.items())
def test_every_refusal_has_its_status_code(code, status_code):
    assert answer_document(OrderAnswer("7", "no", code), 7) == {
        "accepted": False, "message": "no", "id": 7, "errorCode": code, "statusCode": status_code,
    }  # fmt: skip


def test_an_acceptance_has_three_keys():
    assert answer_document(OrderAnswer("7", "yes"), "7") == {
        "accepted": True, "message": "yes", "id": "7",
    }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
KEYS = st.sampled_from(
    ["activationPowerInKw", "id", "at", "validForSeconds", "mode", "rampSeconds"]
)
SENTENCES = st.dictionaries(KEYS, JSON).map(lambda one: json.dumps(one).encode())


@given(st.binary(max_size=200) | SENTENCES)
def test_whatever_comes_is_an_order_in_range_or_a_refusal(payload):
    refusal: InvalidValue | None = None
    try:
        document = parse_document(payload)
        order = parse_order("activate", document, str(id_of(document)))
    except InvalidValue as error:
        refusal = error
    if refusal is not None:
        assert refusal.code in ("INVALID_REQUEST", "INVALID_POWER")
        assert str(refusal).encode()
        return
    assert 0 <= order.power_w < float("inf")
    assert order.mode in ("target", "limit")
    assert order.valid_for_s is None or 0 < order.valid_for_s < 1e8
    assert order.ramp_s is None or 0 <= order.ramp_s < 1e8
    assert order.at is None or order.at.tzinfo is UTC
    assert len(payload) <= MAX_REQUEST_BYTES
