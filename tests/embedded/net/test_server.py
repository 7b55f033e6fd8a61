"""The server against raw sockets: what a client may rely on, and what it cannot break."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from knlab.embedded.net.http import Duplex, Request, Response, text_response, whole_body
from knlab.embedded.net.server import serve

pytestmark = pytest.mark.anyio

Connect = Callable[[tuple[str, int]], Awaitable[Any]]


async def echo(request: Request) -> Response:
    """Method, target and body of the request."""
    body = await whole_body(request.body)
    return Response(200, [(b"X-Target", request.target.encode())], request.method.encode() + body)


HOST = "Host: x\r\n"

ANSWERS = [
    ("GET /a?b=c HTTP/1.1\r\n" + HOST + "\r\n", 200, b"GET", "a whole request in one piece"),
    ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 200, b"POSTabc", "a body with a length"),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        200,
        b"POSTabcde",
        "a chunked body",
    ),
    ("GET / HTTP/1.0\r\n\r\n", 200, b"GET", "HTTP/1.0"),
    ("NONSENSE\r\n\r\n", 400, b"Bad Request", "no HTTP at all"),
    ("GET / HTTP/1.1\r\nbad header\r\n\r\n", 400, b"Bad Request", "a line without colon"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, b"Bad Request", "HTTP/2 by prior knowledge"),
    (
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        b"Bad Request",
        "two framings",
    ),
    (
        "GET / HTTP/1.1\r\nX: " + "x" * 70_000 + "\r\n\r\n",
        431,
        b"Request Header Fields Too Large",
        "a head over 60 KiB",
    ),
    (
        "GET / HTTP/1.1\r\n" + "X: y\r\n" * 101 + "\r\n",
        431,
        b"Request Header Fields Too Large",
        "more than 100 lines",
    ),
    (
        "POST / HTTP/1.1\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\n",
        417,
        b"Expectation Failed",
        "an unknown expectation",
    ),
    (
        "POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\na",
        400,
        b"Bad Request",
        "an upgrade with a body",
    ),
]


@pytest.mark.parametrize(
    ("sent", "status", "body"), [row[:3] for row in ANSWERS], ids=[row[3] for row in ANSWERS]
)
async def test_each_request_gets_its_answer(
    connect: Connect, sent: str, status: int, body: bytes
) -> None:
    async with serve(echo) as address:
        client = await connect(address)
        await client.send(sent)
        got_status, _, got_body = await client.response()
        assert (got_status, got_body) == (status, body)


async def test_a_request_in_single_bytes_is_understood(connect: Connect) -> None:
    async with serve(echo) as address:
        client = await connect(address)
        for byte in b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab":
            await client.send(bytes([byte]))
        assert await client.response() == (
            200,
            {"x-target": "/x", "content-length": "6"},
            b"POSTab",
        )


async def test_header_names_arrive_in_lower_case(connect: Connect) -> None:
    seen: list[Request] = []

    async def keep(request: Request) -> Response:
        seen.append(request)
        return Response(204)

    async with serve(keep) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\nHOST: Example\r\nX-Twice: 1\r\nx-TWICE: 2\r\n\r\n")
        assert (await client.response())[0] == 204
    assert seen[0].headers == [(b"host", b"Example"), (b"x-twice", b"1"), (b"x-twice", b"2")]
    assert seen[0].peer == "127.0.0.1"


async def test_a_connection_serves_many_requests_also_at_once(connect: Connect) -> None:
    async with serve(echo) as address:
        client = await connect(address)
        await client.send("".join(f"GET /{i} HTTP/1.1\r\n{HOST}\r\n" for i in range(50)))
        targets = [(await client.response())[1]["x-target"] for _ in range(50)]
        assert targets == [f"/{i}" for i in range(50)]
        await client.send("GET /again HTTP/1.1\r\n\r\n")
        assert (await client.response())[1]["x-target"] == "/again"


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "close"),
        ("GET / HTTP/1.0\r\n\r\n", "close"),
    ],
)
async def test_the_connection_ends_when_the_client_says_so(
    connect: Connect, head: str, line: str
) -> None:
    async with serve(echo) as address:
        client = await connect(address)
        await client.send(head)
        assert (await client.response())[1]["connection"] == line
        assert await client.rest() == b""


async def test_http_1_0_may_ask_to_keep_the_connection(connect: Connect) -> None:
    async with serve(echo) as address:
        client = await connect(address)
        for _ in range(2):
            await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (await client.response())[1]["connection"] == "keep-alive"


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


async def upper(duplex: Duplex) -> None:
    while received := await duplex.read():
        await duplex.write(received.upper())


async def test_an_upgrade_leaves_http(connect: Connect) -> None:
    async def switch(_: Request) -> Response:
        return Response(101, [(b"Upgrade", b"shouting")], upgraded=upper)

    async with serve(switch) as address:
        client = await connect(address)
        await client.send("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: shouting\r\n\r\nearly")
        status, headers = await client.head()
        assert status == "HTTP/1.1 101 Switching Protocols"
        assert headers == {"connection": "Upgrade", "upgrade": "shouting"}
        assert await client.reader.readexactly(5) == b"EARLY"
        await client.send("GET / HTTP/1.1\r\n\r\n")
        assert await client.reader.readexactly(18) == b"GET / HTTP/1.1\r\n\r\n"


async def test_an_upgrade_that_is_not_taken_leaves_http_as_it_was(connect: Connect) -> None:
    async with serve(echo) as address:
        client = await connect(address)
        await client.send("GET /1 HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
        await client.send("GET /2 HTTP/1.1\r\n\r\n")
        assert (await client.response())[1]["x-target"] == "/1"
        assert (await client.response())[1]["x-target"] == "/2"


async def test_two_servers_cannot_have_one_address() -> None:
    async with serve(echo) as address:
        with pytest.raises(OSError, match="in use"):
            async with serve(echo, *address):
                raise AssertionError("not reached")
