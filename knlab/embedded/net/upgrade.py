"""Connections that have left HTTP: two of them joined."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from knlab.embedded.net.http import Duplex


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
