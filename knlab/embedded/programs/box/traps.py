"""What a shell does when a signal comes, and at its end: `trap`, and Ctrl-C of who types."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - a way out of what waits, and of what is typed
    """A signal came that is trapped, or Ctrl-C."""

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
        self._waiting = False
        self._breaks = False
        self._insists = False

    def set(self, number: int, text: str) -> None:
        """Run `text` when signal `number` comes; ignore that if it is empty. 0 is the end."""
        if number == 0:
            self.at_exit = text
            return
        self.texts[number] = text
        signal.signal(number, self._come if text else signal.SIG_IGN)

    def break_on_interrupt(self) -> None:
        """Have Ctrl-C, unless it is trapped, end what the shell does by `Interrupted`."""
        self._breaks = True
        signal.signal(signal.SIGINT, self._come)

    def reset(self, number: int, *, ignored: bool) -> None:
        """Do with signal `number` what was done without a trap."""
        self.texts.pop(number, None)
        if number == 0:
            self.at_exit = ""
        elif number == signal.SIGINT and self._breaks:
            self.break_on_interrupt()
        else:
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)

    def _come(self, number: int, _frame: FrameType | None) -> None:
        self._pending.append(number)
        if self._waiting:
            raise Interrupted(number)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A signal that comes, or has come, ends the block at once.

        Raises:
            Interrupted: if one does.
        """
        self._waiting = True
        try:
            if self._pending:
                raise Interrupted(self._pending[0])
            yield
        finally:
            self._waiting = False

    @property
    def is_interrupted(self) -> bool:
        """Whether Ctrl-C has come that is to end what the shell does."""
        return self._breaks and any(map(self._is_break, self._pending))

    def survived(self) -> None:
        """A command has ended that no Ctrl-C ended: if one came, it was the command's business."""
        if not self._insists:
            self._pending = [number for number in self._pending if not self._is_break(number)]

    def insist(self) -> None:
        """The Ctrl-C that came, if one did, is the shell's business too, whatever else ends."""
        self._insists = self.is_interrupted

    def _is_break(self, number: int) -> bool:
        return number == signal.SIGINT and number not in self.texts

    def run_pending(self) -> None:
        """Run the traps of the signals that have come.

        Raises:
            Interrupted: after Ctrl-C, if that is to end what the shell does.
        """
        while self._pending:
            number = self._pending.pop(0)
            if number in self.texts:
                self._run(self.texts[number])
            elif number == signal.SIGINT and self._breaks:
                self._insists = False
                raise Interrupted(number)

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
