"""One client's connection to a server: bytes → requests → handler → bytes."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import httptools

from knlab.embedded.net import _wire
from knlab.embedded.net._connection import HIGH_WATER, Inflow, SocketConnection
from knlab.embedded.net._http2_frames import preface_rest
from knlab.embedded.net._http2_server import Http2ServerConnection
from knlab.embedded.net._incoming import HEAD_LIMIT, Incoming, Refused
from knlab.embedded.net._served import Settings
from knlab.embedded.net.bodies import Upgraded, close_body
from knlab.embedded.net.http import (
    Request,
    Response,
    find_header,
    text_response,
)

DISCARD_LIMIT: Final = 256 * 1024
"""How much of an unread request body is read to save the connection; as Go's server does."""
LINGER: Final = 0.5
"""How long a client that is still sending may take to read an answer that ends its connection."""
_NEVER: Final = math.inf
_PREFACE_COMPLETE: Final = ("Pause on PRI/Upgrade",)
"""How llhttp says that an HTTP/2 client has introduced itself."""


class ServerConnection(SocketConnection):
    """Answers the requests of one connection in their order."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._handler = settings.handler
        self._parser = httptools.HttpRequestParser(self)
        self._arrived = 0
        self._receiving: Incoming | None = None
        self._queue: deque[tuple[Incoming, Request]] = deque()
        self._held = False
        self._wake: asyncio.Future[None] | None = None
        self._early: list[bytes] | None = None
        self._last = False
        self._deaf = False
        self._succeeded = False
        self.waiting_since = self.loop.time()

    # The socket's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to answer."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else "127.0.0.1"
        self.task = self.loop.create_task(self._run(), name=f"connection from {self._peer}")
        self._settings.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whoever works for it stops."""
        super().connection_lost(exc)
        self._settings.connections.discard(self)
        if self.raw is None:
            self._end_inflow(ConnectionResetError("client disconnected"))
            self.task.cancel()

    def finish(self) -> None:
        """Close as soon as the running request is answered; an upgraded connection at once."""
        self._last = True
        if self._wake is not None or self.raw is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close at once."""
        self.transport.abort()
        self.task.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if self.raw is not None:
            self.raw.feed(data)
        elif self._early is not None:
            self._early.append(data)
            if sum(map(len, self._early)) > HIGH_WATER:
                self._hold()
        elif not self._deaf:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        self._arrived = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._early = [data[upgrade.args[0] :]]
        except httptools.HttpParserError as error:
            if error.args == _PREFACE_COMPLETE and not self._queue and self._is_waiting():
                self._switch(preface_rest(data))
                return
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, Refused) else 400)
            return
        if self._receiving is not None and self._receiving.inflow is None:
            self._partial(self._receiving)
        if len(self._queue) > 1:
            self._hold()

    def _switch(self, rest: bytes) -> None:
        """The client speaks HTTP/2: somebody else answers it from here on."""
        self._settings.connections.discard(self)
        self._last = self._succeeded = True
        self._wake_up()
        successor = Http2ServerConnection(self._settings, self._peer)
        self.transport.set_protocol(successor)
        successor.connection_made(self.transport)
        if rest:
            successor.data_received(rest)

    def _partial(self, incoming: Incoming) -> None:
        """A request without its end: its head may be too large, its body may stream."""
        incoming.size += self._arrived
        if not incoming.head_complete:
            if incoming.size > HEAD_LIMIT:
                self._refuse(431)
            return
        expectation = find_header(incoming.headers, "expect")
        if expectation is not None and expectation.lower() != "100-continue":
            self._refuse(417)
            return
        incoming.expects = expectation is not None
        on_read = self._continue if expectation is not None else None
        incoming.inflow = Inflow(self.pause_reading, on_read=on_read)
        for part in incoming.parts:
            incoming.inflow.feed(part)
        self._enqueue(incoming, incoming.request(incoming.inflow, self._peer))

    def _continue(self) -> None:
        if self._receiving is not None and self._receiving.expects:
            self._receiving.expects = False
            self.transport.write(_wire.CONTINUE)

    def _refuse(self, status: int) -> None:
        """Answer `status` after what came before, and close."""
        self._last = self._deaf = True
        incoming, self._receiving = self._receiving or Incoming(), None
        incoming.keep_alive = False
        if incoming.inflow is not None:
            incoming.inflow.end(ConnectionResetError("malformed request body"))
            return
        incoming.refused = status
        self._enqueue(incoming, incoming.request(b"", self._peer))

    def _end_inflow(self, error: Exception | None) -> None:
        if self._receiving is not None and self._receiving.inflow is not None:
            self._receiving.inflow.end(error)

    def _hold(self) -> None:
        if not self._held:
            self._held = True
            self.pause_reading(True)  # noqa: FBT003

    def _release(self) -> None:
        if self._held:
            self._held = False
            self.pause_reading(False)  # noqa: FBT003

    def _enqueue(self, incoming: Incoming, request: Request) -> None:
        self._queue.append((incoming, request))
        self._wake_up()

    def _wake_up(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

    # The parser's side.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._receiving = Incoming()

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        if self._receiving is not None:
            self._receiving.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of its head."""
        if self._receiving is not None:
            self._receiving.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        incoming = self._receiving
        if incoming is None:
            return
        parser = self._parser
        incoming.head_complete = True
        incoming.method = parser.get_method().decode()
        incoming.keep_alive = parser.should_keep_alive()
        incoming.old = parser.get_http_version() == "1.0"
        upgrade = parser.should_upgrade()
        if (status := incoming.refusal(self._arrived, upgrade=upgrade)) is not None:
            raise Refused(status)

    def on_body(self, piece: bytes) -> None:
        """A piece of its body."""
        incoming = self._receiving
        if incoming is None:
            return
        if incoming.inflow is None:
            incoming.parts.append(piece)
        else:
            incoming.inflow.feed(piece)

    def on_message_complete(self) -> None:
        """It has arrived whole."""
        incoming, self._receiving = self._receiving, None
        if incoming is None:
            return
        if incoming.inflow is None:
            body = b"".join(incoming.parts) if incoming.parts else b""
            self._enqueue(incoming, incoming.request(body, self._peer))
        else:
            incoming.inflow.end()

    # The answering side.

    async def _run(self) -> None:
        try:
            while await self._arrival():
                incoming, request = self._queue.popleft()
                if not await self._answer(incoming, request):
                    break
            if self._deaf:
                await self._linger()
            if not self._succeeded:
                self.transport.close()
        except OSError:
            self.transport.abort()
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except Exception as error:
            self._tell(error)
            self.transport.abort()

    async def _arrival(self) -> bool:
        """Whether there is a request to answer; waits for one."""
        if self._queue:
            return True
        if self._last:
            return False
        self._release()
        if not self._queue:
            self.waiting_since = self.loop.time()
            self._wake = self.loop.create_future()
            await self._wake
        self.waiting_since = _NEVER
        return bool(self._queue)

    def _is_waiting(self) -> bool:
        return self.waiting_since != _NEVER

    async def _answer(self, incoming: Incoming, request: Request) -> bool:
        """Answer `request`; whether the connection can go on."""
        if incoming.refused:
            response = text_response(incoming.refused, _wire.phrase(incoming.refused))
        else:
            try:
                response = await self._handler(request)
            except Exception as error:
                self._tell(error)
                response = text_response(500, _wire.phrase(500))
        body = response.body
        if response.upgraded is not None:
            await self._upgrade(response, response.upgraded)
            return False
        keep = incoming.keep_alive and not self._last
        if isinstance(body, bytes):
            self.transport.write(
                _wire.whole_response(
                    response,
                    body,
                    head_only=request.method == "HEAD",
                    connection=_connection_line(incoming, keep=keep),
                )
            )
            if self._writable is not None:
                await self.written()
        else:
            keep = await self._stream(incoming, request, response, body, keep=keep)
        return keep and await self._clear(incoming)

    def _tell(self, error: Exception) -> None:
        self.loop.call_exception_handler({"message": "a request failed", "exception": error})

    async def _stream(
        self,
        incoming: Incoming,
        request: Request,
        response: Response,
        body: AsyncIterator[bytes],
        *,
        keep: bool,
    ) -> bool:
        """Send a body as its pieces come; whether the connection can go on."""
        length = find_header(response.headers, "content-length")
        chunked = length is None and not incoming.old and _wire.has_body(response, request.method)
        keep = keep and (chunked or length is not None)
        line = _connection_line(incoming, keep=keep)
        sent = 0
        try:
            self.transport.write(_wire.streamed_head(response, chunked=chunked, connection=line))
            if not _wire.has_body(response, request.method):
                return keep
            async for piece in body:
                if piece:
                    sent += len(piece)
                    self.transport.write(_wire.chunk(piece) if chunked else piece)
                    if self._writable is not None:
                        await self.written()
        finally:
            await close_body(body)
        if chunked:
            self.transport.write(_wire.LAST_CHUNK)
        elif length is not None and sent != int(length):
            raise ConnectionResetError(f"{sent} bytes of a body of {length}")
        return keep

    async def _upgrade(self, response: Response, upgraded: Upgraded) -> None:
        """Leave HTTP: 101, then bytes both ways until one side ends."""
        early, self._early = b"".join(self._early or ()), None
        duplex = self.become_raw(early)
        self._release()
        if not self.lost:
            self.transport.write(_wire.switching_head(response))
        await upgraded(duplex)

    async def _linger(self) -> None:
        """Let the client read the answer: closing while it sends would reset the connection."""
        self._end_inflow(ConnectionResetError("request body not wanted"))
        if self.transport.can_write_eof():  # TLS cannot
            self.transport.write_eof()
        self._wake = self.loop.create_future()
        await asyncio.wait([self._wake], timeout=LINGER)

    async def _clear(self, incoming: Incoming) -> bool:
        """Whether the way is free for the next request: no unread body, no upgrade pending."""
        if self._early is not None:
            early, self._early = b"".join(self._early), None
            self._parser = httptools.HttpRequestParser(self)
            if early:
                self._parse(early)
        inflow = incoming.inflow
        if inflow is None or inflow.ended:
            return True
        if incoming.expects:
            return False
        discarded = 0
        async for piece in inflow:
            discarded += len(piece)
            if discarded > DISCARD_LIMIT:
                self._last = self._deaf = True
                return False
        return True


def _connection_line(incoming: Incoming, *, keep: bool) -> bytes:
    if not keep:
        return b"\r\nconnection: close"
    return b"\r\nconnection: keep-alive" if incoming.old else b""
