"""A connection in memory, for whoever serves one end of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class FakeDuplex:
    """What the served side reads is what a test feeds; what it writes is kept."""

    def __init__(self) -> None:
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._changed = asyncio.Event()
        self.sent = bytearray()
        self.closed = False
        self.reads = 0

    def feed(self, data: bytes) -> None:
        self._incoming.put_nowait(data)

    def leave(self) -> None:
        self.feed(b"")

    async def read(self) -> bytes:
        self.reads += 1
        return await self._incoming.get()

    async def write(self, data: bytes) -> None:
        self.sent += data
        self._changed.set()

    async def close(self) -> None:
        self.closed = True

    async def until(self, holds: Callable[[], object]) -> None:
        """Returns when `holds()`, which is asked after everything that is sent."""
        async with asyncio.timeout(10):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def until_sent(self, mark: bytes) -> None:
        """Returns when `mark` has been sent; it is gone then, with all before it."""
        await self.until(lambda: mark in self.sent)
        del self.sent[: self.sent.index(mark) + len(mark)]
