"""The gateway as Envoy under Kourier: where a request goes and what it looks like there."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from random import Random
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab.embedded.dataplane import drain
from knlab.embedded.dataplane.gateway import (
    Gateway,
    GatewayOptions,
    external_hosts,
    internal_hosts,
    run_gateway,
)
from knlab.embedded.dataplane.routing_table import (
    Path,
    RouteChanges,
    RoutingTable,
    Split,
    VirtualHost,
)
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Address, Duplex, Handler, Header, Request, Response
from knlab.embedded.net.network import Network

pytestmark = pytest.mark.anyio

A: Address = ("127.1.0.1", 8012)
B: Address = ("127.1.0.2", 8012)
GONE: Address = ("127.1.0.9", 8012)


def route(*splits: Split, **more: Any) -> VirtualHost:
    return VirtualHost(paths=(Path(splits=splits, **more),))


def to(*addresses: Address, **more: Any) -> Split:
    return Split(backend=f"ns/{addresses}", addresses=addresses, **more)


EXTERNAL = {
    "a.com": route(to(A)),
    "both.com": route(to(A, B)),
    "split.com": route(to(A, percent=80), to(B, percent=20)),
    "empty.com": route(to()),
    "gone.com": route(to(GONE)),
    "headers.com": route(
        to(A, append_headers=((b"x-set", b"split"), (b"x-new", b"1"))),
        append_headers=((b"x-set", b"path"),),
        rewrite_host="inner.local",
    ),
    "tags.com": VirtualHost(
        paths=(
            Path(splits=(to(B),), headers=((b"knative-serving-tag", b"blue"),)),
            Path(splits=(to(A),)),
        )
    ),
    "secure.com": VirtualHost(paths=(), redirect_to_https=True),
    "pathless.com": VirtualHost(paths=()),
}
ROUTES = RouteChanges(external=EXTERNAL, internal={"inside.local": route(to(A))})


class World:
    """A gateway in front of two backends that remember what they were asked."""

    def __init__(self, network: Network, clock: ManualClock, containers: Any) -> None:
        table = RoutingTable()
        table.replace(ROUTES)
        self.options = GatewayOptions()
        self.lines: list[str] = containers.lines
        container = containers("127.0.9.9")
        self.gateway = Gateway(table, self.options, network, clock, Random(3), container)
        self.external = self.gateway.handler(external_hosts)
        self.internal = self.gateway.handler(internal_hosts)
        self.seen: list[tuple[str, Request]] = []

    def backend(self, name: str, answer: Response | OSError | None = None) -> Handler:
        async def handle(request: Request) -> Response:
            self.seen.append((name, request))
            if isinstance(answer, OSError):
                raise answer
            return answer or Response(200, [(b"x-by", name.encode())])

        return handle


@pytest.fixture
def world(network: Network, clock: ManualClock, containers: Any) -> World:
    return World(network, clock, containers)


def ask(host: str, *headers: Header, target: str = "/") -> Request:
    return Request("GET", target, [(b"host", host.encode()), *headers], peer="10.1.1.1")


@pytest.mark.parametrize(
    ("host", "status", "body"),
    [
        ("a.com", 200, b""),
        ("A.Com:8080", 200, b""),
        ("unknown.com", 404, b""),
        ("inside.local", 404, b""),
        ("pathless.com", 404, b""),
        ("", 400, b""),
        ("empty.com", 503, b"no healthy upstream"),
        (
            "gone.com",
            503,
            (
                b"upstream connect error or disconnect/reset before headers. reset reason: remote "
                b"connection failure, transport failure reason: delayed connect error: "
                b"Connection refused"
            ),
        ),
    ],
)
async def test_external_hosts(
    world: World, network: Network, host: str, status: int, body: bytes
) -> None:
    with network.listening(A, world.backend("a")):
        answer = await world.external(ask(host))
    assert (answer.status, answer.body) == (status, body)
    assert answer.header("server") == "envoy"
    assert answer.header("date") == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert answer.header("content-type") == ("text/plain" if body else None)


async def test_internal_hosts_are_served_by_the_internal_listener_only(
    world: World, network: Network
) -> None:
    with network.listening(A, world.backend("a")):
        assert (await world.internal(ask("inside.local"))).status == 200
        assert (await world.internal(ask("a.com"))).status == 404


async def test_a_backend_that_resets_is_a_503(world: World, network: Network) -> None:
    with network.listening(A, world.backend("a", ConnectionResetError("EOF"))):
        answer = await world.external(ask("a.com"))
    assert answer.status == 503
    assert isinstance(answer.body, bytes)
    assert answer.body.endswith(b"reset reason: connection termination")


async def test_endpoints_take_turns(world: World, network: Network) -> None:
    with network.listening(A, world.backend("a")), network.listening(B, world.backend("b")):
        for _ in range(5):
            await world.external(ask("both.com"))
    assert [name for name, _ in world.seen] == ["a", "b", "a", "b", "a"]


async def test_splits_are_random_by_weight(world: World, network: Network) -> None:
    with network.listening(A, world.backend("a")), network.listening(B, world.backend("b")):
        for _ in range(1000):
            await world.external(ask("split.com"))
    counts = Counter(name for name, _ in world.seen)
    assert counts["a"] == pytest.approx(800, abs=50)


@pytest.mark.parametrize(("tag", "name"), [(b"blue", "b"), (b"red", "a")])
async def test_tag_headers_choose_the_route(
    world: World, network: Network, tag: bytes, name: str
) -> None:
    with network.listening(A, world.backend("a")), network.listening(B, world.backend("b")):
        await world.external(ask("tags.com", (b"knative-serving-tag", tag)))
    assert world.seen[0][0] == name


async def test_what_the_backend_sees(world: World, network: Network) -> None:
    with network.listening(A, world.backend("a")):
        await world.external(ask("a.com", (b"x-forwarded-for", b"9.9.9.9"), target="/p?q=1"))
    seen = world.seen[0][1]
    assert seen.target == "/p?q=1"
    assert seen.peer == "127.0.9.9"
    assert seen.header("x-forwarded-for") == "9.9.9.9"
    assert seen.header("x-forwarded-proto") == "http"
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(uuid4, seen.header("x-request-id") or "")


async def test_what_the_client_sent_is_kept(world: World, network: Network) -> None:
    sent = ((b"x-request-id", b"mine"), (b"x-forwarded-proto", b"https"))
    with network.listening(A, world.backend("a")):
        await world.external(ask("a.com", *sent))
    headers = world.seen[0][1].headers
    assert sorted(headers) == sorted([(b"host", b"a.com"), *sent])


async def test_appended_headers_replace_and_the_host_is_rewritten(
    world: World, network: Network
) -> None:
    with network.listening(A, world.backend("a")):
        await world.external(ask("headers.com", (b"x-set", b"client"), (b"x-set", b"again")))
    headers = world.seen[0][1].headers
    assert [value for name, value in headers if name == b"x-set"] == [b"split"]
    assert [value for name, value in headers if name == b"host"] == [b"inner.local"]
    assert (b"x-new", b"1") in headers


async def test_what_the_client_gets_back(
    world: World, network: Network, clock: ManualClock
) -> None:
    async def slow(_: Request) -> Response:
        clock.advance(0.0125)
        return Response(201, [(b"server", b"mine"), (b"date", b"then"), (b"x-a", b"b")], b"body")

    with network.listening(A, slow):
        answer = await world.external(ask("a.com"))
    assert (answer.status, answer.body) == (201, b"body")
    assert answer.headers == [
        (b"date", b"then"),
        (b"x-a", b"b"),
        (b"x-envoy-upstream-service-time", b"12"),
        (b"server", b"envoy"),
    ]


async def test_plain_http_is_sent_to_https_if_the_ingress_says_so(world: World) -> None:
    answer = await world.external(ask("secure.com", target="/x?y"))
    assert (answer.status, answer.header("location")) == (301, "https://secure.com/x?y")


@pytest.mark.parametrize(
    ("protocol", "connection", "status", "passed"),
    [
        (b"websocket", b"Upgrade", 200, True),
        (b"WebSocket", b"keep-alive, Upgrade", 200, True),
        (b"h2c", b"Upgrade, HTTP2-Settings", 200, False),
        (b"websocket", b"keep-alive", 200, False),
        (b"shouting", b"Upgrade", 403, None),
    ],
)
async def test_only_websockets_may_leave_http(
    world: World,
    network: Network,
    protocol: bytes,
    connection: bytes,
    status: int,
    passed: bool | None,
) -> None:
    asked = ask("a.com", (b"upgrade", protocol), (b"connection", connection))
    with network.listening(A, world.backend("a")):
        assert (await world.external(asked)).status == status
    if passed is not None:
        assert (world.seen[0][1].header("upgrade") is not None) is passed


async def test_an_upgrade_passes_through(world: World, network: Network) -> None:
    async def talk(_: Duplex) -> None:
        raise AssertionError("not here")

    upgraded = Response(101, [(b"upgrade", b"websocket")], upgraded=talk)
    with network.listening(A, world.backend("a", upgraded)):
        answer = await world.external(
            ask("a.com", (b"upgrade", b"websocket"), (b"connection", b"Upgrade"))
        )
    assert answer.status == 101
    assert answer.upgraded is not None


async def test_a_gateway_pod_listens_until_it_is_stopped(
    network: Network, clock: ManualClock, containers: Any
) -> None:
    container, table = containers("127.0.9.9", {"DRAIN_TIME_SECONDS": "0"}), RoutingTable()
    running = asyncio.create_task(
        run_gateway(
            container,
            table=table,
            options=GatewayOptions(),
            network=network,
            clock=clock,
            random=Random(1),
            public=None,
        )
    )
    await asyncio.sleep(0)
    ready = await network.call(("127.0.9.9", 8081), ask("internalkourier", target="/ready"))
    assert (ready.status, ready.body) == (200, b"LIVE\n")
    for port in (8080, 8081, 8090):
        assert (await network.call(("127.0.9.9", port), ask("nobody"))).status == 404
    container.stopping.set()
    await running
    assert not network.is_local(("127.0.9.9", 8080))


async def test_the_public_port_of_a_gateway_is_a_socket(
    network: Network, clock: ManualClock, containers: Any
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        public = probe.getsockname()
    running = asyncio.create_task(
        run_gateway(
            containers("127.0.9.9"),
            table=RoutingTable(),
            options=GatewayOptions(),
            network=network,
            clock=clock,
            random=Random(1),
            public=public,
        )
    )
    forwarder = Forwarder()
    await containers.logged("starting main dispatch loop")
    assert (await forwarder(public, ask("nobody"))).status == 404
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    with pytest.raises(ConnectionRefusedError):
        await forwarder(public, ask("nobody"))
    await forwarder.close()


DRAIN = ("127.0.9.9", 9901)


def _draining(container: Any, network: Network, clock: ManualClock) -> asyncio.Task[None]:
    table = RoutingTable()
    table.replace(ROUTES)
    return asyncio.create_task(
        run_gateway(
            container,
            table=table,
            options=GatewayOptions(),
            network=network,
            clock=clock,
            random=Random(1),
            public=None,
        )
    )


async def test_a_gateway_that_is_stopped_answers_what_it_has_and_what_still_comes(
    network: Network, clock: ManualClock, containers: Any
) -> None:
    container = containers("127.0.9.9", {"DRAIN_TIME_SECONDS": "0.3"})
    running = _draining(container, network, clock)
    await containers.logged("starting main dispatch loop")
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        begun.set()
        await go_on.wait()
        return Response(200, body=b"a")

    with network.listening(A, slow):
        first = asyncio.create_task(network.call(("127.0.9.9", 8080), ask("a.com")))
        await begun.wait()
        container.stopping.set()
        await containers.logged("caught ENVOY_SIGTERM")
        late = asyncio.create_task(network.call(("127.0.9.9", 8080), ask("a.com")))
        await asyncio.sleep(0)
        go_on.set()
        assert [answer.status for answer in await asyncio.gather(first, late)] == [200, 200]
    await running
    assert containers.lines[-2] == "shutting down server instance"
    assert containers.lines[-1].count(" 200 - ") == 2


async def test_what_outlasts_the_drain_breaks(
    network: Network, clock: ManualClock, containers: Any
) -> None:
    container = containers("127.0.9.9", {"DRAIN_TIME_SECONDS": "0"})
    running = _draining(container, network, clock)
    await containers.logged("starting main dispatch loop")
    begun = asyncio.Event()

    async def stuck(_: Request) -> Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    with network.listening(A, stuck):
        asking = asyncio.create_task(network.call(("127.0.9.9", 8080), ask("a.com")))
        await begun.wait()
        container.stopping.set()
        with pytest.raises(ConnectionResetError):
            await asking
    await running


async def test_a_drain_that_a_hook_began_counts_from_there(
    network: Network, clock: ManualClock, containers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = containers("127.0.9.9")
    running = _draining(container, network, clock)
    await containers.logged("starting main dispatch loop")
    hook = await network.call(DRAIN, Request("POST", "/drain_listeners?graceful", []))
    assert (hook.status, hook.body) == (200, b"OK\n")
    for method, target, status in (("GET", "/drain_listeners", 405), ("POST", "/other", 404)):
        assert (await network.call(DRAIN, Request(method, target, []))).status == status
    await asyncio.sleep(0.01)
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    with monkeypatch.context() as patched:
        patched.setattr("knlab.embedded.dataplane.drain.asyncio.sleep", rest)
        container.stopping.set()
        await running
    assert rests[0] <= drain.GATEWAY_DRAIN - 0.009
