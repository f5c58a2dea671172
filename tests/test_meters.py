"""Power measured by others: what counts as a figure, and for how long."""

import pytest

from minerbridge.errors import InvalidValue
from minerbridge.mqtt import meters
from minerbridge.mqtt.meters import Meter, parse_power_w
from tests.log_lines import keep


@pytest.mark.parametrize(
    ("payload", "value_path", "unit", "power_w"),
    [
        (b"123.4", None, "W", 123.4),
        (b" 5 ", None, "W", 5.0),
        (b"0", None, "W", 0.0),
        (b"-3.5", None, "W", -3.5),
        (b"1.46", None, "kW", 1460.0),
        (b'"7.5"', None, "W", 7.5),
        (b'{"ENERGY": {"Power": 99}}', "ENERGY.Power", "W", 99.0),
        (b'{"phases": [1, {"w": "2"}]}', "phases.1.w", "kW", 2000.0),
        (b'{"0": 4}', "0", "W", 4.0),
    ],
)
def test_a_figure_is_read(payload, value_path, unit, power_w):
    assert parse_power_w(payload, value_path, unit) == pytest.approx(power_w)


@pytest.mark.parametrize(
    ("payload", "value_path"),
    [
        *((bad, None) for bad in (b"", b"on", b"banana", b"\xff\xfe", b"true", b"null")),
        *((bad, None) for bad in (b"[]", b"{}")),
        *((bad, None) for bad in (b"NaN", b"Infinity", b'"nan"', b'"inf"', b"1e999", b'"5 W"')),
        (b"1" + b"0" * 400, None),
        (b"1" * 5000, None),
        (b"[" * 100_000, None),
        (b'{"a": 1}', "b"),
        (b'{"a": 1}', "a.b"),
        (b"[1]", "1"),
        (b"[1]", "x"),
        (b'{"a": {"b": null}}', "a.b"),
    ],
)  # fmt: skip
def test_what_is_no_figure_is_refused_in_few_words(payload, value_path):
    with pytest.raises(InvalidValue) as caught:
        parse_power_w(payload, value_path, "W")
    assert len(str(caught.value)) < 200


def test_a_figure_too_large_in_watts_is_refused():
    with pytest.raises(InvalidValue):
        parse_power_w(b"1e307", None, "kW")


def test_a_measurement_counts_until_it_is_too_old():
    now_s = [0.0]
    meter = Meter("plug", max_age_s=30, clock=lambda: now_s[0])
    assert meter.power_w() is None

    meter.take(b"100")
    now_s[0] = 30.0
    assert meter.power_w() == 100
    now_s[0] = 30.1
    assert meter.power_w() is None


def test_nonsense_is_logged_once_and_changes_nothing(monkeypatch):
    logged = keep(monkeypatch, meters)
    meter = Meter("plug")
    for payload in (b"100", b"banana", b"nan", b"200", b"banana"):
        meter.take(payload)

    assert meter.power_w() == 200
    assert logged.events() == ["meter_payload_rejected"] * 2
