"""queue-proxy: health, counting, limiting, passing on, and leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab._exceptions import UsageError
from knlab.embedded.dataplane import queue_proxy
from knlab.embedded.dataplane.drain import Drainer, InFlight
from knlab.embedded.dataplane.queue_proxy import QueueProxy, run_queue_proxy
from knlab.embedded.dataplane.queue_settings import QueueSettings
from knlab.embedded.net.http import Address, Duplex, Header, Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.serving.request_log_template import RequestLogTemplate
from knlab.kpa.stat import Stat
from tests.embedded.dataplane.turns import until

pytestmark = pytest.mark.anyio

IP = "127.3.0.1"
MAIN: Address = (IP, 8012)
USER: Address = (IP, 8080)
ENV = {
    "SERVING_NAMESPACE": "ns",
    "SERVING_REVISION": "rev",
    "SERVING_POD": "rev-pod",
    "QUEUE_SERVING_PORT": "8012",
    "USER_PORT": "8080",
    "CONTAINER_CONCURRENCY": "0",
    "REVISION_TIMEOUT_SECONDS": "300",
    "SERVING_READINESS_PROBE": '{"tcpSocket": {"port": 8080}, "periodSeconds": 1}',
}


class User:
    """The user container: remembers requests, answers when told."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        await self.go_on.wait()
        return Response(200, body=b"hello")


class World:
    """A queue-proxy that can be asked directly."""

    def __init__(self, network: Network, clock: ManualClock, containers: Any) -> None:
        self.network = network
        self.clock = clock
        self.containers = containers
        self.user = User()
        self.published: list[Stat] = []

    def proxy(self, **env: str) -> QueueProxy:
        settings = QueueSettings.from_env(ENV | env)
        return QueueProxy(settings, self.network, self.clock, self.containers(IP))

    @asynccontextmanager
    async def running(self, **env: str) -> AsyncIterator[asyncio.Task[None]]:
        """A queue-proxy that runs in a container; killed at the end."""
        self.container = self.containers(IP, ENV | env)
        running = asyncio.create_task(
            run_queue_proxy(
                self.container,
                network=self.network,
                clock=self.clock,
                publish=self.published.append,
                make_template=RequestLogTemplate,
            )
        )
        await self.containers.logged("Starting queue-proxy")
        yield running
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def world(network: Network, clock: ManualClock, containers: Any) -> World:
    return World(network, clock, containers)


def ask(*headers: Header) -> Request:
    return Request("GET", "/", [(b"host", b"hello.com"), *headers], peer="10.0.0.5")


AGENTS = [b"kube-probe/1.34", b"Knative-Activator-Probe", b"Knative-Autoscaling-Probe"]


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    ("probe", "ready", "status", "body"),
    [
        (b"queue", True, 200, b"queue"),
        (b"queue", False, 503, b""),
        (b"", True, 400, b"unexpected probe header value: \n"),
        (b"other", True, 400, b"unexpected probe header value: other\n"),
    ],
)
async def test_health(
    world: World, agent: bytes, probe: bytes, ready: bool, status: int, body: bytes
) -> None:
    proxy = world.proxy()
    headers = [(b"user-agent", agent), *([(b"k-network-probe", probe)] if probe else [])]
    if ready:
        with world.network.listening(USER, world.user.handle):
            answer = await proxy.handle(ask(*headers))
    else:
        answer = await proxy.handle(ask(*headers))
    assert (answer.status, answer.body) == (status, body)
    assert world.user.seen == []


async def test_a_draining_queue_proxy_fails_every_probe_and_serves_requests(world: World) -> None:
    proxy = world.proxy()
    draining = asyncio.create_task(proxy.drainer.drain())
    await asyncio.sleep(0)
    for probe in (
        ((b"user-agent", b"kube-probe/1"), (b"k-network-probe", b"queue")),
        ((b"k-network-probe", b"probe"), (b"k-network-hash", b"h")),
    ):
        answer = await proxy.handle(ask(*probe))
        assert (answer.status, answer.body) == (503, b"shutting down\n")
    with world.network.listening(USER, world.user.handle):
        assert (await proxy.handle(ask())).status == 200
    proxy.drainer.reset()
    await draining


async def test_an_ingress_probe_gets_its_hash(world: World) -> None:
    answer = await world.proxy().handle(
        ask((b"k-network-probe", b"probe"), (b"k-network-hash", b"abc"))
    )
    assert (answer.status, answer.header("k-network-hash")) == (200, "abc")


