"""Finds the message over which a broker hangs up.

A broker that meets a message it will not have, one larger than its limit above all, may close the
connection without a word about which it was; sent again first thing, that message would keep the
connection down for ever. So whatever was under way at such an end becomes a suspect. A suspect
travels alone: either it is acknowledged and cleared, or it is alone with the blame. From then on
everything as heavy waits until all else is through, and then goes one by one, lightest first: so
the rest is delivered, and a limit is found with few connections.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum, auto

from minerbridge.mqtt.outbox import Outgoing

#: Given up after so many ends of connections that took another message;
GUILTY_AFTER = 3
#: results, which cannot wait for the rest without losing their order, after more;
GUILTY_RESULT_AFTER = 5
#: and after so many where the broker took nothing at all: it may be broken itself.
GUILTY_WITHOUT_WITNESS_AFTER = 8


class Verdict(Enum):
    """How a message is to be sent."""

    FREELY = auto()
    ALONE = auto()
    LAST = auto()
    NEVER = auto()


class Suspicion:
    """What is known about messages that may have ended connections."""

    def __init__(self) -> None:
        self._ends: dict[Hashable, int] = {}
        self._banned: dict[str, int] = {}
        #: From this weight on a message may be too heavy; from the lid on it is.
        self._doubt: int | None = None
        self._lid: int | None = None
        self._is_careful = False
        self._heaviest = 0
        self._has_witness = False
        #: Whether any message needs a verdict.
        self.is_active = False

    @property
    def wants_witness(self) -> bool:
        """Whether something harmless should go first, to show that the broker takes messages."""
        return self.is_active and not self._has_witness

    def begin(self) -> None:
        """Hear of a new connection."""
        self._heaviest = 0
        self._has_witness = False

    def verdict(self, message: Outgoing) -> Verdict:
        weight = weight_of(message)
        if self._lid is not None and weight >= self._lid:
            return Verdict.NEVER
        if weight >= self._banned.get(message.topic, weight + 1):
            return Verdict.NEVER
        ends = self._ends.get(_identity(message), 0)
        is_doubted = self._doubt is not None and weight >= self._doubt
        if message.retain and (is_doubted or ends > 1):
            return Verdict.LAST
        # States are not acknowledged: one that is heavier than all before it has to prove itself.
        if ends or is_doubted or (self._is_careful and weight > self._heaviest):
            return Verdict.ALONE
        return Verdict.FREELY

    def acquit(self, message: Outgoing) -> bool:
        """Hear that the broker answered; return whether others are cleared of doubt by that."""
        weight = weight_of(message)
        self._heaviest = max(self._heaviest, weight)
        self._has_witness = True
        if not self.is_active:
            return False
        is_disproved = self._doubt is not None and weight >= self._doubt
        if is_disproved:
            self._doubt = None
        if self._ends.pop(_identity(message), None) or is_disproved:
            self._update()
        return is_disproved

    def blame(self, under_way: Sequence[Outgoing]) -> Outgoing | None:
        """Hear what was under way when the broker hung up; return the one to be given up."""
        for message in under_way:
            identity = _identity(message)
            self._ends[identity] = self._ends.get(identity, 0) + 1
        guilty = None
        if len(under_way) == 1:
            (suspect,) = under_way
            weight = weight_of(suspect)
            if weight > self._heaviest:
                self._doubt = _least(self._doubt, weight)
            if self._ends[_identity(suspect)] >= self._enough(suspect):
                guilty = suspect
                self._convict(guilty, weight)
        self._update()
        return guilty

    def lost(self, *, was_stable: bool) -> None:
        """Hear of the end of a connection, for any reason.

        A broker that comes back after having served for long may be a new one with new limits;
        one that goes soon after it came may have met a state that nobody watches.
        """
        self._is_careful = not was_stable
        if was_stable:
            self._banned.clear()
            self._doubt = _least(self._doubt, self._lid)
            self._lid = None
        self._update()

    def _enough(self, suspect: Outgoing) -> int:
        if not self._has_witness:
            return GUILTY_WITHOUT_WITNESS_AFTER
        return GUILTY_AFTER if suspect.retain else GUILTY_RESULT_AFTER

    def _convict(self, guilty: Outgoing, weight: int) -> None:
        """Keep its like away: all that is as heavy if it was the heaviest, else its topic."""
        del self._ends[_identity(guilty)]
        self._doubt = None
        if not self._has_witness:
            return
        if weight > self._heaviest:
            self._lid = weight
        else:
            self._banned[guilty.topic] = weight

    def _update(self) -> None:
        bounds = (self._doubt, self._lid)
        self.is_active = bool(
            self._is_careful or self._ends or self._banned or bounds != (None, None)
        )


def _least(one: int | None, other: int | None) -> int | None:
    return min((weight for weight in (one, other) if weight is not None), default=None)


def _identity(message: Outgoing) -> Hashable:
    """Return what stays the same when a newer value takes the place of one."""
    return message.topic if message.retain else message


def weight_of(message: Outgoing) -> int:
    """Return roughly how many bytes it takes on the wire, at little cost."""
    return len(message.topic) + len(message.payload)
