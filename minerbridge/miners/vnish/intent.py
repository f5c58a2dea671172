"""What the miner was told last, which says what its closed RPC port means."""

from __future__ import annotations

from collections.abc import Callable

from minerbridge.model import Fault

#: Vnish 3.9 on an S9: 80 to 130 s from the wake until the RPC opens, at most 150 s for a reboot.
BOOT_S = 180.0
_MINUTE_S = 60.0


class Intent:
    """Told to run, told to sleep, or nothing yet."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._run_at_s: float | None = None
        self._booted_at_s: float | None = None
        self._slept_at_s = -1e9
        self._is_down = False

    def run(self) -> None:
        """Note that the miner was told to start, restart or reboot."""
        self._run_at_s = self._clock()
        self._is_down = False

    def sleep(self) -> None:
        self._run_at_s = self._booted_at_s = None
        self._slept_at_s = self._clock()

    @property
    def is_starting(self) -> bool:
        """Whether a boot that was told to the miner may still be under way."""
        return self._run_at_s is not None and self._clock() < self._run_at_s + BOOT_S

    @property
    def is_booting(self) -> bool:
        """Whether it comes up, told to or not: what makes it sleep does not outlive a boot."""
        booted_at_s = self._booted_at_s
        return self.is_starting or (
            booted_at_s is not None and self._clock() < booted_at_s + BOOT_S
        )

    def seen_booting(self) -> None:
        """Note that its system started within the last minute, whoever did that."""
        if self._clock() >= self._slept_at_s + _MINUTE_S:
            self._booted_at_s = self._clock()

    def seen_up(self, *, is_mining: bool) -> None:
        """Forget the order once it is carried out: later silence is somebody else's doing."""
        self._is_down = False
        if is_mining and not self.is_starting:
            self._run_at_s = None

    def seen_down(self) -> None:
        self._is_down = True

    def faults(self) -> tuple[Fault, ...]:
        """Return that it did not come up, when it should have by now."""
        if self._run_at_s is None or self.is_starting or not self._is_down:
            return ()
        waited_s = self._clock() - self._run_at_s
        message = f"told to start {waited_s:.0f} s ago, and its mining program does not run"
        return (Fault("NOT_STARTED", message),)
