"""The demo's Mining Rig Monitor: the simulated server, with an address in place of its web page.

`POST /demo/miners/<id>/expected` with `asic=off` (or `asic=on`, `light=on`, `light=off`) is what a
person would click there; `GET` of the same address tells what is expected.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from minerbridge.demo.journal import Journal
from minerbridge.demo.miners import nameplate_w
from minerbridge.simulator.cgminer import Cgminer
from minerbridge.simulator.device import Device
from minerbridge.simulator.mining_platform import MiningPlatform
from minerbridge.simulator.rig_monitor_server import BASE, NOT_FOUND, RigMonitorServer, Said

PAGES, PAGE = "/demo/miners/", "/expected"
#: The server calls a miner offline after 60 s.
QUICK_REPORT_S, SLOW_REPORT_S = 4.0, 45.0
QUICK_STATUS_S, SLOW_STATUS_S = 1.0, 15.0
REPORTS_PER_S, QUESTIONS_PER_S = 50, 500
COINS = {"iceriver": "Kaspa"}
MOST_MINED = "Bitcoin"
#: What a rig does not report, as its owner would look it up.
RIG = {
    "coin_name": "Monero",
    "motherboard_name": "X10DRL-i",
    "cpu_name": "Xeon E5-2650",
    "ram_size": "16GB",
}
WRONG_WISH = {"errors": {"detail": "expected asic=on, asic=off, light=on or light=off"}}


@dataclass(frozen=True, slots=True)
class Report:
    """Values that the server took, in its own field names."""

    miner_id: str
    values: Mapping[str, Any]


class DemoMonitor(RigMonitorServer):
    """Tells the journal what it is sent first of each miner, then counts.

    *specified* and *reporting* hold the miners whose specification and values were taken.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.keeps = False  # a demo may run for days
        self.specified: set[str] = set()
        self.reporting: set[str] = set()
        self.reports = 0
        self.last: Report | None = None
        self._journal = journal
        self._counting = threading.Lock()

    def page(self, miner_id: str) -> str:
        """Return the address that stands in for a miner's switches on the web page."""
        return f"{self.url.removesuffix(BASE.rstrip('/'))}{PAGES}{miner_id}{PAGE}"

    def settings(self, devices: Sequence[Device], prefix: str) -> dict[str, Any]:
        """Admit *devices* under codes drawn now; return the bridge's settings for reporting."""
        miners = dict(_reported(devices, prefix))
        for miner_id, one in miners.items():
            form = "cpu_gpu_miners" if "motherboard_name" in one else "asic_miners"
            one["api_code"] = secrets.token_hex(8)
            self.add(one["api_code"], form, miner_id)
        number = len(miners)
        return {
            "url": self.url,
            "report_interval_s": min(SLOW_REPORT_S, max(QUICK_REPORT_S, number / REPORTS_PER_S)),
            "status_interval_s": min(SLOW_STATUS_S, max(QUICK_STATUS_S, number / QUESTIONS_PER_S)),
            "apply_expected_status": True,
            "miners": miners,
        }

    def answer(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Said:
        if path.startswith(PAGES) and path.endswith(PAGE):
            return self._switch(method, path.removeprefix(PAGES).removesuffix(PAGE), raw)
        said = super().answer(method, path, headers, raw)
        miner = self.miners.get(headers.get("api_code", ""))
        if method == "POST" and miner is not None:
            self._note(path.removeprefix(BASE), miner.name, raw, said)
        return said

    def _switch(self, method: str, miner_id: str, raw: bytes) -> Said:
        asics = (one for one in self.miners.values() if one.form == "asic_miners")
        miner = next((one for one in asics if one.name == miner_id), None)
        if miner is None:
            return 404, NOT_FOUND
        wishes = parse_qsl(raw.decode("utf-8", "replace").strip())
        if method == "POST":
            known = {key in ("asic", "light") and value in ("on", "off") for key, value in wishes}
            if known != {True}:
                return 422, WRONG_WISH
            for switch, wish in wishes:
                setattr(miner, switch, wish)
                self._journal.note(miner_id, f"monitor expects {switch} {wish}")
        return 200, {
            "name": miner.name,
            "asic_expected_status": miner.asic,
            "light_expected_status": miner.light,
        }

    def _note(self, endpoint: str, miner_id: str, raw: bytes, said: Said) -> None:
        status, document = said
        if status != 200:
            self._journal.note(miner_id, f"monitor refuses {endpoint}: {document}", "bad")
            return
        values = json.loads(raw)
        if endpoint.endswith("specs"):
            self.specified.add(miner_id)
            what = values.get("model") or values.get("cpu_name")
            self._journal.note(miner_id, f"specification posted: {what}", "good")
        elif endpoint.endswith("logs"):
            with self._counting:
                self.reports += 1
                self.last = Report(miner_id, values)
                is_first = miner_id not in self.reporting
                self.reporting.add(miner_id)
            if is_first:
                self._journal.note(miner_id, f"values posted: {_spoken(values)}", "good")


def line(monitor: DemoMonitor) -> str:
    """Return what the monitor was told: how many miners it knows, and the last values."""
    words = f"monitor knows {len(monitor.specified)} of {len(monitor.miners)}"
    last = monitor.last
    if last is None:
        return f"{words}, no values yet"
    return f"{words}, {monitor.reports} reports, last {last.miner_id}: {_spoken(last.values)}"


def _spoken(values: Mapping[str, Any]) -> str:
    if "hashrate_5_min" in values:
        rate, unit = values["hashrate_5_min"], values["hashrate_uom"]
        return f"{rate:.0f} {unit}, {values['power']} W, {values['hashboard_1_temp_1']} °C"
    return f"{values.get('cpu_hashrate', 0)} {values.get('cpu_hashrate_uom', 'H/s')}"


def _reported(devices: Iterable[Device], prefix: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the settings of each miner that tells enough for the server's forms.

    What mines on a GPU of a rig does not say which, and bare cgminer names no model.
    """
    for device in devices:
        own_id = f"{prefix}{device.id}"
        if isinstance(device, MiningPlatform):
            on_cpu = (one for one in device.miners.values() if not one.config.get("cuda"))
            yield from ((f"{own_id}_{one.name.replace('-', '_')}", dict(RIG)) for one in on_cpu)
            continue
        if device.kind == Cgminer.kind:
            continue
        own: dict[str, Any] = {"coin_name": COINS.get(device.family, MOST_MINED)}
        power_w = nameplate_w(device)
        if power_w is not None:
            own["power_w"] = power_w
        yield own_id, own
