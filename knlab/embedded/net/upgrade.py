"""Connections that leave HTTP: how a client asks for it, and two of them joined."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

from knlab.embedded.net import websocket
from knlab.embedded.net.http import Duplex, Request, Response, text_response

Run: TypeAlias = Callable[[str, Duplex], Awaitable[None]]
"""Serves an upgraded connection in the sub-protocol that both sides know."""

_SPDY: Final = "SPDY/3.1"
_SPDY_OFFER: Final = b"x-stream-protocol-version"


def asks_for_spdy(request: Request) -> bool:
    """Whether `request` wants to go on in SPDY/3.1."""
    wanted = {word.strip().lower() for word in (request.header("Connection") or "").split(",")}
    return "upgrade" in wanted and (request.header("Upgrade") or "").upper() == _SPDY


def to_websocket(request: Request, protocols: Sequence[str], run: Run) -> Response:
    """The 101 that goes on in the first of `protocols` that the client offers, or a refusal.

    An empty string among `protocols` is for clients that offer none.
    """
    offered = websocket.offered_protocols(request) or [""]
    chosen = next((each for each in protocols if each in offered), None)
    if chosen is None:
        return Response(403, [(b"connection", b"close")])
    headers = websocket.handshake(request, chosen)
    if headers is None:
        return text_response(400, "not a WebSocket handshake of version 13\n")
    return Response(101, headers, upgraded=partial(run, chosen))


def to_spdy(request: Request, protocols: Sequence[str], run: Run) -> Response:
    """The 101 that goes on in the first of `protocols` that the client offers, or a refusal."""
    lines = [
        value.decode("latin-1") for name, value in request.headers if name.lower() == _SPDY_OFFER
    ]
    offered = [word.strip() for line in lines for word in line.split(",") if word.strip()]
    if not offered:
        return text_response(400, "unable to upgrade: X-Stream-Protocol-Version is required\n")
    chosen = next((each for each in protocols if each in offered), None)
    if chosen is None:
        refusal = text_response(
            403,
            "unable to upgrade: unable to negotiate protocol: client supports"
            f" [{' '.join(offered)}], server accepts [{' '.join(protocols)}]\n",
        )
        refusal.headers += [
            (b"X-Accepted-Stream-Protocol-Versions", each.encode()) for each in protocols
        ]
        return refusal
    headers = [
        (b"Connection", b"Upgrade"),
        (b"Upgrade", _SPDY.encode()),
        (b"X-Stream-Protocol-Version", chosen.encode()),
    ]
    return Response(101, headers, upgraded=partial(run, chosen))


async def splice(one: Duplex, other: Duplex) -> None:
    """Carry bytes both ways until either side ends or breaks; then both are closed."""
    directions = [
        asyncio.create_task(_carry(one, other), name="upgraded connection, forth"),
        asyncio.create_task(_carry(other, one), name="upgraded connection, back"),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        await one.close()
        await other.close()
        await asyncio.gather(*directions, return_exceptions=True)


async def _carry(source: Duplex, sink: Duplex) -> None:
    with suppress(OSError):
        while data := await source.read():
            await sink.write(data)
