"""Lines to copy into another terminal."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable

from minerbridge.demo.broker import LOOPBACK, Broker
from minerbridge.model import MinerProfile
from minerbridge.mqtt.topics import Topics

SWITCH = {"start", "stop"}


def address(broker: Broker) -> str:
    return f"mqtt://{broker.host}:{broker.port}  ({broker.what})"


def watch_line(broker: Broker, topics: Topics) -> str:
    """Return the command that prints every value of every miner as it changes."""
    return f"{_program('mosquitto_sub', broker)} -v -t '{topics.prefix}/+/+/+/state'"


def switch_line(broker: Broker, topics: Topics, miner_id: str, payload: str = "OFF") -> str:
    topic = topics.set("switch", miner_id, "power")
    return f"{_program('mosquitto_pub', broker)} -t {topic} -m {payload}"


def switchable(profiles: Iterable[MinerProfile]) -> str | None:
    """Return the first miner that can be switched off and on."""
    return next((one.miner_id for one in profiles if set(one.commands) >= SWITCH), None)


def in_home_assistant(broker: Broker) -> str:
    if broker.is_private:
        return "--host BROKER shows these miners in your Home Assistant; Ctrl-C ends the demo"
    return "Home Assistant on this broker shows these miners as devices until Ctrl-C"


def missing_clients() -> str:
    """Return what to install for these lines to work; empty where they do."""
    return "" if shutil.which("mosquitto_pub") else " (needs: apt install mosquitto-clients)"


def _program(name: str, broker: Broker) -> str:
    login = f" -u {shlex.quote(broker.username)} -P PASSWORD" if broker.username else ""
    # Short enough for 80 columns: the programs' own default is this machine.
    host = "" if broker.host == LOOPBACK else f" -h {shlex.quote(broker.host)}"
    return f"{name}{host} -p {broker.port}{login}"
