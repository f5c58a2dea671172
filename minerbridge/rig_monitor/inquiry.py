"""A question another thread has for the server, asked by the reporter's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from minerbridge.rig_monitor.client import Answer, Question
from minerbridge.rig_monitor.failures import MonitorError, ServerAway

#: More than one exchange that is under way and the own one after it.
ANSWER_WITHIN_S = 12.0


@dataclass(slots=True)
class Inquiry:
    """Questions and, once they came, their answers."""

    questions: Sequence[Question]
    _answers: Sequence[Answer | MonitorError] = ()
    _is_answered: threading.Event = field(default_factory=threading.Event)

    def answer(self, answers: Sequence[Answer | MonitorError]) -> None:
        self._answers = answers
        self._is_answered.set()

    def outcome(self, within_s: float = ANSWER_WITHIN_S) -> Answer:
        """Wait for the first answer and return it; raise `MonitorError` when it is none."""
        if not self._is_answered.wait(within_s):
            raise ServerAway(f"no answer within {within_s:g} s")
        answer = self._answers[0]
        if isinstance(answer, MonitorError):
            raise answer
        return answer
