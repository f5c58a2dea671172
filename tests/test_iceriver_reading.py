"""What IceRiver firmware writes becomes a reading, whichever way a build writes it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minerbridge.errors import BridgeError, MinerError
from minerbridge.miners.driver import Target, finished
from minerbridge.miners.iceriver import boards, models, panel, status, values
from minerbridge.miners.iceriver.codes import failure
from minerbridge.miners.iceriver.reader import IceRiverReader
from tests.iceriver_rig import Clock, read_of, recorded

KS5L = "KS5L__ICM168_3_2_10/userpanel_post4.json"
EDITED = "KS5L__ICM168_3_2_10/userpanel_post4_edited_values.json"
KS3M = "KS3M__mock/userpanel_post4.json"
MODE = "KS3M__mock/machineconfig_post1.json"


def changed(name=KS5L, **changes):
    document = recorded(name)
    document["data"].update(changes)
    return document


def board(**fields):
    return {"boards": [{"no": 1, **fields}], "unit": "G"}


# -- recordings --------------------------------------------------------------------------------


def test_a_recorded_ks5l():
    reading = read_of(recorded(KS5L))

    assert reading.model == "IceRiver KS5L"
    assert reading.firmware == "ICM168_3_2_10_ks5L_miner"
    assert (reading.hashrate_hs, reading.hashrate_average_hs) == (15011e9, 10789e9)
    assert [one.hashrate_hs for one in reading.boards] == [5160.37e9, 5629.5e9, 4222.12e9]
    assert (reading.algorithm, reading.uptime_s) == ("kheavyhash", 102_542)
    assert (reading.mac_address, reading.ip_address) == (None, "127.0.0.1")
    assert (reading.chip_temperature_c, reading.board_temperature_c) == (67, 62)
    assert (reading.shares_accepted, reading.shares_rejected) == (7225, 0)
    assert [fault.code for fault in reading.errors] == ["TEMPSTATE"]
    assert reading.details["firmware_version"] == "Factory BOOT_3_1 image_1.0"


def test_the_ks5l_that_tells_every_value_apart():
    reading = read_of(recorded(EDITED))

    assert (reading.hashrate_hs, reading.hashrate_average_hs) == (11258e9, 10945e9)
    assert reading.reject_rate_percent == 0.010567
    assert reading.uptime_s == ((62 * 24 + 14) * 60 + 17) * 60 + 36
    states = [(pool.status, pool.is_active) for pool in reading.pools]
    assert states == [("Connected", True), ("Unconnected", False), ("Unconnected", False)]
    assert [(pool.accepted, pool.rejected) for pool in reading.pools] == [(0, 10), (1, 11), (2, 12)]
    told = [(one.board_temperature_c, one.chip_temperature_c) for one in reading.boards]
    assert told == [(10, 11), (20, 21), (30, 31)]
    averages = [reading.details[f"board_{n}_hashrate_average_hs"] for n in (1, 2, 3)]
    assert averages == [10.5e9, 20.6e9, 30.7e9]
    assert reading.fan_speeds_rpm == (5900, 5855, 5901, 5856)
    assert reading.power_w is None
    assert reading.power_estimated_w is None


def test_a_ks3m_with_a_sensor_that_tells_126():
    reading = read_of(recorded(KS3M), recorded(MODE))

    assert (reading.model, reading.status, reading.power_mode) == (
        "IceRiver KS3M", "mining", "normal",
    )  # fmt: skip
    assert [one.chip_temperature_c for one in reading.boards] == [49, None, 49]
    assert (reading.chip_temperature_c, reading.board_temperature_c) == (49, 26)
    (fault,) = reading.errors
    assert (fault.code, "board 2" in fault.message) == ("SENSOR_BOARD_2_OUTLET", True)
    assert reading.reject_rate_percent == 2.403846
    assert [pool.is_active for pool in reading.pools] == [False, True, False]
    assert reading.mac_address == "02:00:00:00:00:02"
    assert reading.details["fan_percent"] == 1


def test_asleep_by_its_mode_although_the_mean_hashrate_lasts():
    mode = recorded(MODE)
    mode["data"]["mode"] = 0
    reading = read_of(recorded(KS3M), mode)

    assert (reading.status, reading.is_mining, reading.power_mode) == ("sleeping", False, "sleep")
    assert [fault.code for fault in reading.errors] == ["SENSOR_BOARD_2_OUTLET"]


def test_what_is_no_panel_is_refused():
    with pytest.raises(BridgeError):
        read_of({"error": 0, "data": {"title": "router"}, "message": ""})
    with pytest.raises(BridgeError):
        read_of({"data": "userpanel"})


# -- quirks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [float, str])
def test_numbers_are_taken_as_floats_and_as_text(kind):
    document = recorded(KS5L)
    plain = read_of(document)
    for one in (*document["data"]["boards"], *document["data"]["pools"]):
        one.update({k: kind(v) for k, v in one.items() if type(v) in (int, float)})
    document["data"]["fans"] = [kind(speed) for speed in document["data"]["fans"]]

    assert read_of(document).replace(at=plain.at) == plain


@pytest.mark.parametrize(
    ("told", "is_connected"),
    [(True, True), (1.0, True), ("1", True), (False, False), (-1.0, False), (0, False)],
)
def test_connect_is_written_in_many_ways(told, is_connected):
    pools = [{"no": 1, "addr": "stratum+tcp://a.example:1", "user": "u", "connect": told}]
    (pool,) = panel.parse_pools({"pools": pools})

    assert pool.is_active is is_connected
    assert pool.status == ("Connected" if is_connected else "Unconnected")


def test_of_pools_without_word_of_a_connection_none_is_active():
    (pool,) = panel.parse_pools({"pools": [{"no": 1, "addr": "a.example:1"}]})
    assert (pool.is_active, pool.status) == (None, None)


@pytest.mark.parametrize(
    ("told", "unit", "rate_hs"),
    [
        ("6226G", "G", 6226e9),
        ("1.5T", "G", 1.5e12),
        (6226, "G", 6226e9),
        (6.2, "TH/s", 6.2e12),
        ("980", "M", 980e6),
        (121_000_000_000, "H", 121e9),
        ("5", None, 5e9),
        ("5", 7, 5e9),
        ("-1G", "G", None),
        ("(null)", "G", None),
        ("1e308G", "G", None),
        (True, "G", None),
        (None, "G", None),
    ],
)
def test_rates_are_counted_in_their_suffix_or_the_unit(told, unit, rate_hs):
    assert values.rate_hs(told, unit) == (None if rate_hs is None else pytest.approx(rate_hs))


def test_early_firmware_tells_hashes():
    early = {"rtpow": 121_000_000_000, "rtpow_hash": "121", "rtpow_unit": "GH/s",
             "avgpow": 110_000_000_000, "avgpow_unit": "GH/s", "firmver": "2010-07-21"}  # fmt: skip
    found = panel.parse(early)

    assert (found["hashrate_hs"], found["hashrate_average_hs"]) == (121e9, 110e9)
    assert found["firmware"] == "2010-07-21"


@pytest.mark.parametrize(
    ("told", "model", "algorithm"),
    [
        ("ICM168_3_2_10_ks5L_miner", "IceRiver KS5L", "kheavyhash"),
        ("5977449_ks3m_miner", "IceRiver KS3M", "kheavyhash"),
        ("pbv077c_ks0miner", "IceRiver KS0", "kheavyhash"),
        ("634927_ks0pro_miner", "IceRiver KS0 Pro", "kheavyhash"),
        ("KS0 Ultra", "IceRiver KS0 Ultra", "kheavyhash"),
        ("ICM168_04_02_1810_al3_miner", "IceRiver AL3", "blake3"),
        ("v1.0", None, None),
        ("none", None, None),
        (None, None, None),
    ],
)
def test_the_model_is_in_the_name_of_the_mining_program(told, model, algorithm):
    assert models.model_name("none", told) == model
    assert models.algorithm(model) == algorithm


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("192.168.1.1fe80::1", "192.168.1.1"),
        ("192.168.1.124 172.17.0.1", "192.168.1.124"),
        ("10.0.0.200", "10.0.0.200"),
        ("192.168.1.XX", None),
        ("", None),
    ],
)
def test_addresses_are_freed_of_what_is_glued_to_them(told, address):
    assert values.ipv4(told) == address


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("01:00:00:01", 86_401), ("00:00:05", 5), ("1:2", None), ("x", None), (5, None)],
)
def test_uptime(told, seconds):
    assert values.uptime_s(told) == seconds


@pytest.mark.parametrize(
    ("fields", "chips"),
    [
        ({"chipnum": 18, "chipsuc": 17, "false": [3]}, 17),
        ({"chipnum": 18, "chipsuc": 0, "false": list(range(1, 19))}, None),
        ({"chipnum": 18, "chipsuc": 0, "false": [20, 30]}, 16),
        ({"chipnum": 18, "chipsuc": 0, "false": ""}, None),
        ({"chipnum": 18}, None),
    ],
)
def test_chips_are_counted_only_where_the_firmware_counts(fields, chips):
    (found,) = boards.parse_boards(board(**fields))
    assert (found.chips, found.chips_expected) == (chips, 18)


def test_chip_sensors_of_their_own_outrank_the_outlet():
    (found,) = boards.parse_boards(board(chiptmp=67.2, intmp=43.0, outtmp=56.0, chippll=1181.25))
    assert (found.chip_temperature_c, found.board_temperature_c) == (67.2, 56.0)
    assert found.frequency_mhz == 1181.25


@pytest.mark.parametrize(
    ("fans", "shown"),
    [
        ([0, 0, 0, 0], ()),
        ([1877, 1901, 0, 0], (1877, 1901)),
        ([5900, 0, 5900, 5900], (5900, 0, 5900, 5900)),
        ([17_700, 5900], (None, 5900)),
        ("none", ()),
    ],
)
def test_fans_that_a_model_does_not_have_are_not_shown(fans, shown):
    assert read_of(changed(fans=fans)).fan_speeds_rpm == shown


def test_a_fan_that_stops_keeps_its_place():
    reader = IceRiverReader(Target("m1", "127.0.0.1"), Clock())
    for speeds, shown in (([900, 900], (900, 900)), ([900, 0], (900, 0)), ([0, 0], (0, 0))):
        found = finished(reader.steps(_Source(changed(fans=speeds)["data"])))
        assert found.fan_speeds_rpm == shown


class _Source:
    """A way that tells one document."""

    def __init__(self, document, mode=1):
        self.document, self.mode = document, mode

    def panel(self):
        yield
        return self.document

    def configuration(self):
        return {"mode": self.mode, "ratio": 80}


def test_a_miner_without_fans_is_not_faulted_for_them():
    codes = [fault.code for fault in panel.health_faults({"fans": [0, 0], "fanstate": False})]
    assert codes == []
    codes = [fault.code for fault in panel.health_faults({"fans": [900, 0], "fanstate": False})]
    assert codes == ["FANSTATE"]


# -- status ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate_hs", "mode", "idle_s", "expected"),
    [
        (1e12, "normal", 0, ("mining", True)),
        (1e12, "sleep", 0, ("sleeping", False)),
        (0.0, "sleep", 0, ("sleeping", False)),
        (0.0, "normal", 60, ("starting", False)),
        (0.0, "normal", 1000, ("error", False)),
        (0.0, None, 1000, ("unknown", None)),
        (None, "normal", 0, ("unknown", None)),
        (1e12, None, 0, ("mining", True)),
    ],
)
def test_status_by_mode_and_hashrate(rate_hs, mode, idle_s, expected):
    assert status.decide(rate_hs, mode, idle_s) == expected


@pytest.mark.parametrize(
    ("told", "mode"),
    [(1, "normal"), (1.0, "normal"), (2, "sleep"), (0, "sleep"), ("sleeps\x7f", "sleep"),
     ("normal", "normal"), (None, None), ("x", None), (True, None)],
)  # fmt: skip
def test_modes(told, mode):
    assert status.mode_name(told) == mode


def test_powstate_is_health_and_not_mining():
    reading = read_of(changed(powstate=False))
    assert reading.is_mining is True
    assert "POWSTATE" in [fault.code for fault in reading.errors]


def test_a_start_takes_its_time_before_it_is_an_error():
    clock = Clock()
    reader = IceRiverReader(Target("m1", "127.0.0.1"), clock)
    source = _Source(changed(rtpow="0G", powstate=False, runtime="05:00:00:00")["data"])
    assert finished(reader.steps(source)).status == "error"
    source.mode = 0
    assert finished(reader.steps(source)).status == "sleeping"
    source.mode = 1
    clock.now_s += 100
    woken = finished(reader.steps(source))
    assert woken.status == "starting"
    assert "POWSTATE" not in [fault.code for fault in woken.errors]
    clock.now_s += 1000
    assert finished(reader.steps(source)).status == "error"


@pytest.mark.parametrize("up", ["00:00:00:00", "00:00:10:00", None])
def test_a_mean_that_is_still_low_after_a_start_is_no_fault(up):
    clock = Clock()
    reader = IceRiverReader(Target("m1", "127.0.0.1"), clock)
    told = {"rtpow": "90G", "powstate": False, "tempstate": True}
    source = _Source(changed(**told, runtime=up or "05:00:00:00")["data"])
    if up is None:  # not a start, but a wake: the uptime goes on
        source.mode = 0
        finished(reader.steps(source))
        source.mode = 1
        clock.now_s += 10
    reading = finished(reader.steps(source))
    assert (reading.status, [fault.code for fault in reading.errors]) == ("mining", [])
    clock.now_s += status.STARTING_S
    source.document = {**source.document, "runtime": "05:00:20:00"}
    assert [fault.code for fault in finished(reader.steps(source)).errors] == ["POWSTATE"]


# -- anything ----------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["6226G", "1.5T", "126", "-1", "00:00:00:01", "(null)", "1e400", "nan"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner,
                                                                max_size=3),
    max_leaves=8,
)  # fmt: skip
KEYS = sorted(recorded(KS5L)["data"])
BOARD_KEYS = [*sorted(recorded(KS5L)["data"]["boards"][0]), "chiptmp", "chippll", "chipvoltage"]
POOL_KEYS = sorted(recorded(KS5L)["data"]["pools"][0])


def some(keys):
    return st.lists(st.dictionaries(st.sampled_from(keys), ANYTHING, max_size=6), max_size=4)


PANELS = st.builds(
    lambda told, more: {**told, **more},
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=12),
    st.fixed_dictionaries({}, optional={"boards": some(BOARD_KEYS), "pools": some(POOL_KEYS)}),
)


@pytest.mark.slow
@given(told=PANELS)
@settings(max_examples=300, deadline=None)
def test_no_panel_breaks_the_reading_or_makes_a_value_up(told):
    reader = IceRiverReader(Target("m1", "127.0.0.1"), Clock())
    reading = finished(reader.steps(_Source(told)))

    for name, source in (
        ("hashrate_hs", "rtpow"), ("hashrate_average_hs", "avgpow"), ("uptime_s", "runtime"),
        ("reject_rate_percent", "reject"), ("led_on", "locate"), ("hostname", "host"),
        ("mac_address", "mac"),
    ):  # fmt: skip
        assert getattr(reading, name) is None or source in told
    assert reading.power_w is None
    for one in reading.boards:
        assert one.chip_temperature_c is None or 0 < one.chip_temperature_c < 120
        assert one.hashrate_hs is None or 0 <= one.hashrate_hs < float("inf")
    if not isinstance(told.get("boards"), list):
        assert reading.boards == ()
    json.dumps([reading.hashrate_hs, reading.frequency_mhz, reading.voltage_v], allow_nan=False)


@given(told=st.dictionaries(st.sampled_from(["error", "data", "message"]), ANYTHING))
def test_only_an_error_of_nought_is_success(told):
    for write in (False, True):
        error = failure(told, write=write)
        assert error is None or isinstance(error, MinerError)
        if error is None:
            assert round(float(told["error"])) == 0
