"""Tells Vnish from Bitmain's own firmware where neither the RPC nor the model says it.

A third of the units in the field call themselves "Antminer S9" and nothing else; asleep, their RPC
is closed as well.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from minerbridge.errors import MinerError
from minerbridge.miners.driver import Target
from minerbridge.miners.http_reply import HttpReply
from minerbridge.miners.vnish.web import VnishWeb


def vnish_page(target: Target, *, with_own_password: bool = False) -> str | None:
    """Return the page of the Antminer at *target* that only Vnish has; None where there is none.

    The password is the factory's, or with *with_own_password* the one that the settings give this
    very miner. It leaves only for the login of an Antminer.
    """
    login = target if with_own_password else replace(target, username=None, password=None)
    with closing(VnishWeb(login)) as web:
        try:
            if web.shows("chip_hr.json", lambda reply: "chiphr" in reply.json()):
                return "chip_hr.json"
            if web.shows("get_autofreq_log.cgi", lambda _: True):
                return "get_autofreq_log.cgi"
            if web.shows("get_system_info.cgi", _names_vnish):
                return "get_system_info.cgi"
        except MinerError:
            return None
    return None


def _names_vnish(reply: HttpReply) -> bool:
    return "vnish" in reply.text.lower()
