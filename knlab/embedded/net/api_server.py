"""The https front door of the API: turns aiohttp's requests into ours and streams the answers.

Listens on the loopback interface only. Before the handler sees a request, a `Gate` has checked its
Host, its Origin (a web page in a browser must not reach the cluster) and its bearer token.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

from aiohttp import web
from multidict import CIMultiDict

from knlab.embedded.net.http import Body, Handler, Request, Response
from knlab.embedded.net.takeover import TakenOver, upgrade_head
from knlab.embedded.net.tls import ADDRESSES, NAMES, Identity

LOOPBACK: Final = "127.0.0.1"
KNOWN_HOSTS: Final = frozenset((*NAMES, *ADDRESSES))

_READ_AT_ONCE: Final = 1 << 20
"""Bodies up to this size are handed over whole; larger ones piece by piece."""

_SHUTDOWN_SECONDS: Final = 0.5
"""Time for requests under way when the server stops; watches would go on for ever."""

Refuse: TypeAlias = Callable[[int, str], Response]
"""From an HTTP status and a reason in words to the answer that clients of this API understand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Who may come in."""

    token: str
    """The bearer token that clients must send."""
    open_paths: frozenset[str]
    """Paths that need no token."""
    refuse: Refuse
    hosts: frozenset[str] = KNOWN_HOSTS
    """Names under which this server may be addressed."""

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not come in; None if it may."""
        if not self._is_known(request.header("Host") or ""):
            return self.refuse(403, "the Host header names another server")
        origin = request.header("Origin")
        if origin is not None and not self._is_known(origin.partition("://")[2]):
            return self.refuse(403, "requests from web pages of other origins are refused")
        path = request.target.partition("?")[0].rstrip("/")
        if path not in self.open_paths and not self._has_token(request):
            return self.refuse(401, "Unauthorized")
        return None

    def _is_known(self, authority: str) -> bool:
        host, _, port = authority.rpartition(":")
        if not host or not port.isdigit():
            host = authority
        return host.strip("[]").lower() in self.hosts

    def _has_token(self, request: Request) -> bool:
        scheme, _, token = (request.header("Authorization") or "").partition(" ")
        right = hmac.compare_digest(token.strip().encode(), self.token.encode())
        return scheme.lower() == "bearer" and right


class _Server(web.Server):
    """aiohttp's server, which also knows when its last connection is really gone."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(answer, handler_cancellation=True, access_log=None)
        self._open: dict[web.RequestHandler, asyncio.Transport] = {}
        self._changed = asyncio.Event()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Remember the connection."""
        super().connection_made(handler, transport)
        self._open[handler] = transport

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget the connection: its socket is closed."""
        super().connection_lost(handler, exc)
        self._open.pop(handler, None)
        self._changed.set()

    async def emptied(self) -> None:
        """Break what is still open and wait until it is closed."""
        for transport in self._open.values():
            transport.abort()
        while self._open:
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def serve_api(
    handler: Handler, *, port: int, identity: Identity, gate: Gate
) -> AsyncIterator[int]:
    """Serve `handler` over https on the loopback interface; yields the port (0 asks for any).

    Raises:
        OSError: the port is in use.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.key)
    context.set_alpn_protocols(["http/1.1"])

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await _answer(request, handler, gate)

    server = _Server(answer)
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(server.emptied)
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, LOOPBACK, port, ssl_context=context, backlog=1024)
        await site.start()
        yield runner.addresses[0][1]


async def _answer(arrived: web.BaseRequest, handler: Handler, gate: Gate) -> web.StreamResponse:
    request = Request(
        method=arrived.method,
        target=arrived.raw_path,
        headers=list(arrived.raw_headers),
        peer=arrived.remote or LOOPBACK,
    )
    response = gate.refusal(request)
    if response is None:
        request.body = await _body_of(arrived)
        response = await handler(request)
    if response.upgraded is not None:
        return await _take_over(arrived, response)
    headers = CIMultiDict(
        (key.decode(), value.decode("latin-1")) for key, value in response.headers
    )
    if isinstance(response.body, bytes):
        return web.Response(status=response.status, headers=headers, body=response.body)
    return await _stream(arrived, response.status, headers, response.body)


async def _body_of(arrived: web.BaseRequest) -> Body:
    if not arrived.can_read_body:
        return b""
    if arrived.content_length is not None and arrived.content_length <= _READ_AT_ONCE:
        return await arrived.content.read()
    return arrived.content.iter_any()


async def _stream(
    arrived: web.BaseRequest, status: int, headers: CIMultiDict[str], body: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send the head at once, then the pieces as they come, until the client goes away."""
    response = web.StreamResponse(status=status, headers=headers)
    async with aclosing(_closeable(body)) as pieces:
        await response.prepare(arrived)
        await response.write(b"")
        async for piece in pieces:
            await response.write(piece)
    await response.write_eof()
    return response


async def _closeable(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in body:
            yield piece
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()


class _Finished(web.StreamResponse):
    """What aiohttp gets back when the connection was taken over: nothing left to send."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send nothing: the head is long gone."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


async def _take_over(arrived: web.BaseRequest, response: Response) -> web.StreamResponse:
    transport = arrived.transport
    if transport is None or response.upgraded is None:
        raise ConnectionResetError("the client closed the connection")
    transport.write(upgrade_head(response))
    duplex = TakenOver(transport, arrived.protocol)
    try:
        await response.upgraded(duplex)
    except ConnectionError:
        pass
    finally:
        duplex.release()
    finished = _Finished()
    finished.force_close()
    return finished
