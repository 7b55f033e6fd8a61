"""Named byte streams of one session, whatever carries them: WebSocket channels or SPDY streams.

A `Session` reads its connection in a task of its own and puts what arrives into its streams. What
nobody has read yet is bounded for all streams together: then the session stops reading until
somebody does, as the transports of Kubernetes' own servers do.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from knlab.embedded.net.http import Duplex

UNREAD_LIMIT: Final = 1 << 20
"""Bytes that may wait for readers of one session."""
PIECE: Final = 1 << 16
"""The largest piece that is sent at once."""
KNOCK_SECONDS: Final = 2.0
"""How often a session that does not read looks whether the peer is still there."""
LINGER_SECONDS: Final = 2.0
"""How long a finished session waits for the peer to close, so that nothing gets lost on its way."""


class ProtocolError(Exception):
    """The peer breaks the rules of the transport; the session is over."""


class Stream:
    """One byte stream of a session, in both directions."""

    def __init__(self, session: Session, number: int, headers: Mapping[str, str]) -> None:
        self._session = session
        self._unread = bytearray()
        self._ended = False
        self._something = asyncio.Event()
        self._finished = False
        self.number = number
        self.headers = headers
        """What the client said when it opened the stream; names in lower case."""
        self.broken = asyncio.Event()
        """Set when the peer has given the stream up, in both directions."""

    async def read(self) -> bytes:
        """What has arrived; empty at the end, also when the peer goes away."""
        while not self._unread and not self._ended:
            self._something.clear()
            await self._something.wait()
        taken = bytes(self._unread)
        self._unread.clear()
        self._session.was_read(len(taken))
        return taken

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the peer is slow.

        Raises:
            ConnectionResetError: nobody is there to read it.
        """
        for start in range(0, len(data), PIECE):
            if self._session.gone.is_set() or self.broken.is_set() or self._finished:
                raise ConnectionResetError("the client closed the stream")
            await self._session.send(self, data[start : start + PIECE])

    async def finish(self) -> None:
        """Send no more."""
        if not self._finished:
            self._finished = True
            with suppress(OSError):
                await self._session.finish(self)

    async def reset(self) -> None:
        """Give the stream up, in both directions, if the transport can tell the peer."""
        if not self.broken.is_set():
            self.give_up()
            with suppress(OSError):
                await self._session.reset(self)

    @property
    def is_over(self) -> bool:
        """Whether neither side sends any more."""
        return self._ended and self._finished

    # What the session does with it

    def arrived(self, data: bytes) -> bool:
        """Keep `data` until it is read; whether anybody will read it."""
        if self._ended:
            return False
        self._unread += data
        self._something.set()
        return True

    def end(self) -> None:
        """Nothing more will arrive."""
        self._ended = True
        self._something.set()

    def give_up(self) -> None:
        """Nothing more will arrive, and nobody reads what is sent."""
        self.broken.set()
        self._session.was_read(len(self._unread))
        self._unread.clear()
        self.end()


@dataclass(frozen=True, slots=True)
class Forwarding:
    """One connection of a port-forward: two streams."""

    port: int
    data: Stream
    error: Stream
    """For one message to the client."""


class Session(ABC):
    """The streams over one connection; a context manager that ends the session."""

    def __init__(self, duplex: Duplex, *, knock_every: float = KNOCK_SECONDS) -> None:
        """Serve streams over `duplex`, looking for the peer every so many seconds."""
        self._duplex = duplex
        self._knock_every = knock_every
        self._streams: dict[int, Stream] = {}
        self._unread = 0
        self._room = asyncio.Event()
        self._room.set()
        self._reading: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()
        """Set when the peer has gone away, or broke the protocol."""

    async def __aenter__(self) -> Session:
        self._reading = asyncio.create_task(self._read(), name="streams: reading")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if not self.gone.is_set() and error is None:
                await self._part()
        finally:
            if self._reading is not None:
                self._reading.cancel()
                await asyncio.wait([self._reading])
            await self._duplex.close()

    async def _part(self) -> None:
        """Say good-bye, and read over what still comes until the peer has heard it."""
        for stream in tuple(self._streams.values()):
            await stream.finish()
            stream.give_up()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self.say_goodbye()
                await self.gone.wait()

    async def _read(self) -> None:
        try:
            while data := await self._duplex.read():
                await self.hear(data)
                while not self._room.is_set():
                    await self._await_room()
        except (OSError, ProtocolError):
            pass
        finally:
            self.depart()

    async def _await_room(self) -> None:
        try:
            async with asyncio.timeout(self._knock_every):
                await self._room.wait()
        except TimeoutError:
            # A connection that nobody reads from tells of its end only when written to.
            await self.knock()

    def was_read(self, size: int) -> None:
        """`size` bytes wait no more."""
        self._unread -= size
        if self._unread <= UNREAD_LIMIT:
            self._room.set()

    def deliver(self, number: int, data: bytes) -> None:
        """`data` has arrived for a stream; nothing happens if there is none of that number."""
        stream = self._streams.get(number)
        if stream is not None and data and stream.arrived(data):
            self._unread += len(data)
            if self._unread > UNREAD_LIMIT:
                self._room.clear()

    def depart(self) -> None:
        """The peer is gone: nothing more will arrive on any stream."""
        self.gone.set()
        for stream in self._streams.values():
            stream.end()

    @abstractmethod
    async def named(self, names: Collection[str]) -> dict[str, Stream]:
        """The streams of an exec that are called `names`.

        Raises:
            TimeoutError: the client did not open them.
            ConnectionResetError: it went away instead.
        """

    @abstractmethod
    def forwardings(self) -> AsyncIterator[Forwarding]:
        """The connections of a port-forward, as the client opens them; ends with the last."""

    @abstractmethod
    async def hear(self, data: bytes) -> None:
        """Put what arrived into the streams.

        Raises:
            ProtocolError: the peer does not keep to the protocol.
        """

    @abstractmethod
    async def send(self, stream: Stream, data: bytes) -> None:
        """Send at most `PIECE` bytes on `stream`."""

    @abstractmethod
    async def finish(self, stream: Stream) -> None:
        """Say that `stream` ends, if the transport can say it."""

    @abstractmethod
    async def reset(self, stream: Stream) -> None:
        """Say that `stream` is given up, if the transport can say it."""

    @abstractmethod
    async def knock(self) -> None:
        """Send something that needs no answer."""

    @abstractmethod
    async def say_goodbye(self) -> None:
        """Send what ends a session."""
