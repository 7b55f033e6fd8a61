"""The forwarder against real servers: what arrives there, what comes back, what breaks how."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from knlab.embedded.net.bodies import close_body
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Address, Body, Duplex, Request, Response, whole_body
from knlab.embedded.net.server import serve

pytestmark = pytest.mark.anyio

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def get(target: str = "/", body: Body = b"", method: str = "GET") -> Request:
    return Request(method, target, [(b"host", b"example")], body)


@asynccontextmanager
async def raw_server(converse: Converse) -> AsyncIterator[Address]:
    """A server that answers with whatever `converse` writes."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


def saying(*answers: bytes) -> Converse:
    """Answers one request with each of `answers`, then closes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return converse


ANSWERS = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, b"ab", "with a length"),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        200,
        b"ab",
        "in chunks",
    ),
    (b"HTTP/1.1 200 OK\r\n\r\nab", 200, b"ab", "until the connection ends"),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, b"ab", "HTTP/1.0"),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", "without a body"),
    (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        200,
        b"",
        "after an informational head",
    ),
]


@pytest.mark.parametrize(
    ("answer", "status", "body"), [row[:3] for row in ANSWERS], ids=[row[3] for row in ANSWERS]
)
async def test_every_kind_of_body_arrives(
    forwarder: Forwarder, answer: bytes, status: int, body: bytes
) -> None:
    async with raw_server(saying(answer)) as address:
        response = await forwarder(address, get())
        assert (response.status, await whole_body(response.body)) == (status, body)


async def test_a_body_that_comes_with_its_head_is_one_piece(forwarder: Forwarder) -> None:
    async with raw_server(saying(ANSWERS[0][0])) as address:
        assert (await forwarder(address, get())).body == b"ab"


BREAKS = [
    (b"", "^EOF$", "closed without an answer"),
    (b"nonsense\r\n\r\n", 'malformed HTTP response "nonsense"', "not HTTP"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_200_000, "headers exceeded", "an endless head"),
]


@pytest.mark.parametrize(
    ("answer", "text"), [row[:2] for row in BREAKS], ids=[row[2] for row in BREAKS]
)
async def test_an_unusable_answer_is_an_error(
    forwarder: Forwarder, answer: bytes, text: str
) -> None:
    async with raw_server(saying(answer)) as address:
        with pytest.raises(OSError, match=text):
            await forwarder(address, get())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
async def test_a_body_that_breaks_off_is_an_error_while_reading(
    forwarder: Forwarder, answer: bytes
) -> None:
    async with raw_server(saying(answer)) as address:
        response = await forwarder(address, get())
        with pytest.raises(ConnectionResetError, match="unexpected EOF"):
            await whole_body(response.body)


async def test_nobody_there_is_refused(forwarder: Forwarder) -> None:
    async with raw_server(saying()) as address:
        pass
    with pytest.raises(ConnectionRefusedError):
        await forwarder(address, get())


async def seen_by_server(forwarder: Forwarder, request: Request) -> Request:
    seen: list[Request] = []

    async def keep(arrived: Request) -> Response:
        arrived.body = await whole_body(arrived.body)
        seen.append(arrived)
        return Response(200)

    async with serve(keep) as address:
        await forwarder(address, request)
    return seen[0]


async def test_headers_between_two_hops_stay_there(forwarder: Forwarder) -> None:
    request = get()
    request.headers += [
        (b"Connection", b"keep-alive, X-Secret"),
        (b"Keep-Alive", b"300"),
        (b"X-Secret", b"1"),
        (b"TE", b"trailers"),
        (b"x-kept", b"2"),
    ]
    seen = await seen_by_server(forwarder, request)
    assert seen.headers == [(b"host", b"example"), (b"x-kept", b"2")]


async def test_a_request_without_host_gets_the_address(forwarder: Forwarder) -> None:
    seen = await seen_by_server(forwarder, Request("GET", "/", []))
    assert (seen.header("host") or "").startswith("127.0.0.1:")


@pytest.mark.parametrize("length", [None, b"300000"])
async def test_request_bodies_stream(forwarder: Forwarder, length: bytes | None) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000

    request = get(method="POST", body=body())
    if length:
        request.headers.append((b"content-length", length))
    seen = await seen_by_server(forwarder, request)
    assert seen.body == b"x" * 300_000


async def test_head_has_a_length_and_no_body(forwarder: Forwarder) -> None:
    async def answer(_: Request) -> Response:
        return Response(200, [(b"content-length", b"77")])

    async with serve(answer) as address:
        for _ in range(2):
            response = await forwarder(address, get(method="HEAD"))
            assert (response.header("content-length"), response.body) == ("77", b"")


async def test_connections_are_used_again(forwarder: Forwarder) -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    opened = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await saying(ok, ok, ok)(reader, writer)

    async with raw_server(converse) as address:
        for _ in range(3):
            assert (await forwarder(address, get())).status == 200
    assert opened == 1


async def requests_received(forwarder: Forwarder, second: Request) -> int:
    """How often requests arrive if the server closes a kept connection instead of answering."""
    received = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        while True:
            await reader.readuntil(b"\r\n\r\n")
            received += 1
            if received == 2:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(converse) as address:
        await forwarder(address, get())
        await forwarder(address, second)
        return received


async def test_a_kept_connection_that_proves_closed_is_replaced_once(forwarder: Forwarder) -> None:
    assert await requests_received(forwarder, get()) == 3


async def test_a_post_is_never_sent_twice(forwarder: Forwarder) -> None:
    with pytest.raises(ConnectionResetError):
        await requests_received(forwarder, get(method="POST"))


async def test_giving_up_closes_the_connection(forwarder: Forwarder) -> None:
    ended = asyncio.Event()

    async def converse(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()

    async with raw_server(converse) as address:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await forwarder(address, get())
        async with asyncio.timeout(5):
            await ended.wait()


async def test_not_reading_a_body_to_its_end_closes_the_connection(forwarder: Forwarder) -> None:
    ended = asyncio.Event()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")
        await reader.read()
        ended.set()

    async with raw_server(converse) as address:
        response = await forwarder(address, get())
        await close_body(response.body)
        async with asyncio.timeout(5):
            await ended.wait()


async def test_an_early_answer_ends_the_upload(forwarder: Forwarder) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.001)

    async with raw_server(saying(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n")) as address:
        response = await forwarder(address, get(method="POST", body=endless()))
        assert response.status == 413


async def test_a_broken_upload_is_an_error(forwarder: Forwarder) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError("client disconnected")

    async with raw_server(saying()) as address:
        with pytest.raises(ConnectionResetError):
            await forwarder(address, get(method="POST", body=broken()))


async def test_an_upgrade_passes(forwarder: Forwarder) -> None:
    async def upper(duplex: Duplex) -> None:
        while received := await duplex.read():
            await duplex.write(received.upper())

    async def switch(request: Request) -> Response:
        assert request.header("upgrade") == "shouting"
        return Response(101, [(b"upgrade", b"shouting")], upgraded=upper)

    async def proxy(request: Request) -> Response:
        return await forwarder(upstream, request)

    async with serve(switch) as upstream, serve(proxy) as front:
        reader, writer = await asyncio.open_connection(*front)
        writer.write(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: shouting\r\n\r\nhello")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"101 Switching Protocols" in head
        assert await reader.readexactly(5) == b"HELLO"
        writer.write(b"again")
        assert await reader.readexactly(5) == b"AGAIN"
        writer.close()
        await writer.wait_closed()
