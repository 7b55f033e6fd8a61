"""One write, many watchers: how many events a server delivers, and how late."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

from benchmarks.https_client import (
    ANSWER_TIMEOUT,
    Connection,
    Run,
    Server,
    accepted,
    connect,
)

WATCHERS: Final = 100
EVENTS: Final = 1_000
PACE: Final = 0.01
"""Seconds between two writes where lateness counts, not volume."""


class _Watcher:
    """Counts the lines of one watch; the Nth line is the Nth write."""

    def __init__(self, sent: list[float], lateness: list[float], count: int) -> None:
        self._sent = sent
        self._lateness = lateness
        self._left = count
        self._seen = 0
        self.done = asyncio.Event()

    def take(self, piece: bytes) -> None:
        """Bytes of the watch."""
        lines = piece.count(b"\n")
        now = time.perf_counter()
        for start in self._sent[self._seen : self._seen + lines]:
            self._lateness.append(now - start)
        self._seen += lines
        if self._seen >= self._left:
            self.done.set()


async def runs(
    server: Server, collection: str, writer: Connection
) -> AsyncIterator[tuple[str, Run]]:
    """Name and figures of each case: latencies are from a write's start to an event's arrival."""
    many = f"{WATCHERS} watchers, {EVENTS:,} writes"
    yield many, await _run(server, collection, writer, EVENTS, pace=0.0)
    few = EVENTS // 4
    slow = f"{WATCHERS} watchers, {1 / PACE:.0f} writes/s"
    yield slow, await _run(server, collection, writer, few, pace=PACE)


async def _run(
    server: Server, collection: str, writer: Connection, count: int, *, pace: float
) -> Run:
    sent: list[float] = []
    lateness: list[float] = []
    version = await _version(server, collection, writer)
    watch = server.request("GET", f"{collection}?watch=true&resourceVersion={version}")
    watchers = [_Watcher(sent, lateness, count) for _ in range(WATCHERS)]
    connections = [await connect(server, watcher.take) for watcher in watchers]
    try:
        for connection in connections:
            accepted(await connection.ask(watch))
        began, cpu = time.perf_counter(), time.process_time()
        for request in itertools.islice(_writes(server, collection), count):
            sent.append(time.perf_counter())
            accepted(await writer.ask(request))
            if pace:
                await asyncio.sleep(max(0.0, began + len(sent) * pace - time.perf_counter()))
        async with asyncio.timeout(ANSWER_TIMEOUT):
            await asyncio.gather(*(watcher.done.wait() for watcher in watchers))
        spent = time.perf_counter() - began
        return Run(lateness, spent, (time.process_time() - cpu) / spent)
    finally:
        for connection in connections:
            connection.close()


async def _version(server: Server, collection: str, writer: Connection) -> str:
    """The version that a watch can begin at."""
    answer = accepted(await writer.ask(server.request("GET", f"{collection}?limit=1")))
    return answer.body.partition(b'"resourceVersion":"')[2].partition(b'"')[0].decode()


def _writes(server: Server, collection: str) -> Iterator[bytes]:
    for number in itertools.count():
        body = b'{"data":{"watched":"%d"}}' % time.perf_counter_ns()
        path = f"{collection}/bench-{number % 100:05d}"
        yield server.request("PATCH", path, body, Content_Type="application/merge-patch+json")
