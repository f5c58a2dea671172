"""Every recorded IceRiver, where the whole collection is at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from minerbridge.errors import BadReply, MinerLocked, MinerUnreachable
from minerbridge.miners.iceriver import panel
from minerbridge.miners.iceriver.boards import sensor_faults
from minerbridge.miners.iceriver.codes import failure
from minerbridge.miners.iceriver.daemon import _as_panel

COLLECTION = os.environ.get("MINERBRIDGE_RECORDINGS")
FOLDER = Path(COLLECTION or ".") / "iceriver"
pytestmark = pytest.mark.skipif(
    not COLLECTION, reason="MINERBRIDGE_RECORDINGS names no collection of recorded replies"
)
KS5L, KS3M = "KS5L__ICM168_3_2_10/userpanel_post4", "KS3M__mock/userpanel_post4"
# model, GH/s, mean GH/s, hottest chip °C, hottest board °C, MHz, boards, fans, uptime s,
# accepted, rejected, faulty sensors
PANELS = {
    KS5L: ("IceRiver KS5L", 15011, 10789, 67, 62, 875, 3, 4, 102_542, 7225, 0, 0),
    f"{KS5L}_edited_values": (
        "IceRiver KS5L", 11258, 10945, 31, 30, 875, 3, 4, 5_408_256, 3, 33, 0,
    ),
    KS3M: ("IceRiver KS3M", 6226, 6308, 49, 26, 875, 3, 4, 34_562, 3058, 76, 1),
    "KS0__tcp4111": (None, 155, 152, 52, 34, None, 1, 2, 33_683, 2418, 0, 0),
}  # fmt: skip
OTHERS = {
    "KS3M__mock/machineconfig_post1", "KS3M__mock/machineconfig_post3", "errors_and_small_replies",
}  # fmt: skip
NONE = type(None)
ERRORS: dict[str, type] = {
    "login_ok": NONE, "login_no_user": MinerLocked, "login_bad_pwd": MinerLocked,
    "daemon_not_running": MinerUnreachable, "daemon_silent": MinerUnreachable,
    "daemon_bad_json": BadReply, "locate_or_restart_ok": NONE, "hello_ok_post7": NONE,
    "userpanel_unknown_post_or_post1": BadReply,
}  # fmt: skip


def _told(name):
    """Return the document of a recording; that of port 4111 is joined of its replies."""
    folder = FOLDER / name
    if not folder.is_dir():
        return json.loads(folder.with_suffix(".json").read_text())["data"]
    joined: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        if path.stem != "replies":
            joined |= _as_panel(path.stem, json.loads(path.read_text())["ret"])
    return joined


def test_no_recording_is_left_out():
    found = {
        str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.json")
        if path.parent.name != "KS0__tcp4111"
    }  # fmt: skip
    assert found == (PANELS.keys() - {"KS0__tcp4111"}) | OTHERS


@pytest.mark.parametrize("name", PANELS)
def test_key_figures(name):
    told = _told(name)
    found = panel.parse(told)
    figures = (
        found.get("model"), found["hashrate_hs"] / 1e9, found["hashrate_average_hs"] / 1e9,
        found["chip_temperature_c"], found["board_temperature_c"], found.get("frequency_mhz"),
        len(found["boards"]), len(panel.fans_rpm(told)), found["uptime_s"],
        found["shares_accepted"], found["shares_rejected"], len(sensor_faults(told)),
    )  # fmt: skip
    assert figures == PANELS[name]


def test_the_replies_of_port_4111_are_those_joined_in_one_file():
    replies = json.loads((FOLDER / "KS0__tcp4111/replies.json").read_text())
    joined: dict[str, Any] = {}
    for name, reply in replies.items():
        joined |= _as_panel(name, reply["ret"])
    assert panel.parse(joined)["hashrate_hs"] == 155e9


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    reply = json.loads((FOLDER / "errors_and_small_replies.json").read_text())[name]
    assert isinstance(failure(reply, write=False), ERRORS[name])
