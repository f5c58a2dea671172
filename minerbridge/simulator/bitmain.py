"""What all stock Bitmain devices share: the CGI server behind digest login and the RPC group."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from minerbridge.simulator.device import Device, HttpRequest, Reply
from minerbridge.simulator.digest import Digest
from minerbridge.simulator.pools import default_pools
from minerbridge.simulator.rpc_api import Answer, Command, RpcApi

REALM = "antMiner Configuration"
# Stock api-groups: these five are open to the LAN, everything else is Code 45.
GROUP = ("stats", "pools", "devs", "summary", "version")
CLOSED = (
    "config", "edevs", "notify", "devdetails", "estats", "coin", "usbstats", "asccount", "pgacount",
    "lcd", "asc", "check", "switchpool", "addpool", "poolpriority", "poolquota", "enablepool",
    "disablepool", "removepool", "save", "quit", "restart", "privileged", "debug", "setconfig",
    "zero", "hotplug", "ascenable", "ascdisable", "ascidentify", "ascset", "lockstats",
)  # fmt: skip
Cgi = Callable[[HttpRequest], Reply]


class BitmainDevice(Device):
    """Subclasses fill ``pages`` (path to handler) and the five RPC commands."""

    family = "antminer"
    default_ports: ClassVar[Mapping[str, int]] = {"rpc": 4028, "http": 80}
    credentials = ("root", "root")
    description: ClassVar[str]
    joins: ClassVar[bool] = True
    closed_page: ClassVar[bytes] = b""

    def __init__(self, number: int = 1, **common: Any) -> None:
        super().__init__(number, **common)
        self.pool_entries = default_pools(3)
        self.digest = Digest(REALM, "root", "root")
        self.led_on = False
        self.hostname = f"{self.id_prefix}-{number}"
        self.pages: dict[str, Cgi] = {}
        answers = {name: Command(self._group(name)) for name in GROUP}
        never = Command(lambda _text: Answer("E", 45, ""))
        self.api = RpcApi(
            self.description,
            answers | dict.fromkeys(CLOSED, never),
            frozenset(GROUP),
            self.joins,
            asked=lambda name: self.requests.update((f"rpc {name}",)),
        )

    def rpc(self, request: bytes) -> Reply:
        return self.api.reply(request)

    def http(self, request: HttpRequest) -> Reply:
        target = request.path + (f"?{request.query}" if request.query else "")
        authorization = request.headers.get("authorization", "")
        proven = self.digest.allows(request.method, target, authorization)
        if not proven or self.faults.wrong_password:
            return Reply(b"401 - Unauthorized", status=401, headers=(self.digest.challenge,))
        page = self.pages.get(request.path)
        if page is None:
            return Reply(b"404 - Not Found", status=404)
        return page(request)

    def answer(self, command: str) -> Answer:
        """One of the five open RPC commands."""
        raise NotImplementedError

    def network(self) -> dict[str, str]:
        return {
            "nettype": "DHCP",
            "netdevice": "eth0",
            "macaddr": self.mac_address,
            "ipaddress": self.address,
            "netmask": "255.255.255.0",
            "conf_nettype": "DHCP",
            "conf_hostname": self.hostname,
            "conf_ipaddress": "",
            "conf_netmask": "",
            "conf_gateway": "",
            "conf_dnsservers": "",
        }

    def _group(self, name: str) -> Callable[[str | None], Answer]:
        return lambda _parameter: self.answer(name)


def json_reply(document: object, *, is_write: bool = False, after_s: float = 0.0) -> Reply:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Reply(body, is_write, after_s, content_type="application/json")
