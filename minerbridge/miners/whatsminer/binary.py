"""The two flows that go on in bytes after their JSON: firmware in, logs out."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from minerbridge.errors import (
    BadReply,
    InvalidValue,
    MinerRefused,
    MinerUnreachable,
    NotAllowed,
    OutcomeUnknown,
)
from minerbridge.miners.driver import Target
from minerbridge.miners.rpc_decode import integer
from minerbridge.miners.whatsminer import codes
from minerbridge.miners.whatsminer.connection import MinerConnection
from minerbridge.miners.whatsminer.session import Token
from minerbridge.miners.whatsminer.v2_client import Reply, V2Client, decoded
from minerbridge.model import Confirmation

log = structlog.get_logger(__name__)
#: Hears how many bytes have been moved.
Tell = Callable[[int], None]

_CHUNK = 65_536
#: A size goes ahead of the firmware in four bytes.
_MOST_FIRMWARE = 2**32 - 1
_MOST_LOGS = 64 * 1024 * 1024
_CHUNK_S = 30.0
#: The miner checks and writes the firmware before it answers or hangs up.
_INSTALL_S = 300.0
_KEPT_S = 60.0
_PROGRESS_PERCENT = 10


def install(target: Target, client: V2Client, name: str) -> None:
    """Send file *name* of the firmware directory; what came of it, only the version tells.

    Once the first byte is out, nothing is ever sent again: `OutcomeUnknown` on any break.
    """
    path = _firmware(target, name)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not 0 < size <= _MOST_FIRMWARE:
            raise InvalidValue(f"update_firmware: {name} has {size} bytes")

        def go_on(reply: Reply, token: Token) -> None:
            if reply.get("Msg") != "ready":
                raise MinerRefused(f"update_firmware: the miner is not ready: {reply.get('Msg')}")
            try:
                _send(client.connection, file, size, _progress(target, "update_firmware", size))
                raw = client.connection.receive_object(_INSTALL_S)
                if client.connection.was_reset:
                    raise ConnectionResetError("connection reset")
            except (MinerUnreachable, BadReply, OSError) as error:
                raise OutcomeUnknown(f"{name} was sent at least in part, but: {error}") from error
            _judge(raw, token)

        client.write("update_firmware", {}, within_s=target.timeout_s * 4, then=go_on)


def save_logs(target: Target, client: V2Client) -> Confirmation:
    """Save the logs to a file of the log directory; what is shorter than announced is discarded."""
    directory = _directory(target, "logs_dir", "files.logs")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = directory / f"{target.miner_id}-{stamp}.tgz"
    part = path.with_suffix(".part")

    def go_on(reply: Reply, _token: Token) -> None:
        told = reply.get("Msg")
        size = integer(told.get("logfilelen")) if isinstance(told, dict) else None
        if size is None or not 0 < size <= _MOST_LOGS:
            raise BadReply(f"download_logs: the miner announces {told} bytes", str(reply))
        with part.open("wb") as file:
            _receive(client.connection, file, size, _progress(target, "download_logs", size))

    try:
        client.write("download_logs", {}, within_s=target.timeout_s * 4, then=go_on)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return Confirmation(lambda _reading: True, _KEPT_S, f"the logs are in {path}")


def _firmware(target: Target, name: str) -> Path:
    """Return the file; it lies in the directory itself, whatever *name* says."""
    directory = _directory(target, "firmware_dir", "files.firmware")
    path = (directory / name).resolve()
    if path.parent != directory or not path.is_file():
        raise InvalidValue(f"update_firmware: {directory} holds no file {name[:100]!r}")
    return path


def _directory(target: Target, option: str, setting: str) -> Path:
    told = target.options.get(option)
    if not told:
        raise NotAllowed(f"the settings name no directory for it ({setting})")
    directory = Path(str(told)).resolve()
    if not directory.is_dir():
        raise NotAllowed(f"{directory} is no directory ({setting})")
    return directory


def _send(connection: MinerConnection, file: BinaryIO, size: int, tell: Tell) -> None:
    connection.send(struct.pack("<I", size), _CHUNK_S)
    sent = 0
    while sent < size:
        chunk = file.read(min(_CHUNK, size - sent))
        if not chunk:
            raise OSError("the file has become shorter")
        connection.send(chunk, _CHUNK_S)
        sent += len(chunk)
        tell(sent)


def _receive(connection: MinerConnection, file: BinaryIO, size: int, tell: Tell) -> None:
    received = 0
    while received < size:
        try:
            chunk = connection.receive(_CHUNK_S)[: size - received]
        except MinerUnreachable as error:
            raise BadReply(f"download_logs: {error} after {received} of {size} bytes") from error
        if not chunk:
            raise BadReply(f"download_logs: {received} of {size} bytes came")
        file.write(chunk)
        received += len(chunk)
        tell(received)


def _judge(raw: bytes, token: Token) -> None:
    """Raise what the miner says of the file; it may also just hang up and install."""
    if not raw.strip(b"\0\r\n "):
        return
    try:
        reply = decoded(raw, token, strictly=True)
    except BadReply as error:
        raise OutcomeUnknown(f"the firmware was sent, but: {error}") from error
    refusal = codes.refusal("update_firmware", reply, encrypted=True)
    if refusal is not None:
        raise MinerRefused(f"the firmware was sent and refused: {refusal}")


def _progress(target: Target, command: str, size: int) -> Tell:
    """Return what logs and tells every tenth of the way."""
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        percent = done * 100 // size
        if percent >= told + _PROGRESS_PERCENT:
            told = percent - percent % _PROGRESS_PERCENT
            log.info("progress", command=command, percent=told, bytes=done, of=size)
            if target.progress is not None:
                target.progress(command, done, size)

    return tell
