"""One HTTP/2 connection to an upstream server: many requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from h2 import events as happened
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from knlab.embedded.net._client_connection import BadResponse, StaleConnection
from knlab.embedded.net._http2_connection import Http2Connection, Stream
from knlab.embedded.net._http2_frames import GoAway, request_lines, response_from
from knlab.embedded.net.http import Address, Request, Response, find_header

FIRST_STREAMS: Final = 100
"""How many streams are opened before the server has said how many it takes; Go's number."""
_LAST_STREAM: Final = 2**31 - 1


class Http2ClientConnection(Http2Connection):
    """Carries requests to `address` side by side."""

    def __init__(self, address: Address, forget: Callable[[Http2ClientConnection], None]) -> None:
        super().__init__(client=True)
        self.address = address
        self.gone: asyncio.Future[None] = self.loop.create_future()
        self._forget = forget
        self._most = FIRST_STREAMS
        self._waiters: dict[int, asyncio.Future[Response]] = {}
        self._silent = True
        self._reactions[happened.ResponseReceived] = self._responded

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        super().connection_made(transport)
        self.open()

    def has_room(self) -> bool:
        """Whether one more request can be sent now."""
        return not (
            self.lost
            or self.going
            or self.transport.is_closing()
            or len(self.streams) >= self._most
            or self.http2.highest_outbound_stream_id >= _LAST_STREAM - 2
        )

    # The asking side.

    async def exchange(self, request: Request) -> Response:
        """The answer to `request`; giving up on it resets its stream.

        Raises:
            StaleConnection: if the server did not look at the request; it may be sent again.
            OSError: if the stream ends before a response head.
        """
        if (protocol := find_header(request.headers, "upgrade")) is not None:
            raise ConnectionError(f'http2: invalid Upgrade request header: ["{protocol}"]')
        body = request.body
        stream_id = self.http2.get_next_available_stream_id()
        lines = request_lines(request, self.address)
        self.http2.send_headers(stream_id, lines, end_stream=body == b"")
        stream = self.add_stream(stream_id, lambda: self._cancel(stream))
        waiter: asyncio.Future[Response] = self.loop.create_future()
        self._waiters[stream_id] = waiter
        self.flush()
        if body != b"":
            sending = self._send(stream, request)
            stream.task = self.loop.create_task(sending, name=f"request body to {self.address}")
        try:
            return await waiter
        except BaseException:
            self._cancel(stream)
            raise
        finally:
            self._waiters.pop(stream_id, None)

    async def _send(self, stream: Stream, request: Request) -> None:
        try:
            await self.send_body(stream, request.body, lambda: request.trailers)
        except OSError as error:
            stream.task = None
            self._fail(stream, error)
            self._cancel(stream)
        else:
            stream.task = None

    def _cancel(self, stream: Stream) -> None:
        """Nobody wants the answer any more."""
        stream.body.take()
        self._end(stream, ErrorCodes.CANCEL)

    def _end(self, stream: Stream, code: ErrorCodes) -> None:
        """Nothing is sent or received on `stream` any more."""
        sending, stream.task = stream.task, None
        if sending is not None:
            sending.cancel()
        self.reset_stream(stream, code)
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self.going and not self.streams:
            self.transport.close()

    def _fail(self, stream: Stream, error: OSError) -> None:
        stream.body.end(error)
        waiter = self._waiters.get(stream.id)
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    # The answering side.

    def _responded(self, event: happened.ResponseReceived) -> None:
        self._silent = False
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream.headers = event.headers
            self.heads.append(stream)

    def head_arrived(self, stream: Stream) -> None:
        """Hand the response over, with all of its body if that has come too."""
        status, headers = response_from(stream.headers)
        response = Response(status, headers, stream.arrived(), trailers=stream.trailers)
        waiter = self._waiters.get(stream.id)
        if waiter is not None and not waiter.done():
            waiter.set_result(response)
        if stream.body.ended:
            self._complete(stream)

    def body_ended(self, stream: Stream) -> None:
        """The response is complete."""
        if stream not in self.heads:
            self._complete(stream)

    def _complete(self, stream: Stream) -> None:
        """A server that has answered reads no more of the request."""
        if stream.task is None:
            self.drop(stream)
            self._close_if_done()
        else:
            self._end(stream, ErrorCodes.NO_ERROR)

    def was_reset(self, event: happened.StreamReset) -> None:
        """The server gave a request up."""
        stream = self.streams.get(event.stream_id)
        if stream is None:
            return
        code = event.error_code
        name = code.name if isinstance(code, ErrorCodes) else f"unknown error code 0x{code or 0:x}"
        text = f"stream error: stream ID {stream.id}; {name}; received from peer"
        refused = code == ErrorCodes.REFUSED_STREAM
        self._fail(stream, (StaleConnection if refused else ConnectionResetError)(text))
        self._end(stream, ErrorCodes.CANCEL)

    def went_away(self, notice: GoAway) -> None:
        """The server takes no more requests; those that it has seen it may still answer."""
        self.going = True
        error: OSError
        if notice.code == ErrorCodes.NO_ERROR:
            error = StaleConnection("http2: Transport received Server's graceful shutdown GOAWAY")
            lost = [stream for stream in self.streams.values() if stream.id > notice.last]
        else:
            text = "http2: server sent GOAWAY and closed the connection"
            error = ConnectionResetError(
                f"{text}; LastStreamID={notice.last}, ErrCode={notice.code}"
            )
            lost = list(self.streams.values())
        for stream in lost:
            self._fail(stream, error)
            self._end(stream, ErrorCodes.CANCEL)
        self._close_if_done()

    def broken(self, error: OSError) -> None:
        """Nothing more can come on any stream."""
        self.going = True
        for stream in tuple(self.streams.values()):
            self._fail(stream, error)
            self._end(stream, ErrorCodes.CANCEL)

    def malformed(self, data: bytes, error: ProtocolError) -> OSError:
        """What to tell about data that is not HTTP/2; often it is HTTP/1."""
        if self._silent and data.startswith(b"HTTP/1."):
            text = "http2: failed reading the frame payload: http2: frame too large"
            return BadResponse(f"{text}, note that the frame header looked like an HTTP/1.1 header")
        return super().malformed(data, error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server is gone."""
        super().connection_lost(exc)
        reset = f"read tcp {self.address[0]}:{self.address[1]}: read: connection reset by peer"
        text = reset if isinstance(exc, OSError) else "unexpected EOF"
        self.broken(ConnectionResetError(text))
        self._forget(self)
        self.gone.set_result(None)

    def _settings(self, event: happened.RemoteSettingsChanged) -> None:
        self._most = self.http2.remote_settings.max_concurrent_streams
        super()._settings(event)
