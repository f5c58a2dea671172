"""What the monitor expects is carried out, except against an order of the fleet."""

from types import SimpleNamespace
from typing import Any

import pytest

from minerbridge.errors import NotAllowed
from minerbridge.model import MinerCommand
from minerbridge.rig_link import RigLink
from minerbridge.settings import Settings

MONITOR = {"url": "http://127.0.0.1:9/api/v1", "miners": {"m": {"api_code": "code"}}}


def linked(*, driven=False, hot=False):
    sent: list[MinerCommand] = []
    bridge: Any = SimpleNamespace(
        settings=Settings(miners=[{"id": "m", "host": "127.0.0.1"}], rig_monitor=MONITOR),
        fleet=SimpleNamespace(drives=lambda _: driven, protects=lambda _: hot),
        submit=sent.append,
    )
    return RigLink(bridge), sent


@pytest.mark.parametrize("name", ["start", "stop"])
def test_an_order_outranks_the_monitor(name):
    link, sent = linked(driven=True)

    with pytest.raises(NotAllowed, match="an order of the fleet drives m"):
        link._submit(MinerCommand("m", name, "1", name, source="rig_monitor"))

    assert sent == []


@pytest.mark.parametrize(("name", "driven"), [("start", False), ("stop", False), ("led", True)])
def test_the_rest_is_handed_on(name, driven):
    link, sent = linked(driven=driven)

    link._submit(MinerCommand("m", name, "1", name, source="rig_monitor"))

    assert [command.name for command in sent] == [name]


def test_a_miner_that_was_too_hot_is_not_started_but_may_be_stopped():
    link, sent = linked(hot=True)

    with pytest.raises(NotAllowed, match="m was stopped for being too hot"):
        link._submit(MinerCommand("m", "start", "1", "start"))
    link._submit(MinerCommand("m", "stop", "2", "stop"))

    assert [one.name for one in sent] == ["stop"]
