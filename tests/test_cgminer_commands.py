"""Commands and queries over the cgminer RPC."""

import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from minerbridge.errors import (
    InvalidValue,
    MinerRefused,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners import cgminer_commands
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.rpc_commands import QUERIES, WRITES
from minerbridge.model import Board, MinerCommand, MinerReading, Pool
from tests.cgminer_rig import RECORDINGS, contact_and_read, driver_at
from tests.rpc_replay import ReplayServer, recorded, serving


def test_what_write_access_allows_is_offered():
    sp10, readonly = (
        contact_and_read(ReplayServer({**recorded(RECORDINGS / "cgminer-4.11.1-sp10"), **more}))[0]
        for more in (
            {"addpool": b"{}", "ascenable|0": b"{}", "hotplug": b"{}"},
            {"privileged": recorded(RECORDINGS / "cgminer-4.11.1-readonly")["privileged"]},
        )
    )
    assert {"restart", "switchpool", "ascset", "hotplug", "summary"} <= set(sp10.commands)
    assert not {"pgaset", "lockstats", "pool_profile"} & set(sp10.commands)
    assert set(readonly.commands) == set(QUERIES)


def test_a_server_that_denies_writing_is_asked_no_further():
    server = ReplayServer(recorded(RECORDINGS / "cgminer-4.11.1-readonly"))
    contact_and_read(server)
    assert "privileged" in server.asked
    assert not any(key.startswith("check") for key in server.asked)


@pytest.mark.parametrize(
    ("access", "names"),
    [
        ("secret", {"addpool"}),
        ("guarded", {*("removepool", "save", "quit", "setconfig"), *("zero", "debug", "hotplug")}),
    ],
)
def test_dangerous_commands_are_guarded(access, names):
    assert {name for name, spec in WRITES.items() if spec.access == access} == names


def execute(server, name, /, **parameters):
    with serving(server) as port:
        driver = driver_at(port, pool_profiles=PROFILES)
        return driver.execute(MinerCommand("rig", name, "1", name, parameters))


PROFILES = {
    "main": (
        PoolLogin("stratum+tcp://pool.example:3333", "w\\,1", "p,2"),
        PoolLogin("stratum+tcp://other.example:3333", "w"),
    )
}
DONE = b'{"STATUS":[{"STATUS":"S","Code":1,"Msg":"done"}],"id":1}\0'


@pytest.mark.parametrize(
    ("name", "parameters", "sent"),
    [
        ("switchpool", {"pool": "1"}, "switchpool|1"),
        ("enablepool", {"pool": 1}, "enablepool|1"),
        ("poolpriority", {"pools": "2, 0,1"}, "poolpriority|2,0,1"),
        ("poolquota", {"pool": 0, "quota": 3}, "poolquota|0,3"),
        (
            "addpool",
            {"url": "u", "user": "a,b\\c", "password": "x"},
            "addpool|u,a\\,b\\\\c,x",
        ),
        ("restart", {}, "restart"),
        ("quit", {}, "quit"),
        ("save", {}, "save"),
        ("save", {"file": "/a,b"}, "save|/a,b"),
        ("debug", {"setting": "verbose"}, "debug|verbose"),
        ("setconfig", {"name": "queue", "value": 3}, "setconfig|queue,3"),
        ("zero", {"which": "all", "show_summary": "ON"}, "zero|all,true"),
        ("hotplug", {"seconds": 5}, "hotplug|5"),
        ("failover-only", {"enabled": False}, "failover-only|false"),
        ("ascset", {"device": 0, "option": "freq", "value": "500"}, "ascset|0,freq,500"),
        ("ascset", {"device": 0, "option": "help"}, "ascset|0,help"),
        ("pgaidentify", {"device": 2}, "pgaidentify|2"),
        ("lockstats", {}, "lockstats"),
        ("version", {}, "version"),
        ("asc", {"device": 0}, "asc|0"),
    ],
)
def test_a_command_is_sent_as_the_server_wants_it(name, parameters, sent):
    server = ReplayServer({sent: DONE})
    execute(server, name, **parameters)
    assert server.asked == [sent]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("switchpool", {"pool": "abc"}),  # cgminer would switch to pool 0
        ("switchpool", {}),
        ("switchpool", {"pool": -1}),
        ("setconfig", {}),  # cgminer would crash
        ("setconfig", {"name": "queue"}),
        ("setconfig", {"name": "queue", "value": 99999}),
        ("poolpriority", {"pools": "0,0"}),
        ("poolpriority", {"pools": "1,x"}),
        ("poolpriority", {"pools": "1,"}),
        ("addpool", {"url": "u", "user": "w\n", "password": "x"}),
        ("zero", {"which": "everything", "show_summary": True}),
        ("ascset", {"device": 0}),
        ("restart", {"now": True}),
        ("pool_profile", {"profile": "unknown"}),
    ],
)
def test_a_wrong_parameter_is_never_sent(name, parameters):
    server = ReplayServer({})
    with pytest.raises(InvalidValue):
        execute(server, name, **parameters)
    assert server.asked == []