@pytest.mark.parametrize("value", [b"queue", b"activator"])
async def test_probe_headers_of_others_reach_the_program(world: World, value: bytes) -> None:
    with world.network.listening(USER, world.user.handle):
        answer = await world.proxy().handle(ask((b"k-network-probe", value)))
    assert answer.body == b"hello"
    assert world.user.seen[0].header("k-network-probe") == value.decode()


async def test_what_the_program_sees(world: World) -> None:
    with world.network.listening(USER, world.user.handle):
        await world.proxy().handle(
            Request(
                "GET",
                "/p",
                [
                    (b"k-proxy-request", b"activator"),
                    (b"k-original-host", b"hello.example.com"),
                    (b"knative-serving-revision", b"rev"),
                    (b"knative-serving-namespace", b"ns"),
                    (b"x-forwarded-for", b"1.1.1.1"),
                    (b"x-forwarded-proto", b"http"),
                    (b"x-mine", b"1"),
                ],
                peer="10.0.0.5",
            )
        )
    assert world.user.seen[0].headers == [
        (b"k-proxy-request", b"activator"),
        (b"x-forwarded-proto", b"http"),
        (b"x-mine", b"1"),
        (b"host", b"hello.example.com"),
        (b"forwarded", b"for=1.1.1.1;proto=http"),
        (b"x-forwarded-for", b"1.1.1.1, 10.0.0.5"),
    ]


async def test_without_an_activator_the_host_stays(world: World) -> None:
    with world.network.listening(USER, world.user.handle):
        await world.proxy().handle(ask())
    assert world.user.seen[0].header("host") == "hello.com"


async def test_nobody_at_the_users_port_is_a_502(world: World) -> None:
    answer = await world.proxy().handle(ask())
    text = b"dial tcp 127.3.0.1:8080: connect: connection refused\n"
    assert (answer.status, answer.body) == (502, text)


async def test_eleven_times_the_concurrency_is_too_much(world: World) -> None:
    proxy = world.proxy(CONTAINER_CONCURRENCY="1")
    world.user.go_on.clear()
    with world.network.listening(USER, world.user.handle):
        asking = [asyncio.create_task(_answer(proxy)) for _ in range(11)]
        await until(lambda: len(world.user.seen) == 1)
        refused = await proxy.handle(ask())
        assert (refused.status, refused.body) == (503, b"pending request queue full\n")
        assert len(world.user.seen) == 1
        world.user.go_on.set()
        answers = await asyncio.gather(*asking)
    assert [answer.status for answer in answers] == [200] * 11


async def _answer(proxy: QueueProxy) -> Response:
    return await proxy.handle(ask())


async def test_waiting_requests_count_as_concurrent_and_proxied_ones_twice(world: World) -> None:
    proxy = world.proxy(CONTAINER_CONCURRENCY="1")
    world.user.go_on.clear()
    with world.network.listening(USER, world.user.handle):
        asking = [asyncio.create_task(_answer(proxy)) for _ in range(2)]
        through = ask((b"k-proxy-request", b"activator"))

        async def proxied() -> Response:
            return await proxy.handle(through)

        asking.append(asyncio.create_task(proxied()))
        await until(lambda: proxy.in_flight.requests == 3)
        world.clock.advance(1.0)
        stat = proxy.tick()
        world.user.go_on.set()
        await asyncio.gather(*asking)
    assert stat == Stat(
        revision="ns/rev",
        pod="rev-pod",
        time=1_700_000_001.0,
        average_concurrent_requests=3.0,
        average_proxied_concurrent_requests=1.0,
        request_count=3.0,
        proxied_request_count=1.0,
        process_uptime=1.0,
    )


async def test_the_kubelet_is_not_counted(world: World) -> None:
    proxy = world.proxy()
    with world.network.listening(USER, world.user.handle):
        await proxy.handle(ask((b"k-kubelet-probe", b"1")))
    world.clock.advance(1.0)
    assert proxy.tick().request_count == 0


