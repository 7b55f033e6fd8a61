"""Sessions over WebSocket: messages whose first byte is the channel, or a tunnel for bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from knlab.embedded.net import websocket
from knlab.embedded.net.http import Duplex
from knlab.embedded.net.streams import KNOCK_SECONDS, Forwarding, ProtocolError, Session, Stream
from knlab.embedded.net.websocket import Opcode

EXEC_CHANNELS: Final[Mapping[str, int]] = {
    "stdin": 0, "stdout": 1, "stderr": 2, "error": 3, "resize": 4,
}  # fmt: skip
CLOSE_CHANNEL: Final = 255
"""In v5: the client sends no more on the channel in the next byte."""
PORTS_LIMIT: Final = 127
"""How many ports have room in the numbers of channels."""

_OUTPUTS: Final = frozenset({"stdout", "stderr", "error"})


class _Messages:
    """One WebSocket: its messages, with pings and the end taken care of."""

    def __init__(self, duplex: Duplex) -> None:
        self.duplex = duplex
        self.ended = False
        """Whether the client sends no more."""
        self._reader = websocket.FrameReader()
        self._parted = False

    async def hear(self, data: bytes) -> list[websocket.Piece]:
        """The pieces of messages in `data`.

        Raises:
            ProtocolError: the client breaks the rules; it has been told.
        """
        try:
            events = self._reader.feed(data)
        except websocket.WebSocketError as error:
            await self.part(websocket.PROTOCOL_ERROR)
            raise ProtocolError(str(error)) from error
        pieces = []
        for event in events:
            match event:
                case websocket.Piece():
                    pieces.append(event)
                case websocket.Ping(payload):
                    await self.duplex.write(websocket.frame(Opcode.PONG, payload))
                case websocket.Closed():
                    self.ended = True
                    await self.part()
        return pieces

    async def send(self, message: bytes) -> None:
        """Send a message; waits while the client is slow."""
        await self.duplex.write(websocket.frame(Opcode.BINARY, message))

    async def knock(self) -> None:
        """Send a ping."""
        await self.duplex.write(websocket.frame(Opcode.PING, b""))

    async def part(self, code: int = websocket.NORMAL) -> None:
        """Send the last frame, once."""
        if not self._parted:
            self._parted = True
            await self.duplex.write(websocket.close_frame(code))


class ChannelSession(Session):
    """A session in which each message belongs to a channel: `v4.channel.k8s.io` and `v5`.

    The client cannot end a single channel in v4, the server in neither.
    """

    def __init__(
        self,
        duplex: Duplex,
        *,
        names: Collection[str] = (),
        ports: Sequence[int] = (),
        closable: bool = False,
        knock_every: float = KNOCK_SECONDS,
    ) -> None:
        """Serve the channels of an exec that are called `names`, or two for each of `ports`.

        `closable`: the client may end channels one by one (v5).
        """
        super().__init__(duplex, knock_every=knock_every)
        self._messages = _Messages(duplex)
        self._closable = closable
        self._channel = -1
        self._ports = ports
        numbers = [EXEC_CHANNELS[name] for name in names] or range(2 * len(ports))
        self._streams = {number: Stream(self, number, {}) for number in numbers}

    async def named(self, names: Collection[str]) -> dict[str, Stream]:
        """The channels of an exec; an empty message on the first output says that they are there.

        Raises:
            ConnectionResetError: the client went away.
        """
        await self._send(min(EXEC_CHANNELS[name] for name in names if name in _OUTPUTS), b"")
        return {name: self._streams[EXEC_CHANNELS[name]] for name in names}

    async def forwardings(self) -> AsyncIterator[Forwarding]:
        """One for each port; every channel begins with its port, as two bytes, low one first."""
        for number in self._streams:
            await self._send(number, self._ports[number // 2].to_bytes(2, "little"))
        for index, port in enumerate(self._ports):
            yield Forwarding(port, self._streams[2 * index], self._streams[2 * index + 1])

    async def hear(self, data: bytes) -> None:
        """Put messages into their channels; ones that nobody serves are read over."""
        for piece in await self._messages.hear(data):
            self._take(piece)
        if self._messages.ended:
            self.depart()

    def _take(self, piece: websocket.Piece) -> None:
        content = piece.data
        if piece.first:
            self._channel, content = content[0], content[1:]
        if self._channel == CLOSE_CHANNEL and self._closable:
            for number in content:
                if stream := self._streams.get(number):
                    stream.end()
        else:
            self.deliver(self._channel, content)

    async def _send(self, number: int, data: bytes) -> None:
        await self._messages.send(bytes((number,)) + data)

    async def send(self, stream: Stream, data: bytes) -> None:
        """One message."""
        await self._send(stream.number, data)

    async def finish(self, stream: Stream) -> None:
        """Nothing: only the end of the session says it."""

    async def reset(self, stream: Stream) -> None:
        """Nothing: only the end of the session says it."""

    async def knock(self) -> None:
        """A ping."""
        await self._messages.knock()

    async def say_goodbye(self) -> None:
        """A close frame."""
        await self._messages.part()


class Tunnel:
    """A `Duplex` whose bytes travel in binary messages, cut anywhere."""

    def __init__(self, duplex: Duplex) -> None:
        self._messages = _Messages(duplex)
        self._pieces: deque[bytes] = deque()

    async def read(self) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            ProtocolError: the client breaks the rules.
        """
        while not self._pieces and not self._messages.ended:
            data = await self._messages.duplex.read()
            if not data:
                break
            pieces = await self._messages.hear(data)
            self._pieces.extend(piece.data for piece in pieces if piece.data)
        return self._pieces.popleft() if self._pieces else b""

    async def write(self, data: bytes) -> None:
        """Send `data` as one message; waits while the peer is slow."""
        await self._messages.send(data)

    async def close(self) -> None:
        """Close both directions."""
        with suppress(OSError):
            await self._messages.part()
        await self._messages.duplex.close()
