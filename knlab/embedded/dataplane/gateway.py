"""The ingress gateway: what Envoy does as configured by Kourier.

Hosts and routes come from the routing table; a route's split is drawn at random for every request.
No retries, no timeouts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from random import Random
from typing import Final, TypeAlias

from knlab._clock import Clock
from knlab.embedded.dataplane.access_log import (
    CLIENT_LEFT,
    NO_HEALTHY_UPSTREAM,
    NO_ROUTE,
    STREAM_IDLE,
    UPSTREAM_BROKE,
    UPSTREAM_REFUSED,
    AccessLog,
    Format,
    Passage,
    client_of,
    default_format,
)
from knlab.embedded.dataplane.drain import GatewayDrain
from knlab.embedded.dataplane.routing_table import (
    Path,
    RoutingTable,
    Split,
    VirtualHost,
    choose_split,
    find_host,
    find_path,
)
from knlab.embedded.dataplane.timeouts import StreamIdleError, unless_idle
from knlab.embedded.net.http import Address, Handler, Header, Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.net.server import serve
from knlab.embedded.runtime import Container

EXTERNAL_PORT: Final = 8080
INTERNAL_PORT: Final = 8081
PROBE_PORT: Final = 8090
ADMIN_PORT: Final = 9901
READY_HOST: Final = b"internalkourier"

_PLAIN_TEXT: Final[Header] = (b"content-type", b"text/plain")
_UPSTREAM_TIME: Final = frozenset({b"x-envoy-upstream-service-time"})
_SET_BY_ENVOY: Final = _UPSTREAM_TIME | {b"server"}
_OWN_FLAGS: Final = {404: NO_ROUTE, 503: NO_HEALTHY_UPSTREAM}
LAST_ANSWERS: Final = 1.0
"""How much longer a request may take that came in time; connections end with its answer."""

Hosts: TypeAlias = Callable[[RoutingTable], Mapping[str, VirtualHost]]


def external_hosts(table: RoutingTable) -> Mapping[str, VirtualHost]:
    """What the external listener serves."""
    return table.external


def internal_hosts(table: RoutingTable) -> Mapping[str, VirtualHost]:
    """What the internal listener serves."""
    return table.internal


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What Kourier tells its gateways besides routes; the defaults are Kourier's."""

    access_log: Format | None = default_format
    """How a line of the access log looks; None for no log."""
    stream_idle_timeout: float = 0.0
    trusted_hops: int = 0
    use_remote_address: bool = False
    server_header: bool = True


class GatewayOptions:
    """Holds the settings of all gateways; a change takes effect with the next request."""

    def __init__(self) -> None:
        self.current = GatewaySettings()


class Gateway:
    """Handlers of one gateway pod; `handler` makes one per listener."""

    def __init__(
        self,
        table: RoutingTable,
        options: GatewayOptions,
        network: Network,
        clock: Clock,
        random: Random,
        container: Container,
    ) -> None:
        self._table = table
        self._options = options
        self._network = network
        self._clock = clock
        self._random = random
        self._ip = container.ip
        self.log = AccessLog(container.log)
        self._turns: dict[str, int] = {}
        self._date = (0, b"")

    def handler(self, hosts: Hosts) -> Handler:
        """A handler that routes by the virtual hosts that `hosts` picks from the table."""

        def handle(request: Request) -> Awaitable[Response]:
            settings = self._options.current
            if settings.access_log is None:
                return self._answer(hosts(self._table), request, settings, None)
            return self._logged(hosts(self._table), request, settings, settings.access_log)

        return handle

    async def _logged(
        self,
        hosts: Mapping[str, VirtualHost],
        request: Request,
        settings: GatewaySettings,
        line: Format,
    ) -> Response:
        """The answer; once it is over there is a line in the access log."""
        clock = self._clock
        passage = Passage(request, clock.monotonic(), clock.now())

        def over() -> None:
            passage.took = clock.monotonic() - passage.began
            self.log.add(line(passage))

        try:
            response = await self._answer(hosts, request, settings, passage)
        except BaseException:
            passage.flags = CLIENT_LEFT
            over()
            raise
        passage.replied = response.headers
        return passage.follow(response, over)

    async def _answer(
        self,
        hosts: Mapping[str, VirtualHost],
        request: Request,
        settings: GatewaySettings,
        passage: Passage | None,
    ) -> Response:
        clock = self._clock
        begin = clock.monotonic()
        if settings.use_remote_address:
            _tell_remote_address(request, settings.trusted_hops)
        target = self._route(hosts, request)
        if isinstance(target, Response):
            if passage is not None:
                self._identify(passage, target)
            return target
        if passage is not None:
            passage.upstream = target
        request.peer = self._ip
        try:
            response = await self._pass_on(target, request, settings.stream_idle_timeout)
        except StreamIdleError:
            return self._failed(504, b"stream timeout", STREAM_IDLE, passage)
        except OSError as error:
            return self._failed(503, _reset_text(error), _reset_flag(error), passage)
        took = int((clock.monotonic() - begin) * 1000)
        if passage is not None:
            passage.upstream_took = took
        self._sign(response.headers, took)
        return response

    def _pass_on(self, target: Address, request: Request, idle: float) -> Awaitable[Response]:
        if not idle:
            return self._network.pass_on(target, request)
        return unless_idle(request, partial(self._network.pass_on, target), idle)

    def _identify(self, passage: Passage, reply: Response) -> None:
        """Put into the log what an answer of the gateway's own is about."""
        passage.flags = _OWN_FLAGS.get(reply.status, passage.flags)
        if not passage.field(b"x-request-id"):
            passage.headers.append((b"x-request-id", self._request_id()))

    def _failed(self, status: int, text: bytes, flag: bytes, passage: Passage | None) -> Response:
        if passage is not None:
            passage.flags = flag
        return self._reply(status, text)

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
        request.http2 = split.http2
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
        named = self._options.current.server_header
        replaced = _SET_BY_ENVOY if named else _UPSTREAM_TIME
        if not fields.keys().isdisjoint(replaced):
            headers[:] = [line for line in headers if line[0] not in replaced]
        if b"date" not in fields:
            headers.append((b"date", self._today()))
        if took is not None:
            headers.append((b"x-envoy-upstream-service-time", b"%d" % took))
        if named:
            headers.append((b"server", b"envoy"))

    def _today(self) -> bytes:
        now = int(self._clock.now())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return self._date[1]


