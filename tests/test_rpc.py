"""The RPC client: what a reply means, joined requests, lost replies."""

import json
from pathlib import Path

import pytest

from minerbridge.errors import (
    BadReply,
    InvalidValue,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    OutcomeUnknown,
)
from minerbridge.miners.rpc import RpcClient
from tests.rpc_replay import ReplayServer, recorded, reset, serving

RECORDINGS = Path(__file__).parent / "recordings/cgminer"
SP10 = recorded(RECORDINGS / "cgminer-4.11.1-sp10")
DEFECTS = recorded(RECORDINGS / "defects")
READONLY = recorded(RECORDINGS / "cgminer-4.11.1-readonly")


@pytest.fixture
def ask():
    """Serve replies, make one call on a client; return its result."""

    def run(serve, call):
        with serving(serve) as port:
            return call(RpcClient("127.0.0.1", port, 5))

    return run


@pytest.mark.parametrize(
    ("call", "request_bytes"),
    [
        (lambda c: c.ask("summary"), b'{"command":"summary"}'),
        (lambda c: c.ask("asc", 0), b'{"command":"asc","parameter":"0"}'),
        (lambda c: c.ask("stats", new_api=True), b'{"command":"stats","new_api":true}'),
        (lambda c: c.write("switchpool", "1"), b'{"command":"switchpool","parameter":"1"}'),
        (lambda c: c.ask_many("summary", "devs"), b'{"command":"summary+devs"}'),
    ],
)
def test_a_request_is_one_json_object_without_end_mark(ask, call, request_bytes):
    got = []

    def serve(connection):
        got.append(connection.recv(4095))
        connection.sendall(b'{"summary":[{"a":1}],"id":1}\0')

    ask(serve, call)
    assert got == [request_bytes]


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (DEFECTS["unknown-command"], MinerRefused, "Invalid command"),
        (READONLY["privileged"], MinerLocked, "Access denied to 'privileged' command"),
        (DEFECTS["setconfig-queue"], MinerRefused, "Unknown config 'queue'"),
        (DEFECTS["text-for-json"], MinerRefused, "Invalid command"),
        (b'{"STATUS":"E","When":1,"Code":45,"Msg":"denied"}', MinerLocked, "denied"),
        (b'{"STATUS":[{"STATUS":"F","Code":99,"Msg":"(null)"}],"id":1}', MinerRefused, "code 99"),
        (b"failed", MinerRefused, "'failed'"),
        (b'{"STATUS":[{"STATUS":"S"', BadReply, "neither JSON nor text"),
        (b"\0", MinerUnreachable, "api-allow"),
    ],
)
def test_an_error_in_a_reply_is_raised(ask, reply, error, message):
    with pytest.raises(error, match=message) as caught:
        ask(ReplayServer({"x": reply}), lambda client: client.ask("x"))
    assert type(caught.value) is error or error is MinerUnreachable


@pytest.mark.parametrize(
    "reply",
    [
        DEFECTS["ascset-unsupported"],
        DEFECTS["restart-cgminer"],
        DEFECTS["restart-bfgminer"],
        SP10["dbgstats"],
        b'{"STATUS":[{"Msg":"Summary","Description":"jansson2"}],"SUMMARY":[{}]}',
    ],
    ids=["warning", "string status", "BYE", "fatal with its data", "no letter"],
)
def test_what_is_no_error_is_returned(ask, reply):
    assert ask(ReplayServer({"x": reply}), lambda client: client.ask("x"))["STATUS"]


@pytest.mark.parametrize("end", [lambda connection: None, reset])
def test_hanging_up_points_to_api_allow(ask, end):
    def serve(connection):
        connection.recv(4095)
        end(connection)

    with pytest.raises(MinerUnreachable, match="api-allow"):
        ask(serve, lambda client: client.ask("summary"))
    with pytest.raises(OutcomeUnknown, match=r"restart was sent.*api-allow"):
        ask(serve, lambda client: client.write("restart"))
    with pytest.raises(MinerUnreachable, match="api-allow"):
        ask(serve, lambda client: client.ask_many("summary", "devs"))


