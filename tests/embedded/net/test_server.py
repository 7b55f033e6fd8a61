"""The server against raw sockets: what a client may rely on, and what it cannot break."""

from __future__ import annotations

import pytest

from knlab.embedded.net.http import Duplex, Request, Response
from knlab.embedded.net.server import serve
from tests.embedded.net.echoes import Connect, echo

pytestmark = pytest.mark.anyio


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
    (
        "GET / HTTP/1.1\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        200,
        b"GET",
        "HTTP/2 comes too late",
    ),
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
