"""A small HTTP/1.1 server for the shipped programs: one thread, sockets and timers in one loop.

It stands on `selectors` and not on asyncio because a cold start is what the course measures:
importing asyncio takes three times as long as everything else between exec and listen.

An answer is a generator: it may yield seconds to wait, and returns status and text. Requests on
other connections are served meanwhile; requests pipelined on the same connection wait their turn.
"""

from __future__ import annotations

import heapq
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator

Steps = Generator[float, None, "tuple[int, str] | Reply"]
"""What an answer does: waits of so many seconds, and in the end status and text, or a reply."""

Answer = Callable[[str, dict[str, str]], Steps]
"""(path, query) → the steps of the answer."""

FullAnswer = Callable[["Head", str], Steps]
"""(the request's head, who asks) → the steps of the answer."""

_HEAD_LIMIT = 64 * 1024
_UNREAD_LIMIT = 1024 * 1024
_PARENT_CHECK = 1.0
_KILLED_BY_TERM = 2
_REASONS = {
    200: "OK", 301: "Moved Permanently", 304: "Not Modified", 400: "Bad Request",
    403: "Forbidden", 404: "Not Found", 405: "Not Allowed", 431: "Request Header Fields Too Large",
}  # fmt: skip


class BadRequestError(Exception):
    """Bytes that are no HTTP/1 request, or a body length that makes no sense."""


class Reply:
    """An answer that is more than a text."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: str = "") -> None:
        self.status, self.body = status, body
        self.headers = headers
        """Whole lines, each with its end."""


class Head:
    """A request's first line and its headers, of which a few matter to a server."""

    __slots__ = ("chunked", "close", "expects", "fields", "first", "length", "method", "path",
                 "query")  # fmt: skip

    def __init__(self, text: str) -> None:
        self.first, *lines = text.split("\r\n")
        try:
            self.method, target, version = self.first.split(" ")
        except ValueError:
            raise BadRequestError from None
        fields = self.fields = {name.strip().lower(): value.strip() for name, _, value in
                                (line.partition(":") for line in lines)}  # fmt: skip
        connection = fields.get("connection", "").lower()
        self.close = "close" in connection or (
            version == "HTTP/1.0" and "keep-alive" not in connection
        )
        self.chunked = fields.get("transfer-encoding", "").lower().endswith("chunked")
        length = fields.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise BadRequestError
        self.length = int(length)
        self.expects = fields.get("expect", "").lower() == "100-continue"
        self.path, _, query = target.partition("?")
        pairs = (part.partition("=") for part in query.split("&"))
        self.query = {name: value for name, _, value in pairs}


class Body:
    """Drops a request body from the front of a buffer as it arrives."""

    __slots__ = ("_chunked", "_last", "_left")

    def __init__(self, head: Head) -> None:
        self._chunked = head.chunked
        self._left = 0 if head.chunked else head.length
        self._last = False

    def drop(self, received: bytearray) -> bool:
        """Whether the body has ended; what belongs to it is gone from `received`."""
        while True:
            gone = min(self._left, len(received))
            del received[:gone]
            self._left -= gone
            if self._left or not self._chunked:
                return not self._left
            if not self._next_line(received):
                return False

    def _next_line(self, received: bytearray) -> bool:
        end = received.find(b"\r\n")
        if end < 0:
            if len(received) > _HEAD_LIMIT:
                raise BadRequestError
            return False
        line = bytes(received[:end])
        del received[: end + 2]
        if self._last:
            self._chunked = bool(line)  # trailers end with an empty line
            return True
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise BadRequestError from None
        self._last = size == 0
        self._left = size + 2 if size else 0
        return True


