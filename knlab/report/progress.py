"""The course in a terminal: one line a lesson, with a bar and a clock that move while it runs."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Final, TextIO

_BAR: Final = 20
_TITLE: Final = 44


@dataclass(kw_only=True)
class Line:
    """The line of one lesson. On a terminal it moves; elsewhere it appears when the lesson ends."""

    title: str
    cells: int
    out: TextIO = field(default_factory=lambda: sys.stdout)
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long the lesson has run."""
        return time.monotonic() - self.began

    def draw(self) -> None:
        """Show where the lesson is, if anybody can see it move."""
        if self.out.isatty():
            self.out.write(f"\r{self._text()}")
            self.out.flush()

    def finish(self, verdict: str) -> None:
        """Leave the line as it is, with `verdict` behind it."""
        start = "\r" if self.out.isatty() else ""
        print(f"{start}{self._text()}  {verdict}", file=self.out, flush=True)

    def _text(self) -> str:
        filled = _BAR * self.done // max(1, self.cells)
        bar = "█" * filled + "░" * (_BAR - filled)
        minutes, seconds = divmod(int(self.seconds), 60)
        title = self.title if len(self.title) <= _TITLE else f"{self.title[: _TITLE - 1]}…"
        return f"{title:{_TITLE}} {bar} {self.done:2}/{self.cells:<2} {minutes}:{seconds:02}"
