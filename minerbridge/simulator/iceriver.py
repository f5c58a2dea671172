"""IceRiver with stock firmware: a web server in front of a mining program on port 4111."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from minerbridge.simulator import iceriver_panel as panel
from minerbridge.simulator.device import Device, HttpRequest, Reply
from minerbridge.simulator.iceriver_models import MODELS, Model
from minerbridge.simulator.pools import PoolEntry, default_pools

NORMAL, SLEEP = 1, 2
SESSION = "appwebSession=1"
Form = Mapping[str, str]
Document = dict[str, Any]
PAGE = b"<html><head><title>IceRiver</title></head><body></body></html>"


class IceRiver(Device):
    """One miner, of firmware "new", "old" or "early".

    "old" (before 2023-09-16) takes fans and mode only together with the pools; "early" tells
    neither mode nor unit. *quirks*: "floats", "strings" (instead of integers),
    "bool_connect", "glued_gateway", "all_bad" (every chip listed as bad), "sensor_fault",
    "sleep_bug" (says that it sleeps and does not). *wants_login*: error 1004 without a session.

    While *error* is set, everything is answered with that error number.
    """

    kind: ClassVar[str] = "iceriver"
    family = "iceriver"
    id_prefix: ClassVar[str] = "iceriver"
    default_ports: ClassVar[Mapping[str, int]] = {"http": 80, "rpc": 4111}
    protocols: ClassVar[Mapping[str, str]] = {"rpc": "iceriver_daemon"}
    credentials: ClassVar[tuple[str, str] | None] = ("admin", "12345678")
    rating = MODELS["KS5L"].rating

    def __init__(
        self, number: int = 1, *, model: str = "KS5L", quirks: Collection[str] | None = None,
        firmware: str = "new", wants_login: bool = False, slow_s: float = 0.0, **common: Any,
    ) -> None:  # fmt: skip
        self.model: Model = MODELS[model]
        self.rating = self.model.rating  # type: ignore[misc]  # a class has several models
        super().__init__(number, **common)
        self.quirks = frozenset(self.model.quirks if quirks is None else quirks)
        self.firmware, self.wants_login, self.slow_s = firmware, wants_login, slow_s
        self.error = 0
        self.password = "12345678"  # noqa: S105  # as documented by the maker
        self.mode, self.fan_ratio, self.led_on = NORMAL, 100, False
        self.fans_are_held = False
        self.net: Document = {
            "netmask": "255.255.255.0", "host": f"iceriver{number}", "dhcp": True,
            "gateway": "192.168.1.1", "dns": "192.168.1.1",
        }  # fmt: skip
        self.pool_entries = default_pools(3)

    # What the mining program does

    @property
    def is_program_up(self) -> bool:
        return not self.is_stopped and self.plant.now_s >= self.plant.daemon_at_s

    def resume(self, up_at_s: float) -> None:
        """Stay asleep: the mode is kept over a reboot."""
        if self.mode == SLEEP:
            self.plant.rest_from(up_at_s)
        else:
            super().resume(up_at_s)

    def set_mode(self, mode: int) -> None:
        if mode == self.mode or (mode == SLEEP and "sleep_bug" in self.quirks):
            return
        self.mode = mode
        if mode == SLEEP:
            self.sleep(after_s=0)
        else:
            self.restart(after_s=0)

    def reset_to_factory(self) -> None:
        self.mode, self.pool_entries = NORMAL, default_pools(3)
        self.reboot()

    def daemon(self, request: bytes) -> Reply:
        """Answer one line on port 4111."""
        try:
            name = str(json.loads(request)["id"])
        except (ValueError, KeyError, TypeError):
            return Reply(b'{"id":"","ret":{"code":1000,"msg":"json error"}}\n')
        self.requests[f"rpc {name}"] += 1
        reads: dict[str, Callable[[], Document]] = {
            "hello": lambda: {"msg": "world"},
            "info": lambda: panel.info(self),
            "getnet": lambda: panel.network(self),
            "getlocate": lambda: {"code": 1005, "on": self.led_on},
            "boardpow": lambda: panel.hashrate(self),
            "state": lambda: {
                key.removesuffix("state"): value for key, value in panel.states(self).items()
            },
            "fan": lambda: {"fans": panel.fans(self)},
            "getpool": lambda: {"pools": panel.pools(self)},
            "board": lambda: {"boards": panel.boards(self)},
            "gethw": lambda: {"getratio": self.fan_ratio, "getmode": self.mode},
        }
        found = {"code": 0, **reads[name]()} if name in reads else {"code": 1001, "msg": "no id"}
        return Reply(json.dumps({"id": name, "ret": found}).encode() + b"\n", after_s=self.slow_s)

    # What the web server does

    def http(self, request: HttpRequest) -> Reply:
        form = _form(request)
        page, _, rest = request.path.removeprefix("/user/").partition("/")
        if request.path == "/":
            return Reply(PAGE)
        if not request.path.startswith("/user/") or rest:
            return Reply(b"Not Found", status=404)
        if page == "loginpost":
            return self._log_in(form)
        pages: dict[str, Callable[[Form], Document]] = {
            "userpanel": self._userpanel, "machineconfig": self._machineconfig,
            "ipconfig": self._ipconfig, "systemconfig": self._systemconfig,
            "logconfig": self._logconfig,
        }  # fmt: skip
        if page not in pages:
            return Reply(b"Not Found", status=404)
        is_write = form.get("post") in ("2", "3", "5")
        if self.wants_login and SESSION not in request.headers.get("cookie", ""):
            told = failure(1004, "not login")
        elif self.error:
            told = failure(self.error, "by order of a test")
        elif not self.is_program_up and form.get("post"):
            told = failure(1, "Connect miner failed!")
        else:
            told = pages[page](form)
        return Reply(json.dumps(told).encode(), is_write, self.slow_s)

    def _log_in(self, form: Form) -> Reply:
        found = {"error": 0, "data": {"id": "login"}, "message": "(null)"}
        headers: tuple[str, ...] = (f"Set-Cookie: {SESSION}; path=/",)
        if form.get("user") != "admin":
            found, headers = failure(1001, "user not exist"), ()
        elif form.get("pwd") != self.password or self.faults.wrong_password:
            found, headers = failure(1002, "password error"), ()
        return Reply(json.dumps(found).encode(), headers=headers)

    def _userpanel(self, form: Form) -> Document:
        match form.get("post"):
            case "4":
                return success(panel.panel(self))
            case "5":
                on = form.get("locate") == "1"
                self.write(f"locate {int(on)}", lambda: setattr(self, "led_on", on))
            case "3":
                self.write("restart", self.reboot)
            case "2":
                self.write("resetfactory", self.reset_to_factory)
            case "7":
                return success({})
            case _:
                return {"data": "userpanel"}
        return {"error": 0, "data": {}, "message": "(null)"}

    def _machineconfig(self, form: Form) -> Document:
        post = form.get("post")
        if post == "1":
            hardware = {"ratio": self.fan_ratio, "mode": self.mode}
            shown = {} if self.firmware == "early" else hardware
            return success({"pools": panel.pools(self), **shown})
        if post == "3" and self.firmware == "new":
            return self._set_hardware(form)
        if post != "2":
            return {"data": "machineConfig"}
        wanted = [
            tuple(form.get(f"pool{place}{name}", "(null)") for name in ("address", "miner", "pwd"))
            for place in (1, 2, 3)
        ]
        if any(mark in text for one in wanted for text in one for mark in '"\\\n'):
            return failure(3, "Json decode fail!")
        self.write(f"setpool {json.dumps(wanted)}", lambda: self._set_pools(wanted))
        return success({}) if self.firmware == "new" else self._set_hardware(form)

    def _set_hardware(self, form: Form) -> Document:
        ratio = form.get("fanratio", "")
        if not ratio.isdecimal():
            return failure(3, "Json decode fail!")
        mode = NORMAL if form.get("fanmode", "normal") == "normal" else SLEEP

        def apply() -> None:
            self.fans_are_held = form.get("fancontrol") == "on"
            if self.fans_are_held:
                self.fan_ratio = int(ratio)
            self.set_mode(mode)

        self.write(f"sethw {form.get('fancontrol')} {ratio} {form.get('fanmode')}", apply)
        return success({})

    def _set_pools(self, wanted: list[tuple[str, ...]]) -> None:
        self.pool_entries = [
            PoolEntry(url, user, word, priority=index)
            for index, (url, user, word) in enumerate(wanted)
        ]

    def _ipconfig(self, form: Form) -> Document:
        if form.get("post") == "1":
            return success(panel.network(self))
        if form.get("post") != "2":
            return {"data": "ipConfig2"}
        if not all(form.get(name) for name in ("host", "ip", "netmask", "gateway")):
            return failure(1, "host, ip, netmask and gateway must not be empty")
        names = ("host", "netmask", "gateway", "dns")
        wanted: Document = {name: form.get(name, "") for name in names}
        wanted |= {"dhcp": form.get("agreement") == "dhcp"}
        self.write(f"setnet {json.dumps(wanted)}", lambda: self.net.update(wanted))
        return success({})

    def _systemconfig(self, form: Form) -> Document:
        new = form.get("newpwd", "")
        if form.get("nowpwd") != self.password:
            return failure(1002, "password error")
        if len(new) < 4 or new != form.get("compwd"):
            return failure(1017, "invalid newpass")
        self.write("changepass", lambda: setattr(self, "password", new))
        return success({})

    def _logconfig(self, _form: Form) -> Document:
        return success({"text": "[info] miner start\n[info] pool connected\n"})


def success(content: Document) -> Document:
    return {"error": 0, "data": content, "message": ""}


def failure(code: int, message: str) -> Document:
    return {"error": code, "data": {}, "message": message}


def _form(request: HttpRequest) -> Form:
    """Return the parameters, which the web server takes from query and body alike."""
    text = "&".join(filter(None, (request.query, request.body.decode("latin-1"))))
    found = parse_qs(text, keep_blank_values=True)
    return {name: values[-1].strip() for name, values in found.items()}
