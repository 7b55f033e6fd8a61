"""A revision with all that its requests pass, and clients that talk to it over real sockets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from random import Random
from typing import Any

from knlab._clock import SystemClock
from knlab.embedded.dataplane.activator import run_activator
from knlab.embedded.dataplane.gateway import Gateway, GatewayOptions, external_hosts
from knlab.embedded.dataplane.queue_proxy import run_queue_proxy
from knlab.embedded.dataplane.request_log import ActivatorRequestLog
from knlab.embedded.dataplane.routing_table import (
    Path,
    RevisionBackends,
    RouteChanges,
    RoutingTable,
    Split,
    VirtualHost,
)
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Address, Duplex, Request, Response, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.net.server import serve
from knlab.embedded.net.upgrade import splice
from knlab.embedded.serving.request_log_template import RequestLogTemplate
from knlab.kpa.stat import Stat

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
        self.table = RoutingTable()
        self.program = Program()
        self.sink = Sink()
        self.published: list[Stat] = []
        self.stack = AsyncExitStack()
        self.address: Address = ("", 0)

    async def start(self) -> None:
        clock, random = SystemClock(), Random(1)
        options, container = GatewayOptions(), self.containers(GATEWAY)
        gateway = Gateway(self.table, options, self.network, clock, random, container)
        self.stack.push_async_callback(self.forwarder.close)
        front = serve(gateway.handler(external_hosts), grace=0.1)
        self.address = await self.stack.enter_async_context(front)
        inside = self.containers(ACTIVATOR)
        activator = run_activator(
            inside,
            table=self.table,
            network=self.network,
            clock=clock,
            random=random,
            sink=self.sink,
            log=ActivatorRequestLog(lambda _: None, inside.log),
            scraped=None,
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

    def route(
        self,
        *,
        through_activator: bool = True,
        pod: bool = True,
        http2: bool = False,
        **limits: Any,
    ) -> None:
        """Publish a table; without `pod` the revision is at zero."""
        port = 8013 if http2 else 8012
        queue = (POD, port)
        addresses = ((ACTIVATOR, port),) if through_activator else (queue,)
        split = Split(
            backend="ns/rev", addresses=addresses, http2=http2, append_headers=TO_REVISION
        )
        pods = frozenset({queue}) if pod else frozenset[Address]()
        self.table.replace(
            RouteChanges(
                external={"hello.com": VirtualHost(paths=(Path(splits=(split,)),))},
                revisions={"ns/rev": RevisionBackends(not_ready=pods, **limits)},
            )
        )

    async def start_pod(self, program: Address | None = None, **env: str) -> asyncio.Task[None]:
        """Start a queue-proxy in front of what listens at `program`, or of a program of its own."""
        if program is None:
            own = serve(self.program.handle, grace=0.1)
            program = await self.stack.enter_async_context(own)
        self.stack.enter_context(self.network.published((POD, 8080), program))
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
            make_template=RequestLogTemplate,
        )
        return self._run(proxy)


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
