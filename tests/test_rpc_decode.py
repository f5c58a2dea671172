"""The tolerant decoder: every defect a device was seen to send, and nothing else altered."""

import json
import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minerbridge.errors import BadReply
from minerbridge.miners.rpc_decode import decode, hashrate_hs, integer, number

DEFECTS = Path(__file__).parent / "recordings/cgminer/defects"
QUICK = settings(max_examples=80, deadline=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | st.floats(-1e15, 1e15),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
NASTY = st.text(alphabet='}{,[]:"\\x naif\n', max_size=12)


def recorded(name: str) -> bytes:
    return (DEFECTS / f"{name}.bin").read_bytes()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b'{"a":1}\0', {"a": 1}, id="nul"),
        pytest.param(b'{"a":1}', {"a": 1}, id="no nul"),
        pytest.param(b'{"a":1}\0\n\0\0', {"a": 1}, id="several nuls"),
        pytest.param(b'{"a":1}\0{"a":2},"id":1}\0', {"a": 1}, id="second document"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', {"a": 1}, id="byte order mark"),
        pytest.param(b'{"a":[{"b":1}{"c":2}]}', {"a": [{"b": 1}, {"c": 2}]}, id="S9 }{"),
        pytest.param(
            b'{"Type":"Antminer S9\nV1.3.58"}', {"Type": "Antminer S9\nV1.3.58"}, id="raw newline"
        ),
        pytest.param(
            rb'{"Firmware Version":"\'20200917.22.REL\'"}',
            {"Firmware Version": "'20200917.22.REL'"},
            id="M20S escape",
        ),
        pytest.param(rb'{"a":"\q\\\"\u00e4\uzz",}', {"a": 'q\\"äuzz'}, id="other escapes"),
        pytest.param(
            b'{"a":nan,"b":-inf,"c":[inf,NaN],"d":1}',
            {"a": None, "b": None, "c": [None, None], "d": 1},
            id="Avalon nan inf",
        ),
        pytest.param(b'{"a":NaN,"b":Infinity}', {"a": None, "b": None}, id="Python's NaN"),
        pytest.param(
            b'{"bitmain-fan-ctrl" : ,"b":1}', {"bitmain-fan-ctrl": None, "b": 1}, id="S19 conf"
        ),
        pytest.param(b'{"url":,"rate": }', {"url": None, "rate": None}, id="Vnish starting"),
        pytest.param(b'{"a":{"b":1,},"c":[1,],}', {"a": {"b": 1}, "c": [1]}, id="extra comma"),
        pytest.param(b'{"a":[,{"b":1}]}', {"a": [{"b": 1}]}, id="leading comma in list"),
        pytest.param(b',"id":1}', {"id": 1}, id="leading comma"),
        pytest.param(
            b'{"upfreq":"1""temp0":"45"}', {"upfreq": "1", "temp0": "45"}, id="comma forgotten"
        ),
        pytest.param(
            b'{"Msg":{"error_code":["111":"2021-05-01 10:00:00","112":"x"]}}',
            {"Msg": {"error_code": {"111": "2021-05-01 10:00:00", "112": "x"}}},
            id="error codes in a list",
        ),
        pytest.param(b'{"user":"wallet\xff"}', {"user": "wallet�"}, id="no UTF-8"),
    ],
)
def test_a_defect_is_read_as_what_was_meant(raw, expected):
    assert decode(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b"failed", b"[]", b"5", b'{"a":', b'{"a":"b', b"HTTP/1.1 400 Bad Request\r\n\r\n"],
)
def test_what_cannot_be_understood_is_a_bad_reply_with_its_text(raw):
    with pytest.raises(BadReply) as caught:
        decode(raw)
    assert caught.value.text == raw.strip(b"\0\r\n").decode()


def test_deep_nesting_and_endless_digits_are_bad_replies():
    for raw in (b'{"a":' + b"[" * 200_000, b'{"a":' + b"9" * 5000 + b"}"):
        with pytest.raises(BadReply):
            decode(raw)


def test_cgminer_answering_twice_is_read_once():
    assert decode(recorded("answered-twice"))["STATUS"][0]["Code"] == 23


def test_cgminers_unfinished_answer_to_setconfig_is_its_second_one():
    reply = decode(recorded("setconfig-queue"))
    assert reply["STATUS"][0]["Msg"] == "Unknown config 'queue'"


def test_a_number_above_64_bit_stays_exact():
    coin = decode(recorded("coin-difficulty-above-64-bit"))["COIN"][0]
    assert coin["Network Difficulty"] == 18446744073709551616


def test_text_in_place_of_json_has_the_shape_of_json():
    assert decode(recorded("text-for-json"))["STATUS"][0]["Code"] == "14"
    assert decode(recorded("text-asc-0"))["ASC"][0]["MHS 5s"] == "711539.84"


