"""The ingress gateway: what Envoy does as configured by Kourier.

Hosts and routes come from the routing table; a route's split is drawn at random for every request.
No retries, no timeouts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from email.utils import formatdate
from random import Random
from typing import Final, TypeAlias

from knlab._clock import Clock
from knlab.embedded.dataplane.routing_table import (
    Path,
    RoutingTable,
    RoutingTables,
    Split,
    VirtualHost,
    choose_split,
    find_host,
    find_path,
)
from knlab.embedded.net.http import Address, Handler, Header, Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.net.server import serve
from knlab.embedded.runtime import Container

EXTERNAL_PORT: Final = 8080
INTERNAL_PORT: Final = 8081
PROBE_PORT: Final = 8090
READY_HOST: Final = b"internalkourier"

_PLAIN_TEXT: Final[Header] = (b"content-type", b"text/plain")
_SET_BY_ENVOY: Final = frozenset({b"server", b"x-envoy-upstream-service-time"})

Hosts: TypeAlias = Callable[[RoutingTable], Mapping[str, VirtualHost]]


def external_hosts(table: RoutingTable) -> Mapping[str, VirtualHost]:
    """What the external listener serves."""
    return table.external


def internal_hosts(table: RoutingTable) -> Mapping[str, VirtualHost]:
    """What the internal listener serves."""
    return table.internal


class Gateway:
    """Handlers of one gateway pod; `handler` makes one per listener."""

    def __init__(
        self, tables: RoutingTables, network: Network, clock: Clock, random: Random, ip: str
    ) -> None:
        self._tables = tables
        self._network = network
        self._clock = clock
        self._random = random
        self._ip = ip
        self._turns: dict[str, int] = {}
        self._date = (0, b"")

    def handler(self, hosts: Hosts) -> Handler:
        """A handler that routes by the virtual hosts that `hosts` picks from the table."""

        def handle(request: Request) -> Awaitable[Response]:
            return self._answer(hosts(self._tables.current), request)

        return handle

    async def _answer(self, hosts: Mapping[str, VirtualHost], request: Request) -> Response:
        clock = self._clock
        begin = clock.monotonic()
        target = self._route(hosts, request)
        if isinstance(target, Response):
            return target
        request.peer = self._ip
        try:
            response = await self._network.pass_on(target, request)
        except OSError as error:
            return self._reply(503, _reset_text(error))
        took = int((clock.monotonic() - begin) * 1000)
        self._sign(response.headers, took)
        return response

    def _route(self, hosts: Mapping[str, VirtualHost], request: Request) -> Address | Response:
        """Where `request`, made ready for its backend, goes; or why it goes nowhere."""
        fields = dict(request.headers)
        host = fields.get(b"host", b"").decode("latin-1")
        if not host:
            return self._reply(400)
        virtual_host = find_host(hosts, host)
        if virtual_host is None:
            return self._reply(404)
        if virtual_host.redirect_to_https:
            location = f"https://{host}{request.target}".encode("latin-1")
            return self._reply(301, headers=[(b"location", location)])
        if b"upgrade" in fields and not _settle_upgrade(request, fields):
            return self._reply(403)
        return self._choose(virtual_host, request, fields)

    def _choose(
        self, virtual_host: VirtualHost, request: Request, fields: Mapping[bytes, bytes]
    ) -> Address | Response:
        path = find_path(virtual_host, request.target, fields)
        split = None if path is None else choose_split(path.splits, self._random.random())
        if path is None or split is None:
            return self._reply(404)
        if not split.addresses:
            return self._reply(503, b"no healthy upstream")
        self._set_headers(request, fields, path, split)
        return self._turn(split)

    def _turn(self, split: Split) -> Address:
        """The next endpoint of `split` in round robin."""
        turn = self._turns.get(split.backend, 0) % len(split.addresses)
        self._turns[split.backend] = turn + 1
        return split.addresses[turn]

    def _set_headers(
        self, request: Request, fields: Mapping[bytes, bytes], path: Path, split: Split
    ) -> None:
        """Make `request` what the backend sees."""
        headers = request.headers
        if b"x-request-id" not in fields:
            headers.append((b"x-request-id", self._request_id()))
        if b"x-forwarded-proto" not in fields:
            headers.append((b"x-forwarded-proto", b"http"))
        for line in (*path.append_headers, *split.append_headers):
            if line[0] in fields:
                headers[:] = [kept for kept in headers if kept[0] != line[0]]
            headers.append(line)
        if path.rewrite_host:
            headers[:] = [kept for kept in headers if kept[0] != b"host"]
            headers.append((b"host", path.rewrite_host.encode()))

    def _request_id(self) -> bytes:
        """A random UUID of version 4."""
        bits = self._random.getrandbits(122)
        return b"%08x-%04x-4%03x-%04x-%012x" % (
            bits >> 90,
            bits >> 74 & 0xFFFF,
            bits >> 62 & 0xFFF,
            0x8000 | bits >> 48 & 0x3FFF,
            bits & 0xFFFFFFFFFFFF,
        )

    def _reply(
        self, status: int, text: bytes = b"", headers: list[Header] | None = None
    ) -> Response:
        """An answer of the gateway's own."""
        lines = list(headers or ())
        if text:
            lines.append(_PLAIN_TEXT)
        self._sign(lines)
        return Response(status, lines, text)

    def _sign(self, headers: list[Header], took: int | None = None) -> None:
        """Add what Envoy adds to every response."""
        fields = dict(headers)
        if not fields.keys().isdisjoint(_SET_BY_ENVOY):
            headers[:] = [line for line in headers if line[0] not in _SET_BY_ENVOY]
        if b"date" not in fields:
            headers.append((b"date", self._today()))
        if took is not None:
            headers.append((b"x-envoy-upstream-service-time", b"%d" % took))
        headers.append((b"server", b"envoy"))

    def _today(self) -> bytes:
        now = int(self._clock.now())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return self._date[1]


