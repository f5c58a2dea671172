"""The rows that only a WhatsMiner has: what they show and what they send."""

import pytest

from minerbridge.mqtt.discovery import rows_of
from minerbridge.mqtt.entity import NOT_REPORTED
from tests.miners import profile
from tests.whatsminer_rig import Rig, order, read


@pytest.fixture
def rig():
    made = Rig()
    yield made
    made.close()


def own(of):
    common = {row.component for row in rows_of(profile(), "TH/s")}
    return {row.component: row for row in rows_of(of, "TH/s") if row.component not in common}


def test_other_miners_do_not_have_them():
    assert not own(profile())


def test_they_are_settings_shown_to_who_asks(rig):
    (found,) = rig.driver().contact()
    rows = own(found)

    assert set(rows) == {
        "switch_fast_boot", "switch_fast_mining", "number_target_frequency",
        "number_tuning_speed", "button_restore_power_pct", "button_power_limit_default",
    }  # fmt: skip
    for row in rows.values():
        assert row.traits["enabled_by_default"] is False
        assert row.traits["entity_category"] == "config"


@pytest.mark.parametrize(
    ("component", "state", "payload", "sent"),
    [
        ("switch_fast_boot", "OFF", "ON", {"cmd": "enable_btminer_fast_boot"}),
        ("switch_fast_boot", "OFF", "OFF", {"cmd": "disable_btminer_fast_boot"}),
        ("switch_fast_mining", "OFF", "ON", {"cmd": "set_fast_mining", "fast_mining": "1"}),
        ("number_target_frequency", "0", "-5", {"cmd": "set_target_freq", "percent": "-5"}),
        ("number_tuning_speed", "0", "7", {"cmd": "adjust_upfreq_speed", "upfreq_speed": "7"}),
        ("button_restore_power_pct", NOT_REPORTED, "PRESS", {"cmd": "restore_power_pct"}),
        (
            "button_power_limit_default", NOT_REPORTED, "PRESS",
            {"cmd": "adjust_power_limit", "power_limit": "99999"},
        ),
    ],
)  # fmt: skip
def test_what_they_show_and_send(rig, component, state, payload, sent):
    driver = rig.driver()
    (found,) = driver.contact()
    row = own(found)[component]

    assert row.state(read(driver)) == state
    name, parameters = row.control.decode(payload)
    order(driver, name, **parameters)
    assert sent.items() <= rig.written[0].items()