def test_joined_text_has_the_shape_of_joined_json():
    reply = decode(recorded("text-joined"))
    assert reply["summary"][0]["SUMMARY"][0]["MHS 5s"] == "712167.31"
    assert reply["pools"][0]["POOLS"][0]["URL"] == "stratum+tcp://127.0.0.1:13333"


def test_garbage_that_is_echoed_does_not_hide_the_errors():
    reply = decode(recorded("garbage-echoed"))
    assert {part[0]["STATUS"][0]["Code"] for part in reply.values()} == {"14"}


def test_avalon_commas_in_text_stay_in_their_value():
    raw = b"STATUS=S,Code=70|STATS=0,MM ID0=SYSTEMSTATU[Work: In Work, Hash Board: 3 ] TA[1],N=2|"
    assert decode(raw)["STATS"][0] == {
        "STATS": "0",
        "MM ID0": "SYSTEMSTATU[Work: In Work, Hash Board: 3 ] TA[1]",
        "N": "2",
    }


@QUICK
@given(st.dictionaries(st.text(), JSON, max_size=5), st.sampled_from([b"", b"\0", b"\0\n"]))
def test_valid_json_is_never_altered(document, end):
    assert decode(json.dumps(document).encode() + end) == document


@QUICK
@given(NASTY, NASTY)
def test_strings_survive_the_repair_of_what_is_around_them(first, second):
    whole = {"STATS": [{"user": first, "a": 1}, {"url": second}]}
    text = json.dumps(whole)
    broken = text.replace('"a": 1}, {"url"', '"a": 1}{"url"')
    assert broken != text
    assert decode(broken.encode()) == whole


@QUICK
@given(st.lists(st.tuples(st.text(st.sampled_from("ab,|=\\"), min_size=1), st.text()), max_size=4))
def test_escaped_text_gives_back_its_fields(fields):
    def escape(text: str) -> str:
        for special in "\\,|=":
            text = text.replace(special, "\\" + special)
        return text

    known = {key: value.replace("\0", "") for key, value in fields if key.isascii()}
    line = "".join(f",{escape(key)}={escape(value)}" for key, value in known.items())
    raw = f"STATUS=S,Code=1|POOL=0{line}|".encode("utf-8", "replace")
    expected = {key: value.encode("utf-8", "replace").decode() for key, value in known.items()}
    assert decode(raw)["POOLS"] == [{"POOL": "0", **expected}]


@QUICK
@given(st.binary(max_size=200) | st.text('{}[]",:\\nai1S TAU=|', max_size=80).map(str.encode))
def test_no_bytes_raise_anything_but_bad_reply(raw):
    with suppress(BadReply):
        assert isinstance(decode(raw), dict)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        (-3.5, -3.5),
        ("12795.48", 12795.48),
        (" 7 ", 7.0),
        ("3250 W", 3250.0),
        ("58.94W", 58.94),
        ("4052.00 RPM", 4052.0),
        ("2.732%", 2.732),
        ("83.0 °C", 83.0),
        ("21632.89GH/s", None),
        ("1_000", None),
        ("", None),
        ("-", None),
        ("nan", None),
        ("inf", None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_a_number_is_read_or_none(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("156.0000", 156),
        (2**64, 2**64),
        (3723.4, 3723),
        ("x", None),
        (False, None),
        (math.nan, None),
    ],
)
def test_a_whole_number_is_read_or_none(value, expected):
    assert integer(value) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("21632.89GH/s", "MHS", 21632.89e9),
        ("6226G", "H", 6226e9),
        ("20.5 TH/s", "H", 20.5e12),
        ("120 kSol/s", "H", 120e3),
        ("55 H/s", "GHS", 55),
        ("12795.48", "GHS", 12795.48e9),
        (712167.31, "MHS", 712167.31e6),
        (3, "KHS", 3e3),
        (1.5, "THS", 1.5e12),
        (2, "HS", 2),
        (0, "MHS", 0),
        (-1, "MHS", None),
        ("-1", "MHS", None),
        ("1.2.3GH/s", "MHS", None),
        (math.nan, "MHS", None),
        ("inf", "MHS", None),
        (1e300, "EHS", None),
        (True, "MHS", None),
        ("", "MHS", None),
        ("abc", "MHS", None),
    ],
)
def test_a_hashrate_is_in_hashes_per_second(value, unit, expected):
    assert hashrate_hs(value, unit) == (expected and pytest.approx(expected))


@QUICK
@given(
    st.text() | st.floats() | st.integers() | st.booleans() | st.none(), st.sampled_from("HKMGT")
)
def test_scalars_are_finite_or_none(value, unit):
    rate_hs = hashrate_hs(value, f"{unit}HS" if unit != "H" else "HS")
    assert rate_hs is None or (math.isfinite(rate_hs) and rate_hs >= 0)
    found = number(value)
    assert found is None or math.isfinite(found)
