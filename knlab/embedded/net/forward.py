"""A call turned into one request to one address, over pooled connections.

Over HTTP/1.1 a request has a connection for itself. A request that came over HTTP/2 is passed on
so, and shares one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from knlab.embedded.net._client_connection import ClientConnection, StaleConnection
from knlab.embedded.net._http2_client import Http2ClientConnection
from knlab.embedded.net.http import Address, Request, Response, whole_body

IDLE_PER_ADDRESS: Final = 1000
IDLE_TIMEOUT: Final = 90.0
"""How many unused connections to one address are kept, and for how long; queue-proxy's numbers."""

DIAL_ATTEMPTS: Final = 15
DIAL_TIMEOUT: Final = 0.05
DIAL_FACTOR: Final = 1.4
DIAL_PAUSE: Final = 0.03
"""knative.dev/pkg `network/transports.go`: attempts to connect that time out are repeated with more
patience; a refusal is final."""

Dialled = TypeVar("Dialled", bound=asyncio.Protocol)


async def dial(protocol: Callable[[], Dialled], address: Address) -> Dialled:
    """A `protocol` connected to `address`, with growing patience.

    Raises:
        OSError: if nobody listens there.
        TimeoutError: if no attempt got an answer.
    """
    loop = asyncio.get_running_loop()
    patience = DIAL_TIMEOUT
    for _ in range(DIAL_ATTEMPTS):
        try:
            async with asyncio.timeout(patience):
                return (await loop.create_connection(protocol, *address))[1]
        except TimeoutError:
            patience *= DIAL_FACTOR
            await asyncio.sleep(DIAL_PAUSE)
    raise TimeoutError(f"timed out dialing {address[0]}:{address[1]}")


async def ask_secured(address: Address, request: Request, tls: ssl.SSLContext) -> Response:
    """The whole answer to one HTTP/1.1 request over TLS, on a connection of its own.

    Raises:
        OSError: if nobody listens there, is trusted, or answers.
    """
    loop = asyncio.get_running_loop()

    def made() -> ClientConnection:
        return ClientConnection(address, lambda _: None, lambda _: None)

    host = address[0] if tls.check_hostname else None
    _, connection = await loop.create_connection(made, *address, ssl=tls, server_hostname=host)
    try:
        response = await connection.exchange(request)
        response.body = await whole_body(response.body)
        return response
    finally:
        connection.transport.abort()
        await connection.gone


class Forwarder:
    """Sends requests to addresses; connections are kept for the next request and closed by `close`.

    A request on a kept connection that breaks before a single byte of an answer is sent once more
    on a new one if that cannot do harm. Nothing else is repeated.
    """

    def __init__(self) -> None:
        self._idle: dict[Address, list[ClientConnection]] = {}
        self._open: set[ClientConnection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._multiplexed = _Multiplexed()

    async def __call__(self, address: Address, request: Request) -> Response:
        """The answer to `request` from `address`; its body may still be arriving.

        Raises:
            OSError: if nobody listens there, or the connection breaks before a response head.
        """
        if request.http2:
            return await self._multiplexed.exchange(address, request)
        kept = self._idle.get(address)
        while kept:
            connection = kept.pop()
            if not connection.transport.is_closing():
                try:
                    return await connection.exchange(request)
                except StaleConnection:
                    break
        connection = await self._connect(address)
        return await connection.exchange(request)

    async def _connect(self, address: Address) -> ClientConnection:
        connection = await dial(
            lambda: ClientConnection(address, self._keep, self._forget), address
        )
        if not connection.lost:
            self._open.add(connection)
        return connection

    def _keep(self, connection: ClientConnection) -> None:
        kept = self._idle.setdefault(connection.address, [])
        if len(kept) >= IDLE_PER_ADDRESS:
            connection.transport.close()
            return
        kept.append(connection)
        if self._sweeper is None:
            loop = connection.loop
            self._sweeper = loop.call_later(IDLE_TIMEOUT, self._sweep, loop)

    def _forget(self, connection: ClientConnection) -> None:
        self._open.discard(connection)
        kept = self._idle.get(connection.address)
        if kept is not None and connection in kept:
            kept.remove(connection)
        if kept is not None and not kept:
            del self._idle[connection.address]

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        before = loop.time() - IDLE_TIMEOUT
        for connection in [item for kept in self._idle.values() for item in kept]:
            if connection.idle_since <= before:
                connection.transport.close()
        self._sweeper = loop.call_later(IDLE_TIMEOUT, self._sweep, loop) if self._open else None

    async def close(self) -> None:
        """Close every connection, also those in use."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        gone = [connection.gone for connection in self._open]
        for connection in tuple(self._open):
            connection.transport.abort()
        if gone:
            await asyncio.wait(gone)
        await self._multiplexed.close()


class _Multiplexed:
    """HTTP/2 connections: one to an address, more only if it has no room for another stream."""

    def __init__(self) -> None:
        self._open: dict[Address, list[Http2ClientConnection]] = {}
        self._dialling: dict[Address, asyncio.Task[Http2ClientConnection]] = {}

    async def exchange(self, address: Address, request: Request) -> Response:
        """The answer to `request`; one that the server did not look at is sent once more."""
        try:
            return await (await self._connection(address)).exchange(request)
        except StaleConnection:
            if not isinstance(request.body, bytes):
                raise
        return await (await self._connection(address)).exchange(request)

    async def _connection(self, address: Address) -> Http2ClientConnection:
        """A connection with room for a stream, which must be begun before anything else happens."""
        while True:
            for connection in self._open.get(address, ()):
                if connection.has_room():
                    return connection
            dialling = self._dialling.get(address)
            if dialling is None:
                dialling = asyncio.create_task(self._dial(address), name=f"dial {address}")
                self._dialling[address] = dialling
                dialling.add_done_callback(partial(self._dialled, address))
            await asyncio.shield(dialling)

    def _dialled(self, address: Address, dialling: asyncio.Task[Http2ClientConnection]) -> None:
        del self._dialling[address]
        if not dialling.cancelled():
            dialling.exception()  # perhaps nobody waits for it any more

    async def _dial(self, address: Address) -> Http2ClientConnection:
        connection = await dial(lambda: Http2ClientConnection(address, self._forget), address)
        if not connection.lost:
            self._open.setdefault(address, []).append(connection)
        return connection

    def _forget(self, connection: Http2ClientConnection) -> None:
        kept = self._open.get(connection.address, [])
        if connection in kept:
            kept.remove(connection)
        if not kept:
            self._open.pop(connection.address, None)

    async def close(self) -> None:
        """Close every connection, also those in use."""
        for dialling in tuple(self._dialling.values()):
            dialling.cancel()
        connections = [each for kept in self._open.values() for each in kept]
        for connection in connections:
            connection.transport.abort()
        if connections:
            await asyncio.wait([connection.gone for connection in connections])
