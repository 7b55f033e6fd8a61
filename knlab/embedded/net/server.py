"""Sockets turned into calls of a handler: an HTTP/1.1 server, and HTTP/2 for who begins with it.

One task per connection answers its requests one after the other; over HTTP/2 each request has a
task of its own. Header names arrive folded to
lower case. A peer that disconnects, also by closing only its sending side, cancels the handler.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from knlab.embedded.net._served import Served, Settings
from knlab.embedded.net._server_connection import ServerConnection
from knlab.embedded.net.http import Address, Handler

IDLE_TIMEOUT: Final = 3600.0
"""How long a connection may wait for its next request; Envoy's default."""

BACKLOG: Final = 1024
"""Connections that may wait to be accepted."""


@asynccontextmanager
async def serve(
    handler: Handler,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    sock: socket.socket | None = None,
    tls: ssl.SSLContext | None = None,
    reuse_port: bool = False,
    idle_timeout: float = IDLE_TIMEOUT,
    grace: float = 5.0,
) -> AsyncIterator[Address]:
    """The address where `handler` answers HTTP while the block runs.

    `sock` is a bound socket to use instead of `host` and `port`; `tls` makes it https. A block that
    ends by itself lets running requests finish for up to `grace` seconds; one that ends by an
    exception resets them.

    Raises:
        OSError: if the address cannot be bound.
    """
    connections: set[Served] = set()
    settings = Settings(handler, connections)
    loop = asyncio.get_running_loop()
    made = partial(ServerConnection, settings)
    if sock is not None:
        listener = await loop.create_server(made, sock=sock, ssl=tls, backlog=BACKLOG)
    else:
        listener = await loop.create_server(
            made, host, port, ssl=tls, backlog=BACKLOG, reuse_port=reuse_port or None
        )
    sweeper = _Sweeper(loop, connections, idle_timeout)
    try:
        bound = listener.sockets[0].getsockname()
        yield bound[0], bound[1]
        listener.close()
        await _finish(connections, grace)
    finally:
        listener.close()
        sweeper.stop()
        await _reset(connections)


async def _finish(connections: set[Served], grace: float) -> None:
    """Returns when every running request is answered, or after `grace` seconds."""
    for connection in tuple(connections):
        connection.finish()
    running = [connection.task for connection in connections]
    if running:
        await asyncio.wait(running, timeout=grace)


async def _reset(connections: set[Served]) -> None:
    """Close every connection; returns when nobody works for one any more."""
    tasks = [connection.task for connection in connections]
    for connection in tuple(connections):
        connection.reset()
    if tasks:
        await asyncio.wait(tasks)


class _Sweeper:
    """Closes connections that waited too long for a request; one timer for all of them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connections: set[Served], idle: float
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._idle = idle
        self._timer = loop.call_later(idle / 2, self._sweep)

    def _sweep(self) -> None:
        before = self._loop.time() - self._idle
        for connection in tuple(self._connections):
            if connection.waiting_since < before:
                connection.finish()
        self._timer = self._loop.call_later(self._idle / 2, self._sweep)

    def stop(self) -> None:
        """No more sweeping."""
        self._timer.cancel()
