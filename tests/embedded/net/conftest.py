"""Fixtures for everything on sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from knlab.embedded.net.forward import Forwarder


class Client:
    """A raw client: sends what it is told, reads with a deadline."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)
        await self.writer.drain()

    async def line(self) -> str:
        async with asyncio.timeout(5):
            return (await self.reader.readline()).decode().rstrip("\r\n")

    async def head(self) -> tuple[str, dict[str, str]]:
        """Status line and headers of the next response."""
        status, headers = await self.line(), {}
        while line := await self.line():
            name, _, value = line.partition(": ")
            headers[name] = value
        return status, headers

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """The next response that has a content length."""
        status, headers = await self.head()
        async with asyncio.timeout(5):
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, body

    async def rest(self) -> bytes:
        """All until the server closes."""
        async with asyncio.timeout(5):
            return await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Clients:
    """Opens raw clients and closes them at the end of a test."""

    def __init__(self) -> None:
        self._opened: list[Client] = []

    async def __call__(self, address: tuple[str, int]) -> Client:
        client = Client(*await asyncio.open_connection(*address))
        self._opened.append(client)
        return client

    async def close(self) -> None:
        for client in self._opened:
            await client.close()


@pytest.fixture
async def connect(anyio_backend: str) -> AsyncIterator[Clients]:
    clients = Clients()
    yield clients
    await clients.close()


@pytest.fixture
async def forwarder(anyio_backend: str) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder()
    yield forwarder
    await forwarder.close()
