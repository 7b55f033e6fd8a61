"""The pod network: one call reaches an address, whether a function or a socket answers there.

Components and queue-proxies register a handler under their pod's address, so a hop between them is
a function call; everything else (the user's programs) is reached over TCP. The cost of real sockets
between hops is what this saves: they are most of the budget of a request.

Handlers see header names folded to lower case, as after a socket.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TypeAlias

from knlab.embedded.net._listener import Listener
from knlab.embedded.net.forward import ask_secured
from knlab.embedded.net.http import Address, Handler, Request, Response
from knlab.embedded.net.server import serve

ForwardTo: TypeAlias = Callable[[Address, Request], Awaitable[Response]]
"""Sends a request to an address over TCP; see `net.forward`."""


class Network:
    """Who answers at which address of this cluster.

    `own_addresses` says whether pods have addresses of their own on this host (127.0.0.0/8 is
    theirs on Linux): then handlers can be reached over sockets too, and programs bind their pod's
    address. Elsewhere an address of a pod is only a name, and what it means must be registered or
    published.
    """

    def __init__(self, forward: ForwardTo, *, own_addresses: bool = True) -> None:
        self._forward = forward
        self._own_addresses = own_addresses
        self._listeners: dict[Address, Listener] = {}
        self._published: dict[Address, Address] = {}

    @contextmanager
    def listening(self, address: Address, handler: Handler) -> Iterator[None]:
        """`handler` answers at `address` while the block runs.

        When the block ends, requests that are still running there break like connections.

        Raises:
            OSError: if somebody listens there already.
        """
        self._require_free(address)
        listener = self._listeners[address] = Listener(handler)
        try:
            yield
        finally:
            del self._listeners[address]
            listener.break_off()

    @asynccontextmanager
    async def exposed(self, address: Address, handler: Handler) -> AsyncIterator[None]:
        """Like `listening`, and where pods have own addresses also over a socket, from the host.

        Raises:
            OSError: if somebody listens there already.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(self.listening(address, handler))
            if self._own_addresses:
                await stack.enter_async_context(serve(handler, *address))
            yield

    @contextmanager
    def published(self, address: Address, real_address: Address) -> Iterator[None]:
        """Whoever calls `address` reaches the socket at `real_address` while the block runs.

        Raises:
            OSError: if somebody listens at `address` already.
        """
        self._require_free(address)
        self._published[address] = real_address
        try:
            yield
        finally:
            del self._published[address]

    def _require_free(self, address: Address) -> None:
        if address in self._listeners or address in self._published:
            taken = f"address already in use: {address[0]}:{address[1]}"
            raise OSError(errno.EADDRINUSE, taken)

    def is_local(self, address: Address) -> bool:
        """Whether a function, not a socket, answers at `address`."""
        return address in self._listeners

    def real_address(self, address: Address) -> Address:
        """Where a socket answers for `address`.

        Raises:
            ConnectionRefusedError: if `address` is a pod's, and nobody could be there.
        """
        real = self._published.get(address)
        if real is not None:
            return real
        host = address[0]
        if not self._own_addresses and host.startswith("127.") and host != "127.0.0.1":
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        return address

    async def call(self, address: Address, request: Request) -> Response:
        """The answer to `request` from whoever listens at `address`.

        The request is given away: its header names are folded here, and hops on its way change it.

        Raises:
            OSError: if nobody listens there, or the connection breaks before a response head.
        """
        request.headers = [(name.lower(), value) for name, value in request.headers]
        return await self.pass_on(address, request)

    def pass_on(self, address: Address, request: Request) -> Awaitable[Response]:
        """Like `call`, for a request that came from a server or `call`: its names are folded."""
        listener = self._listeners.get(address)
        if listener is not None:
            return listener.call(request)
        return self._forward(self.real_address(address), request)

    async def call_secured(
        self, address: Address, request: Request, tls: ssl.SSLContext
    ) -> Response:
        """Like `call`, over TLS if a socket answers at `address`; the answer has arrived whole."""
        if address in self._listeners:
            return await self.call(address, request)
        return await ask_secured(self.real_address(address), request, tls)

    @asynccontextmanager
    async def reached(self, address: Address) -> AsyncIterator[Address]:
        """Where bare TCP connections reach whoever listens at `address`, while the block runs.

        A function that answers there gets a socket of its own for that time.

        Raises:
            ConnectionRefusedError: if `address` is a pod's, and nobody could be there.
        """
        listener = self._listeners.get(address)
        if listener is None:
            yield self.real_address(address)
            return
        async with serve(listener.call, grace=0) as real:
            yield real

    async def knock(self, address: Address) -> None:
        """Returns when somebody accepts a TCP connection at `address`; it is closed again.

        Raises:
            OSError: if nobody listens there.
        """
        if address not in self._listeners:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(
                asyncio.Protocol, *self.real_address(address)
            )
            transport.close()
