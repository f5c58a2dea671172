"""The EMS's desk over a real mosquitto: there and back, kept requests, expiring status."""

import contextlib
import json
import socket
import time
from typing import Any, cast

import pytest

from minerbridge.mqtt.ems import EmsDesk
from minerbridge.mqtt.fleet_publisher import FleetPublisher
from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.topics import Topics
from tests.ems_office import REQUEST, RESPONSE, ThreadedFleet, fleet_status
from tests.waiting import until
from tests.wiretap import Wiretap

STATUS = "minerbridge/ems/status"
ROUNDS = 100


@pytest.fixture
def fleet():
    one = ThreadedFleet()
    yield one
    one.stop()


@pytest.fixture
def served(rig, fleet):
    """Start a client with a desk behind it: `served(broker.port, protocol="5")`."""

    def start(port, **options):
        desks: list[Any] = []
        one = rig(
            port, filters=[f"{REQUEST}#"], on_message=lambda _, m: desks[0].take(m),
            connected=False, **options,
        )  # fmt: skip
        desks.append(
            EmsDesk(
                Topics(), one.client.publish, fleet.submit, fleet_status, max_requests_per_s=1e6
            )
        )
        until(lambda: one.client.connected.is_set() and one.is_subscribed(), 5, "the connection")
        return one

    return start


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_every_request_is_answered_there_and_back(broker, tap, served, fleet, protocol):
    served(broker.port, protocol=protocol)
    tap._client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took_s = []
    for number in range(ROUNDS):
        mark, began_s = tap.mark(), time.perf_counter()
        order = {"activationPowerInKw": number / 100, "id": number}
        tap.publish(f"{REQUEST}activate", json.dumps(order))
        answer = tap.after(mark, f"{RESPONSE}activate")
        took_s.append(time.perf_counter() - began_s)
        assert answer == {"accepted": True, "message": "so be it", "id": number}
    p99_ms = sorted(took_s)[ROUNDS * 99 // 100] * 1000
    print(f"MQTT {protocol}: request to answer p99 {p99_ms:.1f} ms")
    assert [order.id for order in fleet.orders] == [str(number) for number in range(ROUNDS)]


@pytest.mark.parametrize("name", ["status", "deactivate", "heartbeat"])
def test_an_empty_request_is_answered_as_well(broker, tap, served, name):
    served(broker.port)
    mark = tap.mark()
    tap.publish(f"{REQUEST}{name}", "")
    assert tap.after(mark, f"{RESPONSE}{name}")


def test_the_answer_also_goes_where_the_request_says(broker, tap, served):
    served(broker.port)
    mark = tap.mark()
    tap.publish(f"{REQUEST}status", "", properties=tap.respond_to("ems/answers", b"42"))
    assert tap.after(mark, "ems/answers")["ratedPowerInKw"] == 2.92


@pytest.mark.parametrize(("protocol", "heard"), [("3.1.1", [True, False]), ("5", [False])])
def test_a_kept_order_is_never_taken_for_a_new_one(mosquitto, served, fleet, protocol, heard):
    broker = mosquitto()
    with contextlib.closing(Wiretap(broker.port)) as tap:
        tap.publish(f"{REQUEST}deactivate", '{"id": "old"}', retain=True)
        served(broker.port, protocol=protocol)
        tap.publish(f"{REQUEST}deactivate", '{"id": "new"}')
        until(lambda: [one.id for one in fleet.orders][-1:] == ["new"], 5, "the new order")
    assert [order.is_retained for order in fleet.orders] == heard


@pytest.mark.parametrize(("protocol", "least", "most"), [("5", 13, 15), ("3.1.1", None, None)])
def test_the_broker_is_told_how_long_a_status_is_worth_something(
    mosquitto, rig, protocol, least, most
):
    broker = mosquitto()
    one = rig(broker.port, protocol=protocol)
    with contextlib.closing(Wiretap(broker.port)) as tap:
        expiries = {}
        hear: Any = cast(Any, tap._client.on_message)

        def note(client, userdata, message):
            expiries[message.topic] = getattr(message.properties, "MessageExpiryInterval", None)
            hear(client, userdata, message)

        tap._client.on_message = note
        mark = tap.mark()
        FleetPublisher(Topics(), one.client.publish).publish(fleet_status())
        assert tap.after(mark, STATUS)["isAvailableForDispatch"] is True
    if least is None:
        assert expiries[STATUS] is None
    else:
        assert least <= expiries[STATUS] <= most


def test_a_status_that_expired_during_an_outage_is_not_sent_as_if_it_were_fresh(
    broker, tap, faults, rig
):
    proxy = faults(broker.port)
    one = rig(proxy.port)
    proxy.deafen()
    proxy.reset()
    until(lambda: not one.client.connected.is_set(), 5, "the outage")
    expires_s = time.monotonic() + 0.1
    one.client.publish(Outgoing("status/late", b"old", 1, True, expires_s=expires_s))
    one.client.publish(Outgoing("status/fresh", b"new", 1, True, expires_s=expires_s + 60))
    until(lambda: time.monotonic() > expires_s, 5, "the expiry")

    proxy.listen()

    tap.until("status/fresh", "new")
    assert one.client.flush(5)
    assert "status/late" not in tap.latest
