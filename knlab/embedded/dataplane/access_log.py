"""The gateway's access log, in Envoy's format: what Kourier sets, or a format of the user's own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias

from knlab.embedded.dataplane.exchange import Exchange
from knlab.embedded.net.http import Address, Header, Request

FLUSH_PERIOD: Final = 1.0
"""How late a line may be in the log; Envoy writes every ten seconds."""
FLUSH_LINES: Final = 256
NO_ROUTE: Final = b"NR"
NO_HEALTHY_UPSTREAM: Final = b"UH"
UPSTREAM_REFUSED: Final = b"UF"
UPSTREAM_BROKE: Final = b"UC"
CLIENT_LEFT: Final = b"DC"
STREAM_IDLE: Final = b"SI"

_NOTHING: Final = b"-"


class Passage(Exchange):
    """An exchange as the gateway sees it."""

    __slots__ = ("flags", "replied", "upstream", "upstream_took", "wall")

    def __init__(self, request: Request, began: float, wall: float) -> None:
        super().__init__(request, began)
        self.wall = wall
        self.flags = _NOTHING
        self.upstream: Address | None = None
        self.upstream_took: int | None = None
        self.replied: list[Header] = []


Format: TypeAlias = Callable[[Passage], bytes]


class _Starts:
    """Times as Envoy writes them; those of one second share what is the same."""

    def __init__(self) -> None:
        self._second = 0
        self._text = b""

    def __call__(self, wall: float) -> bytes:
        second = int(wall)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%b%03dZ" % (self._text, int((wall - second) * 1000))


_start: Final = _Starts()


def default_format(passage: Passage) -> bytes:
    """The line of Envoy's own format."""
    fields = dict(passage.headers).get
    return b'[%b] "%b %b" %d %b %d %d %d %b "%b" "%b" "%b" "%b" "%b"\n' % (
        _start(passage.wall),
        f"{passage.method} {passage.target}".encode("latin-1"),
        _protocol(passage),
        passage.status,
        passage.flags,
        passage.received,
        passage.sent,
        passage.took * 1000,
        _milliseconds(passage),
        fields(b"x-forwarded-for") or _NOTHING,
        fields(b"user-agent") or _NOTHING,
        fields(b"x-request-id") or _NOTHING,
        fields(b"host") or _NOTHING,
        _upstream(passage),
    )


def _protocol(passage: Passage) -> bytes:
    return b"HTTP/2" if passage.http2 else b"HTTP/1.1"


def _milliseconds(passage: Passage) -> bytes:
    return _NOTHING if passage.upstream_took is None else b"%d" % passage.upstream_took


def _upstream(passage: Passage) -> bytes:
    return _NOTHING if passage.upstream is None else _shown(passage.upstream)


@lru_cache(maxsize=1024)
def _shown(address: Address) -> bytes:
    return b"%b:%d" % (address[0].encode(), address[1])


_OPERATOR: Final = re.compile(rb"%([A-Z_]+)(?:\(([^)]*)\))?(?::(\d+))?%|%%|%")
_OPERATORS: Final[dict[bytes, Format]] = {
    b"START_TIME": lambda passage: _start(passage.wall),
    b"PROTOCOL": _protocol,
    b"RESPONSE_CODE": lambda passage: b"%d" % passage.status,
    b"RESPONSE_FLAGS": lambda passage: passage.flags,
    b"BYTES_RECEIVED": lambda passage: b"%d" % passage.received,
    b"BYTES_SENT": lambda passage: b"%d" % passage.sent,
    b"DURATION": lambda passage: b"%d" % (passage.took * 1000),
    b"UPSTREAM_HOST": _upstream,
    b"DOWNSTREAM_DIRECT_REMOTE_ADDRESS": lambda passage: f"{passage.peer}:0".encode(),
    b"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": lambda passage: passage.peer.encode(),
}
_CLIENT: Final = {
    b"DOWNSTREAM_REMOTE_ADDRESS": b"%b:0",
    b"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": b"%b",
}
_PSEUDO_HEADERS: Final[dict[bytes, Format]] = {
    b":method": lambda passage: passage.method.encode("latin-1"),
    b":path": lambda passage: passage.target.encode("latin-1"),
    b":authority": lambda passage: dict(passage.headers).get(b"host", b""),
    b":scheme": lambda _: b"http",
    b":status": lambda passage: b"%d" % passage.status,
}


def parse_format(text: str, trusted_hops: int = 0) -> Format:
    """What makes a line of `text`, a format string of Envoy's; the default one if it is empty.

    So many hops before this one are trusted to say who the client is.

    Raises:
        ValueError: if it uses an operator that is not known here.
    """
    if not text:
        return default_format
    parts = tuple(_parts(text.encode(), trusted_hops))
    return lambda passage: b"".join([part(passage) for part in parts])


def _parts(text: bytes, trusted_hops: int) -> Iterator[Format]:
    end = 0
    for found in _OPERATOR.finditer(text):
        yield _literal(text[end : found.start()])
        yield _operator(found, trusted_hops)
        end = found.end()
    yield _literal(text[end:])


def _literal(text: bytes) -> Format:
    return lambda _: text


def _operator(found: re.Match[bytes], trusted_hops: int) -> Format:
    if found[0] == b"%%":
        return _literal(b"%")
    name, argument, most = found[1], found[2], found[3]
    if name in {b"REQ", b"RESP"} and argument:
        value = _header(name, argument.lower())
    elif name in _CLIENT and argument is None:
        value = _client(_CLIENT[name], trusted_hops)
    elif name in _OPERATORS and argument is None:
        value = _OPERATORS[name]
    else:
        shown = found[0].decode("utf-8", "replace")
        raise ValueError(f"not supported by the embedded gateway: {shown}")
    size = None if most is None else int(most)
    return lambda passage: (value(passage) or _NOTHING)[:size]


def _client(form: bytes, trusted_hops: int) -> Format:
    """Whom the request comes from, as far as what it says is trusted."""

    def value(passage: Passage) -> bytes:
        named = dict(passage.headers).get(b"x-forwarded-for", b"")
        return form % (client_of(named, trusted_hops) or passage.peer.encode())

    return value


def client_of(forwarded_for: bytes, trusted_hops: int) -> bytes:
    """The address in X-Forwarded-For that so many trusted hops vouch for; empty if too few."""
    addresses = [part.strip() for part in forwarded_for.split(b",")]
    return addresses[-trusted_hops - 1] if len(addresses) > trusted_hops else b""


def _header(operator: bytes, argument: bytes) -> Format:
    """A header's value, or that of another one in its place."""
    names = argument.split(b"?", 1)

    def value(passage: Passage) -> bytes:
        lines = dict(passage.headers if operator == b"REQ" else passage.replied)
        for name in names:
            pseudo = _PSEUDO_HEADERS.get(name)
            if found := lines.get(name, b"") if pseudo is None else pseudo(passage):
                return found
        return b""

    return value


class AccessLog:
    """Writes lines to a container's log, several at a time; a line ends where its format ends."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, line: bytes) -> None:
        """Write `line` soon."""
        self._lines.append(line)
        if len(self._lines) >= FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_PERIOD, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            text = b"".join(self._lines).decode("utf-8", "replace")
            self._lines = []
            self._write(text.removesuffix("\n"))
