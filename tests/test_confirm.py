"""When a command counts as confirmed, and what is said when it does not."""

import pytest

from minerbridge.miners.confirm import Pending, verdict
from minerbridge.model import Confirmation, MinerCommand
from tests.miners import reading

COMMAND = MinerCommand("m", "stop", "1", "power")
ASLEEP = Confirmation(lambda r: r.status == "sleeping", 30.0, "the miner is asleep")
UNSEEN = Confirmation(None, 0, "the pool is in the list")
YES, NO = reading(status="sleeping"), reading(status="mining")


@pytest.mark.parametrize(
    ("confirmation", "reply_lost", "seen", "after_s", "outcome"),
    [
        (ASLEEP, False, YES, 1, ("confirmed", None)),
        (ASLEEP, True, YES, 1, ("confirmed", None)),
        (ASLEEP, False, YES, 99, ("confirmed", None)),
        (ASLEEP, False, NO, 29.9, None),
        (ASLEEP, False, None, 29.9, None),
        (ASLEEP, True, NO, 29.9, None),
        (ASLEEP, False, NO, 30, ("unconfirmed", "NOT_SEEN")),
        (ASLEEP, False, None, 30, ("unconfirmed", "NOT_SEEN")),
        (ASLEEP, True, NO, 30, ("failed", "OUTCOME_UNKNOWN")),
        (UNSEEN, False, None, 0, ("unconfirmed", "NOT_READABLE")),
        (UNSEEN, False, YES, 0, ("unconfirmed", "NOT_READABLE")),
        (UNSEEN, True, None, 0, ("failed", "OUTCOME_UNKNOWN")),
    ],
)
def test_only_what_was_read_back_is_confirmed(confirmation, reply_lost, seen, after_s, outcome):
    pending = Pending(COMMAND, confirmation, 100.0, reply_lost)

    found = verdict(pending, seen, 100.0 + after_s)

    assert (found and found[:2]) == outcome


@pytest.mark.parametrize(
    ("confirmation", "reply_lost", "message"),
    [
        (ASLEEP, False, "accepted, but not seen within 30 s: the miner is asleep"),
        (ASLEEP, True,
         "sent, but its reply was lost and its effect was not seen (the miner is asleep)"),
        (UNSEEN, False, "accepted; the effect cannot be read back"),
    ],
)  # fmt: skip
def test_what_was_waited_for_is_said(confirmation, reply_lost, message):
    found = verdict(Pending(COMMAND, confirmation, 0.0, reply_lost), NO, 30.0)
    assert found is not None
    assert found[2] == message
