"""Takes what Home Assistant sets on the fleet device, and answers each with one result."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from minerbridge.errors import NotAllowed, Unsupported
from minerbridge.model import CommandResult
from minerbridge.model_fleet import FleetRequest, FleetStatus, OrderAnswer, OverrideRequest
from minerbridge.mqtt.fleet_entities import FLEET_ENTITIES, MAX_SHOWN, Circumstances
from minerbridge.mqtt.fleet_publisher import FleetPublisher
from minerbridge.mqtt.router import SetCommand

_ROWS = {(row.platform, row.key): row for row in FLEET_ENTITIES}


class FleetControls:
    """Runs in the MQTT thread; *submit* never blocks and replies once, from the fleet's.

    State is never set here: it follows from what the fleet publishes.
    """

    def __init__(
        self,
        submit: Callable[[FleetRequest, Callable[[OrderAnswer], None]], None],
        status: Callable[[], FleetStatus | None],
        result: Callable[[CommandResult], None],
        publisher: FleetPublisher,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._submit = submit
        self._status = status
        self._result = result
        self._publisher = publisher
        self._read_only = read_only
        self._clock = clock
        #: What the override was last switched to, until a status shows it.
        self._switched: bool | None = None

    def take(self, command: SetCommand) -> None:
        """Hand *command* to the fleet; raise CommandRejected for one that means nothing."""
        began_s = self._clock()
        row = _ROWS.get((command.platform, command.key))
        if row is None or row.decode is None:
            raise Unsupported(f"{command.platform}/{command.key} takes no commands on the fleet")
        if self._read_only:
            raise NotAllowed("the bridge is read-only")
        status, known_w = self._status(), self._publisher.override_power_w
        shown = status is not None and status.override_active
        if self._switched is shown:
            self._switched = None
        is_active = shown if self._switched is None else self._switched
        request = row.decode(command.value, Circumstances(command.id, status, known_w, is_active))
        if isinstance(request, OverrideRequest) and command.platform == "switch":
            self._switched = request.enabled
        match request:
            case OverrideRequest(enabled=False, power_w=float(power_w)):
                self._publisher.remember_override_power(power_w)
                message = "kept: it applies when the override is switched on"
                self._answer(command, began_s, OrderAnswer(command.id, message))
            case _:
                self._submit(request, lambda answer: self._answer(command, began_s, answer))

    def _answer(self, command: SetCommand, began_s: float, answer: OrderAnswer) -> None:
        self._result(
            CommandResult(
                command.id,
                command.device_id,
                command.key,
                command.value[:MAX_SHOWN],
                "confirmed" if answer.accepted else "rejected",
                answer.code,
                answer.message,
                datetime.now(UTC),
                round(self._clock() - began_s, 3),
                command.answer_to,
            )
        )
