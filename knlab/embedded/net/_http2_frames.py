"""HTTP/2 heads and frames as plain values: what h2 does not do itself. Pure.

h2 takes a GOAWAY for the end of everything, while streams that were begun may go on (RFC 9113
§6.8). So these frames are read and written here, and h2 sees all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from h2.exceptions import FrameTooLargeError
from hyperframe.frame import GoAwayFrame

from knlab.embedded.net._wire import HOP_BY_HOP
from knlab.embedded.net.http import Address, Header, Request, Response, find_header

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client that knows that it may speak HTTP/2 sends first."""

Lines: TypeAlias = list[Header]

_HEADER_SIZE: Final = 9
_GOAWAY: Final = 7
_FRAME_LIMIT: Final = 16_384
"""HTTP/2's default. h2 would wait for all of a larger frame before it refuses it."""
_OWN_BUSINESS: Final = HOP_BY_HOP | {b"host", b"expect", b"http2-settings"}
_WITHOUT_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class GoAway:
    """The peer takes no more streams; those up to `last` may go on if `code` is 0."""

    last: int
    code: int

    def encode(self) -> bytes:
        """The frame."""
        return GoAwayFrame(0, last_stream_id=self.last, error_code=self.code).serialize()


class Frames:
    """Cuts what arrives into GOAWAYs and everything else."""

    def __init__(self) -> None:
        self._held = b""
        self._open = 0
        """Bytes of the current frame that are still to come, and are none of our business."""

    def cut(self, data: bytes) -> Iterator[bytes | GoAway]:
        """The parts of what has arrived, in order; an incomplete GOAWAY waits for its rest.

        Raises:
            FrameTooLargeError: if a larger frame begins than may be sent here.
        """
        data, self._held = self._held + data, b""
        begin = 0
        at = self._open
        while len(data) - at >= _HEADER_SIZE:
            size = int.from_bytes(data[at : at + 3]) + _HEADER_SIZE
            if size > _FRAME_LIMIT + _HEADER_SIZE:
                raise FrameTooLargeError(f"frame of {size - _HEADER_SIZE} bytes")
            if data[at + 3] != _GOAWAY:
                at += size
                continue
            if len(data) - at < size:
                break
            if at > begin:
                yield data[begin:at]
            last, code = data[at + 9 : at + 13], data[at + 13 : at + 17]
            yield GoAway(int.from_bytes(last) & 0x7FFF_FFFF, int.from_bytes(code))
            begin = at = at + size
        self._open = max(0, at - len(data))
        if begin < min(at, len(data)):
            yield data[begin:at]
        self._held = data[at:]


def preface_rest(data: bytes) -> bytes:
    """What follows the preface in `data`, which holds its last bytes if not all of it."""
    size = next(size for size in range(len(PREFACE), 0, -1) if PREFACE.endswith(data[:size]))
    return data[size:]


def request_from(lines: Lines) -> tuple[str, str, Lines]:
    """Method, target and headers, `host` among them, of a head that has arrived."""
    pseudo: dict[bytes, bytes] = {}
    headers: Lines = []
    cookies: list[bytes] = []
    for name, value in lines:
        if name.startswith(b":"):
            pseudo[name] = value
        elif name == b"cookie":
            cookies.append(value)
        else:
            headers.append((name, value))
    if cookies:
        headers.append((b"cookie", b"; ".join(cookies)))
    authority = pseudo.get(b":authority")
    if authority is not None:
        headers = [(b"host", authority), *(line for line in headers if line[0] != b"host")]
    method = pseudo[b":method"].decode("latin-1")
    return method, pseudo.get(b":path", b"").decode("latin-1"), headers


def request_lines(request: Request, address: Address) -> Lines:
    """The head of `request` for a connection to `address`."""
    host = find_header(request.headers, "host") or f"{address[0]}:{address[1]}"
    lines = [
        (b":method", request.method.encode("latin-1")),
        (b":scheme", b"http"),
        (b":authority", host.encode("latin-1")),
        (b":path", request.target.encode("latin-1")),
        *_passed_on(request.headers),
    ]
    if (find_header(request.headers, "te") or "").lower() == "trailers":
        lines.append((b"te", b"trailers"))
    if isinstance(request.body, bytes) and request.body:
        lines = [line for line in lines if line[0] != b"content-length"]
        lines.append((b"content-length", b"%d" % len(request.body)))
    return lines


def response_from(lines: Lines) -> tuple[int, Lines]:
    """Status and headers of a head that has arrived."""
    headers = [line for line in lines if not line[0].startswith(b":")]
    return int(dict(lines)[b":status"]), headers


def response_lines(response: Response, method: str) -> Lines:
    """The head of `response` to a request of `method`; the length of a whole body is told."""
    body = response.body
    lines = [(b":status", b"%d" % response.status), *_passed_on(response.headers)]
    if isinstance(body, bytes) and has_body(response, method) and not response.trailers:
        lines = [line for line in lines if line[0] != b"content-length"]
        lines.append((b"content-length", b"%d" % len(body)))
    return lines


def has_body(response: Response, method: str) -> bool:
    """Whether a response to `method` may have a body at all."""
    return method != "HEAD" and response.status not in _WITHOUT_BODY


def _passed_on(headers: Lines) -> Lines:
    """`headers` less those that speak about one connection only."""
    named = {
        token.strip()
        for name, value in headers
        if name.lower() == b"connection"
        for token in value.lower().split(b",")
    }
    dropped = _OWN_BUSINESS | named if named else _OWN_BUSINESS
    folded = ((name.lower(), value.strip()) for name, value in headers)
    return [line for line in folded if line[0] not in dropped]
