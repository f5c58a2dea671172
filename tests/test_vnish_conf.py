"""The configuration keeps every value through a write, or is not written."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minerbridge.errors import BadReply, CommandRejected, InvalidValue
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.rpc_decode import decode
from minerbridge.miners.vnish.conf import Configuration
from minerbridge.simulator import vnish_s9_conf as device
from tests.vnish_bench import bench, order

__all__ = ["bench"]

SOUND = decode(device.text_of(device.FACTORY).encode())
UNESCAPED = "-_.!~*'()"
CARRIED = "abcXYZ019#$+,-./:;<=>?@[]^|"
words = st.text(CARRIED, max_size=20)
numbers = st.integers(0, 9999).map(str)
flags = st.sampled_from(["true", "false"])
NUMBERS = [name for name, _ in device.TEXTS if name not in ("chip_freq", "voltage")]
FLAGS = [name for name, _ in (*device.FLAGS_BEFORE, *device.FLAGS)]
values = st.fixed_dictionaries({
    **dict.fromkeys(device.FIELDS[:9], words),
    **dict.fromkeys((*NUMBERS, "freq", "voltage", "minhr", "tempoff", "target_temp"), numbers),
    **dict.fromkeys((*FLAGS, "fan_customize_switch", "altdf"), flags),
    "fan_customize_value": numbers, "altdfno": numbers,
    "chip_freq": st.lists(numbers, min_size=1, max_size=9).map(":".join),
})  # fmt: skip


def read(stored):
    return Configuration(decode(device.text_of(stored).encode()))


def written(configuration, *, restarts=False):
    """Return what the device's script makes of the form, sent as the transport sends it."""
    form = configuration.custom_form(restarts=restarts)
    return device.positional(
        "&".join(f"{name}={quote(value, safe=UNESCAPED)}" for name, value in form)
    )


@settings(max_examples=150)
@given(values)
def test_every_value_survives_a_write(stored):
    before = read({**device.FACTORY, **stored})
    assert read(written(before)).told == before.told


@given(values, st.sampled_from([350, 500, 650]), st.sampled_from([8.2, 8.7, 8.9, 9.2]))
def test_a_change_changes_nothing_else(stored, mhz, voltage_v):
    own = dict.fromkeys(("freq1", "freq2", "freq3", "voltage1", "voltage2", "voltage3"), "0")
    before = read({**device.FACTORY, **stored, **own, "chip_freq": "0:0"})
    after = read(written(before.with_frequency(mhz, voltage_v))).told
    assert after.pop("bitmain-freq") == str(mhz)
    assert after.pop("bitmain-voltage") == f"{voltage_v * 100:.0f}"  # 8.2 V is 820, not 819
    kept = {k: v for k, v in before.told.items() if k not in ("bitmain-freq", "bitmain-voltage")}
    assert after == kept


def test_the_form_has_the_scripts_order():
    form = Configuration(SOUND).custom_form(restarts=True)
    assert [name.removeprefix("_ant_") for name, _ in form] == list(device.FIELDS)
    assert len(form) == 50
    assert dict(form)["_ant_presave"] == "0"
    assert dict(Configuration(SOUND).custom_form(restarts=False))["_ant_presave"] == "1"


@pytest.mark.parametrize("value", ["_ant_freq1=0", "0_ant_x", "_nobeeper"])
@pytest.mark.parametrize("key", ["bitmain-freq", "bitmain-chip-freq", "bitmain-maxx"])
def test_a_corrupt_value_is_named_and_not_written(key, value):
    with pytest.raises(CommandRejected, match=f"corrupt: {key}") as refusal:
        Configuration({**SOUND, key: value}).custom_form(restarts=False)
    assert refusal.value.code == "BAD_CONFIGURATION"


def test_the_corrupt_password_of_a_pool_is_named_but_not_told():
    pools = [{"url": "u", "user": "w", "pass": "_ant_pool1pw=hush"}]
    with pytest.raises(CommandRejected, match="pool1pw") as refusal:
        Configuration({**SOUND, "pools": pools}).custom_form(restarts=False)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bitmain-maxx": None}, "bitmain-maxx"),
        ({"bitmain-future": "1"}, "bitmain-future"),
        ({"pools": [{"url": "u", "user": "w", "pass": "x"}] * 4}, "4 pools"),
    ],
)
def test_what_a_write_would_lose_or_make_up_is_not_written(change, word):
    with pytest.raises(CommandRejected, match=word):
        Configuration({**SOUND, **change}).custom_form(restarts=False)


@pytest.mark.parametrize("letter", [" ", "*", '"', "'", "%", "&", "\\", "{", "~", "ü", "\n"])
def test_what_the_shell_would_damage_is_refused(letter):
    pools = [PoolLogin(f"stratum+tcp://a{letter}b:1", "w")]
    with pytest.raises(InvalidValue, match="pool1url"):
        Configuration(SOUND).with_pools(pools).custom_form(restarts=False)


@pytest.mark.parametrize(
    "own", [{"bitmain-freq2": "600"}, {"bitmain-voltage1": "880"}, {"bitmain-chip-freq": "0:650:0"}]
)
def test_boards_and_chips_with_their_own_are_not_passed_over(own):
    with pytest.raises(CommandRejected, match=next(iter(own))) as refusal:
        Configuration({**SOUND, **own}).with_frequency(500, 8.6)
    assert refusal.value.code == "OWN_FREQUENCIES"


def test_a_configuration_without_pools_is_none():
    with pytest.raises(BadReply, match="no pools"):
        Configuration({"bitmain-freq": "650"})


def test_a_misordered_post_corrupts_the_device_and_is_then_refused(bench):
    one = bench()
    driver = one.driver()
    names = [name for name in device.FIELDS if name != "nobeeper"]
    misordered = "&".join(f"_ant_{name}={device.FACTORY.get(name, '')}" for name in names)
    one.device.conf_values = device.positional(misordered)
    with pytest.raises(CommandRejected, match="corrupt"):
        order(driver, "set_frequency", frequency_mhz=500)
    with pytest.raises(CommandRejected, match="corrupt"):
        order(driver, "set_fan", percent=60)
    assert one.writes == []
