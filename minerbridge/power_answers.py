"""Requests about power and frequency, in the field names of the Net Stabilization API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minerbridge.errors import InvalidValue, Unsupported
from minerbridge.fleet.controller import Controller
from minerbridge.fleet.setpoints import OFF
from minerbridge.fleet_answers import target_kw
from minerbridge.miners.vnish.curve import DEFAULT, FREQUENCIES_MHZ, RATED_MHZ, Curve, CurvePoint
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import MinerProfile, OperatingPoint
from minerbridge.model_fleet import Moment
from minerbridge.mqtt.requests import Answerer
from minerbridge.request_fields import ADDRESS_FIELDS, known, named, number_in

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

SET_FREQUENCY = "set_frequency"


class PowerAnswers:
    """One method per request."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def table(self) -> dict[str, Answerer]:
        return {
            "power/frequencies": self.frequencies,
            "power/curve": self.curve,
            "power/miner": self.miner,
            "power/calculate": self.calculate,
            "power/set-frequency": self.set_frequency,
        }

    def frequencies(self, document: dict[str, Any]) -> Any:
        """Return what the named miner takes; without a name the list of an S9 with Vnish."""
        worker_profile = self._named(document)
        valid: tuple[float, ...] = tuple(float(mhz) for mhz in FREQUENCIES_MHZ)
        default: float | None = float(RATED_MHZ)
        if worker_profile is not None:
            profile = worker_profile[1]
            spec = profile.commands.get(SET_FREQUENCY)
            if spec is None:
                raise _no_frequency(profile)
            valid = tuple(float(choice) for choice in spec.parameters[0].choices)
            points = [one.frequency_mhz for one in profile.operating_points if one.frequency_mhz]
            valid = valid or tuple(points)
            default = max(points, default=None)
        return {
            "valid_frequencies": [_plain(mhz) for mhz in valid],
            "min_frequency": _plain(min(valid)) if valid else None,
            "max_frequency": _plain(max(valid)) if valid else None,
            "default_frequency": _plain(default),
        }

    def curve(self, document: dict[str, Any]) -> Any:
        """Return what the named miner draws at each set-point; else the field-measured S9 curve."""
        worker_profile = self._named(document)
        if worker_profile is None:
            points = [
                OperatingPoint(
                    one.power_w,
                    None if one.hashrate_ths is None else one.hashrate_ths * 1e12,
                    one.frequency_mhz,
                    one.voltage_v,
                )
                for one in DEFAULT
            ]
        else:
            points = list(worker_profile[1].operating_points)
            if not points:
                raise _no_frequency(worker_profile[1])
        return {"curve": [_curve_row(point) for point in points]}

    def miner(self, document: dict[str, Any]) -> Any:
        worker, profile = named(self._bridge, document)
        reading = worker.readings.get(profile.miner_id) if profile is not None else None
        frequency_mhz = reading.frequency_mhz if reading is not None else None
        power_w = reading.power_w if reading is not None else None
        estimated_w = reading.power_estimated_w if reading is not None else None
        if estimated_w is None and profile is not None and frequency_mhz and power_w is None:
            estimated_w = _estimate_w(profile, frequency_mhz)
        estimated_w = power_w if power_w is not None else estimated_w
        return {
            "miner_ip": worker.plan.host,
            "miner_id": worker.plan.miner_id if profile is None else profile.miner_id,
            "frequency_mhz": _plain(frequency_mhz),
            "voltage": reading.voltage_v if reading is not None else None,
            "power_watts": _plain(power_w),
            "estimated_power_watts": None if estimated_w is None else round(estimated_w),
            "estimated_power_kw": None if estimated_w is None else round(estimated_w / 1000, 3),
        }

    def calculate(self, document: dict[str, Any]) -> Any:
        """Return who would be told what for a power, without telling anyone."""
        power_kw = target_kw(document)
        rows = self._bridge.fleet.ask(
            lambda controller, now: _allocation(controller, 1000 * power_kw, now)
        )
        for row in rows:
            row["ip"] = self._bridge.worker_of(row["miner_id"]).plan.host
        total_w = sum(row["estimated_power"] for row in rows)
        counts = {action: sum(row["action"] == action for row in rows) for action in _ACTIONS}
        return {
            "target_power_kw": power_kw,
            "allocation": rows,
            "summary": {
                "full_miners": counts["full"],
                "swing_miners": counts["swing"],
                "idle_miners": counts["idle"],
                "estimated_power_watts": round(total_w),
                "estimated_power_kw": round(total_w / 1000, 3),
            },
        }

    def set_frequency(self, document: dict[str, Any]) -> Any:
        frequency_mhz = number_in(document, "frequency_mhz", 1, 10_000)
        voltage_v = number_in(document, "voltage", 0, 100)
        if frequency_mhz is None:
            raise InvalidValue("frequency_mhz is missing")
        worker, profile = known(self._bridge, document)
        if SET_FREQUENCY not in profile.commands:
            raise _no_frequency(profile)
        parameters: dict[str, Any] = {"frequency_mhz": _plain(frequency_mhz)}
        if voltage_v is not None:
            parameters["voltage_v"] = voltage_v
        command = self._bridge.answers.send(profile, SET_FREQUENCY, parameters, document)
        point = _nearest(profile, frequency_mhz)
        return {
            "success": None,
            "message": f"{_plain(frequency_mhz)} MHz is being set; the result follows",
            "miner_ip": worker.plan.host,
            "miner_id": profile.miner_id,
            "frequency_mhz": _plain(frequency_mhz),
            "voltage": voltage_v if voltage_v is not None else point and point.voltage_v,
            "estimated_power_watts": _rounded(_estimate_w(profile, frequency_mhz)),
            "id": command.id,
        }

    def _named(self, document: dict[str, Any]) -> tuple[MinerWorker, MinerProfile] | None:
        if all(document.get(field) is None for field in ADDRESS_FIELDS):
            return None
        return known(self._bridge, document)


