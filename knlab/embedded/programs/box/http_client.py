"""One HTTP request over the cluster's network, and its answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from knlab.embedded.programs.box.network import dial
from knlab.embedded.programs.box.world import Failure, World, encoded

_PIECE = 65536
_HEAD_LIMIT = 64 * 1024


class Url:
    """The parts of a URL; `http` unless it says otherwise."""

    __slots__ = ("host", "path", "port", "secure")

    def __init__(self, text: str) -> None:
        scheme, separator, rest = text.partition("://")
        if not separator:
            scheme, rest = "http", text
        if scheme not in {"http", "https"}:
            raise Failure(f"not an http or ftp url: {text}")
        self.secure = scheme == "https"
        authority, slash, path = rest.partition("/")
        authority, query, more = authority.partition("?")
        self.path = f"/{path}" if slash else f"/{query}{more}"
        host, colon, port = authority.rpartition("@")[2].partition(":")
        if not host or (colon and not (port.isdigit() and int(port) < 65536)):
            raise Failure(f"bad port spec '{authority}'" if host else f"bad address '{authority}'")
        self.host, self.port = host, int(port) if colon else 443 if self.secure else 80

    @property
    def authority(self) -> str:
        """What the Host header says."""
        usual = self.port == (443 if self.secure else 80)
        return self.host if usual else f"{self.host}:{self.port}"

    def followed(self, location: str) -> Url:
        """Where a redirection to `location` leads."""
        if "://" in location:
            return Url(location)
        scheme = "https" if self.secure else "http"
        return Url(f"{scheme}://{self.authority}/{location.lstrip('/')}")


class Answer:
    """The head of a response, and its body to read."""

    __slots__ = ("_begun", "_peer", "fields", "head", "reason", "status")

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        received = bytearray()
        while b"\r\n\r\n" not in received:
            piece = peer.recv(_PIECE)
            if not piece or len(received) > _HEAD_LIMIT:
                raise ConnectionResetError(104, "Connection reset by peer")
            received += piece
        head, _, self._begun = bytes(received).partition(b"\r\n\r\n")
        self.head = head.decode("latin-1").split("\r\n")
        _, _, status = self.head[0].partition(" ")
        self.status, self.reason = int(status[:3]), status
        lines = (line.partition(":") for line in self.head[1:])
        self.fields = {name.strip().lower(): value.strip() for name, _, value in lines}

    @property
    def length(self) -> int | None:
        """How long the body will be, if it says so."""
        text = self.fields.get("content-length", "")
        return int(text) if text.isdigit() else None

    def body(self) -> Iterator[bytes]:
        """The pieces of the body."""
        if "chunked" in self.fields.get("transfer-encoding", ""):
            yield from self._chunks()
            return
        left = self.length
        piece = self._begun
        while left is None or left > 0:
            if piece:
                yield piece if left is None else piece[:left]
                left = None if left is None else left - len(piece)
            if left is not None and left <= 0:
                break
            piece = self._peer.recv(_PIECE)
            if not piece:
                break

    def _chunks(self) -> Iterator[bytes]:
        received = bytearray(self._begun)
        while True:
            while b"\r\n" not in received:
                self._more(received)
            line, _, rest = bytes(received).partition(b"\r\n")
            size = int(line.partition(b";")[0] or b"0", 16)
            received = bytearray(rest)
            while len(received) < size + 2:
                self._more(received)
            if not size:
                return
            yield bytes(received[:size])
            del received[: size + 2]

    def _more(self, received: bytearray) -> None:
        piece = self._peer.recv(_PIECE)
        if not piece:
            raise ConnectionResetError(104, "Connection reset by peer")
        received += piece


def request(
    world: World,
    url: Url,
    ip: str,
    *,
    method: str = "GET",
    headers: list[str] | None = None,
    body: bytes = b"",
    timeout: float | None = None,
) -> Answer:
    """The answer that `url` gives, from the address `ip`.

    Raises:
        OSError: if there is none.
    """
    peer = dial(world, ip, url.port, timeout)
    if url.secure:
        peer = _secured(peer, url.host)
    own = headers or []
    given = {line.partition(":")[0].lower() for line in own}
    lines = [f"{method} {url.path} HTTP/1.1"]
    lines += [f"Host: {url.authority}"] if "host" not in given else []
    lines += [*own, "Connection: close"]
    lines += [f"Content-Length: {len(body)}"] if body else []
    peer.sendall(encoded("\r\n".join(lines) + "\r\n\r\n") + body)
    return Answer(peer)


def _secured(peer: socket.socket, host: str) -> socket.socket:
    """TLS over `peer`; like busybox's, it asks for no proof of who is there."""
    import ssl  # noqa: PLC0415 - rarely needed, and large

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(peer, server_hostname=host)