class _Connection:
    """One client."""

    def __init__(self, server: Server, peer: socket.socket, client: str) -> None:
        self._server = server
        self._peer = peer
        self._client = client
        self._received = bytearray()
        self._unsent = bytearray()
        self._head: Head | None = None
        self._body: Body | None = None
        self._busy = False
        self._ending = False

    @property
    def is_quiet(self) -> bool:
        """Whether no answer is in the making or under way."""
        return not (self._busy or self._unsent)

    def ready(self, events: int) -> None:
        """Read or write what the socket allows now."""
        try:
            if events & selectors.EVENT_WRITE:
                self._flush()
            if events & selectors.EVENT_READ:
                self._read()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._close()

    def _read(self) -> None:
        piece = self._peer.recv(65536)
        if not piece or len(self._received) > _UNREAD_LIMIT:
            self._close()
            return
        self._received += piece
        self._advance()

    def _advance(self) -> None:
        try:
            while not self._busy and not self._ending and self._request_complete():
                self._start()
        except BadRequestError:
            self._ending = True
            self._send(_reply(400, "400 Bad Request"), close=True)

    def _request_complete(self) -> bool:
        if self._head is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                if len(self._received) > _HEAD_LIMIT:
                    raise BadRequestError
                return False
            self._head = Head(self._received[:end].decode("latin-1"))
            del self._received[: end + 4]
            self._body = Body(self._head)
            if self._head.expects:
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self._body is not None and self._body.drop(self._received)

    def _start(self) -> None:
        if self._head is None:
            return
        self._busy = True
        self._step(self._server.answer(self._head, self._client))

    def _step(self, answer: Steps) -> None:
        try:
            wait = next(answer)
        except StopIteration as ended:
            self._finish(ended.value)
        else:
            self._server.later(wait, lambda: self._resume(answer))

    def _resume(self, answer: Steps) -> None:
        try:
            self._step(answer)
            self._advance()
        except OSError:
            self._close()

    def _finish(self, answer: tuple[int, str] | Reply) -> None:
        head, self._head, self._body, self._busy = self._head, None, None, False
        if head is not None:
            self._ending = head.close
            reply = answer if isinstance(answer, Reply) else _reply(*answer)
            self._send(reply, close=head.close, bare=head.method == "HEAD")

    def _send(self, reply: Reply, *, close: bool, bare: bool = False) -> None:
        ending = "Connection: close\r\n" if close else ""
        head = (
            f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}\r\nDate: {self._server.date()}\r\n"
            f"Content-Length: {len(reply.body)}\r\n{reply.headers}{ending}\r\n"
        )
        self._write(head.encode("latin-1") + (b"" if bare else reply.body))

    def _write(self, piece: bytes) -> None:
        waiting = bool(self._unsent)
        self._unsent += piece
        if not waiting:
            self._flush()

    def _flush(self) -> None:
        try:
            sent = self._peer.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        del self._unsent[:sent]
        if self._unsent:
            self._server.watch(self._peer, self.ready, writable=True)
        elif self._ending:
            self._close()
        else:
            self._server.watch(self._peer, self.ready)

    def _close(self) -> None:
        self._server.forget(self._peer)
        self._server.lose(self)
        self._peer.close()


def _reply(status: int, text: str) -> Reply:
    kind = "Content-Type: text/plain; charset=utf-8\r\n" if text else ""
    return Reply(status, text.encode(), kind)


class Server:
    """Serves `answer` on one address until the process ends, or `stop` and the last answer."""

    def __init__(self, answer: FullAnswer, host: str, port: int) -> None:
        self.answer = answer
        self._selector = selectors.DefaultSelector()
        self._masks: dict[socket.socket, int] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_count = 0
        self._date = (0, "")
        self._listener = socket.create_server((host, port), backlog=4096)
        self._listener.settimeout(0)
        self._stopping = False
        self._connections: set[_Connection] = set()
        self.watch(self._listener, self._accept)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def run(self, parent: int) -> None:
        """Serve until `parent`, the process that started us, is gone, or nobody is left to."""
        while os.getppid() == parent and not (self._stopping and self._idle()):
            for key, events in self._selector.select(self._patience()):
                key.data(events)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()

    def stop(self) -> None:
        """Accept no more connections, and return from `run` when those that are busy are done."""
        if not self._stopping:
            self._stopping = True
            self.forget(self._listener)
            self._listener.close()

    def _idle(self) -> bool:
        return all(connection.is_quiet for connection in self._connections)

    def watch(
        self, peer: socket.socket, ready: Callable[[int], None], *, writable: bool = False
    ) -> None:
        """Call `ready` when `peer` can be read, or also when it can be written."""
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if writable else 0)
        known = self._masks.get(peer)
        if known == mask:
            return
        self._masks[peer] = mask
        if known is None:
            self._selector.register(peer, mask, ready)
        else:
            self._selector.modify(peer, mask, ready)

    def forget(self, peer: socket.socket) -> None:
        """Stop watching `peer`."""
        if self._masks.pop(peer, None) is not None:
            self._selector.unregister(peer)

    def lose(self, connection: _Connection) -> None:
        """`connection` is gone."""
        self._connections.discard(connection)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` when `seconds` have passed."""
        self._timer_count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._timer_count, call))

    def date(self) -> str:
        """The time as a Date header has it."""
        now = int(time.monotonic())
        if self._date[0] != now:
            self._date = (now, time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
        return self._date[1]

    def _patience(self) -> float:
        if not self._timers:
            return _PARENT_CHECK
        return min(_PARENT_CHECK, max(0.0, self._timers[0][0] - time.monotonic()))

    def _accept(self, _events: int) -> None:
        while True:
            try:
                peer, client = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as problem:
                log(f"accept: {problem.strerror}")
                return
            peer.settimeout(0)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(self, peer, client[0])
            self._connections.add(connection)
            self.watch(peer, connection.ready)


def log(text: str) -> None:
    """Write a line as Go's log package does: to standard error, with date and time."""
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime())
    sys.stderr.write(f"{stamp} {text}\n")
    sys.stderr.flush()


def run(name: str, answer: Answer) -> None:
    """Serve `answer` on `HOST:PORT` until SIGTERM, which ends the process at once with code 2.

    That is what the Go programs behind these images do in a container: they don't handle SIGTERM,
    and as process 1 the runtime ends them with 2.
    """
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_KILLED_BY_TERM))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8080"
    try:
        server = Server(lambda head, _: answer(head.path, head.query), host, int(port))
    except (OSError, ValueError, OverflowError) as problem:
        log(f"listen tcp {host}:{port}: {problem}")
        sys.exit(1)
    log(f"{name}: listening on port {port}")
    server.run(parent)
