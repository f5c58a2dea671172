"""Every recorded Antminer, where the whole collection is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minerbridge.miners.antminer import cgi, stats
from minerbridge.miners.rpc_decode import decode

COLLECTION = os.environ.get("MINERBRIDGE_RECORDINGS")
FOLDER = Path(COLLECTION or ".") / "antminer"
pytestmark = pytest.mark.skipif(
    not COLLECTION, reason="MINERBRIDGE_RECORDINGS names no collection of recorded replies"
)
# folder: model, TH/s, hottest chip °C, MHz, boards, working chips, fans that turn, uptime s
EXPECTED = {
    "DR5__stock-2018-12-28": ("Antminer DR5", 35.56822, 75, 600, 3, 216, 2, 1_185_031),
    "KS5__stock-jansson2": ("Antminer KS5", None, 70, None, 3, 0, 2, 366_810),
    "S15__stock-2018-12-03": ("Antminer S15", 28.45453, 81, 384.75, 4, 288, 2, 502_346),
    "S17-Pro__stock-2019-04-10": ("Antminer S17 Pro", 50.02655, 80, 535, 3, 144, 4, 199_068),
    "S17__vnish-0.9.2-alpha": (
        "Antminer S17 (vnish 0.9.2-alpha)", 66.41073, 75, 675, 3, 144, 0, 63_850,
    ),
    "S19-Pro__stock-2022-12-06-web2020": (
        "Antminer S19 Pro", 110.56689, 78, 525, 3, 342, 4, 50_474,
    ),
    "S19-XP-Hyd__stock-mock": ("Antminer S19 XP Hyd", 256.81244, 89, 475, 3, 612, 0, 3600),
    "S21__stock-mock": ("Antminer S21", 256.81244, 89, 475, 3, 612, 0, 3600),
    "S9-SE__stock-2019-07-11": ("Antminer S9 SE", 15.6566, 79, 431, 3, 180, 2, 356_805),
    "S9k__stock-2019-07-11": ("Antminer S9k", 12.99584, 90, 385, 3, 180, 2, 283_975),
    "Z9-Mini__stock-2018-05-26": ("Antminer Z9-Mini", 15.82e-9, 71, 750, 3, 12, 1, 1_246_310),
}  # fmt: skip


def _recorded():
    return sorted(path.name for path in FOLDER.iterdir()) if COLLECTION else []


def test_no_recording_is_left_out():
    assert _recorded() == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_key_figures(name):
    over_rpc, over_web = FOLDER / name / "stats.json", FOLDER / name / "http_cgi-bin-stats.json"
    parser = stats if over_rpc.exists() else cgi
    reply = decode((over_rpc if over_rpc.exists() else over_web).read_bytes())
    found = stats.parse(reply) if parser is stats else cgi.parse_stats(reply)
    model, rate_ths, chip_c, mhz, boards, chips, fans, uptime_s = EXPECTED[name]
    rate_hs = None if rate_ths is None else rate_ths * 1e12
    assert found["model"] == model
    assert found.get("hashrate_hs") == pytest.approx(rate_hs)
    assert (found["chip_temperature_c"], found.get("frequency_mhz")) == (chip_c, mhz)
    assert len(found["boards"]) == boards
    assert sum(board.chips or 0 for board in found["boards"]) == chips
    assert sum(1 for rpm in parser.fans_rpm(reply).values() if rpm) == fans
    assert found["uptime_s"] == uptime_s