def _tell_remote_address(request: Request, trusted_hops: int) -> None:
    """Make `request` say whom it comes from, as Envoy does at the edge.

    Without trusted hops, what it says itself of its scheme does not count; its id never does.
    """
    dropped = {b"x-request-id", b"x-forwarded-for", b"x-envoy-external-address"}
    if not trusted_hops:
        dropped.add(b"x-forwarded-proto")
    peer = request.peer.encode()
    came = [value for name, value in request.headers if name == b"x-forwarded-for"]
    path = b",".join([*came, peer])
    request.headers[:] = [line for line in request.headers if line[0] not in dropped]
    request.headers.append((b"x-forwarded-for", path))
    client = client_of(path, trusted_hops) or peer
    request.headers.append((b"x-envoy-external-address", client))


def _settle_upgrade(request: Request, fields: Mapping[bytes, bytes]) -> bool:
    """Whether an upgrade may pass: WebSocket does, HTTP/2 is ignored, anything else may not."""
    protocol = fields[b"upgrade"].lower()
    if protocol == b"h2c" or b"upgrade" not in fields.get(b"connection", b"").lower():
        ignored = {b"upgrade", b"connection", b"http2-settings"}
        request.headers[:] = [line for line in request.headers if line[0] not in ignored]
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


def _reset_flag(error: OSError) -> bytes:
    """Envoy's letters for the same."""
    refused = isinstance(error, ConnectionRefusedError | TimeoutError)
    return UPSTREAM_REFUSED if refused else UPSTREAM_BROKE


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
    table: RoutingTable,
    options: GatewayOptions,
    network: Network,
    clock: Clock,
    random: Random,
    public: Address | None,
) -> None:
    """Run a gateway in `container` until it is stopped; `public` is where the host reaches it too.

    It is stopped like Envoy under Kourier: it serves on for a while, also who comes anew; what is
    still running then breaks.

    Raises:
        OSError: if `public` cannot be bound.
    """
    gateway = Gateway(table, options, network, clock, random, container)
    drain = GatewayDrain(container)
    external = gateway.handler(external_hosts)
    internal = _ready_or(gateway.handler(internal_hosts))
    async with AsyncExitStack() as stack:
        stack.callback(gateway.log.flush)
        ports = (
            (EXTERNAL_PORT, external),
            (PROBE_PORT, external),
            (INTERNAL_PORT, internal),
            (ADMIN_PORT, drain.admin),
        )
        for port, handler in ports:
            stack.enter_context(network.listening((container.ip, port), handler))
        if public is not None:
            server = serve(external, *public, reuse_port=True, grace=LAST_ANSWERS)
            await stack.enter_async_context(server)
        container.log("starting main dispatch loop")
        await container.stopping.wait()
        container.log("caught ENVOY_SIGTERM")
        await drain.over()
        container.log("shutting down server instance")
