"""Taking a connection over after a 101: the HTTP library lets go, a `Duplex` has the bytes."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from knlab.embedded.net.http import Response

_HIGH_WATER: Final = 256 * 1024
"""Unread bytes at which we stop reading from the socket."""


def upgrade_head(response: Response) -> bytes:
    """The response's status line and headers as they go on the wire."""
    reason = HTTPStatus(response.status).phrase
    lines = [f"HTTP/1.1 {response.status} {reason}".encode()]
    lines += [name + b": " + value for name, value in response.headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class TakenOver(asyncio.Protocol):
    """The protocol of a hijacked transport, and the `Duplex` that an upgraded handler uses."""

    def __init__(self, transport: asyncio.Transport, before: asyncio.BaseProtocol) -> None:
        """Take `transport` from the protocol `before`, which hears of the end through `release`."""
        self._transport = transport
        self._before = before
        self._unread = bytearray()
        self._ended = False
        self._lost: list[BaseException | None] = []
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Keep what arrived until somebody reads it."""
        self._unread += data
        if len(self._unread) > _HIGH_WATER:
            self._transport.pause_reading()
        self._readable.set()

    def eof_received(self) -> bool:
        """The peer sends no more; without TLS it may still listen."""
        self._ended = True
        self._readable.set()
        return self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._lost.append(exc)
        self._ended = True
        self._readable.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """The peer is slow."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._writable.set()

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        while not self._unread and not self._ended:
            self._readable.clear()
            await self._readable.wait()
        taken = bytes(self._unread)
        self._unread.clear()
        if taken and not self._lost:
            self._transport.resume_reading()
        return taken

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the peer is slow.

        Raises:
            ConnectionResetError: the peer is gone.
        """
        if self._lost:
            raise ConnectionResetError("the client closed the connection")
        self._transport.write(data)
        await self._writable.wait()

    async def close(self) -> None:
        """Close both directions."""
        self._transport.close()

    def release(self) -> None:
        """Give the transport back for its end: what was before hears that it is gone."""
        self._transport.set_protocol(self._before)
        if self._lost:
            self._before.connection_lost(self._lost[0])  # type: ignore[arg-type]