def test_a_write_that_never_left_is_not_unknown():
    with serving(lambda connection: None) as port:
        pass
    with pytest.raises(MinerUnreachable, match="refused"):
        RpcClient("127.0.0.1", port, 5).write("restart")


def test_a_write_answered_unreadably_is_unknown(ask):
    with pytest.raises(OutcomeUnknown):
        ask(ReplayServer({"restart": b'{"STATUS":[{'}), lambda client: client.write("restart"))


def test_a_refused_write_is_refused(ask):
    with pytest.raises(MinerRefused):
        ask(ReplayServer({}), lambda client: client.write("restart"))


def test_a_request_that_one_recv_could_not_take_is_not_sent():
    server = ReplayServer({})
    with serving(server) as port, pytest.raises(InvalidValue, match="4095 bytes"):
        RpcClient("127.0.0.1", port, 5).write("addpool", "x" * 4095)
    assert server.asked == []


def test_several_commands_go_out_as_one(ask):
    server = ReplayServer(SP10)
    replies = ask(server, lambda client: client.ask_many("summary", "devs", "nosuch"))
    assert server.asked == ["summary+devs+nosuch"]
    assert {name: list(reply)[1] for name, reply in replies.items()} == {
        "summary": "SUMMARY",
        "devs": "DEVS",
    }


@pytest.mark.parametrize("name", ["joined-with-unknown", "joined-with-addpool"])
def test_a_refused_part_of_a_recorded_join_is_absent(ask, name):
    refused = "nosuch" if "unknown" in name else "addpool"
    server = ReplayServer({f"summary+{refused}": DEFECTS[name]})
    replies = ask(server, lambda client: client.ask_many("summary", refused))
    assert replies["summary"]["SUMMARY"][0]["Elapsed"] == 17
    assert refused not in replies


def test_joined_text_is_read_like_joined_json(ask):
    server = ReplayServer({"summary+pools": DEFECTS["text-joined"]})
    replies = ask(server, lambda client: client.ask_many("summary", "pools"))
    assert replies["pools"]["POOLS"][0]["Status"] == "Alive"


def hang_up_on_joins(server):
    def serve(connection):
        request = connection.recv(4095)
        key = json.loads(request)["command"]
        server.asked.append(key)
        if "+" not in key:
            connection.sendall(server.answer(key))

    return serve


@pytest.mark.parametrize("kind", ["refuses", "hangs up", "garbles"])
def test_a_server_that_does_not_join_is_asked_singly_ever_after(kind):
    server = ReplayServer(SP10, joins=False)
    if kind == "garbles":
        server.replies["summary+nosuch"] = b'{"summary":[{"STATUS":[{'
    serve = hang_up_on_joins(server) if kind == "hangs up" else server
    with serving(serve) as port:
        client = RpcClient("127.0.0.1", port, 5)
        assert client.joins is None
        assert list(client.ask_many("summary", "nosuch")) == ["summary"]
        assert list(client.ask_many("summary", "nosuch")) == ["summary"]
        assert client.joins is False
    assert server.asked == ["summary+nosuch", "summary", "nosuch", "summary", "nosuch"]


def test_an_unreadable_reply_among_others_is_absent_but_not_alone(ask):
    server = ReplayServer({**SP10, "stats": b"{{{"}, joins=False)
    replies = ask(server, lambda client: client.ask_many("summary", "stats"))
    assert list(replies) == ["summary"]
    with pytest.raises(BadReply):
        ask(server, lambda client: client.ask_many("stats"))


def test_one_hang_up_does_not_make_a_joining_server_a_single_one():
    server = ReplayServer(SP10)
    refuse: list[bool] = []

    def serve(connection):
        if refuse:
            connection.recv(4095)
        else:
            server(connection)

    with serving(serve) as port:
        client = RpcClient("127.0.0.1", port, 5)
        client.ask_many("summary", "devs")
        refuse.append(True)
        with pytest.raises(MinerUnreachable):
            client.ask_many("summary", "devs")
        refuse.clear()
        client.ask_many("summary", "devs")
    assert server.asked == ["summary+devs", "summary+devs"]
