"""The web interface of stock firmware: form CGI up to the S17, JSON CGI from the S19 on."""

from __future__ import annotations

import re
from typing import Any

from minerbridge.errors import BadReply, MinerRefused, OutcomeUnknown
from minerbridge.miners.antminer.conf import Configuration, check_carried
from minerbridge.miners.driver import Target
from minerbridge.miners.http_transport import HttpRefused, HttpReply, HttpTransport
from minerbridge.miners.rpc_decode import number

REALM = "antMiner"
_FACTORY_LOGIN = "root"
_READ_S = 5.0
_WRITE_S = 20.0
#: The S17's set_miner_conf.cgi restarts the miner and sleeps 30 s before it answers.
_SLOW_WRITE_S = 60.0
#: The S17's blink.cgi does not answer a start while it blinks, nor reboot.cgi ever for certain.
_UNANSWERED_S = 2.0
_ACCEPTED = {"M000", "B000", "B100", "P000", "N000"}
_POWER = re.compile(r"power\s*:\s*(\d+(?:\.\d+)?)", re.IGNORECASE)


class AntminerWeb:
    """Requests to one miner. *is_new* is None until the configuration was read once."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.is_new: bool | None = None
        self._login(target.password)

    def _login(self, password: str | None) -> None:
        target = self._target
        self._password = _FACTORY_LOGIN if password is None else password
        self._http = HttpTransport(
            target.host,
            target.ports.get("http", 80),
            username=target.username or _FACTORY_LOGIN,
            password=self._password,
            # The factory login is for a miner that shows it is one.
            realm=REALM if password is None else "",
            timeout_s=max(_READ_S, target.timeout_s),
        )

    @property
    def realm(self) -> str | None:
        return self._http.realm

    def page(self, name: str) -> HttpReply:
        return self._http.get(f"/cgi-bin/{name}.cgi")

    def ask(self, name: str) -> dict[str, Any]:
        return self.page(name).json()

    def configuration(self) -> Configuration:
        told = self.ask("get_miner_conf")
        if self.is_new is None:
            self.is_new = self._is_new(told)
        return Configuration(told, is_new=self.is_new)

    def _is_new(self, told: dict[str, Any]) -> bool:
        if "bitmain-pwth" in told or "bitmain-freq-level" in told:
            return True
        try:  # release builds of the S21 tell neither
            return "miner_type" in self.ask("miner_type")
        except (HttpRefused, BadReply):
            return False

    def is_blinking(self) -> bool | None:
        """None where the firmware has no LED to control (S9)."""
        try:
            if self.is_new:
                told = self.ask("get_blink_status").get("blink")
            else:
                fields = [("action", "onPageLoaded")]
                reply = self._http.post_form("/cgi-bin/blink.cgi", fields, write=False)
                told = reply.json().get("isBlinking")
        except (HttpRefused, BadReply):
            return None
        return None if told is None else str(told).lower() == "true"

    def power_w(self) -> float | None:
        """Return the measured power; only some builds (S21, hydro) have this page."""
        try:
            reply = self._http.get("/miner_power")
        except HttpRefused:
            return None
        found = _POWER.search(reply.text)
        return number(found[1]) if found else None

    def write(self, wanted: Configuration, *, mode_as_text: bool = False) -> None:
        """Store the configuration, which restarts the mining program."""
        path = "/cgi-bin/set_miner_conf.cgi"
        if wanted.is_new:
            body = wanted.json_body()
            if mode_as_text and "miner-mode" in body:
                body["miner-mode"] = str(body["miner-mode"])
            _check(self._http.post_json(path, body, timeout_s=_WRITE_S))
        else:
            limit_s = _SLOW_WRITE_S if wanted.can_sleep else _WRITE_S
            self._http.post_form(path, wanted.form(), timeout_s=limit_s)

    def blink(self, *, enabled: bool) -> None:
        path = "/cgi-bin/blink.cgi"
        if self.is_new:
            _check(self._http.post_json(path, {"blink": enabled}))
            return
        fields = [("action", "startBlink" if enabled else "stopBlink")]
        try:
            self._http.post_form(path, fields, timeout_s=_UNANSWERED_S)
        except OutcomeUnknown:
            return

    def reboot(self) -> None:
        self._let_go("reboot")

    def reset(self) -> None:
        self._let_go("reset_conf")

    def _let_go(self, name: str) -> None:
        """Ask for what ends the connection before it is answered."""
        try:
            self._http.get(f"/cgi-bin/{name}.cgi", write=True, timeout_s=_UNANSWERED_S)
        except OutcomeUnknown:
            return

    def set_password(self, new: str) -> None:
        path, old = "/cgi-bin/passwd.cgi", self._password
        if self.is_new:
            body = {"curPwd": old, "newPwd": new, "confirmPwd": new}
            _check(self._http.post_json(path, body))
        else:
            check_carried("password", new)
            fields = [("current_pw", old), ("new_pw", new), ("new_pw_ctrl", new)]
            self._http.post_form(path, fields)
        self.close()
        self._login(new)

    def set_network(self, wanted: dict[str, str], *, is_static: bool) -> None:
        """Store *wanted*: hostname, address, netmask, gateway, dns; empty what DHCP gives."""
        path = "/cgi-bin/set_network_conf.cgi"
        names = ("hostname", "address", "netmask", "gateway", "dns")
        values = [wanted.get(name, "") for name in names]
        try:
            if self.is_new:
                keys = ("ipHost", "ipAddress", "ipSub", "ipGateway", "ipDns")
                body = {"ipPro": 2 if is_static else 1, **dict(zip(keys, values, strict=True))}
                _check(self._http.post_json(path, body))
                return
            keys = ("hostname", "ipaddress", "netmask", "gateway", "dnsservers")
            fields = [("_ant_conf_nettype", "Static" if is_static else "DHCP")]
            fields += [(f"_ant_conf_{key}", value) for key, value in zip(keys, values, strict=True)]
            for name, value in fields:
                check_carried(name, value)
            self._http.post_form(path, fields)
        except OutcomeUnknown:
            return  # the address the answer would come from is gone

    def interrupt(self) -> None:
        self._http.interrupt()

    def close(self) -> None:
        self._http.close()


def _check(reply: HttpReply) -> None:
    """Raise what the miner refused; some builds only say "ok"."""
    try:
        told = reply.json()
    except BadReply:
        return
    code = str(told.get("code", ""))
    if code in _ACCEPTED or (not code and told.get("stats") != "error"):
        return
    raise MinerRefused(f"{told.get('msg') or 'refused'} ({code or 'no code'})")
