"""The unit of a hashrate follows from its algorithm, else from the first figure."""

import pytest

from minerbridge.mqtt.units import hashrate_unit, scale_of


@pytest.mark.parametrize(
    ("algorithm", "hashrate_hs", "unit"),
    [
        ("sha256", None, "TH/s"),
        ("SHA-256", 1.0, "TH/s"),
        ("sha256d", None, "TH/s"),
        ("kheavyhash", None, "GH/s"),
        ("kHeavyHash", None, "GH/s"),
        ("x11", None, "GH/s"),
        ("scrypt", 1e14, "MH/s"),
        ("Equihash", None, "kSol/s"),
        ("randomx", None, "H/s"),
        ("something new", 1e14, "H/s"),
        (None, None, "TH/s"),
        (None, 0.0, "TH/s"),
        (None, 1e14, "TH/s"),
        (None, 9.5e9, "GH/s"),
        (None, 5e6, "MH/s"),
        (None, 800.0, "H/s"),
    ],
)
def test_the_unit_is_what_the_field_counts_in(algorithm, hashrate_hs, unit):
    assert hashrate_unit(algorithm, hashrate_hs) == unit


@pytest.mark.parametrize(
    ("unit", "scale"), [("TH/s", 1e12), ("GH/s", 1e9), ("MH/s", 1e6), ("kSol/s", 1e3), ("H/s", 1)]
)
def test_a_unit_is_so_many_hashes_a_second(unit, scale):
    assert scale_of(unit) == scale
