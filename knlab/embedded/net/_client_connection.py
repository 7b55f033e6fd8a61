"""One connection to an upstream server: request → bytes → response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import httptools

from knlab.embedded.net import _wire
from knlab.embedded.net._connection import Inflow, SocketConnection
from knlab.embedded.net.bodies import close_body
from knlab.embedded.net.http import Address, Duplex, Header, Request, Response
from knlab.embedded.net.upgrade import splice

HEAD_LIMIT: Final = 1024 * 1024
"""The largest response head that is read; Go's limit."""
REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that may be sent twice when it is unknown whether the first one arrived; Go's choice."""

_FRAMED: Final = frozenset({b"content-length", b"transfer-encoding"})


class StaleConnection(ConnectionResetError):  # noqa: N818 - built-in connection errors read so
    """A kept connection had been closed by its server; the request may be sent again."""


class BadResponse(ConnectionError):  # noqa: N818 - built-in connection errors read so
    """The server speaks something else than HTTP/1.1."""


class ClientConnection(SocketConnection):
    """Carries one request at a time to `address`."""

    def __init__(
        self,
        address: Address,
        keep: Callable[[ClientConnection], None],
        forget: Callable[[ClientConnection], None],
    ) -> None:
        super().__init__()
        self.address = address
        self.idle_since = 0.0
        self.gone: asyncio.Future[None] = self.loop.create_future()
        self._keep = keep
        self._forget = forget
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Response] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._used = False
        self._begin(None)

    def _begin(self, request: Request | None) -> None:
        self._request = request
        self._headers: list[Header] = []
        self._parts: list[bytes] = []
        self._inflow: Inflow | None = None
        self._head_size = 0
        self._status = 0
        self._complete = False
        self._keep_alive = False

    # The asking side.

    async def exchange(self, request: Request) -> Response:
        """The answer to `request`; giving up on it breaks the connection.

        Raises:
            StaleConnection: if a kept connection proves closed and the request may be sent again.
            OSError: if the connection breaks before a response head.
        """
        self._begin(request)
        if self.lost:
            raise self._broken(None)
        self._waiter = self.loop.create_future()
        head = _wire.request_head(request, self.address)
        if isinstance(request.body, bytes):
            self.transport.write(head + request.body)
        else:
            self.transport.write(head)
            self._sender = self.loop.create_task(
                self._send(request, request.body), name=f"request body to {self.address}"
            )
        try:
            return await self._waiter
        except BaseException:
            self._break_off()
            raise

    async def _send(self, request: Request, body: AsyncIterator[bytes]) -> None:
        chunked = _wire.is_chunked(request)
        try:
            async for piece in body:
                if piece:
                    self.transport.write(_wire.chunk(piece) if chunked else piece)
                    await self.written()
            if chunked:
                self.transport.write(_wire.LAST_CHUNK)
        except OSError as error:
            self._fail(error)
            self._break_off()
        finally:
            await close_body(body)

    def _break_off(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
        self.transport.abort()

    # The socket's side.

    def data_received(self, data: bytes) -> None:
        """Bytes of the server."""
        if self.raw is not None:
            self.raw.feed(data)
            return
        if self._request is None:
            self.transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if not self._complete:
                self._fail(_malformed(data))
                self._break_off()
                return
        self._deliver(len(data))

    def _deliver(self, size: int) -> None:
        """Hand over what has arrived: a whole response, or one whose body is still to come."""
        if not self._status:
            self._head_size += size
            if self._head_size > HEAD_LIMIT:
                self._fail(BadResponse("net/http: server response headers exceeded 1048576 bytes"))
                self._break_off()
            return
        if self._complete:
            self._finish()
        elif self._inflow is None:
            self._inflow = Inflow(self.pause_reading, abandoned=self._break_off)
            for part in self._parts:
                self._inflow.feed(part)
            self._answer(Response(self._status, self._headers, self._inflow))

    def _finish(self) -> None:
        """The response has arrived whole: the connection is free for the next one."""
        if self._inflow is None:
            body = b"".join(self._parts) if self._parts else b""
            self._answer(Response(self._status, self._headers, body))
        else:
            self._inflow.end()
            self.pause_reading(False)  # noqa: FBT003
        sender, self._sender = self._sender, None
        self._request, self._used = None, True
        if self._keep_alive and (sender is None or sender.done()):
            self.idle_since = self.loop.time()
            self._keep(self)
            return
        if sender is not None:
            sender.cancel()
        self.transport.close()

    def _switch(self, first: bytes) -> None:
        """The server agreed to leave HTTP."""
        upstream = self.become_raw(first)
        self._request = None

        async def upgraded(client: Duplex) -> None:
            await splice(client, upstream)

        self._answer(Response(self._status, self._headers, upgraded=upgraded))

    def connection_lost(self, exc: Exception | None) -> None:
        """The server is gone; a body without a length ends so."""
        super().connection_lost(exc)
        if self._sender is not None:
            self._sender.cancel()
        if self._inflow is not None and exc is None and self._lasts_until_close():
            self._inflow.end()
        elif self._request is not None:
            self._fail(self._broken(exc))
        self._forget(self)
        self.gone.set_result(None)

    def _lasts_until_close(self) -> bool:
        return not any(name in _FRAMED for name, _ in self._headers)

    def _broken(self, exc: Exception | None) -> OSError:
        request = self._request
        repeatable = request is not None and request.method in REPEATABLE and request.body == b""
        if self._used and repeatable and not self._status:
            return StaleConnection("EOF")
        if isinstance(exc, OSError):
            return ConnectionResetError(
                f"read tcp {self.address[0]}:{self.address[1]}: read: connection reset by peer"
            )
        return ConnectionResetError("unexpected EOF" if self._status else "EOF")

    def _answer(self, response: Response) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(response)

    def _fail(self, error: OSError) -> None:
        if self._inflow is not None:
            self._inflow.end(error)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    # The parser's side.

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete; 100 and 103 only announce the one that counts."""
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            self._headers = []
            return
        self._status = status
        self._keep_alive = self._parser.should_keep_alive()
        if self._request is not None and self._request.method == "HEAD":
            self._complete = True
            self._parser = httptools.HttpResponseParser(self)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._inflow is None:
            self._parts.append(piece)
        else:
            self._inflow.feed(piece)

    def on_message_complete(self) -> None:
        """The response has arrived whole."""
        if self._status:
            self._complete = True


def _malformed(data: bytes) -> BadResponse:
    line = data.split(b"\r\n", 1)[0][:60].decode("latin-1")
    return BadResponse(
        f'net/http: HTTP/1.x transport connection broken: malformed HTTP response "{line}"'
    )
