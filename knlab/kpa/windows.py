"""Sliding averages of what is reported: a ring of one-second buckets that is told the time.

Rules as in Knative's `pkg/autoscaler/aggregation/bucketing.go`. What is recorded within one second
adds up. The average divides by the seconds since the first record, not by the whole window, so a
new revision reacts at once; seconds without a record between two records count as 0, silence after
the last record shortens the window instead.
"""

from __future__ import annotations

import math
from typing import Final

from knlab.kpa.spec import BUCKET_SIZE, Aggregation

WEIGHT_PRECISION: Final = 0.9999
"""A weighted window gives its buckets at least this share of all weight."""
MIN_EXPONENT: Final = 0.2
"""The least weight of the newest bucket of a weighted window."""


def smoothing_coefficient(buckets: int) -> float:
    """The weight of the newest of `buckets` buckets; each older one weighs (1 - it) times that."""
    return max(1 - math.pow(1 - WEIGHT_PRECISION, 1 / buckets), MIN_EXPONENT)


def _buckets(window: float) -> int:
    return math.ceil(window / BUCKET_SIZE)


def _second(now: float) -> int:
    return math.floor(now / BUCKET_SIZE)


def _rounded(value: float) -> float:
    """`value` to six digits, halves away from zero."""
    return math.copysign(math.floor(abs(value) * 1e6 + 0.5) / 1e6, value) + 0.0


class Window:
    """One ring of buckets, `window` seconds long."""

    def __init__(self, window: float, aggregation: Aggregation = "linear") -> None:
        self.window = window
        self._aggregation = aggregation
        self._ring = [0.0] * _buckets(window)
        self._total = 0.0
        self._first: int | None = None
        self._last: int | None = None

    def is_empty(self, now: float) -> bool:
        """Whether nothing has been recorded for more than the window."""
        return self._last is None or _second(now) - self._last > self.window

    def record(self, now: float, value: float) -> None:
        """Add `value` to the bucket of `now`; ignored if that has left the window already."""
        second = _second(now)
        last = self._last
        if second != last:
            if last is not None and second + self.window <= last:
                return
            if self._first is None or self._first > second:
                self._first = second
            if last is None or second > last:
                self._forget_until(second)
        self._ring[second % len(self._ring)] += value
        self._total += value

    def _forget_until(self, second: int) -> None:
        """Make `second` the newest bucket and empty what was kept in its place and on the way."""
        if self._last is None or second - self._last >= self.window:
            self._ring = [0.0] * len(self._ring)
            self._total = 0.0
            self._first = second
        else:
            for expired in range(self._last + 1, second + 1):
                index = expired % len(self._ring)
                self._total -= self._ring[index]
                self._ring[index] = 0.0
        self._last = second

    def average(self, now: float) -> float:
        """The average over the window that ends at `now`."""
        if self._aggregation == "linear":
            return self._linear(now)
        return self._weighted(now)

    def _linear(self, now: float) -> float:
        if self._last is None:
            return 0.0
        silent = max(_second(now) - self._last, 0)
        if silent >= self.window:
            return 0.0
        size = len(self._ring)
        expired = range(self._last + 1, self._last + 1 + silent)
        total = self._total - sum(self._ring[index % size] for index in expired)
        written = self._last - self._first + 1 if self._first is not None else size
        return _rounded(total / min(written, size - silent))

    def _weighted(self, now: float) -> float:
        if self._last is None or self.is_empty(now):
            return 0.0
        size = len(self._ring)
        silent = max(_second(now) - self._last, 0)
        coefficient = smoothing_coefficient(size)
        weight = coefficient * (1 - coefficient) ** silent
        average = 0.0
        for second in range(self._last, self._last - size + silent, -1):
            average += self._ring[second % size] * weight
            weight *= 1 - coefficient
        return average

    def resize(self, window: float, now: float) -> None:
        """Make the window `window` seconds long, keeping what it can hold of the newest buckets."""
        if window == self.window:
            return
        old, new = self._ring, [0.0] * _buckets(window)
        if self._last is None or self.is_empty(now):
            self._first = None
        else:
            for second in range(self._last, self._last - min(len(old), len(new)), -1):
                new[second % len(new)] = old[second % len(old)]
            self._first = self._last - (len(old) - 1)
        self.window, self._ring, self._total = window, new, sum(new)
