"""Asks a device everything that is read from its family, and keeps the replies as they came."""

from __future__ import annotations

import json
from contextlib import closing

from minerbridge.errors import MinerError, MinerLocked, MinerUnreachable
from minerbridge.miners.driver import Target
from minerbridge.miners.http_reply import HttpRefused
from minerbridge.miners.http_transport import HttpTransport
from minerbridge.miners.iceriver import daemon
from minerbridge.miners.iceriver.daemon import Daemon
from minerbridge.miners.identify import RPC_PORT
from minerbridge.miners.recorder_pages import (
    FACTORY_LOGIN,
    FRONT_PAGE,
    SLOW_S,
    WITHOUT_RPC,
    Recording,
    Request,
    page_requests,
    port_of,
)
from minerbridge.miners.rpc import refused
from minerbridge.miners.rpc_commands import QUERIES
from minerbridge.miners.rpc_decode import decode
from minerbridge.miners.rpc_dialects import DIALECTS
from minerbridge.miners.tcp_transport import TcpTransport
from minerbridge.miners.whatsminer.reads import V2_JOINED, V2_READS, V3_READS
from minerbridge.miners.whatsminer.v3_client import V3Client, parsed, refusal

JOINED = "version+summary"
_FORM = "application/x-www-form-urlencoded"


def rpc_reads() -> list[str]:
    """Return the commands that only tell something, of any dialect."""
    plain = [name for name, spec in QUERIES.items() if not spec.parameters]
    further = [name for one in DIALECTS for name in (*one.commands, *one.statistics)]
    return list(dict.fromkeys([*plain, *further]))


def record(target: Target, family: str | None) -> Recording:
    """Ask the device at *target*; raise `MinerUnreachable` when nothing answers at all."""
    recording = Recording()
    silence: MinerError | None = None
    if family not in WITHOUT_RPC:
        silence = _record_rpc(target, family, recording)
    if family == "iceriver":
        silence = _record_daemon(target, recording)
    if family == "whatsminer":
        silence = _record_v3(target, recording) and silence
    silence = _record_pages(target, family, recording) and silence
    if not recording.replies and not recording.refused:
        raise silence or MinerUnreachable("nothing was answered")
    return recording


def _record_rpc(target: Target, family: str | None, recording: Recording) -> MinerError | None:
    is_whatsminer = family == "whatsminer"
    transport = TcpTransport(target.host, target.ports.get("rpc", RPC_PORT), target.timeout_s)
    for command in V2_READS if is_whatsminer else rpc_reads():
        request = Request("rpc", command)
        try:
            reply = _asked(transport, command, is_whatsminer)
        except MinerError as error:
            if not recording.replies:
                return error
            continue
        if reply.startswith(b"HTTP/"):
            return None
        if is_refusal(reply):
            recording.refused[request] = reply
        elif reply:
            recording.replies[request] = reply
    try:
        joined = V2_JOINED if is_whatsminer else JOINED
        recording.joins = b'"summary"' in _asked(transport, joined, is_whatsminer)
    except MinerError:
        recording.joins = False
    return None


def _asked(transport: TcpTransport, command: str, is_whatsminer: bool) -> bytes:
    """Return the reply; a WhatsMiner is asked by `cmd`, and again where it wants `command`."""
    if is_whatsminer:
        reply = transport.exchange(_rpc_request(command, "cmd"))
        if b"Missing JSON 'command'" not in reply:
            return reply
    return transport.exchange(_rpc_request(command, "command"))


def _rpc_request(command: str, key: str) -> bytes:
    return json.dumps({key: command}, separators=(",", ":")).encode()


def _record_v3(target: Target, recording: Recording) -> MinerError | None:
    """Ask over API v3; return the silence where that port does not answer."""
    client = V3Client(target)
    for name, param in V3_READS:
        request = Request("v3", name, param)
        try:
            reply = client.ask_raw(name, param or None)
            is_refused = refusal(name, parsed(reply)) is not None
        except MinerError as error:
            return error
        (recording.refused if is_refused else recording.replies)[request] = reply
    return None


def _record_daemon(target: Target, recording: Recording) -> MinerError | None:
    """Ask an IceRiver's mining program; return the silence where its port does not answer."""
    with closing(Daemon(target)) as program:
        for name in (*daemon.READS, "gethw"):
            try:
                reply = program.ask_raw(name)
            except MinerError as error:
                if not recording.replies:
                    return error
                continue
            recording.replies[Request("daemon", name)] = reply
    return None


def is_refusal(reply: bytes) -> bool:
    """Whether the device says that it has no such command, or does not tell."""
    try:
        return refused(decode(reply)) is not None
    except MinerError:
        return False


def _record_pages(target: Target, family: str | None, recording: Recording) -> MinerError | None:
    """Ask as a visitor for the front page, and as the operator for the pages of the family."""
    port, timeout_s = port_of(target, family), max(target.timeout_s, SLOW_S.get(family or "", 0.0))
    visitor = HttpTransport(target.host, port, timeout_s=target.timeout_s)
    with closing(visitor):
        silence = _record_page(visitor, Request("http", FRONT_PAGE), recording)
        recording.realm = visitor.realm
    if silence is not None:
        return silence
    username, password, realm = FACTORY_LOGIN.get(family or "", (None, None, ""))
    with closing(
        HttpTransport(
            target.host,
            port,
            username=target.username or username,
            password=password if target.password is None else target.password,
            # The factory login is for a miner that shows it is one.
            realm=realm if target.password is None else "",
            timeout_s=timeout_s,
        )
    ) as operator:
        for request in page_requests(family, recording):
            _record_page(operator, request, recording)
    return None


def _record_page(
    transport: HttpTransport, request: Request, recording: Recording
) -> MinerError | None:
    method = "POST" if request.form else "GET"
    try:
        reply = transport.request(
            method, request.what, request.form.encode(), _FORM if request.form else ""
        )
    except MinerLocked:
        recording.refused[request] = 401
    except HttpRefused as error:
        recording.refused[request] = error.status
    except MinerUnreachable as error:
        return error
    except MinerError:
        return None  # not HTTP, or not understood
    else:
        recording.replies[request] = reply.raw
    return None
