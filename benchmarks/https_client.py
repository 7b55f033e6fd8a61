"""A lean client for one https server: so cheap that the server is what is measured.

Requests are bytes made beforehand, bodies are counted and kept only for who wants them, every
connection is one protocol object. No redirects, no retries, no compression.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import httptools
import kubernetes

ANSWER_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where a cluster's API is, and how to be let in."""

    host: str
    port: int
    context: ssl.SSLContext
    authorization: str = ""

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        """A request as it goes on the wire; `_` in the names of headers stands for `-`."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        if self.authorization:
            lines.append(f"Authorization: {self.authorization}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def server_of(kubeconfig: Path) -> Server:
    """The server that the current context of `kubeconfig` points at."""
    chosen = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=chosen)
    context = ssl.create_default_context(cafile=chosen.ssl_ca_cert)
    if not chosen.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if chosen.cert_file:
        context.load_cert_chain(chosen.cert_file, chosen.key_file)
    context.set_alpn_protocols(["http/1.1"])
    address = urlsplit(chosen.host)
    settings = chosen.auth_settings().values()
    authorization = next((each["value"] for each in settings if each["in"] == "header"), "")
    return Server(address.hostname or "", address.port or 443, context, str(authorization))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One connection: a question, its answer, the next question; or one stream."""

    def __init__(self, streamed: Callable[[bytes], None] | None = None) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._answer: asyncio.Future[Answer] | None = None
        self._status = 0
        self._streamed = streamed
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of an answer."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(f"the server hung up: {exc}"))

    def on_headers_complete(self) -> None:
        """httptools: the head of an answer is complete."""
        self._status = self._parser.get_status_code()
        if self._streamed is not None:
            self._finish()

    def on_body(self, piece: bytes) -> None:
        """httptools: a piece of a body."""
        if self._streamed is None:
            self._parts.append(piece)
        else:
            self._streamed(piece)

    def on_message_complete(self) -> None:
        """httptools: an answer is complete."""
        self._finish()

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._answer.set_result(Answer(self._status, body))
            self._parts = []

    async def ask(self, request: bytes) -> Answer:
        """The answer to `request`; for a stream its status alone, as soon as it begins."""
        if self._transport.is_closing():
            raise ConnectionResetError("the server hung up")
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()


async def connect(server: Server, streamed: Callable[[bytes], None] | None = None) -> Connection:
    """An open connection; with `streamed`, the pieces of its answer go there."""
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(streamed),
        server.host,
        server.port,
        ssl=server.context,
        server_hostname=server.host,
    )
    return connection


@dataclass(frozen=True, slots=True)
class Run:
    """Many requests of one sort."""

    latencies: Sequence[float]
    """Seconds each."""
    seconds: float
    """All of them together."""
    cpu_share: float
    """Of one processor, spent by this client."""


class Refused(Exception):  # noqa: N818 - an answer
    """An answer that was not 2xx, and so not what is measured."""


def accepted(answer: Answer) -> Answer:
    """`answer`, if it is 2xx.

    Raises:
        Refused: it is not.
    """
    if not 200 <= answer.status < 300:
        raise Refused(f"{answer.status}: {answer.body[:500].decode(errors='replace')}")
    return answer


async def closed_loop(
    connections: Sequence[Connection], requests: Iterator[bytes], seconds: float = float("inf")
) -> Run:
    """`requests` until there are no more or time is up; each connection has one under way."""
    latencies: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()

    async def user(connection: Connection) -> None:
        for request in requests:
            start = time.perf_counter()
            if start - began > seconds:
                return
            accepted(await connection.ask(request))
            latencies.append(time.perf_counter() - start)

    await _all(user(connection) for connection in connections)
    spent = time.perf_counter() - began
    return Run(latencies, spent, (time.process_time() - cpu) / spent)


async def _all(work: Iterator[Awaitable[None]]) -> None:
    async with asyncio.timeout(10 * ANSWER_TIMEOUT):
        await asyncio.gather(*work)
