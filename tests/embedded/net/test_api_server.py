"""The https front door: who may come in, streams, disconnects, upgrades."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from knlab._clock import SystemClock
from knlab.embedded.net.api_server import Gate, serve_api
from knlab.embedded.net.http import Duplex, Handler, Request, Response, text_response, whole_body
from knlab.embedded.net.tls import server_identity

TOKEN = "right"
GATE = Gate(token=TOKEN, open_paths=frozenset({"/healthz"}), refuse=text_response)
OWN = [(b"Host", b"127.0.0.1:6443"), (b"Authorization", b"Bearer right")]


def request(target: str = "/api", **headers: str) -> Request:
    lines = dict(OWN) | {name.encode(): value.encode() for name, value in headers.items()}
    return Request("GET", target, [(name, value) for name, value in lines.items() if value])


class TestGate:
    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            pytest.param(request(), None, id="the right token"),
            pytest.param(request(Authorization="bearer right"), None, id="schemes ignore case"),
            pytest.param(request(Authorization="Bearer wrong"), 401, id="a wrong token"),
            pytest.param(request(Authorization="Basic right"), 401, id="another scheme"),
            pytest.param(request(Authorization=""), 401, id="no token"),
            pytest.param(request("/healthz?verbose", Authorization=""), None, id="an open path"),
            pytest.param(request("/healthz/", Authorization=""), None, id="with a slash"),
            pytest.param(request("/healthz/../api", Authorization=""), 401, id="a path trick"),
            pytest.param(request(Host="localhost"), None, id="localhost"),
            pytest.param(request(Host="[::1]:6443"), None, id="IPv6 loopback"),
            pytest.param(request(Host="kubernetes.default.svc"), None, id="the cluster's name"),
            pytest.param(request(Host="evil.example"), 403, id="DNS rebinding"),
            pytest.param(request(Host=""), 403, id="no Host"),
            pytest.param(request(Origin="https://127.0.0.1:6443"), None, id="own origin"),
            pytest.param(request(Origin="https://evil.example"), 403, id="a foreign origin"),
            pytest.param(request(Origin="null"), 403, id="an opaque origin"),
        ],
    )
    def test_who_may_come_in(self, asked: Request, status: int | None) -> None:
        refused = GATE.refusal(asked)
        assert (refused.status if refused else None) == status


class Client:
    """A TLS connection that sends raw HTTP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, line: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"{line} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(mark)

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


@asynccontextmanager
async def connected(handler: Handler, directory: Path) -> AsyncIterator[Client]:
    identity = server_identity(directory, SystemClock().now())
    trusting = ssl.create_default_context(cadata=identity.ca_pem)
    async with serve_api(handler, port=0, identity=identity, gate=GATE) as port:
        client = Client(*await asyncio.open_connection("127.0.0.1", port, ssl=trusting))
        try:
            yield client
        finally:
            await client.close()


