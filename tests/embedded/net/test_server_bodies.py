"""Bodies that the server sends and reads: streamed, whole, waited for, slow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from knlab.embedded.net.http import Request, Response, text_response, whole_body
from knlab.embedded.net.server import serve
from tests.embedded.net.echoes import Connect, echo

pytestmark = pytest.mark.anyio


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def test_a_streamed_body_is_chunked(connect: Connect) -> None:
    async def stream(_: Request) -> Response:
        return Response(200, body=pieces(b"ab", b"", b"cde"))

    async with serve(stream) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await client.head())[1]["transfer-encoding"] == "chunked"
        assert await client.rest() == b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"


async def test_a_streamed_body_with_a_length_is_sent_as_it_is(connect: Connect) -> None:
    async def stream(_: Request) -> Response:
        return Response(200, [(b"content-length", b"5")], pieces(b"ab", b"cde"))

    async with serve(stream) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        assert (await client.response())[2] == b"abcde"
        assert (await client.response())[2] == b"abcde"


async def test_http_1_0_gets_a_stream_until_the_connection_ends(connect: Connect) -> None:
    async def stream(_: Request) -> Response:
        return Response(200, body=pieces(b"ab", b"cde"))

    async with serve(stream) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert "transfer-encoding" not in (await client.head())[1]
        assert await client.rest() == b"abcde"


@pytest.mark.parametrize("length", [None, b"5"])
async def test_a_body_that_breaks_breaks_the_connection(
    connect: Connect, length: bytes | None
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"ab"
        raise ConnectionResetError("upstream")

    async def stream(_: Request) -> Response:
        return Response(200, [(b"content-length", length)] if length else [], broken())

    async with serve(stream) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\n")
        await client.head()
        try:
            rest = await client.rest()
        except ConnectionResetError:
            rest = b""
        assert not rest.endswith(b"0\r\n\r\n")


async def test_a_body_shorter_than_its_length_breaks_the_connection(connect: Connect) -> None:
    async def stream(_: Request) -> Response:
        return Response(200, [(b"content-length", b"9")], pieces(b"ab"))

    async with serve(stream) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        await client.head()
        with contextlib.suppress(ConnectionResetError):
            assert await client.rest() == b"ab"


async def test_head_gets_the_length_and_no_body(connect: Connect) -> None:
    async def answer(_: Request) -> Response:
        return Response(200, [(b"Content-Length", b"1234")])

    async with serve(answer) as address:
        client = await connect(address)
        await client.send("HEAD / HTTP/1.1\r\n\r\n")
        assert (await client.head())[1]["content-length"] == "1234"
        await client.send("HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await client.head()
        assert await client.rest() == b""


async def test_100_continue_is_sent_when_the_body_is_wanted(connect: Connect) -> None:
    async with serve(echo) as address:
        client = await connect(address)
        await client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await client.head() == ("HTTP/1.1 100 Continue", {})
        await client.send("ab")
        assert (await client.response())[2] == b"POSTab"


async def test_100_continue_is_not_sent_when_the_body_is_not_wanted(connect: Connect) -> None:
    async def refuse(_: Request) -> Response:
        return text_response(413, "too much")

    async with serve(refuse) as address:
        client = await connect(address)
        await client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await client.response())[0] == 413
        assert await client.rest() == b""


async def test_an_unread_body_does_not_disturb_the_next_request(connect: Connect) -> None:
    async def ignore(request: Request) -> Response:
        return text_response(200, request.target)

    async with serve(ignore) as address:
        client = await connect(address)
        await client.send("POST /1 HTTP/1.1\r\nContent-Length: 100000\r\n\r\n")
        assert (await client.response())[2] == b"/1"
        await client.send("x" * 100_000 + "GET /2 HTTP/1.1\r\n\r\n")
        assert (await client.response())[2] == b"/2"


async def test_a_large_body_streams_and_a_slow_handler_stops_the_sender(connect: Connect) -> None:
    go_on = asyncio.Event()
    size = 30_000_000

    async def slow(request: Request) -> Response:
        assert not isinstance(request.body, bytes)
        first = await anext(request.body)
        await go_on.wait()
        total = len(first) + len(await whole_body(request.body))
        return text_response(200, str(total))

    async with serve(slow) as address:
        client = await connect(address)
        sending = asyncio.create_task(
            client.send(f"POST / HTTP/1.1\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size)
        )
        done, _ = await asyncio.wait([sending], timeout=0.3)
        assert not done
        go_on.set()
        assert (await client.response())[2] == str(size).encode()
        await sending


async def test_a_slow_reader_stops_the_handler(connect: Connect) -> None:
    produced = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal produced
        while produced < 200:
            produced += 1
            yield b"x" * 1_000_000

    async def stream(_: Request) -> Response:
        return Response(200, body=endless())

    async with serve(stream) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\n\r\n")
        await client.head()
        before = -1
        while before != produced:
            before = produced
            await asyncio.sleep(0.1)
        assert produced < 100
        await client.close()