_ACTIONS = ("full", "swing", "idle")


def _allocation(controller: Controller, power_w: float, now: Moment) -> list[dict[str, Any]]:
    rows = []
    for one, point in controller.would_be(power_w, now):
        top = one.points[-1]
        action = "idle" if point.key == OFF else "full" if point.key == top.key else "swing"
        rows.append(
            {
                "miner_id": one.miner_id,
                "ip": None,
                "action": action,
                "frequency": _plain(point.frequency_mhz),
                "voltage": point.parameters.get("voltage_v"),
                "power_percent": _plain(point.power_percent),
                "power_limit": _plain(point.power_limit_w),
                "estimated_power": round(point.power_w),
            }
        )
    return sorted(rows, key=lambda row: row["miner_id"])


def _curve_row(point: OperatingPoint) -> dict[str, Any]:
    hashrate = point.hashrate_hs
    row = {
        "frequency_mhz": _plain(point.frequency_mhz),
        "power_watts": _plain(round(point.power_w, 1)),
        "hashrate_ths": None if hashrate is None else round(hashrate / 1e12, 2),
        "voltage": point.voltage_v,
    }
    if point.power_percent is not None:
        row["power_percent"] = _plain(point.power_percent)
    return row


def _nearest(profile: MinerProfile, frequency_mhz: float) -> OperatingPoint | None:
    points = [one for one in profile.operating_points if one.frequency_mhz is not None]
    return min(points, key=lambda p: abs((p.frequency_mhz or 0) - frequency_mhz), default=None)


def _estimate_w(profile: MinerProfile, frequency_mhz: float) -> float | None:
    """Return what the miner draws at a frequency by its curve; None beyond its ends."""
    points = profile.operating_points
    curve = Curve([CurvePoint(p.frequency_mhz, p.power_w) for p in points if p.frequency_mhz])
    if not curve.points:
        return None
    default = Curve()
    if all(abs(default.at(p.frequency_mhz).power_w - p.power_w) < 1 for p in curve.points):
        curve = default  # which goes on above what a dispatch may choose
    is_inside = curve.points[0].frequency_mhz <= frequency_mhz <= curve.points[-1].frequency_mhz
    return curve.at(frequency_mhz).power_w if is_inside else None


def _no_frequency(profile: MinerProfile) -> Unsupported:
    model = profile.model or profile.family
    return Unsupported(f"{model} ({profile.miner_id}) has no frequencies that can be set")


def _plain(value: float | None) -> float | None:
    """Return whole numbers without a fraction, as people write them."""
    return int(value) if value is not None and value == int(value) else value


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
