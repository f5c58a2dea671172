"""Lines to copy into another terminal."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable

from minerbridge.demo.broker import LOOPBACK, Broker
from minerbridge.model import MinerProfile
from minerbridge.mqtt.topics import Topics

SWITCH = {"start", "stop"}
#: Two that switch the same miners would undo each other's work.
ORDERS_REFUSED = "the monitor switches the miners: the fleet takes no orders here"
INDENT = "    "
_OPTION = re.compile(r" (?=-\S+ )")


def address(broker: Broker) -> str:
    return f"mqtt://{broker.host}:{broker.port}  ({broker.what})"


def watch_line(broker: Broker, topics: Topics) -> str:
    """Return the command that prints every value of every miner as it changes."""
    return f"{_program('mosquitto_sub', broker)} -v -t '{topics.prefix}/+/+/+/state'"


def switch_line(broker: Broker, topics: Topics, miner_id: str, payload: str = "OFF") -> str:
    topic = topics.set("switch", miner_id, "power")
    return f"{_program('mosquitto_pub', broker)} -t {topic} -m {payload}"


def order_line(broker: Broker, topics: Topics, power_kw: float) -> str:
    """Return the command that orders a power of the fleet as an EMS would."""
    payload = f'{{"activationPowerInKw": {power_kw:g}}}'
    topic = topics.ems("request/activate")
    return f"{_program('mosquitto_pub', broker)} -t {topic} -m '{payload}'"


def follow_line(broker: Broker, topics: Topics) -> str:
    """Return the command that prints the life of the fleet's order."""
    return f"{_program('mosquitto_sub', broker)} -t {topics.ems('dispatch')}"


def expected_line(page: str, wish: str = "off") -> str:
    """Return the command that changes what the simulated monitor expects of a miner."""
    return f"curl -d asic={wish} {page}"


def wrapped(line: str, width: int) -> list[str]:
    """Return a command in lines of *width* that a shell takes for one."""
    first, *options = _OPTION.split(line)
    lines = [first]
    for option in options:
        if len(lines[-1]) + 1 + len(option) + len(" \\") <= width:
            lines[-1] += f" {option}"
        else:
            lines.append(f"{INDENT}{option}")
    return [f"{one} \\" for one in lines[:-1]] + lines[-1:]


def switchable(profiles: Iterable[MinerProfile]) -> str | None:
    """Return the first miner that can be switched off and on."""
    return next((one.miner_id for one in profiles if set(one.commands) >= SWITCH), None)


def in_home_assistant(broker: Broker) -> str:
    if broker.is_private:
        return "--host BROKER shows these miners in your Home Assistant; Ctrl-C ends the demo"
    return "Home Assistant on this broker shows these miners as devices until Ctrl-C"


def missing(program: str, package: str) -> str:
    """Return what to install for lines with *program* to work; empty where they do."""
    return "" if shutil.which(program) else f" (needs: apt install {package})"


def _program(name: str, broker: Broker) -> str:
    login = f" -u {shlex.quote(broker.username)} -P PASSWORD" if broker.username else ""
    # Short enough for 80 columns: the programs' own default is this machine.
    host = "" if broker.host == LOOPBACK else f" -h {shlex.quote(broker.host)}"
    return f"{name}{host} -p {broker.port}{login}"
