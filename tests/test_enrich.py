"""What the bridge adds to a reading, and what it learns from one."""

import pytest

from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.enrich import grown, merged, with_derived, with_pool_profile, with_power
from minerbridge.model import CommandSpec, MinerProfile, Pool
from tests.miners import MAC, board, profile, reading

BARE = MinerProfile("m", "antminer")


@pytest.mark.parametrize(
    ("reported", "metered_w", "rated_w", "shown"),
    [
        ({"power_w": 3000.0}, None, 3250.0, (3000.0, None)),
        ({"power_w": 3000.0}, 2900.0, 3250.0, (2900.0, None)),
        ({"power_w": None}, 0.0, 3250.0, (0.0, None)),
        ({"power_w": None}, None, 3250.0, (None, 3250.0)),
        ({"power_w": None}, None, None, (None, None)),
        ({"power_w": None, "is_mining": False}, None, 3250.0, (None, None)),
        ({"power_w": None, "is_mining": None}, None, 3250.0, (None, None)),
        ({"power_w": None, "power_estimated_w": 3100.0}, None, 3250.0, (None, 3100.0)),
    ],
)
def test_a_plug_outranks_the_device_and_an_estimate_never_passes_for_a_measurement(
    reported, metered_w, rated_w, shown
):
    found = with_power(reading(**reported), metered_w, rated_w)
    assert (found.power_w, found.power_estimated_w) == shown


@pytest.mark.parametrize(
    ("changes", "efficiency"),
    [
        ({}, 30.0),
        ({"algorithm": None}, 30.0),
        ({"algorithm": "SHA-256"}, 30.0),
        ({"algorithm": "scrypt"}, None),
        ({"power_w": None}, None),
        ({"power_w": None, "power_estimated_w": 3000.0}, None),
        ({"hashrate_hs": 0.0}, None),
        ({"hashrate_hs": None}, None),
        ({"is_mining": False}, None),
    ],
)
def test_efficiency_follows_from_measured_power_and_hashrate(changes, efficiency):
    facts = {"power_w": 3000.0, "hashrate_hs": 1e14, "efficiency_j_per_th": None} | changes
    assert with_derived(reading(**facts), None).efficiency_j_per_th == efficiency


@pytest.mark.parametrize(
    ("accepted", "rejected", "told", "rate"),
    [(99, 1, None, 1.0), (0, 0, None, None), (5, None, None, None), (99, 1, 2.5, 2.5)],
)
def test_the_reject_rate_is_worked_out_unless_told(accepted, rejected, told, rate):
    facts = {"shares_accepted": accepted, "shares_rejected": rejected, "reject_rate_percent": told}
    assert with_derived(reading(**facts), None).reject_rate_percent == rate


def test_energy_is_the_bridges_own():
    assert with_derived(reading(energy_kwh=5.0), 7.0).energy_kwh == 7.0


HOME = (PoolLogin("stratum+tcp://Pool.example.com:3333/", "me"), PoolLogin("tcp://b:1", "me"))
AWAY = (PoolLogin("stratum+tcp://pool.example.com:3333", "other"),)


@pytest.mark.parametrize(
    ("pools", "name"),
    [
        ([Pool(0, "pool.example.com:3333", "me", is_active=True)], "home"),
        ([Pool(0, "stratum+ssl://pool.example.com:3333", "other", is_active=True)], "away"),
        ([Pool(0, "stratum+tcp://pool.example.com:3333", None, is_active=True)], "home"),
        ([Pool(0, "stratum+tcp://pool.example.com:3333", "third", is_active=True)], None),
        ([Pool(0, "stratum+tcp://pool.example.com:3333", "me", is_active=False)], None),
        ([Pool(0, None, "me", is_active=True)], None),
        ([], None),
    ],
)
def test_the_pool_profile_is_the_one_whose_first_pool_is_mined_on(pools, name):
    found = with_pool_profile(reading(pools=tuple(pools)), {"home": HOME, "away": AWAY})
    assert found.details.get("pool_profile") == name


def test_a_profile_grows_by_what_a_reading_shows():
    shown = reading(power_w=0.0, ambient_temperature_c=None, pools=(), led_on=None)

    found = grown(BARE, shown)

    assert {"power_w", "hashrate_hs", "status", "boards"} <= found.reports
    assert not {"ambient_temperature_c", "pools", "errors", "led_on"} & found.reports
    assert (found.board_slots, found.fan_count, found.mac_address) == ((0, 1, 2), 2, MAC)
    assert "chip_temperature_c" in found.board_reports
    assert "serial_number" not in found.board_reports


def test_a_profile_never_shrinks():
    full = grown(BARE, reading())
    less = reading(power_w=None, boards=(board(1, chips=None),), fan_speeds_rpm=(), pools=())
    assert grown(full, less) is full


def test_the_number_of_a_board_never_moves():
    seen = grown(BARE, reading(boards=(board(8), board(6))))
    later = grown(seen, reading(boards=(board(6), board(7), board(8))))

    assert (seen.board_slots, later.board_slots) == ((6, 8), (6, 8, 7))
    assert merged(later, BARE.replace(board_slots=(9, 6))).board_slots == (6, 8, 7, 9)


def test_boards_count_in_slot_order_whatever_order_the_device_has():
    assert merged(None, BARE.replace(board_slots=(8, 6, 7))).board_slots == (6, 7, 8)


def test_another_device_cannot_talk_itself_in_by_a_reading():
    known = grown(BARE, reading(serial_number="A1"))
    found = grown(known, reading(mac_address="02:00:00:00:00:99", serial_number="B2", firmware="9"))
    assert (found.mac_address, found.serial_number, found.firmware) == (MAC, "A1", "9")


def test_the_first_algorithm_stays():
    known = grown(BARE, reading(algorithm="scrypt"))
    assert grown(known, reading(algorithm="sha256")).algorithm == "scrypt"


def test_a_fresh_contact_keeps_what_was_learned():
    old = profile(rated_power_w=3250.0)
    new = BARE.replace(firmware="2", commands={"new": CommandSpec("new")}, ip_address="192.0.2.8")

    found = merged(old, new)

    assert found.commands.keys() == old.commands.keys() | {"new"}
    assert (found.reports, found.fan_count, found.rated_power_w) == (old.reports, 2, 3250.0)
    assert (found.firmware, found.ip_address, found.mac_address) == ("2", "192.0.2.8", MAC)


def test_another_family_keeps_only_who_it_is():
    new = MinerProfile("m", "cgminer", commands={"restart": CommandSpec("restart")})
    found = merged(profile(serial_number="A1"), new)
    assert found == new.replace(mac_address=MAC, serial_number="A1")
