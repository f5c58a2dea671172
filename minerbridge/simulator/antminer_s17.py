"""Antminer S17 with stock firmware: the old CGI, with sleep and an LED."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from minerbridge.simulator import antminer_old_rpc as rpc
from minerbridge.simulator.antminer_old import OldAntminer
from minerbridge.simulator.bitmain import json_reply
from minerbridge.simulator.device import NEVER_S, HttpRequest, Reply
from minerbridge.simulator.physics import Point, Rating
from minerbridge.simulator.rpc_api import NOTHING, Value

SLEEP = "254"


class AntminerS17(OldAntminer):
    """Its three boards are chains 1 to 3, its fans 1 to 4."""

    kind = "antminer_s17"
    id_prefix = "s17"
    description = "cgminer 4.9.0"
    model = "Antminer S17 Pro"
    bmminer = ("4.9.0", "17.10.1.3", "Wed Apr 10 09:57:06 CST 2019")
    chains = range(1, 4)
    fans = (1, 2, 3, 4)
    asic_groups = " oooooooo" * 6
    frequency_mhz = 535
    options = {  # noqa: RUF012 - copied by every device
        "bitmain-freq": "535",
        "bitmain-voltage": "1780",
        "bitmain-fan-ctrl": "false",
        "bitmain-fan-pwm": "100",
        "bitmain-work-mode": "0",
    }
    set_conf_s = 30.0  # the script restarts the program and sleeps 30 s before it answers
    rating = Rating(
        Point(50e12, 1975.0),
        sleep_power_w=30.0,
        boot_s=(50.0, 75.0),
        restart_s=(8.0, 14.0),
        hash_delay_s=(20.0, 30.0),
        ramp_s=30.0,
        chip_rise_c=52.0,
        fan_limits_rpm=(1800.0, 6000.0),
        hardware_error_rate=6e-6,
    )

    def __init__(self, number: int = 1, **common: Any) -> None:
        super().__init__(number, **common)
        self.pages["/cgi-bin/blink.cgi"] = self._blink

    def apply_conf(self) -> None:
        if self.conf["bitmain-work-mode"] == SLEEP:
            self.sleep()
        else:
            self.restart()

    def resume(self, up_at_s: float) -> None:
        """Stay asleep: the work mode is in the configuration and survives a reboot."""
        if self.conf["bitmain-work-mode"] == SLEEP:
            self.plant.rest_from(up_at_s)
        else:
            super().resume(up_at_s)

    def stats_row(self) -> dict[str, Value]:
        plant, chains = self.plant, self.chains
        boards = {n: round(plant.board_c(n)) for n in chains}
        chips = {n: round(plant.chip_c(n)) for n in chains}
        pcbs = {n: f"{c - 20}-{c}-{c - 21}-{c - 3}" for n, c in boards.items()}
        outlets = {n: f"{c - 15}-{c}-{c - 15}-{c - 1}" for n, c in chips.items()}
        return {
            **rpc.head(self, "BTM_SOC0"),
            "Voltage": "17.80",
            "Mode": int(self.conf["bitmain-work-mode"] or 0) or 1,
            "miner_count": len(chains),
            "frequency": "",
            **rpc.series("freq", dict.fromkeys(chains, self.conf["bitmain-freq"]), "0"),
            **rpc.fans(self),
            "temp_num": len(chains),
            **rpc.series("temp", boards, 0),
            **rpc.series("temp2_", {n: c - 15 for n, c in chips.items()}, 0),
            **rpc.series("temp3_", chips, 0),
            **rpc.series("temp_pcb", pcbs, "-"),
            **rpc.series("temp_chip", outlets, "-"),
            **rpc.series("freq_avg", dict.fromkeys(chains, NOTHING), NOTHING),
            **rpc.tail(self),
        }

    def _blink(self, request: HttpRequest) -> Reply:
        """``startBlink`` never answers: the script itself does the blinking."""
        form = parse_qs(request.body.decode("latin-1") or request.query)
        action = form.get("action", [""])[0]
        if action == "startBlink":
            self.write("blink startBlink", lambda: setattr(self, "led_on", True))
            return Reply(b"", is_write=True, after_s=NEVER_S)
        if action == "stopBlink":
            self.write("blink stopBlink", lambda: setattr(self, "led_on", False))
        return json_reply({"isBlinking": self.led_on}, is_write=action == "stopBlink")
