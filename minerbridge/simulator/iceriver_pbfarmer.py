"""IceRiver with pbfarmer's firmware: HTTPS, API tokens, sleep and a clock that can be moved."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from minerbridge.simulator import iceriver_panel as panel
from minerbridge.simulator.device import HttpRequest, Reply
from minerbridge.simulator.iceriver import PAGE, SLEEP, IceRiver, failure
from minerbridge.simulator.physics import Point

TOKEN = "5b281acc-0000-4000-8000-d266d9c9edbd"  # noqa: S105  # of a simulated device
ALL = ("view_miner", "edit_miner", "edit_all")
MINUTES = 5
Document = dict[str, Any]
Action = Callable[[], None]


class IceRiverPbfarmer(IceRiver):
    """*permissions* of the one token there is. *post_only*: changes are not taken by GET."""

    kind = "iceriver_pbfarmer"
    id_prefix = "pbfarmer"
    default_ports: ClassVar[Mapping[str, int]] = {"http": 443}
    protocols: ClassVar[Mapping[str, str]] = {"http": "https"}
    credentials = ("admin", TOKEN)

    def __init__(
        self, number: int = 1, *, permissions: Collection[str] = ALL, post_only: bool = False,
        **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(number, **common)
        self.permissions, self.post_only = set(permissions), post_only
        self.clock_offset_mhz = 0

    def normal_point(self) -> Point:
        clock = 1 + self.clock_offset_mhz / self.model.clock_mhz
        return self.plant.point.scaled(clock, 0.25 + 0.75 * clock)

    def http(self, request: HttpRequest) -> Reply:
        reads: dict[str, Callable[[], Document]] = {
            "/api/overview": lambda: {"data": self._overview()},
            "/api/machine": lambda: {"machine": self._machine()},
            "/api/clock": lambda: {
                "clock": {"base": self.model.clock_mhz, "offset": self.clock_offset_mhz}
            },
            "/api/network": lambda: {"network": panel.network(self)},
        }
        if request.path == "/":
            return Reply(PAGE)
        if request.path == "/api/machine/ping":
            return _json({"error": 0, "message": ""})
        if request.headers.get("authorization") != f"Bearer {TOKEN}" or self.faults.wrong_password:
            return Reply(b"", status=401)
        if request.path in reads:
            return self._read(reads[request.path])
        if request.path == "/api/timeseries":
            return self._read(lambda: self._series(request.query))
        return self._write(request)

    def _read(self, answer: Callable[[], Document]) -> Reply:
        if "view_miner" not in self.permissions:
            return Reply(b"", status=403)
        if self.error:
            return _json(failure(self.error, "by order of a test"))
        return _json({"error": 0, **answer(), "message": ""}, after_s=self.slow_s)

    def _write(self, request: HttpRequest) -> Reply:
        form = parse_qs(request.body.decode("latin-1"))
        offset = form.get("offset", [""])[0]
        actions: dict[str, tuple[str, Action]] = {
            "/api/machine/sleep": ("edit_miner", lambda: self.set_mode(SLEEP)),
            "/api/machine/wake": ("edit_miner", lambda: self.set_mode(1)),
            "/api/machine/reboot": ("edit_miner", self.reboot),
            "/api/machine/locate": ("edit_all", self._toggle_led),
            "/api/machine/reset": ("edit_all", self.reset_to_factory),
            "/api/clock/update": ("edit_miner", lambda: self._move_clock(int(offset))),
        }
        if request.path not in actions:
            return Reply(b"Not Found", status=404)
        if self.post_only and request.method != "POST":
            return Reply(b"", status=405)
        permission, act = actions[request.path]
        if permission not in self.permissions:
            return Reply(b"", status=403)
        if request.path == "/api/clock/update" and not offset.lstrip("-").isdecimal():
            return _json(failure(1, "invalid offset"), is_write=True)
        self.write(f"{request.path} {offset}".strip(), act)
        return _json({"error": 0, "message": ""}, is_write=True)

    def _toggle_led(self) -> None:
        self.led_on = not self.led_on

    def _move_clock(self, offset_mhz: int) -> None:
        self.clock_offset_mhz = offset_mhz
        if not self.plant.is_resting:
            self.plant.retune(self.normal_point(), ramp_s=30.0)

    def _machine(self) -> Document:
        return {"device": self.model.name, "mode": "sleep" if self.mode == SLEEP else "normal"}

    def _overview(self) -> Document:
        told = panel.panel(self)
        clock_mhz = self.model.clock_mhz + self.clock_offset_mhz
        for index, board in enumerate(told["boards"]):
            board |= {
                "chiptmp": round(self.plant.chip_c(index), 6), "chipvoltage": 0.4816,
                "chippll": float(clock_mhz), "freq": float(clock_mhz),
                "chipsuc": float(self.model.chips),
                "false": list(range(self.model.chips + 1, 19)),
            }  # fmt: skip
        for pool in told["pools"]:
            pool |= {"jobrate": 1.0, "jobs": 65940.0, "sessionjobs": 7653.0, "uptime": 7259.0}
        return told | {
            "softver1": f"pbv077c_{self.model.name.lower()}miner", "softver2": "pbv077c_bg",
            "model": self.model.name, "firmtype": "Custom",
        }  # fmt: skip

    def _series(self, query: str) -> Document:
        name = parse_qs(query).get("series", [""])[0]
        if name != "powerdraw" or not self.model.measures_power:
            return failure(1, "invalid series")
        share_w = self.power_w / self.model.boards
        return {"series": [[round(share_w, 3)] * self.model.boards] * MINUTES}


def _json(document: Document, *, is_write: bool = False, after_s: float = 0.0) -> Reply:
    return Reply(json.dumps(document).encode(), is_write, after_s, content_type="application/json")
