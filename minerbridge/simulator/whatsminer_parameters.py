"""What the parameters of v2 writes must look like. The firmware reads strings only."""

from __future__ import annotations

import re
from collections.abc import Callable

from minerbridge.simulator.whatsminer_replies import Document

Check = Callable[[object], bool]
Form = Callable[[Document], bool]


def text(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def number(low: int, high: int) -> Check:
    digits = text(r"-?\d{1,6}")
    return lambda value: digits(value) and low <= int(str(value)) <= high


def milliseconds(value: object) -> bool:
    """Tell a time of an LED: a number, though text is taken, too."""
    return text(r"\d{1,6}")(value) or (type(value) is int and 0 <= value < 1_000_000)


def fields(**checks: Check) -> Form:
    return lambda request: all(check(request.get(name)) for name, check in checks.items())


def either(*forms: Form) -> Form:
    return lambda request: any(form(request) for form in forms)


ANY = text(r"[^\x00]*")
ADDRESS = text(r"\d{1,3}(\.\d{1,3}){3}")
FLAG = text("[01]")
PASSWORD = text(r"\w{1,8}")
NOTHING = fields()
POOLS = fields(
    pool1=text(".+"), worker1=ANY, passwd1=ANY, pool2=ANY, worker2=ANY, passwd2=ANY,
    pool3=ANY, worker3=ANY, passwd3=ANY,
)  # fmt: skip
LED = either(
    fields(param=text("auto")),
    fields(color=text("red|green"), period=milliseconds, duration=milliseconds, start=milliseconds),
)
NETWORK = either(
    fields(param=text("dhcp")),
    fields(ip=ADDRESS, mask=ADDRESS, gate=ADDRESS, dns=text(r"[\d. ]+"), host=ANY),
)
