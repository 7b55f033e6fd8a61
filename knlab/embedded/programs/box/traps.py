"""`trap`: what a shell does when a signal comes, and at its end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - a way out of `wait`
    """A signal that is trapped came."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Traps:
    """The traps of one shell; `run` runs the text of one."""

    def __init__(self, run: Callable[[str], int]) -> None:
        self._run = run
        self.at_exit = ""
        self.texts: dict[int, str] = {}
        self._pending: list[int] = []
        self.waiting = False
        """Whether the shell is in `wait`, which a trapped signal ends at once."""

    def set(self, number: int, text: str) -> None:
        """Run `text` when signal `number` comes; ignore that if it is empty. 0 is the end."""
        if number == 0:
            self.at_exit = text
            return
        self.texts[number] = text
        signal.signal(number, self._come if text else signal.SIG_IGN)

    def reset(self, number: int, *, ignored: bool) -> None:
        """Do with signal `number` what was done without a trap."""
        self.texts.pop(number, None)
        if number == 0:
            self.at_exit = ""
        else:
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)

    def _come(self, number: int, _frame: FrameType | None) -> None:
        self._pending.append(number)
        if self.waiting:
            raise Interrupted(number)

    def interrupt(self) -> None:
        """End a `wait` that begins after a signal has come.

        Raises:
            Interrupted: if one has.
        """
        if self._pending:
            raise Interrupted(self._pending[0])

    def run_pending(self) -> None:
        """Run the traps of the signals that have come."""
        while self._pending:
            self._run(self.texts.get(self._pending.pop(0), ""))

    def run_exit(self) -> None:
        """Run the trap of the shell's end, once."""
        text, self.at_exit = self.at_exit, ""
        if text:
            self._run(text)


def signal_number(text: str) -> int | None:
    """The number of the signal that `text` names: `TERM`, `SIGTERM`, `15`; 0 is `EXIT`."""
    name = text.upper().removeprefix("SIG")
    if name == "EXIT":
        return 0
    if name.isdigit():
        return int(name)
    found = getattr(signal, f"SIG{name}", None)
    return int(found) if isinstance(found, signal.Signals) else None
