"""A call turned into one HTTP/1.1 request to one address, over pooled connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from knlab.embedded.net._client_connection import ClientConnection, StaleConnection
from knlab.embedded.net.http import Address, Request, Response

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


class Forwarder:
    """Sends requests to addresses; connections are kept for the next request and closed by `close`.

    A request on a kept connection that breaks before a single byte of an answer is sent once more
    on a new one if that cannot do harm. Nothing else is repeated.
    """

    def __init__(self) -> None:
        self._idle: dict[Address, list[ClientConnection]] = {}
        self._open: set[ClientConnection] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    async def __call__(self, address: Address, request: Request) -> Response:
        """The answer to `request` from `address`; its body may still be arriving.

        Raises:
            OSError: if nobody listens there, or the connection breaks before a response head.
        """
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
