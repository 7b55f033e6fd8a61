"""Sessions over SPDY/3.1: the client opens the streams and says in their headers what they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Final

from knlab.embedded.net import spdy
from knlab.embedded.net.http import Duplex
from knlab.embedded.net.streams import KNOCK_SECONDS, Forwarding, ProtocolError, Session, Stream

STREAMS_LIMIT: Final = 2048
"""How many streams may be open at once; more are refused."""
OPENING_SECONDS: Final = 30.0
"""How long a client may take to open its streams; the kubelet's number."""

_TYPE, _PORT, _REQUEST = "streamtype", "port", "requestid"
_DATA, _ERROR = "data", "error"


class SpdySession(Session):
    """A session of a client that speaks SPDY/3.1, directly or through a tunnel."""

    def __init__(
        self,
        duplex: Duplex,
        *,
        knock_every: float = KNOCK_SECONDS,
        patience: float = OPENING_SECONDS,
    ) -> None:
        """Serve `duplex`; the client has `patience` seconds to open the streams of an exec."""
        super().__init__(duplex, knock_every=knock_every)
        self._patience = patience
        self._frames = spdy.FrameReader()
        self._writer = spdy.FrameWriter()
        self._opened: asyncio.Queue[Stream | None] = asyncio.Queue()
        self._last = 0
        self._pings = 0

    async def named(self, names: Collection[str]) -> dict[str, Stream]:
        """The streams of an exec, once the client has opened all of `names`.

        Raises:
            TimeoutError: it did not in time.
            ConnectionResetError: it went away instead.
        """
        found: dict[str, Stream] = {}
        async with asyncio.timeout(self._patience):
            while not found.keys() >= set(names):
                stream = await self._opened.get()
                if stream is None:
                    raise ConnectionResetError("the client closed the connection")
                found[stream.headers.get(_TYPE, "").lower()] = stream
        return {name: found[name] for name in names}

    async def forwardings(self) -> AsyncIterator[Forwarding]:
        """Each pair of a data and an error stream of one request, as soon as both are open."""
        halves: dict[str, dict[str, Stream]] = {}
        while stream := await self._opened.get():
            halves = {key: half for key, half in halves.items() if _lives(half)}
            request = _request_of(stream)
            pair = halves.setdefault(request, {})
            pair[stream.headers.get(_TYPE, "").lower()] = stream
            if _DATA in pair and _ERROR in pair:
                del halves[request]
                yield Forwarding(_port_of(pair[_DATA]), pair[_DATA], pair[_ERROR])

    async def hear(self, data: bytes) -> None:
        """Put frames into their streams; answer pings and new streams."""
        try:
            events = self._frames.feed(data)
        except spdy.SpdyError as error:
            raise ProtocolError(str(error)) from error
        for event in events:
            await self._take(event)

    async def _take(self, event: spdy.Event) -> None:
        match event:
            case spdy.Data(number, data):
                if number > self._last:
                    raise ProtocolError(f"data for stream {number}, which nobody opened")
                self.deliver(number, data)
            case spdy.Opened():
                await self._open(event)
            case spdy.Finished(number):
                if stream := self._streams.get(number):
                    stream.end()
                    self._forget_if_over(stream)
            case spdy.Reset(number):
                if stream := self._streams.pop(number, None):
                    stream.give_up()
            case spdy.Ping(number) if number % 2:
                await self._duplex.write(spdy.ping(number))

    async def _open(self, opened: spdy.Opened) -> None:
        number = opened.stream
        if number <= self._last:
            await self._duplex.write(spdy.reset(number, spdy.PROTOCOL_ERROR))
            return
        self._last = number
        if len(self._streams) >= STREAMS_LIMIT:
            await self._duplex.write(spdy.reset(number, spdy.REFUSED_STREAM))
        else:
            stream = self._streams[number] = Stream(self, number, opened.headers)
            # The client drops what comes on a stream before the reply.
            await self._duplex.write(self._writer.reply(number))
            self._opened.put_nowait(stream)

    def depart(self) -> None:
        """The client is gone: it opens no more streams either."""
        super().depart()
        self._opened.put_nowait(None)

    def _forget_if_over(self, stream: Stream) -> None:
        if stream.is_over:
            self._streams.pop(stream.number, None)

    async def send(self, stream: Stream, data: bytes) -> None:
        """One data frame."""
        await self._duplex.write(spdy.data(stream.number, data))

    async def finish(self, stream: Stream) -> None:
        """The last data frame."""
        self._forget_if_over(stream)
        await self._duplex.write(spdy.data(stream.number, b"", fin=True))

    async def reset(self, stream: Stream) -> None:
        """A RST_STREAM."""
        self._streams.pop(stream.number, None)
        await self._duplex.write(spdy.reset(stream.number, spdy.CANCEL))

    async def knock(self) -> None:
        """A ping with a number of our own."""
        self._pings += 2
        await self._duplex.write(spdy.ping(self._pings))

    async def say_goodbye(self) -> None:
        """A GOAWAY."""
        await self._duplex.write(spdy.goaway(self._last))


def _lives(half: dict[str, Stream]) -> bool:
    return not any(stream.broken.is_set() for stream in half.values())


def _request_of(stream: Stream) -> str:
    """Names the connection that a stream of a port-forward belongs to.

    Old clients do not say it; they open the error stream first and then the data stream.
    """
    said = stream.headers.get(_REQUEST)
    if said is not None:
        return said
    is_data = stream.headers.get(_TYPE, "").lower() == _DATA
    return f"#{stream.number - 2 * is_data}"


def _port_of(stream: Stream) -> int:
    """The port that a data stream names; 0, which nobody listens on, if it is none."""
    said = stream.headers.get(_PORT, "")
    return int(said) if said.isascii() and said.isdigit() and int(said) < 1 << 16 else 0
