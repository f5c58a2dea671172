"""Antminer S9 with stock bmminer: no sleep, no LED, no watts, and JSON with a comma missing."""

from __future__ import annotations

from minerbridge.simulator import antminer_old_rpc as rpc
from minerbridge.simulator.antminer_old import OldAntminer
from minerbridge.simulator.physics import Point, Rating
from minerbridge.simulator.rpc_api import NOTHING, Value, fixed


class AntminerS9(OldAntminer):
    """Its three boards are chains 6 to 8, its fans 5 and 6."""

    kind = "antminer_s9"
    id_prefix = "s9"
    description = "bmminer 1.0.0"
    model = "Antminer S9"
    bmminer = ("2.0.0", "16.8.1.3", "Fri Nov 17 17:57:49 CST 2017")
    chains = range(6, 9)
    fans = (5, 6)
    asic_groups = " oooooooo" * 7 + " ooooooo"
    frequency_mhz = 637
    options = {  # noqa: RUF012 - copied by every device
        "bitmain-freq": "637",
        "bitmain-voltage": "0706",
        "bitmain-fan-ctrl": "false",
        "bitmain-fan-pwm": "100",
    }
    set_conf_s = 6.0
    stats_glue = ""  # bmminer 2.0.0 forgets the comma between STATS[0] and STATS[1]
    rating = Rating(
        Point(13.5e12, 1340.0),
        sleep_power_w=40.0,
        boot_s=(50.0, 75.0),
        restart_s=(8.0, 14.0),
        hash_delay_s=(25.0, 35.0),
        ramp_s=25.0,
        chip_rise_c=62.0,
        fan_limits_rpm=(2400.0, 6000.0),
    )

    def stats_row(self) -> dict[str, Value]:
        plant = self.plant
        boards: dict[int, Value] = {n: round(plant.board_c(n)) for n in self.chains}
        chips: dict[int, Value] = {n: round(plant.chip_c(n)) for n in self.chains}
        nothing: dict[int, Value] = dict.fromkeys(self.chains, 0)
        frequencies = dict.fromkeys(self.chains, fixed(self.frequency_mhz + 0.95))
        return {
            **rpc.head(self, "BC50"),
            "miner_count": len(self.chains),
            "frequency": self.conf["bitmain-freq"],
            **rpc.fans(self),
            "temp_num": len(self.chains),
            **rpc.series("temp", boards, 0),
            **rpc.series("temp2_", chips, 0),
            **rpc.series("temp3_", nothing, 0),
            **rpc.series("freq_avg", frequencies, NOTHING),
            **rpc.tail(self),
        }
