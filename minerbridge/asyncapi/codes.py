"""What the codes of errors, results and events mean."""

from __future__ import annotations

from minerbridge.asyncapi.schemas import Schema

CODES: dict[str, str] = {
    "INVALID_REQUEST": "the payload is no JSON object, or not this request's",
    "INVALID_VALUE": "a field or a value is not what is taken",
    "INVALID_POWER": "a power is missing, no number, below 0 or above the rated power",
    "TOO_LARGE": "the message is larger than is taken or sent: use limit",
    "NOT_FOUND": "no such miner, request or thing",
    "NOT_ALLOWED": "the settings forbid it",
    "READ_ONLY": "the settings make the miner, or all, read-only",
    "UNSUPPORTED": "the family, firmware or server has no such thing",
    "RATE_LIMITED": "too many requests",
    "BUSY": "a scan is running",
    "STOPPING": "the bridge is stopping",
    "ALREADY_KNOWN": "the device is a known miner",
    "AMBIGUOUS": "several things go by that name",
    "OFFLINE": "the miner does not answer",
    "UNREACHABLE": "no answer on the network",
    "OUTCOME_UNKNOWN": "a write was sent and its reply lost: it may have been done",
    "BAD_REPLY": "the reply could not be understood",
    "REFUSED": "the device answered with an error",
    "ACCESS_DENIED": "wrong password or code, or writes are switched off in the device",
    "WRONG_DEVICE": "another device answers at the miner's address",
    "UNKNOWN_DEVICE": "something answers that is no known miner",
    "MINER_ERROR": "talking to a miner failed",
    "BAD_CONFIGURATION": "the device's configuration is not as it must be",
    "NOT_TUNED": "the miner has no tuning profile",
    "OWN_FREQUENCIES": "the boards of the miner have frequencies of their own",
    "MINER_NOT_FOUND": "the platform has no such miner",
    "PROFILE_NOT_FOUND": "the platform has no such profile",
    "NOT_READABLE": "accepted; the effect cannot be read back",
    "NOT_SEEN": "accepted; the effect was not seen in its time",
    "REJECTED": "the command never reached the device",
    "RIG_MONITOR": "the Mining Rig Monitor did not take or answer it",
    "RIG_MONITOR_TROUBLE": "the Mining Rig Monitor is not in order",
    "FIELDS_REFUSED": "the Mining Rig Monitor finds fault with fields",
    "INVALID_SETTINGS": "the settings are wrong",
    "INTERNAL_ERROR": "a defect of the bridge: see its log",
}
EMS_CODES: dict[str, str] = {
    "INVALID_REQUEST": "the payload is no JSON object, or a key is not what it must be",
    "INVALID_POWER": "the power is missing, no number, below 0 or above the rated power",
    "NOT_ALLOWED": "fleet control is switched off, or the bridge is read-only",
    "NOT_FOUND": "no such request",
    "MANUAL_OVERRIDE": "a person has the fleet",
    "FAULT_STATE": "some miners answer, and none can be controlled",
    "STALE": "retained, too old, from the future, or older than an order accepted before",
    "UNSUPPORTED": "not supported",
    "RATE_LIMITED": "too many requests in a second",
    "INTERNAL_ERROR": "a defect of the bridge: see its log",
    "FLEET_OFFLINE": "no miner answers",
}


def code_schema() -> Schema:
    """Return any code: a device's or a server's own is passed through."""
    meanings = "\n".join(f"* `{code}`: {words}" for code, words in CODES.items())
    return {
        "type": "string",
        "minLength": 1,
        "description": f"{meanings}\n* a device's or a server's own code is passed through",
        "examples": list(CODES),
    }
