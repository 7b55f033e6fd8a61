"""Copies of what a container prints, for those who are attached to it. A part of the shim.

Who reads slowly slows the container down, as with Kubernetes' container runtimes: `Taps.are_full`
says when its stream must wait. This module imports little, like the shim.
"""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable
from typing import Final

_EARLY_LIMIT: Final = 1 << 16
"""Bytes that are kept for the first who attaches; with more he begins where he comes."""


class Taps:
    """Who gets a copy of one stream of one container."""

    def __init__(
        self, selector: selectors.BaseSelector, drained: Callable[[], None], *, keeps: bool
    ) -> None:
        """`keeps`: the first one also gets what was printed before; `drained`: they are not full.

        Whatever is registered with `selector` is a function to call when the time has come.
        """
        self._selector, self._drained = selector, drained
        self._early: bytes | None = b"" if keeps else None
        self._taps: dict[str, _Tap] = {}

    @property
    def are_full(self) -> bool:
        """Whether somebody has not read yet what he was given."""
        return any(tap.unsent for tap in self._taps.values())

    def open(self, name: str, descriptor: int | None) -> None:
        """Somebody has attached, who wants this stream in `descriptor` or does not want it."""
        early, self._early = self._early, None
        if descriptor is not None:
            os.set_blocking(descriptor, False)
            self._taps[name] = _Tap(descriptor)
            self._give(name, early or b"")

    def give(self, output: bytes) -> None:
        """The container has printed `output`."""
        if self._early is not None:
            early = self._early + output
            self._early = early if len(early) <= _EARLY_LIMIT else None
        for name in tuple(self._taps):
            self._give(name, output)

    def close(self, name: str) -> None:
        """Somebody has gone."""
        if tap := self._taps.pop(name, None):
            self._forget(tap)
            self._drained()

    def finish(self) -> None:
        """Nothing more will be printed: all who have read everything see the end."""
        for name, tap in tuple(self._taps.items()):
            tap.is_last = True
            if not tap.unsent:
                self.close(name)

    def _give(self, name: str, output: bytes) -> None:
        tap = self._taps[name]
        was_full, tap.unsent = bool(tap.unsent), tap.unsent + output
        if not was_full:
            self._flush(name)

    def _flush(self, name: str) -> None:
        tap = self._taps.get(name)
        if tap is None:  # closed in this very turn of the loop
            return
        try:
            tap.send()
        except OSError:  # nobody reads it any more
            self.close(name)
            return
        if tap.unsent and not tap.waits:
            tap.waits = True
            self._selector.register(
                tap.descriptor, selectors.EVENT_WRITE, lambda: self._flush(name)
            )
        elif not tap.unsent and tap.is_last:
            self.close(name)
        elif not tap.unsent and tap.waits:
            tap.waits = False
            self._selector.unregister(tap.descriptor)
            self._drained()

    def _forget(self, tap: _Tap) -> None:
        if tap.waits:
            self._selector.unregister(tap.descriptor)
        os.close(tap.descriptor)


class _Tap:
    """One who gets a copy."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.unsent = b""
        self.waits = False
        """Whether the selector is to say when there is room."""
        self.is_last = False
        """Whether the end comes after what is unsent."""

    def send(self) -> None:
        """Send as much as there is room for.

        Raises:
            OSError: nobody reads it.
        """
        try:
            while self.unsent:
                self.unsent = self.unsent[os.write(self.descriptor, self.unsent) :]
        except BlockingIOError:
            pass