def test_an_unknown_command_is_never_sent():
    server = ReplayServer({})
    with pytest.raises(Unsupported):
        execute(server, "selfdestruct")
    assert server.asked == []


def test_a_warning_in_answer_to_a_command_is_a_refusal():
    server = ReplayServer(
        {"ascset|0,freq,1": recorded(RECORDINGS / "defects")["ascset-unsupported"]}
    )
    with pytest.raises(MinerRefused, match="does not support ascset"):
        execute(server, "ascset", device=0, option="freq", value="1")


def hang_up(connection):
    connection.recv(4095)


def test_a_lost_answer_is_read_back_where_that_is_possible():
    assert execute(hang_up, "restart").seen is not None
    assert execute(hang_up, "switchpool", pool=1).seen is not None
    with pytest.raises(OutcomeUnknown):
        execute(hang_up, "poolquota", pool=0, quota=1)


def reading(**fields):
    return MinerReading("rig", datetime.now(UTC), "cgminer", **fields)


POOLS = (
    Pool(0, "stratum+tcp://a:1", "u", "Disabled", is_active=False),
    Pool(1, "pool.example:3333", "w\\,1", "Alive", is_active=True),
)


@pytest.mark.parametrize(
    ("name", "parameters", "shows", "shows_not"),
    [
        ("switchpool", {"pool": 1}, {"pools": POOLS}, {"pools": POOLS[:1]}),
        ("switchpool", {"pool": 1}, {"pools": POOLS}, {}),
        ("disablepool", {"pool": 0}, {"pools": POOLS}, {"pools": POOLS[1:]}),
        ("enablepool", {"pool": 1}, {"pools": POOLS}, {"pools": POOLS[:1]}),
        (
            "addpool",
            {"url": "stratum+tcp://pool.example:3333", "user": "w\\,1", "password": "x"},
            {"pools": POOLS},
            {"pools": POOLS[:1]},
        ),
        (
            "ascdisable",
            {"device": 0},
            {"boards": (Board(0, status="Disabled"),)},
            {"boards": (Board(0, status="Alive"), Board(1, status="Disabled"))},
        ),
        (
            "pgaenable",
            {"device": 0},
            {"boards": (Board(0, status="Alive"),)},
            {"boards": (Board(0, status="Disabled"),)},
        ),
        ("restart", {}, {"uptime_s": 1.0}, {"uptime_s": 9000.0}),
        ("restart", {}, {"uptime_s": 0.0}, {}),
    ],
)
def test_the_effect_of_a_command_shows_in_a_reading(name, parameters, shows, shows_not):
    server = ReplayServer(dict.fromkeys(answers_to(name, parameters), DONE))
    confirmation = execute(server, name, **parameters)
    assert confirmation.seen is not None
    assert confirmation.seen(reading(**shows))
    assert not confirmation.seen(reading(**shows_not))


def answers_to(name, parameters):
    values = [str(value).replace("\\", "\\\\").replace(",", "\\,") for value in parameters.values()]
    return [name, f"{name}|{','.join(values)}"]


