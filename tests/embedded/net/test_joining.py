"""Two connections joined to one."""

from __future__ import annotations

import asyncio

import pytest

from knlab.embedded.net.joining import SocketEnd, join

pytestmark = pytest.mark.anyio


class Script:
    """A side that says what is in `says`, and notes what it hears."""

    def __init__(self, *says: bytes | Exception, waits: asyncio.Event | None = None) -> None:
        self._says = list(says)
        self._waits = waits
        self.heard: list[bytes | str] = []
        self.finished = asyncio.Event()

    async def read(self) -> bytes:
        if self._waits is not None:
            await self._waits.wait()
        said = self._says.pop(0) if self._says else b""
        if isinstance(said, Exception):
            raise said
        return said

    async def write(self, data: bytes) -> None:
        self.heard.append(data)

    async def finish(self) -> None:
        self.heard.append("finished")
        self.finished.set()


async def test_one_that_sends_no_more_still_gets_the_rest() -> None:
    near = Script(b"question")
    far = Script()
    far._says, far._waits = [b"an", b"swer"], far.finished
    await join(near, far)
    assert far.heard == [b"question", "finished"]
    assert near.heard == [b"an", b"swer", "finished"]


async def test_the_far_end_is_the_end_of_both() -> None:
    near = Script(waits=asyncio.Event())
    await join(near, Script(b"bye"))
    assert near.heard == [b"bye", "finished"]


async def test_a_far_side_that_breaks_adds_nothing() -> None:
    near = Script(waits=asyncio.Event())
    with pytest.raises(ConnectionResetError):
        await join(near, Script(b"par", ConnectionResetError()))
    assert near.heard == [b"par"]


async def test_a_near_side_that_breaks_is_not_waited_for() -> None:
    near = Script(ConnectionResetError())
    await join(near, Script(b"bye"))
    assert near.heard == [b"bye", "finished"]


async def test_a_closed_socket_is_a_broken_one() -> None:
    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        end = SocketEnd(*await asyncio.open_connection(*server.sockets[0].getsockname()))
        assert await end.read() == b""
        end.abort()
        await end.finish()
        with pytest.raises(ConnectionResetError):
            await end.write(b"x")
