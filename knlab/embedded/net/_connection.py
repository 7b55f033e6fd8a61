"""What both ends of a TCP connection share: bodies that arrive, back-pressure, life after HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

HIGH_WATER: Final = 64 * 1024
"""How many bytes may wait for a slow reader before the sender is stopped."""


class Inflow:
    """Bytes that arrive for a reader who may be slower; an async iterator of pieces."""

    __slots__ = (
        "_abandoned",
        "_ended",
        "_error",
        "_on_read",
        "_pause",
        "_pieces",
        "_size",
        "_wake",
    )

    def __init__(
        self,
        pause: Callable[[bool], None],
        *,
        on_read: Callable[[], None] | None = None,
        abandoned: Callable[[], None] | None = None,
    ) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._wake: asyncio.Future[None] | None = None
        self._pause = pause
        self._on_read = on_read
        self._abandoned = abandoned

    @property
    def ended(self) -> bool:
        """Whether nothing more will arrive."""
        return self._ended

    def feed(self, data: bytes) -> None:
        """`data` has arrived."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER:
            self._pause(True)  # noqa: FBT003
        self._wake_reader()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will arrive, because of `error` if one is given."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake_reader()

    def take(self) -> bytes:
        """All that has arrived and was not read yet."""
        pieces, self._pieces = self._pieces, []
        if self._size > HIGH_WATER:
            self._pause(False)  # noqa: FBT003
        self._size = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wake_reader(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def __aiter__(self) -> Inflow:
        return self

    async def __anext__(self) -> bytes:
        if self._on_read is not None:
            tell, self._on_read = self._on_read, None
            tell()
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        return self.take()

    async def aclose(self) -> None:
        """The reader wants no more."""
        if not self._ended and self._abandoned is not None:
            self._abandoned()


class SocketConnection(asyncio.Protocol):
    """A connection that can wait for a slow peer, and carry bare bytes after an upgrade."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.lost = False
        self.raw: Inflow | None = None
        self._writable: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        if self._writable is None:
            self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; whoever waits for it is woken."""
        self.lost = True
        self.resume_writing()
        if self.raw is not None:
            self.raw.end(exc if isinstance(exc, OSError) else None)

    def pause_reading(self, paused: bool) -> None:  # noqa: FBT001 - a state, not an option
        """Stop or restart the peer's sending."""
        if not self.transport.is_closing():
            (self.transport.pause_reading if paused else self.transport.resume_reading)()

    async def written(self) -> None:
        """Returns when the peer has taken most of what was written.

        Raises:
            ConnectionResetError: if the connection is gone.
        """
        if self._writable is not None:
            await asyncio.shield(self._writable)
        if self.lost:
            raise ConnectionResetError("the connection is gone")

    def become_raw(self, first: bytes = b"") -> SocketDuplex:
        """The connection without HTTP; `first` was received already."""
        self.raw = Inflow(self.pause_reading)
        if first:
            self.raw.feed(first)
        if self.lost:
            self.raw.end()
        return SocketDuplex(self, self.raw)


class SocketDuplex:
    """Bytes both ways over a connection that has left HTTP; see `net.http.Duplex`."""

    def __init__(self, connection: SocketConnection, arriving: Inflow) -> None:
        self._connection = connection
        self._arriving = arriving

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        try:
            return await anext(self._arriving, b"")
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the peer is slow."""
        if self._connection.lost:
            raise ConnectionResetError("the connection is gone")
        self._connection.transport.write(data)
        await self._connection.written()

    async def close(self) -> None:
        """Close both directions; what was written still goes out."""
        self._connection.transport.close()
