"""The ASIC form: which value of a reading feeds which field of the server. Pure.

Types and required fields are those the server's database enforces, which are stricter than its
documentation: temperatures and power are integers there (lib/mining_rig_monitor/asic_miner_logs).
Keys read from `MinerReading.details`, where a family has them: firmware_version, software_version,
model_variant, and board_<n>_hashrate_average_hs with n from 1 in the boards' order.
"""

from __future__ import annotations

from collections.abc import Iterator

from minerbridge.model import Board, MinerProfile, MinerReading, Pool
from minerbridge.rig_monitor.form import (
    Field,
    Report,
    Source,
    Sources,
    as_uptime,
    filled,
    rests,
)
from minerbridge.settings import RigMiner

POOLS, BOARDS, FANS = 3, 3, 4
UNIT, HASHES_PER_UNIT = "GH/s", 1e9


def specification(
    reading: MinerReading, profile: MinerProfile | None, settings: RigMiner
) -> Report:
    """Return the body of `/asic_miners/specs`."""
    return filled(SPECIFICATION, Sources(reading, profile, settings))


def monitor_values(
    reading: MinerReading, profile: MinerProfile | None, settings: RigMiner
) -> Report:
    """Return the body of `/asic_miners/logs`."""
    return filled(MONITOR, Sources(reading, profile, settings))


# -- sources ---------------------------------------------------------------------------------


def _firmware(s: Sources) -> str | None:
    return s.detail("firmware_version") or s.known("firmware")


def _software(s: Sources) -> str | None:
    # Most families name one version for the whole image, firmware and mining program alike.
    return s.detail("software_version") or s.settings.software_version or s.known("firmware")


def _power_w(s: Sources) -> float | None:
    """Return what was measured, else what the settings say of a running miner."""
    if s.reading.power_w is not None:
        return s.reading.power_w
    if rests(s.reading):
        return s.profile.standby_power_w if s.profile is not None else None
    return s.settings.power_w


def _fan_rpm(s: Sources, number: int) -> float | None:
    speeds_rpm = s.reading.fan_speeds_rpm
    if not speeds_rpm and number == 1:
        return s.settings.fan_speed_rpm  # cooled by oil or water
    return speeds_rpm[number - 1] if number <= len(speeds_rpm) else None


def _board(s: Sources, number: int) -> Board | None:
    """Return the board of *number*, which it keeps while another is gone."""
    by_slot = {board.slot: board for board in s.reading.boards}
    known = s.profile.board_slots if s.profile is not None else ()
    slots = known or tuple(sorted(by_slot))
    return by_slot.get(slots[number - 1]) if number <= len(slots) else None


def _temperatures_c(s: Sources, number: int) -> tuple[float | None, ...]:
    """Return what board *number* reports, board before chip."""
    board = _board(s, number)
    found = (board.board_temperature_c, board.chip_temperature_c) if board else ()
    return tuple(value for value in found if value is not None)


def _first_temperature_c(s: Sources, number: int) -> float | None:
    found = _temperatures_c(s, number)
    if found:
        return found[0]
    if number > 1 or any(_temperatures_c(s, other) for other in range(2, BOARDS + 1)):
        return None
    # A device that reports no board of its own has one figure for all of them.
    chip_c = s.reading.chip_temperature_c
    return s.reading.board_temperature_c if chip_c is None else chip_c


def _second_temperature_c(s: Sources, number: int) -> float | None:
    found = _temperatures_c(s, number)
    return found[1] if len(found) > 1 else None


def _pool(s: Sources, number: int) -> Pool | None:
    """Return the pool of *number* among those that are set."""
    pools = sorted((pool for pool in s.reading.pools if pool.url), key=lambda pool: pool.slot)
    return pools[number - 1] if number <= len(pools) else None


def _connection(pool: Pool | None) -> str | None:
    """Return the state in the server's two words; an alive pool in reserve is not connected to."""
    if pool is None or (pool.is_active is None and pool.status is None):
        return None
    status = (pool.status or "alive").lower()
    is_connected = status == "connected" or (status == "alive" and pool.is_active is not False)
    return "Connected" if is_connected else "Unconnected"


def _in_ghs(hashrate_hs: float | None) -> float | None:
    return None if hashrate_hs is None else hashrate_hs / HASHES_PER_UNIT


# -- the table -------------------------------------------------------------------------------


def _of_pool(n: int) -> Iterator[Field]:
    is_first = n == 1

    def of(attribute: str) -> Source:
        return lambda s: getattr(_pool(s, n), attribute, None)

    yield Field(f"pool_{n}_address", "text", of("url"), is_first)
    yield Field(f"pool_{n}_user", "text", of("user"), is_first)
    yield Field(f"pool_{n}_state", "text", lambda s: _connection(_pool(s, n)), is_first)
    yield Field(f"pool_{n}_accepted_share", "integer", of("accepted"))
    yield Field(f"pool_{n}_rejected_share", "integer", of("rejected"))


def _of_board(n: int) -> Iterator[Field]:
    board = f"hashboard_{n}"
    now: Source = lambda s: _in_ghs(getattr(_board(s, n), "hashrate_hs", None))  # noqa: E731  rows read alike
    average: Source = lambda s: _in_ghs(s.detail(f"board_{n}_hashrate_average_hs"))  # noqa: E731  rows read alike
    yield Field(f"{board}_hashrate_5_min", "number", now)
    yield Field(f"{board}_hashrate_30_min", "number", average)
    yield Field(f"{board}_temp_1", "integer", lambda s: _first_temperature_c(s, n), n == 1)
    yield Field(f"{board}_temp_2", "integer", lambda s: _second_temperature_c(s, n))


def _of_fan(n: int) -> Field:
    return Field(f"fan_{n}_speed", "integer", lambda s: _fan_rpm(s, n), n == 1, "fan_speed_rpm")


SPECIFICATION: tuple[Field, ...] = (
    Field("model", "text", lambda s: s.known("model"), True),
    Field("model_variant", "text", lambda s: s.detail("model_variant")),
    Field("firmware_version", "text", _firmware, True),
    Field("software_version", "text", _software, True, "software_version"),
)
MONITOR: tuple[Field, ...] = (
    Field("hashrate_5_min", "number", lambda s: _in_ghs(s.reading.hashrate_hs), True),
    Field("hashrate_30_min", "number", lambda s: _in_ghs(s.reading.hashrate_average_hs)),
    Field("hashrate_uom", "text", lambda _: UNIT, True),
    Field("pool_rejection_rate", "number", lambda s: s.reading.reject_rate_percent),
    Field("uptime", "text", lambda s: as_uptime(s.reading.uptime_s), True),
    *(field for number in range(1, POOLS + 1) for field in _of_pool(number)),
    *(field for number in range(1, BOARDS + 1) for field in _of_board(number)),
    *(_of_fan(number) for number in range(1, FANS + 1)),
    Field("lan_ip", "text", lambda s: s.known("ip_address"), True),
    Field("wan_ip", "text", lambda s: s.settings.wan_ip),
    Field("coin_name", "text", lambda s: s.settings.coin_name, True, "coin_name"),
    Field("power", "integer", _power_w, True, "power_w"),
)