@pytest.mark.parametrize(
    "env",
    [{}, {"REVISION_RESPONSE_START_TIMEOUT_SECONDS": "1"}],
    ids=["request timeout", "response start timeout"],
)
async def test_a_slow_program_is_a_504(world: World, env: dict[str, str]) -> None:
    timeout = {} if env else {"REVISION_TIMEOUT_SECONDS": "1"}
    proxy = world.proxy(**env, **timeout)
    world.user.go_on.clear()
    with world.network.listening(USER, world.user.handle):
        answer = await proxy.handle(ask())
    assert (answer.status, answer.body) == (504, b"request timeout")
    assert proxy.in_flight.requests == 0


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({"SERVING_POD": ""}, "required key SERVING_POD missing value"),
        ({"USER_PORT": "http"}, "USER_PORT='http' is not a whole number"),
    ],
)
def test_a_wrong_environment_is_refused(env: dict[str, str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        QueueSettings.from_env(ENV | env)


async def test_unset_timeouts_are_off() -> None:
    limits = QueueSettings.from_env(ENV | {"REVISION_IDLE_TIMEOUT_SECONDS": ""}).limits
    assert (limits.request, limits.response_start, limits.idle) == (300, 0, 0)


async def test_a_queue_proxy_listens_on_its_ports(world: World) -> None:
    with world.network.listening(USER, world.user.handle):
        async with world.running():
            assert (await world.network.call(MAIN, ask())).body == b"hello"
            metrics = Request("GET", "/metrics", [])
            assert (await world.network.call((IP, 9090), metrics)).status == 200
            await until(lambda: bool(world.published))
            [stat] = world.published
            assert (stat.pod, stat.request_count) == ("rev-pod", 0)
            for port in (9090, 8022):
                assert (await world.network.call((IP, port), ask())).status == 404
    assert not any(world.network.is_local((IP, port)) for port in (8012, 8022, 9090))


async def test_a_prestop_hook_waits_for_the_drain_that_sigterm_confirms(world: World) -> None:
    async with world.running() as running:
        hook = asyncio.create_task(
            world.network.call((IP, 8022), Request("GET", "/wait-for-drain", []))
        )
        world.container.stopping.set()
        await world.containers.logged("Sleeping 30s to allow K8s propagation of non-ready state")
        health = ask((b"user-agent", b"kube-probe/1"), (b"k-network-probe", b"queue"))
        assert (await world.network.call(MAIN, health)).status == 503
        assert not hook.done()
        assert not running.done()
    with pytest.raises(ConnectionResetError):
        await hook


async def test_a_prestop_hook_is_answered_when_the_pod_is_drained(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_proxy, "Drainer", lambda: Drainer(0.05))
    async with world.running() as running, asyncio.timeout(5):
        hook = Request("GET", "/wait-for-drain", [])
        answers = asyncio.gather(*(world.network.call((IP, 8022), hook) for _ in range(20)))
        await asyncio.sleep(0)
        world.container.stopping.set()
        assert {answer.status for answer in await answers} == {200}
        await running


async def test_a_drain_without_sigterm_is_forgotten(world: World) -> None:
    async with world.running():
        hook = Request("GET", "/wait-for-drain", [])
        async with asyncio.timeout(3):
            assert (await world.network.call((IP, 8022), hook)).status == 200
        health = ask((b"user-agent", b"kube-probe/1"), (b"k-network-probe", b"queue"))
        with world.network.listening(USER, world.user.handle):
            assert (await world.network.call(MAIN, health)).status == 200


async def test_killing_a_queue_proxy_breaks_its_requests(world: World) -> None:
    world.user.go_on.clear()
    with world.network.listening(USER, world.user.handle):
        async with world.running():
            asking = asyncio.create_task(world.network.call(MAIN, ask()))
            await until(lambda: bool(world.user.seen))
        with pytest.raises(ConnectionResetError):
            await asking


@pytest.mark.parametrize("ends", [True, False], ids=["that ends in time", "that does not end"])
async def test_a_drained_queue_proxy_waits_for_an_upgraded_connection(
    world: World, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    """For `HIJACK_PERIOD`, 60 seconds, at most; then the connection breaks."""
    monkeypatch.setattr(queue_proxy, "Drainer", lambda: Drainer(0.0))
    monkeypatch.setattr(InFlight.finished, "__defaults__", (5.0 if ends else 0.02,))
    hang_up = asyncio.Event()

    async def talk(_: Duplex) -> None:
        await hang_up.wait()

    async def user(_: Request) -> Response:
        return Response(101, [(b"upgrade", b"websocket")], upgraded=talk)

    with world.network.listening(USER, user):
        async with world.running() as running:
            answer = await world.network.call(MAIN, ask())
            assert answer.upgraded is not None
            talking = asyncio.ensure_future(answer.upgraded(_Silence()))
            await asyncio.sleep(0)
            world.container.stopping.set()
            if ends:
                await world.containers.logged(
                    "Received TERM signal, attempting to gracefully shutdown servers."
                )
                await asyncio.sleep(0.02)
                assert not running.done()
                hang_up.set()
            await running
    result = await asyncio.gather(talking, return_exceptions=True)
    assert [type(each) for each in result] == [type(None) if ends else ConnectionResetError]


class _Silence:
    """A connection on which nothing is said."""

    async def read(self) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        """Say nothing."""

    async def close(self) -> None:
        """Nothing is open."""