class Endless:
    """A handler whose answers begin and do not end."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def __call__(self, _: Request) -> Response:
        return Response(200, [], self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            self.ended.set()


@pytest.mark.anyio
class TestServing:
    async def test_a_request_arrives_as_it_was_sent(self, tmp_path: Path) -> None:
        seen: list[Request] = []

        async def handler(asked: Request) -> Response:
            seen.append(asked)
            return text_response(200, (await whole_body(asked.body)).decode())

        async with connected(handler, tmp_path) as client:
            await client.send("POST /a%20b?x=1&y=%2F", b"hello", "X-Odd: Value")
            answer = await client.until(b"hello")
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert (seen[0].method, seen[0].target) == ("POST", "/a%20b?x=1&y=%2F")
        assert seen[0].header("x-odd") == "Value"

    async def test_large_bodies_arrive_in_pieces(self, tmp_path: Path) -> None:
        async def handler(asked: Request) -> Response:
            assert not isinstance(asked.body, bytes)
            return text_response(200, f"{len(await whole_body(asked.body))}.")

        async with connected(handler, tmp_path) as client:
            await client.send("POST /", b"x" * 2_000_000)
            assert b"2000000." in await client.until(b"2000000.")

    async def test_a_request_without_a_token_does_not_reach_the_handler(
        self, tmp_path: Path
    ) -> None:
        async def handler(_: Request) -> Response:
            raise AssertionError("reached")

        async with connected(handler, tmp_path) as client:
            client.writer.write(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 401 " in await client.until(b"\r\n")

    async def test_what_is_not_http_gets_an_answer_and_the_end(self, tmp_path: Path) -> None:
        async def handler(_: Request) -> Response:
            raise AssertionError("reached")

        async with connected(handler, tmp_path) as client:
            client.writer.write(b"NONSENSE\r\n\r\n")
            assert b" 400 " in await client.until(b"\r\n")
            async with asyncio.timeout(5):
                await client.reader.read()

    async def test_a_connection_is_kept_for_the_next_request(self, tmp_path: Path) -> None:
        async def handler(asked: Request) -> Response:
            return text_response(200, f"{asked.target}.")

        async with connected(handler, tmp_path) as client:
            for target in ("/one", "/two"):
                await client.send(f"GET {target}")
                assert await client.until(f"{target}.".encode())

    async def test_the_head_of_a_stream_goes_out_before_its_first_piece(
        self, tmp_path: Path
    ) -> None:
        more = asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            await more.wait()
            yield b"late"

        async def handler(_: Request) -> Response:
            return Response(200, [(b"content-type", b"text/plain")], pieces())

        async with connected(handler, tmp_path) as client:
            await client.send("GET /")
            assert b"200 OK" in await client.until(b"\r\n\r\n")
            more.set()
            assert b"late" in await client.until(b"late")

    async def test_a_stream_ends_when_the_client_goes_away(self, tmp_path: Path) -> None:
        handler = Endless()
        async with connected(handler, tmp_path) as client:
            await client.send("GET /")
            await client.until(b"first")
            await client.close()
            async with asyncio.timeout(5):
                await handler.ended.wait()

    async def test_stopping_the_server_ends_streams(self, tmp_path: Path) -> None:
        handler = Endless()
        identity = server_identity(tmp_path, SystemClock().now())
        trusting = ssl.create_default_context(cadata=identity.ca_pem)
        async with serve_api(handler, port=0, identity=identity, gate=GATE) as port:
            client = Client(*await asyncio.open_connection("127.0.0.1", port, ssl=trusting))
            await client.send("GET /")
            await client.until(b"first")
        assert handler.ended.is_set()
        await client.close()

    @pytest.mark.parametrize("protocol", ["websocket", "SPDY/3.1"])
    async def test_an_upgraded_connection_belongs_to_its_handler(
        self, tmp_path: Path, protocol: str
    ) -> None:
        async def echo(duplex: Duplex) -> None:
            while data := await duplex.read():
                await duplex.write(data.upper())
                if data.endswith(b"!"):
                    break
            await duplex.close()

        async def handler(_: Request) -> Response:
            head = [(b"Connection", b"Upgrade"), (b"Upgrade", protocol.encode())]
            return Response(101, head, upgraded=echo)

        async with connected(handler, tmp_path) as client:
            upgrade = ("Connection: Upgrade", f"Upgrade: {protocol}")
            await client.send("POST /exec", b"", *upgrade)
            assert b"101 Switching Protocols" in await client.until(b"\r\n\r\n")
            client.writer.write(b"one")
            assert await client.until(b"ONE") == b"ONE"
            client.writer.write(b"two!")
            assert await client.until(b"TWO!") == b"TWO!"
            async with asyncio.timeout(5):
                assert await client.reader.read() == b""

    async def test_an_upgraded_handler_reads_the_end_when_the_client_goes(
        self, tmp_path: Path
    ) -> None:
        ended = asyncio.Event()

        async def wait(duplex: Duplex) -> None:
            try:
                while await duplex.read():
                    pass
            finally:
                ended.set()

        async def handler(_: Request) -> Response:
            return Response(101, [(b"Upgrade", b"websocket")], upgraded=wait)

        async with connected(handler, tmp_path) as client:
            await client.send("GET /exec", b"", "Connection: Upgrade", "Upgrade: websocket")
            await client.until(b"\r\n\r\n")
            await client.close()
            async with asyncio.timeout(5):
                await ended.wait()

    async def test_a_port_in_use_is_an_os_error(self, tmp_path: Path) -> None:
        async def handler(_: Request) -> Response:
            return text_response(200, "")

        identity = server_identity(tmp_path, SystemClock().now())
        async with serve_api(handler, port=0, identity=identity, gate=GATE) as port:
            with pytest.raises(OSError, match="address already in use"):
                async with serve_api(handler, port=port, identity=identity, gate=GATE):
                    pass
