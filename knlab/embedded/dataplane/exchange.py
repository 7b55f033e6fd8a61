"""A request and its answer as logs and metrics see them: what, how long, how many bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeAlias

from knlab._clock import Clock
from knlab.embedded.net.bodies import close_body, when_over
from knlab.embedded.net.http import Handler, Request, Response

CANCELED: Final = b"context canceled\n"
"""What Go's reverse proxy answers, with a 502, to a client that has gone away."""

Count: TypeAlias = Callable[[int], None]


class Exchange:
    """One request as it came, and what became of it once its answer is over."""

    __slots__ = (
        "began",
        "headers",
        "http2",
        "method",
        "peer",
        "received",
        "sent",
        "status",
        "target",
        "took",
    )

    def __init__(self, request: Request, began: float) -> None:
        self.method = request.method
        self.target = request.target
        self.headers = request.headers
        self.http2 = request.http2
        self.peer = request.peer
        self.began = began
        self.took = 0.0
        self.status = 0
        self.sent = 0
        body = request.body
        if isinstance(body, bytes):
            self.received = len(body)
        else:
            self.received = 0
            request.body = CountedBody(body, self._receive)

    def follow(self, response: Response, over: Callable[[], None]) -> Response:
        """`response`, whose bytes are counted; `over` is called once when it is over."""
        self.status = response.status
        body = response.body
        if isinstance(body, bytes):
            self.sent = 0 if self.method == "HEAD" else len(body)
        elif response.upgraded is None:
            response.body = CountedBody(body, self._send)
        return when_over(response, over)

    def field(self, name: bytes) -> str:
        """The first value of header `name`, given in lower case; empty if absent."""
        value = next((value for key, value in self.headers if key == name), b"")
        return value.decode("utf-8", "replace")

    def _receive(self, size: int) -> None:
        self.received += size

    def _send(self, size: int) -> None:
        self.sent += size


class CountedBody:
    """A body that tells the size of each piece."""

    __slots__ = ("_body", "_count")

    def __init__(self, body: AsyncIterator[bytes], count: Count) -> None:
        self._body = body
        self._count = count

    def __aiter__(self) -> CountedBody:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._body)
        self._count(len(piece))
        return piece

    async def aclose(self) -> None:
        """Close the body beneath."""
        await close_body(self._body)


def observed(handler: Handler, clock: Clock, tell: Callable[[Exchange], None]) -> Handler:
    """`handler`, which tells of every exchange when it is over.

    A client that leaves before there is an answer counts as Go's reverse proxy would answer it.
    """

    async def handle(request: Request) -> Response:
        exchange = Exchange(request, clock.monotonic())

        def over() -> None:
            exchange.took = clock.monotonic() - exchange.began
            tell(exchange)

        try:
            response = await handler(request)
        except BaseException as error:
            left = isinstance(error, asyncio.CancelledError)
            exchange.status, exchange.sent = (502, len(CANCELED)) if left else (500, 0)
            over()
            raise
        return exchange.follow(response, over)

    return handle
