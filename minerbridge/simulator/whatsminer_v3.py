"""The v3 API's requests and replies."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minerbridge.simulator import whatsminer_cipher as cipher
from minerbridge.simulator import whatsminer_v3_reads as reads
from minerbridge.simulator.device import NEVER_S, Reply
from minerbridge.simulator.whatsminer_files import log_file
from minerbridge.simulator.whatsminer_replies import Document, encoded
from minerbridge.simulator.whatsminer_v2 import Exchange
from minerbridge.simulator.whatsminer_v3_writes import ENCRYPTED, WRITES, ParameterError

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

FAILURE, INVALID, NULL, DENIED = -1, -2, -3, -4
LONGEST_HISTORY_S, HISTORY_STEP_S = 86_400, 300
UPDATE = "set.system.update_firmware"


class FailedError(Exception):
    """The answer is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def answer(device: Whatsminer, frame: bytes) -> Exchange:
    try:
        request = json.loads(frame)
    except ValueError:
        return Exchange(_reply(FAILURE, "invalid json", ""))
    name = request.get("cmd") if isinstance(request, dict) else None
    if not isinstance(name, str):
        return Exchange(_reply(NULL, "cmd item is null", ""))
    device.requests[f"v3 {name}"] += 1
    try:
        if name == "get.log.download":
            log = log_file(device)
            return Exchange(_reply(0, {"logsize": str(len(log))}, name), download=log)
        if name.startswith("set."):
            return _write(device, name, request, frame)
        return Exchange(_reply(0, _read(device, name, request.get("param")), name))
    except FailedError as error:
        return Exchange(_reply(error.code, error.message, name))


def report(device: Whatsminer) -> bytes:
    """Tell what a client that asked for reports is sent."""
    return _reply(0, {"summary": reads.summary(device)}, "get.miner.report").body


def _read(device: Whatsminer, name: str, param: Any) -> object:
    if name == "get.miner.status":
        return _status(device, param)
    if name == "get.device.info":
        told = reads.device_info(device)
        if param is None:
            return told
        if param not in told:
            raise FailedError(INVALID, f"invalid param: {param}")
        return {param: told[param]}
    if name == "get.miner.history":
        return _history(device, param)
    others: dict[str, Callable[[Whatsminer], object]] = {
        "get.miner.setting": reads.miner_setting,
        "get.fan.setting": reads.fan_setting,
        "get.system.setting": reads.system_setting,
        "get.device.custom_data": lambda device: device.system.custom_data,
    }
    if name not in others:
        raise FailedError(INVALID, "invalid command")
    return others[name](device)


def _status(device: Whatsminer, param: object) -> Document:
    if param is None:
        raise FailedError(NULL, "param item is null")
    parts = {"summary": reads.summary, "pools": reads.pools, "edevs": reads.edevs}
    names = str(param).split("+")
    if any(name not in parts for name in names):
        raise FailedError(INVALID, f"invalid param: {param}")
    if not device.mining.is_program_up:
        raise FailedError(FAILURE, "btminer process is down err")
    if device.plant.is_resting and "pools" in names:  # an idle miner has no pools to tell of
        if names == ["pools"]:
            raise FailedError(FAILURE, "fail")
        names.remove("pools")
    return {name: parts[name](device) for name in names}


def _history(device: Whatsminer, param: Any) -> list[Document]:
    asked = param if isinstance(param, dict) else {}
    try:
        begin = int(asked["begin"] if "begin" in asked else asked["start"])
        end = int(asked["end"] if "end" in asked else asked["stop"])
    except (KeyError, TypeError, ValueError) as error:
        raise FailedError(NULL, "param item is null") from error
    if not 0 <= end - begin <= LONGEST_HISTORY_S:
        raise FailedError(FAILURE, "invalid time")
    first = max(begin, int(time.time() - device.plant.elapsed_s))
    told = {"hash-rate": reads.summary(device)["hash-average"], "power": round(device.power_w)}
    ends = min(end, int(time.time()))
    return [{"time": at} | told for at in range(first, ends, HISTORY_STEP_S)]


def _write(device: Whatsminer, name: str, request: Document, frame: bytes) -> Exchange:
    accounts = device.accounts
    if any(request.get(item) is None for item in ("ts", "token", "account")):
        raise FailedError(NULL, "item is null")
    account = str(request["account"])
    key = accounts.key(name, account, request["ts"], request["token"])
    if key is None or device.faults.wrong_password:
        raise FailedError(INVALID, "invalid token")
    if not device.api_switch or not accounts.may(account, name):
        raise FailedError(DENIED, "no permission")
    if name == "set.miner.report":
        return Exchange(_reply(0, "ok", name, is_write=True))
    if name == UPDATE:
        text = frame.decode()
        return Exchange(
            _reply(0, "ready", name), upload=lambda image: _upgraded(device, text, image)
        )
    act = WRITES.get(name)
    if act is None:
        raise FailedError(INVALID, "invalid command")
    param = _opened(key, request["param"]) if name in ENCRYPTED else request.get("param")
    return Exchange(_done(device, name, act, param, request | {"param": param}))


def _opened(key: bytes, param: object) -> object:
    try:
        found: object = json.loads(cipher.v3_decrypted(key, str(param)))
    except ValueError as error:
        raise FailedError(FAILURE, "invalid encrypted param") from error
    return found


def _done(
    device: Whatsminer, name: str, act: Callable[[Whatsminer, Any], object], param: object,
    request: Document,
) -> Reply:  # fmt: skip
    problem: list[str] = []

    def attempt() -> None:
        try:
            act(device, param)
        except (ParameterError, KeyError, TypeError, AttributeError) as error:
            problem.append(str(error))

    device.write(encoded(request).decode(), attempt)
    if problem:
        return _reply(FAILURE, problem[0], name, is_write=True)
    after_s = NEVER_S if name in device.silent else 0.0
    return _reply(0, "ok", name, is_write=True, after_s=after_s)


def _upgraded(device: Whatsminer, text: str, image: bytes) -> Reply:
    if not device.accepts_firmware:
        return _reply(FAILURE, "invalid firmware", UPDATE, is_write=True)
    device.uploads.append(image)
    device.write(text, device.upgrade)
    return _reply(0, "ok", UPDATE, is_write=True)


def _reply(
    code: int, message: object, name: str, *, is_write: bool = False, after_s: float = 0.0
) -> Reply:  # fmt: skip
    document = {"code": code, "when": int(time.time()), "msg": message, "desc": name}
    return Reply(encoded(document), is_write, after_s)
