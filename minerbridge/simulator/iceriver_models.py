"""The IceRiver models that are simulated: what they are rated at, and how their firmware writes."""

from __future__ import annotations

from dataclasses import dataclass

from minerbridge.simulator.physics import Point, Rating


@dataclass(frozen=True, slots=True)
class Model:
    """*quirks* are those of the recorded replies; `IceRiver` says what they mean."""

    name: str
    rating: Rating
    boards: int
    fans: int
    software: str
    boot: str
    clock_mhz: int
    chips: int = 18
    quirks: frozenset[str] = frozenset()
    measures_power: bool = False


def _rating(rate_ghs: float, power_w: float, sleep_w: float, fans_rpm: float) -> Rating:
    return Rating(
        Point(rate_ghs * 1e9, power_w),
        sleep_power_w=sleep_w,
        boot_s=(50.0, 80.0),
        restart_s=(10.0, 15.0),
        hash_delay_s=(20.0, 40.0),
        ramp_s=90.0,
        chip_rise_c=40.0,
        fan_limits_rpm=(fans_rpm / 3, fans_rpm),
        share_difficulty=32_768.0,
    )


MODELS = {
    "KS0": Model(
        "KS0", _rating(100, 65, 8, 2400), 1, 0, "5977449_ks0", "BOOT_2_0.BIN", 780, chips=1
    ),
    "KS3M": Model(
        "KS3M", _rating(6_000, 3_400, 60, 6000), 3, 4, "5977449_ks3m", "BOOT_2_0.BIN", 875,
        quirks=frozenset({"bool_connect", "all_bad"}),
    ),
    "KS5L": Model(
        "KS5L", _rating(12_000, 3_400, 60, 6600), 3, 4, "ICM168_3_2_10_ks5L", "BOOT_3_1", 875,
        quirks=frozenset({"floats", "glued_gateway", "all_bad"}), measures_power=True,
    ),
}  # fmt: skip