def _settle_upgrade(request: Request, fields: Mapping[bytes, bytes]) -> bool:
    """Whether an upgrade may pass: WebSocket does, HTTP/2 is ignored, anything else may not."""
    protocol = fields[b"upgrade"].lower()
    if protocol == b"h2c" or b"upgrade" not in fields.get(b"connection", b"").lower():
        ignored = {b"upgrade", b"connection", b"http2-settings"}
        request.headers = [line for line in request.headers if line[0] not in ignored]
        return True
    return protocol == b"websocket"


def _reset_text(error: OSError) -> bytes:
    """Envoy's words for an upstream that did not answer."""
    said = b"upstream connect error or disconnect/reset before headers. reset reason: "
    if isinstance(error, ConnectionRefusedError):
        reason = b"remote connection failure, transport failure reason: "
        return said + reason + b"delayed connect error: Connection refused"
    if isinstance(error, TimeoutError):
        return said + b"connection timeout"
    return said + b"connection termination"


def _ready_or(handler: Handler) -> Handler:
    """`handler`, which also answers the readiness probe of the gateway's pod."""

    async def handle(request: Request) -> Response:
        if request.target == "/ready" and (b"host", READY_HOST) in request.headers:
            return Response(200, [_PLAIN_TEXT], b"LIVE\n")
        return await handler(request)

    return handle


async def run_gateway(
    container: Container,
    *,
    tables: RoutingTables,
    network: Network,
    clock: Clock,
    random: Random,
    public: Address | None,
) -> None:
    """Run a gateway in `container` until it is stopped; `public` is where the host reaches it too.

    Raises:
        OSError: if `public` cannot be bound.
    """
    gateway = Gateway(tables, network, clock, random, container.ip)
    external = gateway.handler(external_hosts)
    internal = _ready_or(gateway.handler(internal_hosts))
    async with AsyncExitStack() as stack:
        ports = ((EXTERNAL_PORT, external), (PROBE_PORT, external), (INTERNAL_PORT, internal))
        for port, handler in ports:
            stack.enter_context(network.listening((container.ip, port), handler))
        if public is not None:
            await stack.enter_async_context(serve(external, *public, reuse_port=True))
        container.log("starting main dispatch loop")
        await container.stopping.wait()
        container.log("caught ENVOY_SIGTERM")
        container.log("shutting down server instance")
