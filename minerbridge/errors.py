"""Every expected failure, named for what the caller does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minerbridge.model import Confirmation


class BridgeError(Exception):
    """A failure the bridge expects; *code* is what answers and events carry."""

    code = "INTERNAL_ERROR"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class SettingsError(BridgeError):
    """The settings file is wrong. The operator mends it; the bridge does not start."""

    code = "INVALID_SETTINGS"


class MinerError(BridgeError):
    """Talking to a miner failed."""

    code = "MINER_ERROR"


class MinerUnreachable(MinerError):
    """No answer on the network. The next poll is the retry."""

    code = "UNREACHABLE"


class OutcomeUnknown(MinerError):
    """A write was sent and its reply lost. Never send it again blindly: read back."""

    code = "OUTCOME_UNKNOWN"
    #: How its effect would show, where the driver knows.
    confirmation: Confirmation | None = None


class BadReply(MinerError):
    """The reply could not be understood. *text* keeps its beginning: new firmware or a defect."""

    code = "BAD_REPLY"

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text[:500]


class MinerRefused(MinerError):
    """The miner answered with an error. Do not retry; report it."""

    code = "REFUSED"


class MinerLocked(MinerRefused):
    """Wrong password or writes switched off. An operator must act."""

    code = "ACCESS_DENIED"


class WrongDevice(MinerError):
    """Another device answers at the miner's address. Send it nothing."""

    code = "WRONG_DEVICE"


class UnknownDevice(MinerError):
    """Something answers, but nothing that is known how to talk to."""

    code = "UNKNOWN_DEVICE"


class CommandRejected(BridgeError):
    """A command that never reached the device."""

    code = "REJECTED"


class InvalidValue(CommandRejected):
    """The payload or a parameter is not what the command takes."""

    code = "INVALID_VALUE"


class NotAllowed(CommandRejected):
    """The settings forbid it: read-only, or a guarded command that is not allowed."""

    code = "NOT_ALLOWED"


class Unsupported(CommandRejected):
    """This family or firmware has no such command."""

    code = "UNSUPPORTED"


class NotFound(CommandRejected):
    """No such miner, request or thing."""

    code = "NOT_FOUND"
