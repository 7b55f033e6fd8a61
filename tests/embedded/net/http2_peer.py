"""The other end of an HTTP/2 connection, by hand: for what well-behaved peers do not do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event

from knlab.embedded.net._http2_frames import PREFACE, Frames, GoAway
from knlab.embedded.net.http import Address, Header

Wanted = TypeVar("Wanted", bound=Event | GoAway)

GET: tuple[Header, ...] = (
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"hello.com"),
    (b":path", b"/"),
)
POST = ((b":method", b"POST"), *GET[1:])


class Peer:
    """Sends what it is told, and remembers what has happened."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, client: bool
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.http2 = H2Connection(H2Configuration(client_side=client))
        self.events: list[Event | GoAway] = []
        self._frames = Frames()
        self.http2.initiate_connection()

    async def flush(self) -> None:
        self.writer.write(self.http2.data_to_send())
        await self.writer.drain()

    async def request(self, *lines: Header, more: bool = False) -> int:
        """Open a stream; its number."""
        stream = self.http2.get_next_available_stream_id()
        self.http2.send_headers(stream, lines or GET, end_stream=not more)
        await self.flush()
        return stream

    async def send(self, stream: int, data: bytes, *, last: bool = False) -> None:
        self.http2.send_data(stream, data, end_stream=last)
        await self.flush()

    async def heard(self, kind: type[Wanted]) -> Wanted:
        """The next event of `kind`."""
        async with asyncio.timeout(5):
            while True:
                for number, event in enumerate(self.events):
                    if isinstance(event, kind):
                        del self.events[number]
                        return event
                await self._read()

    async def _read(self) -> None:
        data = await self.reader.read(65_536)
        if not data:
            raise EOFError
        for part in self._frames.cut(data):
            if isinstance(part, GoAway):
                self.events.append(part)
            else:
                self.events += self.http2.receive_data(part)
        await self.flush()

    async def body(self, size: int) -> bytes:
        """The next `size` bytes of data, of any stream."""
        found = b""
        while len(found) < size:
            event = await self.heard(DataReceived)
            found += event.data
            self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            await self.flush()
        return found

    async def closed(self) -> None:
        """Returns when the other end has closed."""
        async with asyncio.timeout(5):
            with suppress(EOFError, ConnectionResetError):
                while True:
                    await self._read()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


@asynccontextmanager
async def client_of(address: Address) -> AsyncIterator[Peer]:
    """A client that has said hello."""
    peer = Peer(*await asyncio.open_connection(*address), client=True)
    await peer.flush()
    try:
        yield peer
    finally:
        await peer.close()


class Upstream:
    """A server that a test plays; `accepted` gives its connections one by one."""

    def __init__(self) -> None:
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.all: list[Peer] = []

    async def accepted(self) -> Peer:
        async with asyncio.timeout(5):
            return await self._peers.get()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, client=False)
        self.all.append(peer)
        await peer.flush()
        peer.http2.receive_data(await reader.readexactly(len(PREFACE)))
        self._peers.put_nowait(peer)


@asynccontextmanager
async def upstream() -> AsyncIterator[tuple[Upstream, Address]]:
    """A server by hand and its address."""
    played = Upstream()
    server = await asyncio.start_server(played.accept, "127.0.0.1", 0)
    try:
        yield played, server.sockets[0].getsockname()
    finally:
        server.close()
        for peer in played.all:
            await peer.close()
