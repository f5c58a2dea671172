"""The web pages of Vnish 3.9 beside Bitmain's own: sleep, configuration, LED, profiles, logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from minerbridge.simulator import vnish_s9_conf as conf
from minerbridge.simulator.bitmain import Cgi, json_reply
from minerbridge.simulator.device import NEVER_S, HttpRequest, Reply

if TYPE_CHECKING:
    from minerbridge.simulator.vnish_s9 import VnishS9

STATUS_S, STORE_S = 2.5, 6.0
TEXT = "text/plain"
#: Built by echo around calls that fail while the mining program is down.
BROKEN_STATUS = (
    b'{"summary":{"elapsed":"","ghs5s":"","ghsav":"","accepted":"","rejected":"","hw":""},'
    b'"pools":[{"index":"0","url":,"user":,"status":,"priority":}],'
    b'"devs":[{"index":"6","chain_acn":"","freq":"","rate": ,"chain_consumption": }]}'
)


def pages(device: VnishS9) -> dict[str, Cgi]:
    found: dict[str, Cgi] = {
        "get_miner_status.cgi": lambda _: status(device),
        "get_miner_conf.cgi": lambda _: Reply(device.conf_text.encode()),
        "set_miner_conf_custom.cgi": lambda request: store(device, request),
        "do_sleep_mode.cgi": lambda request: sleep_mode(device, request),
        "stop_bmminer.cgi": lambda _: done(device, "stop_bmminer", b"ok", device.fall_asleep),
        "reboot_cgminer.cgi": lambda _: restart(device),
        "find_mode.cgi": lambda request: find(device, request),
        "switch.cgi": lambda request: over_rpc(device, "switchpool", request),
        "volt.cgi": lambda request: over_rpc(device, "volt", request),
        "profile.cgi": lambda request: profile(device, request),
        "profile_list.cgi": lambda _: profiles(device),
        "get_autofreq_log.cgi": lambda _: Reply(b"Autofreq: idle\n", content_type=TEXT),
        "get_kernel_log.cgi": lambda _: Reply(b"[0.000000] Booting Linux\n", content_type=TEXT),
        "check.cgi": lambda _: Reply(b"1"),
        "chip_hr.json": lambda _: chips(device, "chiphr", "69"),
        "chip_hw.json": lambda _: chips(device, "chiphw", "0"),
        "passwd.cgi": lambda request: password(device, request),
        "reset_conf.cgi": lambda _: done(device, "reset_conf", b"", device.reset),
        "set_network_conf.cgi": lambda request: done(
            device, f"set_network_conf {request.body.decode('latin-1')}", b"ok"
        ),
    }
    return {f"/cgi-bin/{name}": page for name, page in found.items()}


def done(device: VnishS9, what: str, answer: bytes, action: object = None) -> Reply:
    device.write(what, action if callable(action) else None)
    return Reply(answer, is_write=True)


def status(device: VnishS9) -> Reply:
    if not device.is_up:
        return Reply(BROKEN_STATUS, after_s=STATUS_S)
    told = device.status_page()
    return Reply(json.dumps(told).encode(), after_s=STATUS_S, content_type="application/json")


def store(device: VnishS9, request: HttpRequest) -> Reply:
    values = conf.positional(request.body.decode("latin-1"))
    device.write(f"set_miner_conf_custom {values}", lambda: device.store(values))
    waits_s = 1.0 if values["presave"] in ("1", "2") else STORE_S
    return Reply(b"ok", is_write=True, after_s=waits_s)


def sleep_mode(device: VnishS9, request: HttpRequest) -> Reply:
    mode = _value(request)
    actions = {"0": device.wake, "1": device.fall_asleep}
    return done(device, f"do_sleep_mode {mode}", b"OK", actions.get(mode))


def restart(device: VnishS9) -> Reply:
    """Never answer: the script's output stays open with the program that it started."""
    device.write("reboot_cgminer", device.restart)
    return Reply(b"", is_write=True, after_s=NEVER_S)


def find(device: VnishS9, request: HttpRequest) -> Reply:
    enabled = _value(request) == "1"

    def blink() -> None:
        device.led_on = enabled

    return done(device, f"find_mode {enabled}", b"Enabled" if enabled else b"Disabled", blink)


def over_rpc(device: VnishS9, command: str, request: HttpRequest) -> Reply:
    """Pass on to the RPC, and say ok whether anyone listens there or not."""
    if device.is_up:
        device.rpc(f"{command}|{_value(request)}".encode())
    return Reply(b"ok", is_write=True)


def profile(device: VnishS9, request: HttpRequest) -> Reply:
    words = [part.partition("=")[2] for part in request.body.decode("latin-1").split("&")]
    name, action = conf.decoded(words[0]), words[1] if len(words) > 1 else ""
    actions = {"0": device.save_profile, "1": device.use_profile, "2": device.drop_profile}
    chosen = actions.get(action)
    return done(device, f"profile {name} {action}", b"Done!", chosen and (lambda: chosen(name)))


def profiles(device: VnishS9) -> Reply:
    files = [{"type": "file", "name": f"{name}.conf"} for name in sorted(device.profiles)]
    report = {"type": "report", "directories": 0, "files": len(files)}
    folder = {"type": "directory", "name": "/config/profiles/", "contents": files}
    return json_reply([folder, report])


def chips(device: VnishS9, name: str, value: str) -> Reply:
    """Show the file that the mining program leaves behind, so that it is there asleep as well."""
    board = {f"Asic{n:02d}": value for n in range(device.asic_groups.count("o"))}
    return json_reply({name: [board for _ in device.chains]})


def password(device: VnishS9, request: HttpRequest) -> Reply:
    words = [part.partition("=")[2] for part in request.body.decode("latin-1").split("&")]
    given = [conf.decoded(word) for word in words]
    is_right = len(given) == 3 and given[0] == device.digest.password and given[1] == given[2]
    if not is_right:
        return Reply(b"error")
    return done(device, "passwd", b"ok", lambda: device.digest.set_password(given[1]))


def _value(request: HttpRequest) -> str:
    return request.body.decode("latin-1").partition("&")[0].partition("=")[2]
