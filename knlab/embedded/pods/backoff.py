"""How long to wait after a failure: twice as long each time, up to a limit."""

from __future__ import annotations

from typing import Final

CRASH_FIRST: Final = 10.0
CRASH_LIMIT: Final = 300.0
CRASH_FORGIVEN: Final = 600.0
PULL_FIRST: Final = 10.0
PULL_LIMIT: Final = 300.0


class Backoff:
    """Waits that double from `first` to `limit` with every failure.

    With `free`, so many failures are retried at once before that: a container restarts at once the
    first time. A failure `forgiven` seconds or more after the one before starts afresh.
    """

    def __init__(
        self, first: float, limit: float, *, free: int = 0, forgiven: float = float("inf")
    ) -> None:
        self._first, self._limit = first, limit
        self._free, self._forgiven = free, forgiven
        self._failures = 0
        self._latest = float("-inf")

    def failed(self, now: float) -> float:
        """Seconds to wait after a failure at `now`."""
        if now - self._latest >= self._forgiven:
            self._failures = 0
        self._latest = now
        self._failures += 1
        doublings = self._failures - self._free - 1
        if doublings < 0:
            return 0.0
        return float(min(self._limit, self._first * 2 ** min(doublings, 32)))
