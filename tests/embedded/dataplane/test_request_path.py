"""The whole request path over real sockets: client, gateway, activator, queue-proxy, program."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from random import Random
from typing import Any

import pytest

from knlab._clock import SystemClock
from knlab.embedded.dataplane.activator import run_activator
from knlab.embedded.dataplane.gateway import Gateway, external_hosts
from knlab.embedded.dataplane.queue_proxy import run_queue_proxy
from knlab.embedded.dataplane.routing_table import (
    Path,
    RevisionBackends,
    RoutingTable,
    RoutingTables,
    Split,
    VirtualHost,
)
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Address, Duplex, Request, Response, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.net.server import serve
from knlab.embedded.net.upgrade import splice
from knlab.kpa.stat import Stat

pytestmark = pytest.mark.anyio

GATEWAY, ACTIVATOR, POD = "127.4.0.1", "127.4.0.2", "127.4.0.3"
TO_REVISION = ((b"knative-serving-namespace", b"ns"), (b"knative-serving-revision", b"rev"))


class Program:
    """What the user wrote: paths with different manners."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.cancelled = asyncio.Event()

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        path = request.target.partition("?")[0].strip("/")
        manner = getattr(self, path or "hello")
        answer: Response = await manner(request)
        return answer

    async def hello(self, _: Request) -> Response:
        return Response(200, [(b"content-type", b"text/plain")], b"hello\n")

    async def echo(self, request: Request) -> Response:
        return Response(200, body=await whole_body(request.body))

    async def stream(self, request: Request) -> Response:
        """Each piece of the request comes back as soon as it has arrived."""
        body = request.body
        assert not isinstance(body, bytes)
        return Response(200, body=body)

    async def stuck(self, _: Request) -> Response:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Response(200)

    async def slow(self, _: Request) -> Response:
        await asyncio.sleep(0.002)
        return Response(200, body=b"slow")

    async def half(self, _: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionResetError("crash")

        return Response(200, body=pieces())

    async def drip(self, _: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        return Response(200, body=pieces())

    async def websocket(self, request: Request) -> Response:
        async def echo(duplex: Duplex) -> None:
            await splice(duplex, _Mirror())

        key = (request.header("sec-websocket-key") or "").encode()
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        headers = [
            (b"upgrade", b"websocket"),
            (b"sec-websocket-accept", base64.b64encode(digest)),
        ]
        return Response(101, headers, upgraded=echo)


class _Mirror:
    """A connection that sends back what it gets."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await self._pieces.get()

    async def write(self, data: bytes) -> None:
        await self._pieces.put(data)

    async def close(self) -> None:
        await self._pieces.put(b"")


class Sink:
    def __init__(self) -> None:
        self.stats: list[Stat] = []

    def connected(self) -> bool:
        return True

    def report(self, stat: Stat) -> None:
        self.stats.append(stat)


class Cluster:
    """One gateway, one activator, one pod; the program may come late."""

    def __init__(self, containers: Any) -> None:
        self.containers = containers
        self.forwarder = Forwarder()
        self.network = Network(self.forwarder, own_addresses=False)
        self.tables = RoutingTables()
        self.program = Program()
        self.sink = Sink()
        self.published: list[Stat] = []
        self.stack = AsyncExitStack()
        self.address: Address = ("", 0)

    async def start(self) -> None:
        clock, random = SystemClock(), Random(1)
        gateway = Gateway(self.tables, self.network, clock, random, GATEWAY)
        self.stack.push_async_callback(self.forwarder.close)
        front = serve(gateway.handler(external_hosts), grace=0.1)
        self.address = await self.stack.enter_async_context(front)
        activator = run_activator(
            self.containers(ACTIVATOR),
            tables=self.tables,
            network=self.network,
            clock=clock,
            random=random,
            sink=self.sink,
        )
        self._run(activator)
        await self.containers.logged("Starting the knative activator")

    def _run(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.stack.push_async_callback(end)
        return task

    def route(self, *, through_activator: bool = True, pod: bool = True, **limits: Any) -> None:
        """Publish a table; without `pod` the revision is at zero."""
        queue = (POD, 8012)
        addresses = ((ACTIVATOR, 8012),) if through_activator else (queue,)
        split = Split(backend="ns/rev", addresses=addresses, append_headers=TO_REVISION)
        pods = frozenset({queue}) if pod else frozenset[Address]()
        self.tables.replace(
            RoutingTable(
                external={"hello.com": VirtualHost(paths=(Path(splits=(split,)),))},
                revisions={"ns/rev": RevisionBackends(not_ready=pods, **limits)},
            )
        )

    async def start_pod(self, **env: str) -> asyncio.Task[None]:
        """Start the program behind its queue-proxy."""
        real = await self.stack.enter_async_context(serve(self.program.handle, grace=0.1))
        self.stack.enter_context(self.network.published((POD, 8080), real))
        settings = {
            "SERVING_NAMESPACE": "ns",
            "SERVING_REVISION": "rev",
            "SERVING_POD": "rev-pod",
            "QUEUE_SERVING_PORT": "8012",
            "USER_PORT": "8080",
            "CONTAINER_CONCURRENCY": "0",
            "REVISION_TIMEOUT_SECONDS": "300",
            "SERVING_READINESS_PROBE": '{"tcpSocket": {"port": 8080}, "successThreshold": 1}',
        }
        proxy = run_queue_proxy(
            self.containers(POD, settings | env),
            network=self.network,
            clock=SystemClock(),
            publish=self.published.append,
        )
        return self._run(proxy)


@pytest.fixture
async def cluster(anyio_backend: str, containers: Any) -> AsyncIterator[Cluster]:
    cluster = Cluster(containers)
    async with cluster.stack:
        await cluster.start()
        yield cluster


class Conversation:
    """A raw client of the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, text: str) -> None:
        self.writer.write(text.encode())
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


async def talk(cluster: Cluster) -> Conversation:
    conversation = Conversation(*await asyncio.open_connection(*cluster.address))
    cluster.stack.push_async_callback(conversation.close)
    return conversation


def get(target: str, *lines: str) -> str:
    return "\r\n".join((f"GET {target} HTTP/1.1", "Host: hello.com", *lines, "", ""))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - other tasks run meanwhile
            await asyncio.sleep(0.001)


async def test_a_request_wakes_a_revision_at_zero(cluster: Cluster) -> None:
    cluster.route(pod=False)
    client = await talk(cluster)
    await client.send(get("/"))
    await until(lambda: bool(cluster.sink.stats))
    cluster.route()
    await cluster.start_pod()
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nserver: envoy\r\n" in head
    assert await client.exactly(6) == b"hello\n"


@pytest.mark.parametrize("through_activator", [True, False])
async def test_what_the_program_sees(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client = await talk(cluster)
    await client.send(get("/", "X-Forwarded-For: 9.9.9.9"))
    await client.head()
    seen = cluster.program.seen[0]
    hops = "9.9.9.9, 127.4.0.1" + (", 127.4.0.2" if through_activator else "")
    assert seen.header("host") == "hello.com"
    assert seen.header("x-forwarded-for") == hops
    assert seen.header("forwarded") is not None
    assert seen.header("k-proxy-request") == ("activator" if through_activator else None)
    assert seen.header("knative-serving-revision") is None


@pytest.mark.parametrize("through_activator", [True, False])
async def test_bodies_stream_both_ways(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client = await talk(cluster)
    await client.send(
        "POST /stream HTTP/1.1\r\nHost: hello.com\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for piece in ("one", "two", "three"):
        await client.send(f"{len(piece):x}\r\n{piece}\r\n")
        if piece == "one":
            assert b"transfer-encoding: chunked" in await client.head()
        wanted = f"{len(piece):x}\r\n{piece}\r\n".encode()
        assert await client.exactly(len(wanted)) == wanted
    await client.send("0\r\n\r\n")
    assert await client.exactly(5) == b"0\r\n\r\n"


async def test_a_large_upload_arrives_whole(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    size = 3_000_000
    await client.send(
        f"POST /echo HTTP/1.1\r\nHost: hello.com\r\nContent-Length: {size}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    sending = asyncio.create_task(client.send("x" * size))
    assert f"content-length: {size}".encode() in await client.head()
    assert await client.exactly(size) == b"x" * size
    await sending


def frame(text: bytes) -> bytes:
    """A masked WebSocket text frame (RFC 6455 §5.2), and the same unmasked by a mask of zeros."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@pytest.mark.parametrize("through_activator", [True, False])
async def test_a_websocket_passes(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client = await talk(cluster)
    await client.send(
        get(
            "/websocket",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
    )
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    for text in (b"ping", b"pong"):
        client.writer.write(frame(text))
        assert await client.exactly(len(frame(text))) == frame(text)


async def test_a_websocket_ends_with_its_client(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    await client.send(get("/websocket", "Connection: Upgrade", "Upgrade: websocket"))
    await client.head()
    await client.close()
    again = await talk(cluster)
    await again.send(get("/"))
    assert b"200 OK" in await again.head()


async def test_a_client_that_leaves_ends_the_work_for_it(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    await client.send(get("/stuck"))
    await until(lambda: bool(cluster.program.seen))
    await client.close()
    async with asyncio.timeout(5):
        await cluster.program.cancelled.wait()


async def test_a_program_that_breaks_off_breaks_the_clients_connection(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    await client.send(get("/half"))
    assert b"200 OK" in await client.head()
    with suppress(ConnectionResetError):
        assert not (await client.rest()).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("through_activator", [True, False])
async def test_a_killed_pod_breaks_its_requests(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    pod = await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client, streaming = await talk(cluster), await talk(cluster)
    await client.send(get("/stuck"))
    await streaming.send(get("/drip"))
    assert b"200 OK" in await streaming.head()
    await until(lambda: len(cluster.program.seen) == 2)
    pod.cancel()
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 502" if through_activator else b"HTTP/1.1 503")
    with suppress(ConnectionResetError):
        assert not (await streaming.rest()).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("through_activator", "text"),
    [(True, b"activator request timeout"), (False, b"request timeout")],
)
async def test_whoever_comes_first_times_out(
    cluster: Cluster, through_activator: bool, text: bytes
) -> None:
    cluster.route(through_activator=through_activator, timeout=1)
    await cluster.start_pod(REVISION_TIMEOUT_SECONDS="1")
    await cluster.containers.logged("Starting queue-proxy")
    silent, started = await talk(cluster), await talk(cluster)
    await silent.send(get("/stuck"))
    await started.send(get("/drip"))
    head = await silent.head()
    assert head.startswith(b"HTTP/1.1 504")
    assert await silent.exactly(len(text)) == text
    await started.head()
    wanted = b"5\r\nfirst\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)
    assert await started.exactly(len(wanted)) == wanted


async def test_a_burst_is_answered_and_counted(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()

    async def some(number: int) -> int:
        client = await talk(cluster)
        good = 0
        for _ in range(number):
            await client.send(get("/"))
            good += b"200 OK" in await client.head()
            await client.exactly(6)
        return good

    assert sum(await asyncio.gather(*(some(20) for _ in range(25)))) == 500
    await until(lambda: sum(stat.request_count for stat in cluster.sink.stats) >= 500)
    assert sum(stat.request_count for stat in cluster.sink.stats) == 500


async def test_clients_that_leave_at_any_moment_leave_nothing_behind(cluster: Cluster) -> None:
    cluster.route(container_concurrency=2)
    await cluster.start_pod(CONTAINER_CONCURRENCY="2")
    random = Random(5)

    async def leave_after(patience: float) -> None:
        client = await talk(cluster)
        await client.send(get(random.choice(["/slow", "/drip", "/stuck"])))
        await asyncio.sleep(patience)
        await client.close()

    await asyncio.gather(*(leave_after(random.random() * 0.1) for _ in range(100)))
    stayed = [await talk(cluster) for _ in range(4)]
    for client in stayed:
        await client.send(get("/slow"))
    for client in stayed:
        assert b"200 OK" in await client.head()
    cluster.sink.stats.clear()
    await until(lambda: bool(cluster.sink.stats))
    await until(lambda: cluster.sink.stats[-1].average_concurrent_requests == 0.0)
