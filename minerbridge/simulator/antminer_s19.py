"""Antminer S19 with stock firmware of the new generation: JSON CGI, sleep, LED, no watts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from minerbridge.simulator import antminer_s19_cgi as cgi
from minerbridge.simulator import antminer_s19_rpc as rpc
from minerbridge.simulator.bitmain import BitmainDevice, json_reply
from minerbridge.simulator.device import HttpRequest, Reply
from minerbridge.simulator.physics import Point, Rating
from minerbridge.simulator.pools import PoolEntry
from minerbridge.simulator.rpc_api import Answer

NORMAL, SLEEP, LOW_POWER = 0, 1, 3
OK = {"stats": "success", "code": "M000", "msg": "OK!"}
INVALID_POOL = {"stats": "error", "code": "M001", "msg": "Invalid pool!"}
RESTART_S = 6.0


class AntminerS19(BitmainDevice):
    """*reports_power*: like builds with ``/miner_power`` and ``chain_power``."""

    kind = "antminer_s19"
    id_prefix = "s19"
    description = "cgminer 1.0.0"
    joins = False  # S19 stock does not join
    model = "Antminer S19 Pro"
    rating = Rating(
        Point(110e12, 3250.0),
        sleep_power_w=22.0,
        boot_s=(45.0, 70.0),
        hash_delay_s=(12.0, 20.0),
        ramp_s=30.0,
        chip_rise_c=46.0,
        thermal_s=80.0,
        share_difficulty=524288.0,
        hardware_error_rate=2e-7,
    )

    def __init__(self, number: int = 1, *, reports_power: bool = False, **common: Any) -> None:
        super().__init__(number, **common)
        self.reports_power = reports_power
        self.mode, self.level_percent = NORMAL, 100
        self.fan_fixed, self.fan_percent = False, "100"
        folder = "/cgi-bin"
        self.pages = {
            f"{folder}/get_system_info.cgi": lambda _r: json_reply(cgi.system_info(self)),
            f"{folder}/get_network_info.cgi": lambda _r: json_reply(self.network()),
            f"{folder}/summary.cgi": lambda _r: json_reply(cgi.summary(self)),
            f"{folder}/stats.cgi": lambda _r: json_reply(cgi.stats(self)),
            f"{folder}/pools.cgi": lambda _r: json_reply(cgi.pools(self)),
            f"{folder}/get_miner_conf.cgi": lambda _r: json_reply(cgi.configuration(self)),
            f"{folder}/get_blink_status.cgi": lambda _r: json_reply({"blink": self.led_on}),
            f"{folder}/miner_type.cgi": lambda _r: json_reply(cgi.miner_type(self)),
            f"{folder}/log.cgi": lambda _r: Reply(cgi.log(self), content_type="text/plain"),
            f"{folder}/set_miner_conf.cgi": self._set_miner_conf,
            f"{folder}/blink.cgi": self._blink,
            f"{folder}/reboot.cgi": lambda _r: self._rebooted("reboot"),
            f"{folder}/reset_conf.cgi": self._reset_conf,
            f"{folder}/passwd.cgi": self._passwd,
            f"{folder}/set_network_conf.cgi": self._set_network_conf,
        }
        if reports_power:
            self.pages["/miner_power"] = lambda _r: Reply(
                b"miner power:%d" % round(self.power_w), content_type="text/plain"
            )

    def rpc(self, request: bytes) -> Reply:
        """Answer; with the flag ``new_api`` the CGI's documents over the RPC port."""
        command = _new_api_command(request)
        document = {"stats": cgi.stats, "summary": cgi.summary, "pools": cgi.pools}.get(command)
        if document is None:
            return super().rpc(request)
        self.requests[f"rpc {command}"] += 1
        return Reply(json_reply(document(self)).body + b"\0")

    def answer(self, command: str) -> Answer:
        return rpc.ANSWERS[command](self)

    def normal_point(self) -> Point:
        full = self.plant.point
        if self.mode == LOW_POWER:
            return full.scaled(0.78, 0.68)
        level = self.level_percent / 100
        return full.scaled(level, 0.3 * level + 0.7 * level**2)

    def resume(self, up_at_s: float) -> None:
        """Stay asleep: the mode is in the configuration and survives a reboot."""
        if self.mode == SLEEP:
            self.plant.rest_from(up_at_s)
        else:
            super().resume(up_at_s)

    def _set_miner_conf(self, request: HttpRequest) -> Reply:
        wanted = _json_object(request.body)
        mode, level = _integer(wanted.get("miner-mode", 0)), wanted.get("freq-level", "100")
        pools = wanted.get("pools")
        is_known = mode in (NORMAL, SLEEP, LOW_POWER) and _integer(level) is not None
        if not is_known or not isinstance(pools, list) or not pools:
            return json_reply(INVALID_POOL, is_write=True)
        self.write(
            f"set_miner_conf {json.dumps(wanted, sort_keys=True)}",
            lambda: self._apply(wanted, mode or 0, _integer(level) or 100),
        )
        return json_reply(OK, is_write=True)

    def _apply(self, wanted: dict[str, Any], mode: int, level_percent: int) -> None:
        self.pool_entries = [
            PoolEntry(str(one.get("url", "")), str(one.get("user", "")), str(one.get("pass", "")),
                      priority=index)
            for index, one in enumerate(wanted["pools"])
        ]  # fmt: skip
        self.mode, self.level_percent = mode, level_percent
        self.fan_fixed = bool(wanted.get("bitmain-fan-ctrl", False))
        self.fan_percent = str(wanted.get("bitmain-fan-pwm", "100"))
        if mode == SLEEP:
            self.sleep(RESTART_S)
        else:
            self.restart(after_s=RESTART_S)

    def _blink(self, request: HttpRequest) -> Reply:
        """Take JSON or a form; anything but true switches off."""
        form = parse_qs(request.body.decode("latin-1"))
        blink = _json_object(request.body).get("blink", form.get("blink", [""])[0])
        turn_on = blink is True or blink == "true"
        self.write(f"blink {str(turn_on).lower()}", lambda: setattr(self, "led_on", turn_on))
        return json_reply({"code": "B000" if turn_on else "B100"}, is_write=True)

    def _rebooted(self, what: str) -> Reply:
        self.write(what, self.reboot)
        return Reply(b"", is_write=True)

    def _reset_conf(self, _request: HttpRequest) -> Reply:
        def reset() -> None:
            self.mode, self.level_percent = NORMAL, 100
            self.reboot()

        self.write("reset_conf", reset)
        return Reply(b"", is_write=True)

    def _passwd(self, request: HttpRequest) -> Reply:
        given = _json_object(request.body)
        new = given.get("newPwd")
        if given.get("curPwd") != self.digest.password:
            return json_reply({"stats": "error", "code": "P001", "msg": "Invalid password!"})
        if not isinstance(new, str) or not new or new != given.get("confirmPwd"):
            return json_reply({"stats": "error", "code": "P002", "msg": "Passwords differ!"})
        self.write("passwd", lambda: self.digest.set_password(new))
        return json_reply({"stats": "success", "code": "P000", "msg": "OK!"}, is_write=True)

    def _set_network_conf(self, request: HttpRequest) -> Reply:
        wanted = _json_object(request.body)
        if _integer(wanted.get("ipPro")) not in (1, 2):
            return json_reply({"stats": "error", "code": "N001", "msg": "Invalid protocol!"})
        host = str(wanted.get("ipHost") or self.hostname)
        self.write(f"set_network_conf {json.dumps(wanted, sort_keys=True)}",
                   lambda: setattr(self, "hostname", host))  # fmt: skip
        return json_reply({"stats": "success", "code": "N000", "msg": "OK!"}, is_write=True)


def _new_api_command(request: bytes) -> str:
    if b"new_api" not in request:
        return ""
    wanted = _json_object(request.rstrip(b"\0"))
    return str(wanted.get("command", "")) if wanted.get("new_api") else ""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _integer(value: object) -> int | None:
    """Firmwares take numbers and strings alike."""
    try:
        return int(str(value))
    except ValueError:
        return None
