"""The HTTP vocabulary of the embedded cluster: a handler turns a `Request` into a `Response`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

Header: TypeAlias = tuple[bytes, bytes]
"""One header line; names keep the case they arrived in and compare without it."""

Body: TypeAlias = bytes | AsyncIterator[bytes]
"""A whole body, or its pieces as they arrive."""


class Duplex(Protocol):
    """A connection after an upgrade: bytes both ways, no HTTP any more."""

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the peer is slow."""

    async def close(self) -> None:
        """Close both directions."""


@dataclass(slots=True)
class Request:
    """One HTTP request as a handler sees it."""

    method: str
    target: str
    """Path and query exactly as sent, e.g. `/api/v1/pods?limit=500`."""
    headers: list[Header]
    body: Body = b""
    peer: str = "127.0.0.1"
    """Address of whoever connected."""
    http2: bool = False
    """Whether it came over HTTP/2; whoever passes it on over a socket speaks the same."""
    trailers: list[Header] | None = None
    """Lines after the body, complete when that has ended."""

    def header(self, name: str) -> str | None:
        """The first value of header `name`, case-insensitively; None if absent."""
        return find_header(self.headers, name)


@dataclass(slots=True)
class Response:
    """What a handler answers. Set `upgraded` to take the connection over after a 101."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: Body = b""
    upgraded: Callable[[Duplex], Awaitable[None]] | None = None
    trailers: list[Header] | None = None
    """Lines after the body, complete when that has ended; HTTP/2 only."""

    def header(self, name: str) -> str | None:
        """The first value of header `name`, case-insensitively; None if absent."""
        return find_header(self.headers, name)


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
Address: TypeAlias = tuple[str, int]
"""An IP address and a port."""


def find_header(headers: list[Header], name: str) -> str | None:
    """The first value of header `name` in `headers`, case-insensitively; None if absent."""
    wanted = name.lower().encode()
    for key, value in headers:
        if key.lower() == wanted:
            return value.decode("latin-1")
    return None


def text_response(status: int, text: str) -> Response:
    """A plain-text response, as Go's servers send it."""
    return Response(status, [(b"content-type", b"text/plain; charset=utf-8")], text.encode())


async def whole_body(body: Body) -> bytes:
    """All of `body` in one piece."""
    if isinstance(body, bytes):
        return body
    return b"".join([piece async for piece in body])
