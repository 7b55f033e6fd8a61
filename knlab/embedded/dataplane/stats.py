"""Counting requests for the autoscaler (`networking/pkg/http/stats`, §B.3, §C.6). Pure.

Told the time in seconds of a clock that does not jump; a time that runs backwards adds nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from knlab.kpa.stat import Stat

_POD: Final = 1
"""The number of the message's first field; its five numbers follow."""
_DOUBLE: Final = 1
_BYTES: Final = 2
"""Wire types of protobuf."""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened since the report before."""

    average_concurrency: float
    average_proxied_concurrency: float
    request_count: float
    proxied_request_count: float


class RequestStats:
    """Concurrency averaged over time, and arrivals."""

    __slots__ = (
        "_area",
        "_changed",
        "_count",
        "_in_use",
        "_proxied_area",
        "_proxied_count",
        "concurrency",
        "proxied_concurrency",
    )

    def __init__(self, now: float) -> None:
        self.concurrency = 0
        self.proxied_concurrency = 0
        self._changed = now
        self._reset()

    def _reset(self) -> None:
        self._area = self._proxied_area = self._in_use = 0.0
        self._count = self._proxied_count = 0

    def _pass_time(self, now: float) -> None:
        passed = now - self._changed
        if passed > 0:
            self._in_use += passed
            self._area += self.concurrency * passed
            self._proxied_area += self.proxied_concurrency * passed
            self._changed = now

    def arrive(self, now: float, *, proxied: bool = False) -> None:
        """A request arrives; `proxied` if an activator sent it, which reports it too."""
        self._pass_time(now)
        self.concurrency += 1
        self._count += 1
        if proxied:
            self.proxied_concurrency += 1
            self._proxied_count += 1

    def leave(self, now: float, *, proxied: bool = False) -> None:
        """A request is over."""
        self._pass_time(now)
        self.concurrency -= 1
        if proxied:
            self.proxied_concurrency -= 1

    def report(self, now: float) -> Report:
        """What happened since the report before; a new period begins."""
        self._pass_time(now)
        elapsed = self._in_use or 1.0
        report = Report(
            self._area / elapsed,
            self._proxied_area / elapsed,
            float(self._count),
            float(self._proxied_count),
        )
        self._reset()
        return report


class _Revision:
    """One revision's counting in an activator."""

    __slots__ = ("already_reported", "stats")

    def __init__(self, now: float) -> None:
        self.stats = RequestStats(now)
        self.already_reported = 1.0


class ActivatorStats:
    """What one activator tells the autoscaler about every revision it serves."""

    def __init__(self, pod: str) -> None:
        self._pod = pod
        self._revisions: dict[str, _Revision] = {}

    def arrive(self, revision: str, now: float, timestamp: float) -> Stat | None:
        """A request arrives; the first one since the revision was quiet is reported at once."""
        state = self._revisions.get(revision)
        if state is not None:
            state.stats.arrive(now)
            return None
        state = self._revisions[revision] = _Revision(now)
        state.stats.arrive(now)
        return self._stat(revision, timestamp, 1.0, 1.0)

    def leave(self, revision: str, now: float) -> None:
        """A request is over."""
        self._revisions[revision].stats.leave(now)

    def concurrency(self, revision: str) -> int:
        """The requests of a revision that are not over."""
        state = self._revisions.get(revision)
        return 0 if state is None else state.stats.concurrency

    def report(self, now: float, timestamp: float) -> list[Stat]:
        """The second that ends: one report per revision; what was reported at once is discounted.

        A revision that was quiet all the time is reported once with zero, then forgotten.
        """
        reports = []
        for revision, state in list(self._revisions.items()):
            report = state.stats.report(now)
            discount, state.already_reported = state.already_reported, 0.0
            average = max(report.average_concurrency - discount, 0.0)
            count = report.request_count - discount
            reports.append(self._stat(revision, timestamp, average, count))
            if report.average_concurrency == 0 and state.stats.concurrency == 0:
                del self._revisions[revision]
        return reports

    def _stat(self, revision: str, timestamp: float, average: float, count: float) -> Stat:
        return Stat(
            revision=revision,
            pod=self._pod,
            time=timestamp,
            average_concurrent_requests=average,
            request_count=count,
        )


def encode_stat(stat: Stat) -> bytes:
    """`stat` as the autoscaler reads it from a queue-proxy: Knative's protobuf message `Stat`.

    Fields that are zero are left out; a queue-proxy tells no time, for the autoscaler knows it.
    """
    name = stat.pod.encode()
    numbers = (
        stat.average_concurrent_requests,
        stat.average_proxied_concurrent_requests,
        stat.request_count,
        stat.proxied_request_count,
        stat.process_uptime,
    )
    fields = [_key(_POD, _BYTES) + _varint(len(name)) + name] if name else []
    fields += [
        _key(field, _DOUBLE) + struct.pack("<d", number)
        for field, number in enumerate(numbers, start=_POD + 1)
        if number
    ]
    return b"".join(fields)


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(number: int) -> bytes:
    low = bytearray()
    while number > 0x7F:
        low.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*low, number])
