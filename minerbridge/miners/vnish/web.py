"""The web pages of Vnish 3 on an S9: Bitmain's, and its own for sleep, pools and frequencies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from minerbridge.errors import BadReply, InvalidValue, MinerError, OutcomeUnknown
from minerbridge.miners.antminer.conf import check_carried
from minerbridge.miners.antminer.web import AntminerWeb
from minerbridge.miners.driver import Target
from minerbridge.miners.http_transport import HttpRefused, HttpReply
from minerbridge.miners.vnish.conf import Configuration

#: It waits for the mining program to come up again: about 6 s, and as much for a busy one.
_STORE_S = 20.0
#: Vnish 3.9: reboot_cgminer.cgi answers only when the mining program runs, if at all.
_UNANSWERED_S = 2.0
#: get_miner_status.cgi runs jq about a hundred times.
_STATUS_S = 12.0
_PROFILE = re.compile(r'"name"\s*:\s*"([^"/]+)\.conf"')
_ACTIONS = {"save": "0", "activate": "1", "delete": "2"}


class VnishWeb(AntminerWeb):
    """Requests to one miner."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.is_new = False

    def configuration(self) -> Configuration:
        return Configuration(self.ask("get_miner_conf"))

    def status(self) -> dict[str, Any]:
        """Return the status page: slow, and no JSON while the mining program is down."""
        return self._http.get("/cgi-bin/get_miner_status.cgi", timeout_s=_STATUS_S).json()

    def chips(self, name: str) -> Any:
        """Return `chip_hr` or `chip_hw`, a list of what each chip of each board told."""
        return self._http.get(f"/cgi-bin/{name}.json").json()

    def profiles(self) -> list[str]:
        """Return the names of the stored configurations; `tree` writes them as a list of files."""
        reply = self.page("profile_list")
        try:
            json.loads(reply.raw)
        except ValueError as error:
            raise BadReply("profile_list.cgi is no list", reply.text) from error
        return _PROFILE.findall(reply.text)

    def store(self, form: list[tuple[str, str]]) -> None:
        """Write the configuration whole, as `Configuration.custom_form` puts it."""
        self._http.post_form("/cgi-bin/set_miner_conf_custom.cgi", form, timeout_s=_STORE_S)

    def wake(self) -> None:
        """Leave sleep, which reboots the whole miner; builds without that page are rebooted."""
        try:
            self._do("do_sleep_mode", "mode", "0")
        except HttpRefused:
            self.reboot()

    def stop(self) -> None:
        """End the mining program and keep it from being started; raise when neither page does.

        The sleep page alone is not reliable on some builds, the other is not on all.
        """
        try:
            self._http.get("/cgi-bin/stop_bmminer.cgi", write=True, timeout_s=_STORE_S)
        except HttpRefused:
            self._do("do_sleep_mode", "mode", "1")
            return
        with suppress(MinerError):  # the order has been taken already; readings tell the rest
            self._do("do_sleep_mode", "mode", "1")

    def restart(self) -> None:
        try:
            self._http.get("/cgi-bin/reboot_cgminer.cgi", write=True, timeout_s=_UNANSWERED_S)
        except OutcomeUnknown:
            return  # it never answers

    def find(self, *, enabled: bool) -> None:
        self._do("find_mode", "mode", "1" if enabled else "0")

    def switch_pool(self, slot: int) -> None:
        self._do("switch", "topool", str(slot))

    def set_voltage(self, voltage_v: float) -> None:
        self._do("volt", "voltage", str(round(voltage_v * 100)))

    def profile(self, name: str, action: str) -> None:
        check_carried("name", name)
        if "/" in name or name.startswith("."):
            raise InvalidValue("name: a profile is named, not where its file is")
        fields = [("profilename", name), ("action", _ACTIONS[action])]
        self._http.post_form("/cgi-bin/profile.cgi", fields, timeout_s=_STORE_S)

    def shows(self, page: str, is_it: Callable[[HttpReply], bool]) -> bool:
        """Whether *page* is there and is what only Vnish has."""
        try:
            return is_it(self._http.get(f"/cgi-bin/{page}"))
        except (HttpRefused, BadReply):
            return False

    def _do(self, page: str, name: str, value: str) -> None:
        self._http.post_form(f"/cgi-bin/{page}.cgi", [(name, value)], timeout_s=_STORE_S)
