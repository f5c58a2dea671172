"""A full terminal screen on which only changed lines are drawn again.

A selection made with the mouse would not survive being drawn over, and these lines are there to
be copied.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.control import Control
from rich.segment import Segment, Segments


class Screen:
    """The terminal's alternate screen, given back at the end of the context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: list[list[Segment]] = []
        self._size = console.size

    def __enter__(self) -> Self:
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._console.show_cursor(True)
        self._console.set_alt_screen(False)

    def draw(self, picture: RenderableType) -> None:
        """Show *picture*, cut to the screen."""
        console = self._console
        if console.size != self._size:
            self._size, self._shown = console.size, []
            console.control(Control.clear())
        lines = console.render_lines(picture, pad=True)[: self._size.height]
        blank = [Segment(" " * self._size.width)]
        lines += [blank] * (len(self._shown) - len(lines))
        for at, line in enumerate(lines):
            if at >= len(self._shown) or self._shown[at] != line:
                console.control(Control.move_to(0, at))
                console.print(Segments(line), end="", soft_wrap=True)
        self._shown = lines
