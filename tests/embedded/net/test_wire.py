"""What goes on the wire: which header lines pass a hop, and how bodies are framed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from knlab.embedded.net import _wire
from knlab.embedded.net.http import Body, Header, Request, Response


class Streamed:
    """A body whose length nobody knows."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("not read here")

    async def __anext__(self) -> bytes:
        raise AssertionError("not read here")


HOST: Header = (b"host", b"a")

REQUESTS: list[tuple[str, list[Header], Body, bytes, str]] = [
    ("GET", [HOST], b"", b"GET /p HTTP/1.1\r\nHost: a\r\n\r\n", "nothing is added"),
    ("GET", [], b"", b"GET /p HTTP/1.1\r\nHost: ip:80\r\n\r\n", "a host is added"),
    (
        "GET",
        [HOST, (b"x-request-id", b"1"), (b"ACCEPT", b"*")],
        b"",
        b"GET /p HTTP/1.1\r\nHost: a\r\nX-Request-Id: 1\r\nAccept: *\r\n\r\n",
        "names are written as Go does",
    ),
    (
        "GET",
        [HOST, (b"expect", b"100-continue"), (b"transfer-encoding", b"chunked")],
        b"",
        b"GET /p HTTP/1.1\r\nHost: a\r\n\r\n",
        "expectation and framing end at the hop",
    ),
    (
        "POST",
        [HOST, (b"content-length", b"999")],
        b"ab",
        b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n",
        "a whole body has its own length",
    ),
    (
        "POST",
        [HOST],
        b"",
        b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "an empty POST says so",
    ),
    (
        "PUT",
        [HOST, (b"Content-Length", b"9")],
        Streamed(),
        b"PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
        "a stream keeps its length",
    ),
    (
        "PUT",
        [HOST],
        Streamed(),
        b"PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "a stream without length is chunked",
    ),
    (
        "GET",
        [HOST, (b"connection", b"Upgrade"), (b"upgrade", b"websocket")],
        b"",
        b"GET /p HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "an upgrade is asked for anew",
    ),
    (
        "GET",
        [HOST, (b"connection", b"close, x-mine"), (b"x-mine", b"1"), (b"upgrade", b"h2c")],
        b"",
        b"GET /p HTTP/1.1\r\nHost: a\r\n\r\n",
        "what Connection names ends at the hop",
    ),
]


@pytest.mark.parametrize(
    ("method", "headers", "body", "wire"),
    [row[:4] for row in REQUESTS],
    ids=[row[4] for row in REQUESTS],
)
def test_request_heads(method: str, headers: list[Header], body: Body, wire: bytes) -> None:
    request = Request(method, "/p", headers, body)
    assert _wire.request_head(request, ("ip", 80)) == wire


RESPONSES: list[tuple[int, list[Header], bytes, bool, bytes, str]] = [
    (200, [], b"ab", False, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", "a body"),
    (
        200,
        [(b"Content-Length", b"7"), (b"Connection", b"close"), (b"X-A", b"b")],
        b"ab",
        False,
        b"HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 2\r\n\r\nab",
        "names are lower case, the length is true",
    ),
    (
        200,
        [(b"content-length", b"7")],
        b"",
        True,
        b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
        "the answer to HEAD keeps its length",
    ),
    (204, [], b"", False, b"HTTP/1.1 204 No Content\r\n\r\n", "204 has no length"),
    (304, [], b"", False, b"HTTP/1.1 304 Not Modified\r\n\r\n", "304 has no length"),
    (
        299,
        [],
        b"",
        False,
        b"HTTP/1.1 299 status code 299\r\ncontent-length: 0\r\n\r\n",
        "an unknown status passes",
    ),
]


@pytest.mark.parametrize(
    ("status", "headers", "body", "head_only", "wire"),
    [row[:5] for row in RESPONSES],
    ids=[row[5] for row in RESPONSES],
)
def test_whole_responses(
    status: int, headers: list[Header], body: bytes, head_only: bool, wire: bytes
) -> None:
    response = Response(status, headers)
    assert _wire.whole_response(response, body, head_only=head_only, connection=b"") == wire


def test_the_table_of_names_is_bounded() -> None:
    lines = _wire._Lines(bytes.lower, frozenset())
    for number in range(10_000):
        assert lines[b"X-%d" % number] == b"\r\nx-%d: " % number
    assert len(lines) <= 4096
