"""The code of the function nodes on a clock of its own, with the settings as printed."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minerbridge.node_red.flows import flow
from tests.node_red.harness import NODE

pytestmark = pytest.mark.skipif(not NODE, reason="Node.js is not installed")

BENCH = Path(__file__).parent / "bench.js"
NOON_S = datetime(2026, 6, 21, 12, tzinfo=UTC).timestamp()


def node_named(name, label):
    (found,) = [one for one in flow(name) if one.get("name") == label]
    return found


def settings_of(name, label):
    """What the change node of this name puts into each message."""
    rules = node_named(name, label)["rules"]
    return {rule["p"]: json.loads(rule["to"]) for rule in rules}


def run(name, label, steps, start_s=NOON_S):
    """Give the function node (seconds, message) pairs; return (sent, status, errors) of each."""
    assert NODE
    code = node_named(name, label)["func"]
    given = {"code": code, "steps": [[start_s + at_s, message] for at_s, message in steps]}
    done = subprocess.run(
        [NODE, BENCH], input=json.dumps(given), capture_output=True, text=True, env={"TZ": "UTC"}
    )
    assert done.returncode == 0, done.stderr
    return [tuple(one) for one in json.loads(done.stdout)]


# -- the schedule ----------------------------------------------------------------------------


def power_at(clock, rows, **more):
    at = datetime.fromisoformat(f"2026-06-21T{clock}+00:00").timestamp()
    (seen,) = run(
        "ems-schedule", "Power by the table", [(0, {"topic": "tick", "schedule": rows, **more})], at
    )
    return seen


@pytest.mark.parametrize(
    ("clock", "kw"),
    [("00:00", 5), ("05:59", 5), ("06:00", 2), ("06:29", 2), ("06:30", 0), ("22:15", 5)],
)
def test_a_row_holds_until_the_next_also_over_midnight(clock, kw):
    rows = [{"from": "22:15", "kw": 5}, {"from": "6:00", "kw": 2}, {"from": "06:30", "kw": 0}]

    sent, _, errors = power_at(clock, rows)

    assert (sent["payload"], errors) == (kw, [])


@pytest.mark.parametrize(
    "row",
    [
        {"from": "25:00", "kw": 1},
        {"from": "6", "kw": 1},
        {"from": "06:00"},
        {"from": "06:00", "kw": -1},
    ],
)
def test_a_wrong_row_orders_nothing_and_says_so(row):
    sent, status, errors = power_at("12:00", [{"from": "00:00", "kw": 1}, row])

    assert (sent, len(errors)) == (None, 1)
    assert "wrong" in status


# -- orders ----------------------------------------------------------------------------------


def wanted(kw):
    return {"topic": "wanted", "payload": kw, "by": "schedule", "valid_for_s": 300}


def answer(number, **more):
    payload = {"accepted": True, "message": "", "id": f"schedule-id{number}", **more}
    return {"topic": "minerbridge/ems/response/activate", "payload": payload}


ONLINE = {"topic": "minerbridge/bridge/state", "payload": "online"}


def orders(steps):
    seen = run("ems-schedule", "Order", steps)
    sent = [(at, one[0]) for (at, _), one in zip(steps, seen, strict=True)]
    return [(at, out) for at, out in sent if out is not None and (out[0] or out[1])], seen


def test_nothing_is_ordered_of_a_bridge_that_is_away():
    sent, _ = orders([(0, wanted(2)), (1, {**ONLINE, "payload": "offline"}), (2, wanted(2))])

    assert sent == []


def test_an_accepted_order_is_renewed_at_a_third_of_its_validity():
    ticks = [(at, wanted(2)) for at in range(10, 240, 5)]

    sent, _ = orders([(0, ONLINE), (5, wanted(2)), (6, answer(1)), *ticks])

    assert [at for at, _ in sent[:2]] == [5, 105]
    (_, first), (_, second) = sent[:2]
    assert first[0]["payload"] == {
        "id": "schedule-id1", "at": "2026-06-21T12:00:05.000Z",
        "activationPowerInKw": 2, "validForSeconds": 300,
    }  # fmt: skip
    assert second[0]["payload"]["id"] == "schedule-id2"


def test_a_refused_order_is_tried_again_after_a_while():
    refused = answer(1, accepted=False, errorCode="FAULT_STATE", message="no miner answers")
    ticks = [(at, wanted(2)) for at in range(6, 25)]

    sent, seen = orders([(0, ONLINE), (5, wanted(2)), (5, refused), *ticks])

    assert [at for at, _ in sent] == [5, 20]
    assert seen[2][1] == "FAULT_STATE: no miner answers"


def test_silence_of_the_bridge_is_shown():
    _, seen = orders([(0, ONLINE), (5, wanted(2)), (11, wanted(2))])

    assert seen[-1][1] == "no answer from the bridge"


def test_zero_deactivates_once():
    off = {**answer(1), "topic": "minerbridge/ems/response/deactivate"}
    ticks = [(at, wanted(0)) for at in range(10, 600, 5)]

    sent, _ = orders([(0, ONLINE), (5, wanted(0)), (6, off), *ticks])

    assert [(at, one[0], set(one[1]["payload"])) for at, one in sent] == [(5, None, {"id", "at"})]


# -- the sun ---------------------------------------------------------------------------------


def status(kw, rated_kw=9.0):
    payload = {"activePowerInKw": kw, "ratedPowerInKw": rated_kw}
    return {"topic": "minerbridge/ems/status", "payload": payload}


def grid(power_w):
    settings = settings_of("solar-surplus", "EDIT ME: settings")
    return {"topic": "meter/grid/power", "payload": power_w, **settings}


def surplus(steps, start_s=NOON_S):
    """What is wanted of the fleet after each step; None while nothing is."""
    seen = run("solar-surplus", "Surplus", steps, start_s)
    return [None if sent is None else sent["payload"] for sent, _, _ in seen]


def test_it_starts_after_a_minute_of_sun_and_not_before():
    steps = [(0, status(0.0)), *((at, grid(-3000)) for at in range(1, 71))]

    found = surplus(steps)

    assert found[60] is None
    assert found[61] == 2.9


def test_its_own_power_is_no_load():
    before = [(0, status(0.0)), *((at, grid(-3000)) for at in range(1, 62))]
    after = [(62, status(2.9)), *((at, grid(-100)) for at in range(63, 200))]

    found = surplus([*before, *after])

    assert set(found[63:]) == {2.9}


def test_a_short_load_changes_nothing_and_a_long_one_lowers_at_once():
    before = [(0, status(0.0)), *((at, grid(-3000)) for at in range(1, 62)), (62, status(2.9))]
    kettle = [(at, grid(2000 if at == 80 else -100)) for at in range(63, 110)]
    cloud = [(at, grid(1500)) for at in range(110, 120)]

    found = surplus([*before, *kettle, *cloud])

    assert set(found[63:110]) == {2.9}
    assert found[116] == 1.3


@pytest.mark.parametrize("power_w", ["", "None", None, True, {"power": 3}])
def test_what_is_no_number_is_reported_and_not_counted(power_w):
    (_, _, errors) = run("solar-surplus", "Surplus", [(0, status(1.0)), (1, grid(power_w))])[1]

    assert "not a power" in errors[0]


def test_a_number_inside_json_is_found_by_its_path():
    message = grid({"total": {"power": "-3000.5"}})
    message["settings"]["value_path"] = "total.power"

    assert run("solar-surplus", "Surplus", [(0, status(0.0)), (1, message)])[1][2] == []


def test_the_night_ends_it():
    evening_s = datetime(2026, 6, 21, 20, 58, tzinfo=UTC).timestamp()
    steps = [(0, status(0.0)), *((at, grid(-3000)) for at in range(1, 125))]

    found = surplus(steps, evening_s)

    assert (found[119], found[120]) == (2.9, 0)


def test_it_touches_no_order_of_another_and_carries_on_its_own():
    def dispatch(order_id):
        payload = {"id": order_id, "state": "achieved", "targetPowerInKw": 3.0}
        return {"topic": "minerbridge/ems/dispatch", "payload": payload}

    for order_id, found in [("market-7", None), ("solar-1", 0)]:
        steps = [(0, dispatch(order_id)), (1, status(3.0)), (2, grid(3000))]
        assert surplus(steps)[-1] == found


# -- alerts ----------------------------------------------------------------------------------

LIMITS = settings_of("miner-alerts", "EDIT ME: limits")


def event(kind, miner_id="m1", **facts):
    payload = {"type": kind, "miner_id": miner_id, **facts}
    return {"topic": "minerbridge/bridge/event", "payload": payload, **LIMITS}


def error(miner_id="m1", code="530"):
    return event("error_raised", miner_id, code=code, message="board 0 is lost")


def state(topic, payload):
    return {"topic": topic, "payload": payload, **LIMITS}


def online(payload, miner_id="m1"):
    return state(f"minerbridge/miner/{miner_id}/availability", payload)


def problem(payload, miner_id="m1"):
    return state(f"homeassistant/binary_sensor/{miner_id}/problem/state", payload)


TICK = {"topic": "tick", **LIMITS}
CLEARED = event("error_cleared", code="530", message="")


def told(*steps):
    """Topics of all alerts, and of all all-clears."""
    seen = run("miner-alerts", "One per miner and cause", steps)
    return [[one["topic"] for sent, _, _ in seen for one in sent[out]] for out in (0, 1)]


@pytest.mark.parametrize(
    ("steps", "alerts", "clears"),
    [
        ([online("online"), error(), problem("ON"), TICK], ["m1 530"], []),
        ([online("online"), problem("ON"), error(), TICK], ["m1 530"], []),
        ([online("online"), problem("ON"), TICK], ["m1 PROBLEM"], []),
        ([online("online"), problem("ON"), problem("OFF"), TICK], [], []),
        ([problem("ON"), TICK], [], []),  # of another bridge
        ([error(), error(), error(code="540")], ["m1 530", "m1 540"], []),
        ([error(), CLEARED, problem("OFF")], ["m1 530"], ["m1 530"]),
        ([error(), CLEARED, error(), CLEARED], ["m1 530"], ["m1 530"]),
        ([online("offline"), TICK], ["m1 OFFLINE"], []),
        (
            [event("miner_offline", code="UNREACHABLE", message=""), online("offline"), TICK],
            ["m1 OFFLINE"],
            [],
        ),
        ([state("minerbridge/bridge/state", "offline")], ["bridge OFFLINE"], []),
        ([event("pool_lost"), event("pool_lost"), event("miner_online")], ["m1 POOL_LOST"], []),
    ],
)
def test_one_alert_per_miner_and_cause(steps, alerts, clears):
    found = told(*((6 * number, step) for number, step in enumerate(steps)))

    assert found == [alerts, clears]


def test_a_flood_is_one_line_and_what_comes_back_late_is_told_again():
    flood = [(0, error(f"m{number}")) for number in range(30)]

    assert told(*flood, (30, TICK), (61, TICK), (66, TICK))[0] == [
        *(f"m{number} 530" for number in range(10)),
        "bridge MORE",
    ]
    assert told((0, error()), (1, CLEARED), (1802, error()))[0] == ["m1 530"] * 2


# -- commands --------------------------------------------------------------------------------


def test_a_command_waits_for_the_result_with_its_id():
    def result(command_id):
        facts = {"id": command_id, "key": "power", "status": "failed", "message": "it hangs"}
        return {"topic": "minerbridge/miner/miner_1/result", "payload": facts}

    command = {"topic": "homeassistant/switch/miner_1/power/set", "payload": "OFF"}

    early, _, sent, other, mine, again = run(
        "miner-commands",
        "Command",
        [
            (0, command), (1, ONLINE), (2, command), (3, result("somebody's")),
            (4, result("nodered-id1")), (5, result("nodered-id1")),
        ],
    )  # fmt: skip

    assert (early[0], early[1]) == (None, "not sent: the bridge is offline")
    assert sent[0][0]["payload"] == {"value": "OFF", "id": "nodered-id1"}
    assert (other[0], again[0]) == (None, None)
    assert mine[1] == "power failed: it hangs"
