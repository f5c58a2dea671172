"""Which WhatsMiners there are to simulate: firmware generations and models."""

from __future__ import annotations

from dataclasses import dataclass

from minerbridge.simulator.physics import Point, Rating


@dataclass(frozen=True, slots=True)
class Model:
    """*chips* are of one board; *is_liquid*: no fans, percentages up to 200."""

    name: str
    rating: Rating
    factory_ghs: int
    chips: int
    frequency_mhz: int
    chip_data: str
    supply: str
    boards: int = 3
    is_liquid: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """How a firmware shapes its replies; *describes* ends those of its own commands."""

    number: int
    firmware: str
    next_firmware: str
    api: str
    platform: str
    model: str
    describes: str = ""


GENERATIONS = {
    one.number: one
    for one in (
        Generation(1, "20210322.22.REL", "20220919.15.REL", "whatsminer v1.4.0", "H3", "M20SV10",
                   "whatsminer v1.4.0"),
        Generation(2, "20230714.15.Rel", "20230911.12.Rel", "2.0.5", "H616", "M30S+VE40"),
        Generation(3, "20240624.18.REL", "20241101.18.REL", "2.0.5", "H616", "M50S_VH50"),
        Generation(4, "20251016.14.Rel2", "20251209.16.Rel2", "2.2.2", "H616", "M60S_VK40"),
    )
}  # fmt: skip
V3_API = "3.0.2"


def _rating(hashrate_hs: float, power_w: float, *, is_liquid: bool = False) -> Rating:
    return Rating(
        Point(hashrate_hs, power_w),
        sleep_power_w=28.0,
        boot_s=(70.0, 100.0),
        restart_s=(8.0, 14.0),
        hash_delay_s=(20.0, 35.0),
        ramp_s=780.0,
        chip_rise_c=42.0,
        thermal_s=100.0,
        fan_limits_rpm=(0.0, 1.0) if is_liquid else (1200.0, 6000.0),
        share_difficulty=262_144.0,
        hardware_error_rate=1e-7,
    )


MODELS = {
    one.name: one
    for one in (
        Model("M20SV10", _rating(68e12, 3360.0), 68_796, 105, 648, "HP5A01-19101436 BINV04-192101D",
              "P21-12-3600-E"),
        Model("M30S+VE40", _rating(100e12, 3400.0), 100_400, 156, 652,
              "K88Z347-2039    BINV01-195001D", "P221B"),
        Model("M50S_VH50", _rating(126e12, 3276.0), 126_300, 135, 601,
              "H36A02-23010402 BINV03-196302B", "P222B"),
        Model("M60S_VK40", _rating(177e12, 3400.0), 177_132, 225, 368,
              "H32A07-24010501BINVE4-197803C", "P221B"),
        Model("M66S_VK30", _rating(282e12, 5500.0, is_liquid=True), 282_400, 240, 455,
              "H33A07-24030511BINVE5-197803C", "P463A", 4, is_liquid=True),
        Model("M63S_VK60", _rating(390e12, 7215.0, is_liquid=True), 390_900, 350, 560,
              "H35K03-24060811BINVE5-197804A", "P566Z", 4, is_liquid=True),
    )
}  # fmt: skip
