"""What ends: connections, handlers, the server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from knlab.embedded.net.http import Request, Response, text_response
from knlab.embedded.net.server import serve
from tests.embedded.net.echoes import Connect, echo

pytestmark = pytest.mark.anyio


async def test_a_client_that_leaves_cancels_the_handler(connect: Connect) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(_: Request) -> Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Response(200)

    async with serve(wait) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\n")
        await began.wait()
        await client.close()
        async with asyncio.timeout(5):
            await cancelled.wait()


async def test_a_client_that_leaves_closes_the_body(connect: Connect) -> None:
    closed = asyncio.Event()

    class Body:
        def __aiter__(self) -> Body:
            return self

        async def __anext__(self) -> bytes:
            await asyncio.sleep(0.001)
            return b"x"

        async def aclose(self) -> None:
            closed.set()

    async def stream(_: Request) -> Response:
        return Response(200, body=Body())

    async with serve(stream) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\n")
        await client.head()
        await client.close()
        async with asyncio.timeout(5):
            await closed.wait()


async def test_a_handler_that_fails_is_a_500_and_is_told(connect: Connect) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def fail(_: Request) -> Response:
        raise ZeroDivisionError("mine")

    async with serve(fail) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\n")
        assert (await client.response())[0] == 500
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def test_idle_connections_are_closed(connect: Connect) -> None:
    async with serve(echo, idle_timeout=0.05) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\n")
        await client.response()
        assert await client.rest() == b""


async def test_the_end_of_the_server_waits_for_running_requests(connect: Connect) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: Request) -> Response:
        began.set()
        await go_on.wait()
        return text_response(200, "done")

    async with serve(wait) as address:
        busy, idle = await connect(address), await connect(address)
        await busy.send("GET / HTTP/1.1\r\n\r\n")
        await began.wait()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
    assert (await busy.response())[2] == b"done"
    assert await busy.rest() == b""
    assert await idle.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await connect(address)


async def test_a_server_that_ends_by_an_error_resets_running_requests(connect: Connect) -> None:
    began = asyncio.Event()

    async def wait(_: Request) -> Response:
        began.set()
        await asyncio.Event().wait()
        return Response(200)

    async def serve_until_an_error() -> None:
        async with serve(wait) as address:
            clients.append(await connect(address))
            await clients[0].send("GET / HTTP/1.1\r\n\r\n")
            await began.wait()
            raise ZeroDivisionError

    clients: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        await serve_until_an_error()
    with contextlib.suppress(ConnectionResetError):
        assert await clients[0].rest() == b""