def test_a_restart_shows_however_late_it_is_read():
    confirmation = execute(ReplayServer({"restart": DONE}), "restart")
    later = reading(uptime_s=50.0)
    assert not confirmation.seen(later)
    assert confirmation.seen(later.replace(at=later.at + timedelta(seconds=60)))


def test_removing_a_pool_shows_in_fewer_pools():
    pools = recorded(RECORDINGS / "luxos-s19k-pro")["pools"]
    confirmation = execute(
        ReplayServer({"pools": pools, "removepool|1": DONE}), "removepool", pool=1
    )
    assert confirmation.seen(reading(pools=POOLS))
    assert not confirmation.seen(reading(pools=(*POOLS, *POOLS)))
    assert not confirmation.seen(reading())


class PoolServer(ReplayServer):
    """Keeps a list of pools to which addpool adds."""

    def __init__(self, *pools):
        super().__init__({})
        self.pools = list(pools)

    def answer(self, key):
        command, _, parameter = key.partition("|")
        if command == "addpool":
            parts = re.findall(r"((?:[^\\,]|\\.)*)(?:,|$)", parameter)
            url, user = (re.sub(r"\\(.)", r"\1", part) for part in parts[:2])
            self.pools.append({"URL": url, "User": user, "Status": "Alive"})
        elif command == "pools":
            numbered = [{"POOL": n, **pool} for n, pool in enumerate(self.pools)]
            return json.dumps({"STATUS": [{"STATUS": "S"}], "POOLS": numbered}).encode()
        return DONE


def test_a_pool_profile_adds_what_is_missing_and_switches_to_its_first(monkeypatch):
    monkeypatch.setattr(cgminer_commands, "_ADDPOOL_GAP_S", 0.01)
    first, second = PROFILES["main"]
    old = {"URL": "stratum+tcp://old:1", "User": "o", "Status": "Alive"}
    other = {"URL": second.url, "User": second.user, "Status": "Alive"}
    for pools, adds, slot in (([old], 2, 1), ([old, other], 1, 2)):
        server = PoolServer(*pools)
        confirmation = execute(server, "pool_profile", profile="main")
        added = [key for key in server.asked if key.startswith("addpool")]
        assert len(added) == adds
        assert added[0] == f"addpool|{first.url},w\\\\\\,1,p\\,2"
        assert server.asked[-1] == f"switchpool|{slot}"
        assert "addpool" not in " ".join(server.asked[:1])
        assert confirmation.seen(reading(pools=POOLS))
        assert not confirmation.seen(reading(pools=POOLS[:1]))


def test_pools_are_added_with_a_gap(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    execute(PoolServer(), "pool_profile", profile="main")
    assert slept[0] == 0
    assert 0 < slept[1] <= cgminer_commands._ADDPOOL_GAP_S


def test_a_query_gives_the_reply_without_passwords():
    server = ReplayServer(recorded(RECORDINGS / "avalon-q"))
    with serving(server) as port:
        (pool,) = driver_at(port).query("pools")["POOLS"]
    assert b'"Password"' in server.replies["pools"]
    assert "Password" not in pool
    assert pool["User"] == "worker.6"


def test_a_query_carries_its_parameter_and_no_number_json_lacks():
    server = ReplayServer({"asc|0": b'{"STATUS":[{"STATUS":"S"}],"ASC":[{"a":1e999,"b":2}]}'})
    with serving(server) as port:
        assert driver_at(port).query("asc", {"device": "0"})["ASC"] == [{"a": None, "b": 2}]


@pytest.mark.parametrize("name", ["restart", "addpool", "nosuch"])
def test_a_query_never_writes(name):
    server = ReplayServer({})
    with serving(server) as port, pytest.raises(Unsupported):
        driver_at(port).query(name)
    assert server.asked == []


def test_a_query_checks_its_parameters():
    with pytest.raises(InvalidValue):
        driver_at(1).query("asc", {"device": "x"})
