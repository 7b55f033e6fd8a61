"""What both ends of an HTTP/2 connection share: frames in and out, streams, flow control."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from h2 import events as happened
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import FrameTooLargeError, ProtocolError
from h2.settings import SettingCodes, Settings

from knlab.embedded.net._connection import Inflow, SocketConnection
from knlab.embedded.net._http2_frames import Frames, GoAway, Lines
from knlab.embedded.net.bodies import close_body
from knlab.embedded.net.http import Body, Header

MAX_STREAMS: Final = 250
"""How many streams a peer may have open at once; the default of Go's server."""
_HEAD_LIMIT: Final = 65_536
"""Larger heads end the connection: who did not unpack them cannot unpack what follows."""
_WINDOW: Final = 65_535
"""How much a peer may send on a stream before somebody reads it; HTTP/2's default."""
_CONTROL_LIMIT: Final = 1024 * 1024
"""How many bytes may wait for a peer that makes us answer but does not read."""


def _never(_paused: bool) -> None:  # noqa: FBT001 - what `Inflow` calls
    """A stream stops its sender by its window, never the whole connection."""


class StreamBody(Inflow):
    """A body on its way in: the sender may send more when it has been read."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[int], None], abandoned: Callable[[], None] | None) -> None:
        super().__init__(_never, abandoned=abandoned)
        self._read = read

    def take(self) -> bytes:
        """All that has arrived and was not read yet."""
        piece = super().take()
        if piece:
            self._read(len(piece))
        return piece

    async def aclose(self) -> None:
        """The reader wants no more; what it did not read no longer counts."""
        self.take()
        await super().aclose()


class Stream:
    """One request and its answer, seen from where its head arrives."""

    __slots__ = ("began", "body", "headers", "id", "task", "trailers")

    def __init__(self, stream_id: int, body: StreamBody, began: float) -> None:
        self.id = stream_id
        self.headers: Lines = []
        self.body = body
        self.trailers: list[Header] = []
        self.task: asyncio.Task[None] | None = None
        self.began = began

    def arrived(self) -> Body:
        """The body: whole if it is complete already."""
        return self.body.take() if self.body.ended else self.body


class Http2Connection(SocketConnection):
    """Streams of one connection; `heads` are those whose head has just arrived."""

    def __init__(self, *, client: bool) -> None:
        super().__init__()
        self.http2 = H2Connection(H2Configuration(client_side=client))
        settings = {
            SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            SettingCodes.MAX_HEADER_LIST_SIZE: _HEAD_LIMIT,
        }
        if client:
            settings[SettingCodes.ENABLE_PUSH] = 0
        self.http2.local_settings = Settings(client=client, initial_values=settings)
        self.streams: dict[int, Stream] = {}
        self.heads: list[Stream] = []
        self.going = False
        self._frames = Frames()
        self._blocked: dict[int, asyncio.Future[None]] = {}
        self._reactions: dict[type[happened.Event], Callable[[Any], None]] = {
            happened.DataReceived: self._data,
            happened.StreamEnded: self._ended,
            happened.StreamReset: self.was_reset,
            happened.TrailersReceived: self._trailers,
            happened.WindowUpdated: self._window,
            happened.RemoteSettingsChanged: self._settings,
        }

    def open(self) -> None:
        """Say hello; the connection's own window never stops a stream."""
        self.http2.initiate_connection()
        self.http2.increment_flow_control_window(_WINDOW * (MAX_STREAMS - 1))
        self.flush()

    def flush(self) -> None:
        """Send what h2 has to say."""
        pending = self.http2.data_to_send()
        if pending and not self.transport.is_closing():
            self.transport.write(pending)

    # What arrives.

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        try:
            for part in self._frames.cut(data):
                if isinstance(part, GoAway):
                    self.went_away(part)
                    continue
                for event in self.http2.receive_data(part):
                    reaction = self._reactions.get(type(event))
                    if reaction is not None:
                        reaction(event)
        except ProtocolError as error:
            if isinstance(error, FrameTooLargeError):
                self.http2.close_connection(error.error_code)
            self.flush()
            self.broken(self.malformed(data, error))
            self.transport.close()
            return
        heads, self.heads = self.heads, []
        for stream in heads:
            if stream.id in self.streams:
                self.head_arrived(stream)
        self.flush()
        if self.transport.get_write_buffer_size() > _CONTROL_LIMIT:
            self.transport.abort()

    def add_stream(self, stream_id: int, abandoned: Callable[[], None] | None = None) -> Stream:
        """A new stream, whose body calls `abandoned` if nobody wants the rest of it."""

        def read(size: int) -> None:
            with suppress(ProtocolError):
                self.http2.acknowledge_received_data(size, stream_id)
                self.flush()

        stream = Stream(stream_id, StreamBody(read, abandoned), self.loop.time())
        self.streams[stream_id] = stream
        return stream

    def drop(self, stream: Stream) -> None:
        """Nobody is interested in `stream` any more."""
        if self.streams.pop(stream.id, None) is not None:
            self._unblock(stream.id)

    def head_arrived(self, stream: Stream) -> None:
        """The head of `stream` is there, and whatever came together with it."""
        raise NotImplementedError

    def went_away(self, _notice: GoAway) -> None:
        """The peer takes no new streams."""
        raise NotImplementedError

    def was_reset(self, event: happened.StreamReset) -> None:
        """The peer gave a stream up."""
        raise NotImplementedError

    def broken(self, error: OSError) -> None:
        """Nothing more can come on any stream."""
        for stream in self.streams.values():
            stream.body.end(error)

    def malformed(self, _data: bytes, error: ProtocolError) -> OSError:
        """What to tell about data that is not HTTP/2."""
        return ConnectionResetError(f"http2: {error}")

    def _data(self, event: happened.DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        padding = event.flow_controlled_length - len(event.data)
        if stream is None:
            padding = event.flow_controlled_length
        elif event.data:
            stream.body.feed(event.data)
        if padding:
            self.http2.acknowledge_received_data(padding, event.stream_id)

    def _trailers(self, event: happened.TrailersReceived) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.trailers.extend(event.headers)

    def _ended(self, event: happened.StreamEnded) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.body.end()
            self.body_ended(stream)

    def body_ended(self, stream: Stream) -> None:
        """The peer has sent all of `stream`."""

    # What goes out.

    def _window(self, event: happened.WindowUpdated) -> None:
        if event.stream_id:
            self._unblock(event.stream_id)
        else:
            self.unblock_all()

    def _settings(self, _event: happened.RemoteSettingsChanged) -> None:
        self.unblock_all()

    def unblock_all(self) -> None:
        """Every stream that waits for room looks again."""
        for stream_id in tuple(self._blocked):
            self._unblock(stream_id)

    def _unblock(self, stream_id: int) -> None:
        blocked = self._blocked.pop(stream_id, None)
        if blocked is not None and not blocked.done():
            blocked.set_result(None)

    async def send_body(
        self, stream: Stream, body: Body, trailers: Callable[[], list[Header] | None]
    ) -> None:
        """Send `body`, then the trailers there are by then, and end the stream.

        Raises:
            OSError: if the peer is gone, or `body` breaks off.
        """
        try:
            if isinstance(body, bytes):
                await self._send_piece(stream, body, last=not trailers())
            else:
                async for piece in body:
                    await self._send_piece(stream, piece, last=False)
            lines = [line for line in trailers() or () if not line[0].startswith(b":")]
            if lines:
                self.http2.send_headers(stream.id, lines, end_stream=True)
            elif not isinstance(body, bytes):
                self.http2.end_stream(stream.id)
            self.flush()
        except ProtocolError as error:
            raise ConnectionResetError(f"http2: {error}") from error
        finally:
            await close_body(body)

    async def _send_piece(self, stream: Stream, piece: bytes, *, last: bool) -> None:
        rest = memoryview(piece)
        while rest or last:
            room = await self._room(stream) if rest else 0
            part, rest = rest[:room], rest[room:]
            self.http2.send_data(stream.id, part.tobytes(), end_stream=last and not rest)
            self.flush()
            if self._writable is not None:
                await self.written()
            if not rest:
                return

    async def _room(self, stream: Stream) -> int:
        """How many bytes the peer takes on `stream` now; waits until it takes some."""
        while True:
            if self.lost:
                raise ConnectionResetError("the connection is gone")
            window = self.http2.local_flow_control_window(stream.id)
            if window > 0:
                return min(window, self.http2.max_outbound_frame_size)
            self._blocked[stream.id] = self.loop.create_future()
            await self._blocked[stream.id]

    def reset_stream(self, stream: Stream, code: ErrorCodes) -> None:
        """Give `stream` up, if it is not over already."""
        if stream.id in self.streams:
            self.drop(stream)
            with suppress(ProtocolError):
                self.http2.reset_stream(stream.id, code)
                self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        super().connection_lost(exc)
        self.unblock_all()
