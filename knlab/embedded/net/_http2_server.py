"""One client's HTTP/2 connection to a server: every stream is a request in a task of its own."""

from __future__ import annotations

import asyncio
import math
from typing import Final

from h2 import events as happened
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from knlab.embedded.net import _wire
from knlab.embedded.net._http2_connection import Http2Connection, Stream
from knlab.embedded.net._http2_frames import (
    PREFACE,
    GoAway,
    has_body,
    request_from,
    response_lines,
)
from knlab.embedded.net._incoming import too_large
from knlab.embedded.net._served import Settings
from knlab.embedded.net.bodies import close_body
from knlab.embedded.net.http import Request, Response, text_response

PREMATURE: Final = 1.0
PREMATURE_FROM: Final = 500
"""A client that gives up most of its streams within the first second is an attacker, once it has
opened so many; Envoy's numbers."""


class Http2ServerConnection(Http2Connection):
    """Answers the requests of one connection side by side."""

    def __init__(self, settings: Settings, peer: str) -> None:
        super().__init__(client=False)
        self._handler = settings.handler
        self._connections = settings.connections
        self._peer = peer
        self._last = 0
        self._opened = 0
        self._premature = 0
        self._gone: asyncio.Future[None] = self.loop.create_future()
        self._reactions[happened.RequestReceived] = self._requested
        self.waiting_since = self.loop.time()

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to answer."""
        super().connection_made(transport)
        self.task = self.loop.create_task(self._run(), name=f"HTTP/2 from {self._peer}")
        self._connections.add(self)
        self.open()
        self.http2.receive_data(PREFACE)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whoever works for it stops."""
        super().connection_lost(exc)
        self._connections.discard(self)
        self.broken(ConnectionResetError("client disconnected"))
        self._gone.set_result(None)

    async def _run(self) -> None:
        """Returns when the connection is gone and nobody works for it any more."""
        await self._gone
        working = [stream.task for stream in self.streams.values() if stream.task is not None]
        for task in working:
            task.cancel()
        if working:
            await asyncio.wait(working)

    def finish(self) -> None:
        """Take no new streams; close when the running ones are answered."""
        if not self.going and not self.transport.is_closing():
            self.going = True
            self.flush()
            self.transport.write(GoAway(self._last, ErrorCodes.NO_ERROR).encode())
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not self.streams:
            self.waiting_since = self.loop.time()
            if self.going:
                self.transport.close()

    def reset(self) -> None:
        """Close at once."""
        self.transport.abort()

    # Streams.

    def _requested(self, event: happened.RequestReceived) -> None:
        stream = self.add_stream(event.stream_id)
        stream.headers = event.headers
        if self.going:
            self.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            return
        self._last = event.stream_id
        self._opened += 1
        self.waiting_since = math.inf
        self.heads.append(stream)

    def head_arrived(self, stream: Stream) -> None:
        """Answer it in a task of its own."""
        method, target, headers = request_from(stream.headers)
        request = Request(
            method,
            target,
            headers,
            stream.arrived(),
            self._peer,
            http2=True,
            trailers=stream.trailers,
        )
        stream.task = self.loop.create_task(
            self._serve(stream, request), name=f"stream {stream.id} of {self._peer}"
        )

    def was_reset(self, event: happened.StreamReset) -> None:
        """The client gave a request up: whoever works for it stops."""
        stream = self.streams.get(event.stream_id)
        if stream is None:
            return
        if self.loop.time() - stream.began < PREMATURE:
            self._premature += 1
        stream.body.end(ConnectionResetError("client disconnected"))
        if stream.task is None:
            stream.body.take()
            self.drop(stream)
            self._close_if_idle()
        else:
            stream.task.cancel()
        if self._opened >= PREMATURE_FROM and self._premature * 2 >= self._opened:
            self.http2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self.flush()
            self.transport.close()

    def went_away(self, _notice: GoAway) -> None:
        """The client will open no more streams; it may wait for its answers."""
        self.going = True
        self._close_if_idle()

    async def _serve(self, stream: Stream, request: Request) -> None:
        how = ErrorCodes.CANCEL
        try:
            await self._answer(stream, request, await self._response(stream, request))
            how = ErrorCodes.NO_ERROR
        except (OSError, ProtocolError):
            how = ErrorCodes.INTERNAL_ERROR
        except Exception as error:
            self._tell(error)
            how = ErrorCodes.INTERNAL_ERROR
        finally:
            stream.body.take()
            if how is ErrorCodes.NO_ERROR and stream.body.ended:
                self.drop(stream)
            self.reset_stream(stream, how)  # if the client still sends, nobody reads it
            self._close_if_idle()

    async def _response(self, stream: Stream, request: Request) -> Response:
        if too_large(stream.headers):
            return text_response(431, _wire.phrase(431))
        if request.method == "CONNECT":
            return text_response(501, _wire.phrase(501))
        try:
            return await self._handler(request)
        except Exception as error:
            self._tell(error)
            return text_response(500, _wire.phrase(500))

    async def _answer(self, stream: Stream, request: Request, response: Response) -> None:
        body, trailers = response.body, response.trailers
        bodiless = not has_body(response, request.method)
        over = bodiless or (body == b"" and not trailers)
        if response.upgraded is not None:
            raise ConnectionResetError("HTTP/2 has no upgrades")
        try:
            self.http2.send_headers(stream.id, response_lines(response, request.method), over)
            if not isinstance(body, bytes):
                self.flush()
            if not over:
                await self.send_body(stream, body, lambda: response.trailers)
        finally:
            await close_body(body)
        self.flush()

    def _tell(self, error: Exception) -> None:
        self.loop.call_exception_handler({"message": "a request failed", "exception": error})
