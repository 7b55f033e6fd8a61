"""Two connections joined to one, each direction of which ends by itself."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import suppress
from typing import Final, Protocol

_PIECE: Final = 1 << 16


class End(Protocol):
    """One side of a connection whose directions end one by one."""

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the peer is slow. Raises `OSError` if nobody is there."""

    async def finish(self) -> None:
        """Send no more; what comes can still be read."""


class SocketEnd:
    """An `End` made of asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        return await self._reader.read(_PIECE)

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the peer is slow.

        Raises:
            OSError: nobody is there.
        """
        if self._writer.is_closing():
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self._writer.write(data)
        await self._writer.drain()

    async def finish(self) -> None:
        """Send no more."""
        if not self._writer.is_closing() and self._writer.can_write_eof():
            self._writer.write_eof()

    def abort(self) -> None:
        """Let go of the connection at once, whatever is still to be sent."""
        self._writer.transport.abort()


async def join(near: End, far: End) -> None:
    """Carry bytes both ways until `far` sends no more, which is passed on.

    If `near` sends no more, that is passed on and the rest of what `far` has to say still comes.

    Raises:
        OSError: one of them broke before.
    """
    up = asyncio.create_task(_carry_up(near, far), name="joined connections: up")
    try:
        while data := await far.read():
            await near.write(data)
        await near.finish()
    finally:
        up.cancel()
        await asyncio.gather(up, return_exceptions=True)


async def _carry_up(near: End, far: End) -> None:
    """A side that broke is found out by whoever reads from `far`, or writes to `near`."""
    with suppress(OSError):
        while data := await near.read():
            await far.write(data)
        await far.finish()
