"""HTTP/1.1 as bytes: heads and chunks to write, and what a head says about its body. Pure.

Each direction has a table from header name to the text that goes on the wire, filled as names turn
up: one lookup decides whether a line is passed on and in which case it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from knlab.embedded.net.http import Address, Header, Request, Response, find_header

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Lines that speak about one connection and end with it (RFC 9110 §7.6.1)."""

_OWN_BUSINESS: Final = HOP_BY_HOP | {b"content-length"}
_ALWAYS_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})
_WITHOUT_BODY: Final = frozenset({204, 304})
_NAMES_KEPT: Final = 4096


class _Lines(dict[bytes, bytes]):
    """Header name → what starts its line on the wire; empty for lines that are not passed on."""

    def __init__(self, spell: Callable[[bytes], bytes], dropped: frozenset[bytes]) -> None:
        super().__init__()
        self._spell = spell
        self._dropped = dropped

    def __missing__(self, name: bytes) -> bytes:
        folded = name.lower()
        start = b"" if folded in self._dropped else b"\r\n" + self._spell(folded) + b": "
        if len(self) < _NAMES_KEPT:
            self[name] = start
        return start


def canonical(name: bytes) -> bytes:
    """Header `name` as Go writes it: `x-request-id` → `X-Request-Id`."""
    return b"-".join(part.capitalize() for part in name.split(b"-"))


_REQUEST_LINES: Final = _Lines(canonical, _OWN_BUSINESS | {b"expect"})
_RESPONSE_LINES: Final = _Lines(bytes.lower, _OWN_BUSINESS)
_HEAD_RESPONSE_LINES: Final = _Lines(bytes.lower, HOP_BY_HOP)
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus
}


def _append(parts: list[bytes], headers: list[Header], lines: _Lines) -> list[Header]:
    """Put `headers` on `parts` as wire text; the lines that are not passed on."""
    dropped: list[Header] = []
    for line in headers:
        start = lines[line[0]]
        if start:
            parts += (start, line[1])
        else:
            dropped.append(line)
    return dropped


def phrase(status: int) -> str:
    """What `status` means, in HTTP's own words."""
    return HTTPStatus(status).phrase


def status_line(status: int) -> bytes:
    """The first line of a response, without its line end."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d status code %d" % (status, status)


def request_head(request: Request, address: Address) -> bytes:
    """The head of `request` for a connection to `address`; a streamed body is announced."""
    parts = [f"{request.method} {request.target} HTTP/1.1".encode("latin-1")]
    dropped = _append(parts, request.headers, _REQUEST_LINES)
    if dropped and (named := _named_by_connection(dropped)):
        kept = [line for line in request.headers if line[0].lower() not in named]
        del parts[1:]
        _append(parts, kept, _REQUEST_LINES)
    if b"\r\nHost: " not in parts:
        parts.append(b"\r\nHost: %b:%d" % (address[0].encode(), address[1]))
    if not isinstance(request.body, bytes):
        parts.append(b"\r\n" + _framing(dropped))
    elif request.body or request.method in _ALWAYS_WITH_LENGTH:
        parts.append(b"\r\nContent-Length: %d" % len(request.body))
    if dropped and (upgrade := requested_upgrade(dropped)) is not None:
        parts.append(b"\r\nConnection: Upgrade\r\nUpgrade: " + upgrade)
    parts.append(b"\r\n\r\n")
    return b"".join(parts)


def _framing(dropped: list[Header]) -> bytes:
    length = find_header(dropped, "content-length")
    if length is None:
        return b"Transfer-Encoding: chunked"
    return b"Content-Length: " + length.encode()


def _named_by_connection(dropped: list[Header]) -> frozenset[bytes]:
    """The lines that the Connection header declares hop-by-hop, less those known anyway."""
    tokens = (find_header(dropped, "connection") or "").encode("latin-1").lower().split(b",")
    named = frozenset(token.strip() for token in tokens)
    return named - HOP_BY_HOP - {b"", b"close", b"host"}


def requested_upgrade(headers: list[Header]) -> bytes | None:
    """The protocol that a head asks to switch to; None if it asks for none."""
    connection = find_header(headers, "connection")
    if connection is None or "upgrade" not in connection.lower():
        return None
    protocol = find_header(headers, "upgrade")
    return None if protocol is None else protocol.encode("latin-1")


def whole_response(response: Response, body: bytes, *, head_only: bool, connection: bytes) -> bytes:
    """A response with its whole body; `connection` is an extra line or empty."""
    status = response.status
    parts = [status_line(status)]
    if head_only or status in _WITHOUT_BODY:
        _append(parts, response.headers, _HEAD_RESPONSE_LINES)
        parts += (connection, b"\r\n\r\n")
        return b"".join(parts)
    _append(parts, response.headers, _RESPONSE_LINES)
    parts.append(b"\r\ncontent-length: %d%b\r\n\r\n%b" % (len(body), connection, body))
    return b"".join(parts)


def streamed_head(response: Response, *, chunked: bool, connection: bytes) -> bytes:
    """The head of a response whose body follows in pieces."""
    parts = [status_line(response.status)]
    _append(parts, response.headers, _HEAD_RESPONSE_LINES)
    parts.append(b"\r\ntransfer-encoding: chunked" if chunked else b"")
    parts += (connection, b"\r\n\r\n")
    return b"".join(parts)


def switching_head(response: Response) -> bytes:
    """The 101 head that ends HTTP on a connection; its Upgrade line is passed on."""
    parts = [status_line(response.status)]
    _append(parts, response.headers, _HEAD_RESPONSE_LINES)
    if (protocol := find_header(response.headers, "upgrade")) is not None:
        parts.append(b"\r\nconnection: Upgrade\r\nupgrade: %b" % protocol.encode("latin-1"))
    parts.append(b"\r\n\r\n")
    return b"".join(parts)


def chunk(piece: bytes) -> bytes:
    """`piece` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def is_chunked(request: Request) -> bool:
    """Whether the streamed body of `request` is sent in chunks: if nobody knows its length."""
    return find_header(request.headers, "content-length") is None


def has_body(response: Response, method: str) -> bool:
    """Whether a response to `method` is followed by a body at all."""
    return method != "HEAD" and response.status not in _WITHOUT_BODY
