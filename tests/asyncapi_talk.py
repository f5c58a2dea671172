"""Sends the document's examples to a house, and hears the answers.

`python -m tests.asyncapi_talk` writes what a house answers today into the examples.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from minerbridge.asyncapi import examples
from minerbridge.asyncapi.requests import REQUESTS
from minerbridge.mqtt.ems_wire import KNOWN_KEYS
from tests.asyncapi_house import house, written
from tests.mosquitto import brokers

EXAMPLES = Path(examples.__file__).with_name("examples.yaml")
DOCUMENTS = ("bridge/info", "ems/status", "ems/dispatch", "ems/capability", "fleet/status")
GROUPS = {"requests": [row.name for row in REQUESTS], "ems": list(KNOWN_KEYS)}


def exchanges(group):
    """Every example of a group, in the order of its table."""
    return [(name, one) for name in GROUPS[group] for one in examples.exchanges(group, name)]


def ask(home, group, name, request):
    """Send *request* and return its answer."""
    base = "minerbridge/bridge" if group == "requests" else "minerbridge/ems"
    topic = f"{base}/response/{name}"
    mark = home.tap.mark()
    home.send(f"{base}/request/{name}", request)

    def found():
        answers = [
            json.loads(payload) for heard, payload in home.tap.heard[mark:] if heard == topic
        ]
        return [one for one in answers if one.get("id", request["id"]) == request["id"]]

    return home.tap.wait(found, f"the answer to {name}", 30)[0]


# -- recording -----------------------------------------------------------------------------------


def main():
    tree = yaml.load(EXAMPLES.read_text(), Loader=examples._Plain)
    state = tempfile.TemporaryDirectory()
    patch = pytest.MonkeyPatch()
    with state, brokers() as start, house(start(), Path(state.name) / "state", patch) as home:
        tree["documents"] |= documents(home)
        for group in GROUPS:
            for name, one in exchanges(group):
                one["answer"] = cleaned(ask(home, group, name, one["request"]))
                tree[group][name] = examples.exchanges(group, name)
    EXAMPLES.write_text(
        yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100,
                       default_flow_style=None)
    )  # fmt: skip


def documents(home):
    heard = home.tap.latest
    home.bridge._publish_diagnostics()
    found = {}
    for name in (*DOCUMENTS, "bridge/diagnostics"):
        topic = f"minerbridge/{name}"
        home.tap.wait(lambda topic=topic: topic in heard, topic)
        found[name] = cleaned(json.loads(heard[topic]))
    found["reading"] = cleaned(json.loads(heard["minerbridge/miner/s19_1/reading"]))
    led = "homeassistant/switch/s19_1/led/set"
    found["result/confirmed"] = cleaned(home.tap.command(led, "ON"))
    found["result/rejected"] = cleaned(home.tap.command(led, "banana"))
    return found


def cleaned(value):
    """Return *value* without what differs from machine to machine."""
    text = written(json.dumps(value))
    text = re.sub(r"127\.0\.0\.1", "192.168.1.56", text)
    text = re.sub(r'"port": \d{5}', '"port": 4028', text)
    return json.loads(text)


if __name__ == "__main__":
    sys.exit(main())
