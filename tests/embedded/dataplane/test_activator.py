"""The activator: probes, lookup, waiting for pods, counting, and what it says when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab.embedded.dataplane import activator as activator_module
from knlab.embedded.dataplane import throttle
from knlab.embedded.dataplane.activator import Activator, run_activator
from knlab.embedded.dataplane.headers import revision_in
from knlab.embedded.dataplane.request_log import ActivatorRequestLog
from knlab.embedded.dataplane.routing_table import (
    RevisionBackends,
    RouteChanges,
    RoutingTable,
)
from knlab.embedded.net.http import Address, Header, Request, Response, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.runtime import Container
from knlab.kpa.stat import Stat
from tests.embedded.dataplane.turns import until

pytestmark = pytest.mark.anyio

IP = "127.2.0.1"
POD: Address = ("127.2.1.1", 8012)
OTHER: Address = ("127.2.1.2", 8012)
KEY = "ns/rev"
TO_REV: tuple[Header, ...] = (
    (b"knative-serving-namespace", b"ns"),
    (b"knative-serving-revision", b"rev"),
)


class Sink:
    """The autoscaler's ear."""

    def __init__(self) -> None:
        self.stats: list[Stat] = []
        self.up = True

    def connected(self) -> bool:
        return self.up

    def report(self, stat: Stat) -> None:
        self.stats.append(stat)

    def said(self) -> list[tuple[float, float]]:
        return [(stat.average_concurrent_requests, stat.request_count) for stat in self.stats]


class World:
    """An activator with everything around it."""

    def __init__(self, network: Network, clock: ManualClock, container: Container) -> None:
        self.network = network
        self.clock = clock
        self.container = container
        self.table = RoutingTable()
        self.sink = Sink()
        self.tasks = asyncio.TaskGroup()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Activator]:
        async with self.tasks as tasks:
            activator = Activator(
                self.container,
                self.network,
                self.clock,
                Random(1),
                self.sink,
                tasks,
            )
            with self.table.heard_by(activator.revisions_changed):
                yield activator
            activator.close()

    def revision(self, **more: Any) -> None:
        self.table.replace(RouteChanges(revisions={KEY: RevisionBackends(**more)}))


@pytest.fixture
def world(network: Network, clock: ManualClock, containers: Any) -> World:
    return World(network, clock, containers(IP))


def ask(*headers: Header, host: bytes = b"hello.example.com") -> Request:
    return Request("GET", "/", [(b"host", host), *headers], peer="10.0.0.5")


class QueueProxy:
    """A pod: healthy or not, answers `ok` at once or when told."""

    def __init__(self) -> None:
        self.healthy = True
        self.probes = 0
        self.seen: list[Request] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def handle(self, request: Request) -> Response:
        if request.header("k-network-probe") == "queue":
            self.probes += 1
            return Response(200, body=b"queue") if self.healthy else Response(503)
        self.seen.append(request)
        await self.go_on.wait()
        return Response(200, body=b"ok")


PROBES: list[tuple[tuple[Header, ...], int, bytes, str]] = [
    (((b"user-agent", b"kube-probe/1.34"),), 200, b"", "the kubelet"),
    (((b"k-network-probe", b"activator"),), 200, b"activator", "an activator probe"),
    (
        ((b"k-network-probe", b"queue"),),
        400,
        b'unexpected probe header value: "queue"\n',
        "a probe for somebody else",
    ),
    (
        ((b"k-network-probe", b"<a>"),),
        400,
        b'unexpected probe header value: "&lt;a&gt;"\n',
        "a probe value is escaped",
    ),
    (((b"k-network-probe", b"probe"), (b"k-network-hash", b"h")), 200, b"", "the ingress"),
    (
        ((b"k-network-probe", b"probe"),),
        400,
        b'a probe request must contain a non-empty "K-Network-Hash" header\n',
        "the ingress without hash",
    ),
    (
        TO_REV,
        404,
        b'Error getting active endpoint: revision.serving.knative.dev "rev" not found\n',
        "an unknown revision",
    ),
    (
        (),
        404,
        b'Error getting active endpoint: revision.serving.knative.dev "" not found\n',
        "no revision at all",
    ),
]


@pytest.mark.parametrize(
    ("headers", "status", "body"), [row[:3] for row in PROBES], ids=[row[3] for row in PROBES]
)
async def test_what_is_answered_without_a_pod(
    world: World, headers: tuple[Header, ...], status: int, body: bytes
) -> None:
    async with world.running() as activator:
        answer = await activator.handle(ask(*headers))
    assert (answer.status, answer.body) == (status, body)
    assert world.sink.stats == []


async def test_the_kubelet_hears_of_a_lost_autoscaler_and_of_sigterm(world: World) -> None:
    async with world.running() as activator:
        kubelet = (b"user-agent", b"kube-probe/1.34")
        world.sink.up = False
        assert (await activator.handle(ask(kubelet))).status == 500
        world.sink.up = True
        world.container.stopping.set()
        answer = await activator.handle(ask(kubelet))
        assert (answer.status, answer.body) == (500, b"received SIGTERM from kubelet\n")


@pytest.mark.parametrize(
    ("fields", "revision"),
    [
        (dict(TO_REV), ("ns", "rev")),
        ({b"host": b"rev.ns.svc.cluster.local"}, ("ns", "rev")),
        ({b"host": b"rev.ns.svc.cluster.local:80"}, ("ns", "rev")),
        ({b"host": b"rev.ns.svc"}, ("", "")),
        ({b"host": b"rev.ns.svc.other.domain"}, ("", "")),
        ({b"host": b"hello.example.com"}, ("", "")),
        ({b"knative-serving-revision": b"rev", b"host": b"a.b.svc.cluster.local"}, ("b", "a")),
    ],
)
def test_a_revision_is_named_by_headers_or_host(
    fields: dict[bytes, bytes], revision: tuple[str, str]
) -> None:
    assert revision_in(fields) == revision


async def test_a_request_waits_for_a_pod_to_appear_and_to_answer(world: World) -> None:
    pod = QueueProxy()
    pod.healthy = False
    world.revision()
    async with world.running() as activator:
        asking = asyncio.create_task(activator.handle(ask(*TO_REV)))
        await until(lambda: bool(world.sink.stats))
        assert world.sink.said() == [(1.0, 1.0)]
        world.revision(not_ready=frozenset({POD}))
        with world.network.listening(POD, pod.handle):
            await until(lambda: pod.probes > 0)
            assert not asking.done()
            pod.healthy = True
            assert (await asking).body == b"ok"


async def test_what_the_pod_sees(world: World) -> None:
    pod = QueueProxy()
    world.revision(ready=frozenset({POD}))
    headers = (*TO_REV, (b"x-forwarded-for", b"1.1.1.1"), (b"k-network-hash", b"h"))
    async with world.running() as activator:
        with world.network.listening(POD, pod.handle):
            await activator.handle(ask(*headers))
            await activator.handle(ask(*TO_REV, (b"k-original-host", b"kept.example.com")))
    assert pod.seen[0].headers == [
        (b"k-proxy-request", b"activator"),
        (b"x-forwarded-for", b"1.1.1.1, 10.0.0.5"),
        (b"k-original-host", b"hello.example.com"),
    ]
    assert pod.seen[1].header("k-original-host") == "kept.example.com"


async def test_a_pod_that_is_only_ready_by_probe_may_not_count(world: World) -> None:
    pod = QueueProxy()
    world.revision(not_ready=frozenset({POD}), only_ready=True)
    async with world.running() as activator:
        with world.network.listening(POD, pod.handle):
            asking = asyncio.create_task(activator.handle(ask(*TO_REV)))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not asking.done()
            world.revision(ready=frozenset({POD}), only_ready=True)
            assert (await asking).body == b"ok"


async def test_a_pod_that_became_unready_must_answer_again(world: World) -> None:
    pod = QueueProxy()
    world.revision(ready=frozenset({POD}))
    async with world.running() as activator:
        with world.network.listening(POD, pod.handle):
            await activator.handle(ask(*TO_REV))
            pod.healthy = False
            probes = pod.probes
            world.revision(not_ready=frozenset({POD}))
            asking = asyncio.create_task(activator.handle(ask(*TO_REV)))
            await until(lambda: pod.probes > probes)
            assert not asking.done()
            pod.healthy = True
            assert (await asking).body == b"ok"


async def test_requests_beyond_the_concurrency_wait(world: World) -> None:
    pod = QueueProxy()
    pod.go_on.clear()
    world.revision(ready=frozenset({POD}), container_concurrency=2)
    async with world.running() as activator:
        with world.network.listening(POD, pod.handle):
            asking = [asyncio.create_task(activator.handle(ask(*TO_REV))) for _ in range(5)]
            await until(lambda: len(pod.seen) == 2)
            for _ in range(10):
                await asyncio.sleep(0)
            assert len(pod.seen) == 2
            pod.go_on.set()
            answers = await asyncio.gather(*asking)
    assert [answer.status for answer in answers] == [200] * 5


async def test_no_pod_in_time_is_the_activators_timeout(world: World) -> None:
    world.revision(timeout=0.02)
    async with world.running() as activator:
        answer = await activator.handle(ask(*TO_REV))
    assert (answer.status, answer.body) == (504, b"activator request timeout")


async def test_a_pod_that_breaks_is_a_502(world: World) -> None:
    async def breaking(request: Request) -> Response:
        if request.header("k-network-probe"):
            return Response(200, body=b"queue")
        raise ConnectionResetError("EOF")

    world.revision(ready=frozenset({POD}))
    async with world.running() as activator:
        with world.network.listening(POD, breaking):
            answer = await activator.handle(ask(*TO_REV))
            assert (answer.status, answer.body) == (502, b"EOF\n")
        answer = await activator.handle(ask(*TO_REV))
        text = b"dial tcp 127.2.1.1:8012: connect: connection refused\n"
        assert (answer.status, answer.body) == (502, text)


async def test_a_pod_that_is_no_longer_listed_gets_nothing(world: World) -> None:
    first, second = QueueProxy(), QueueProxy()
    world.revision(ready=frozenset({POD}))
    async with world.running() as activator:
        with (
            world.network.listening(POD, first.handle),
            world.network.listening(OTHER, second.handle),
        ):
            await activator.handle(ask(*TO_REV))
            world.revision(ready=frozenset({OTHER}))
            await activator.handle(ask(*TO_REV))
    assert (len(first.seen), len(second.seen)) == (1, 1)


async def test_a_revision_that_goes_is_unknown_and_one_that_comes_back_is_new(
    world: World,
) -> None:
    pod = QueueProxy()
    async with world.running() as activator:
        with world.network.listening(POD, pod.handle):
            world.revision(ready=frozenset({POD}))
            assert (await activator.handle(ask(*TO_REV))).status == 200
            world.table.replace(RouteChanges())
            assert (await activator.handle(ask(*TO_REV))).status == 404
            world.revision(ready=frozenset({POD}), container_concurrency=1)
            assert (await activator.handle(ask(*TO_REV))).status == 200


async def test_concurrency_is_reported_every_second(world: World) -> None:
    pod = QueueProxy()
    pod.go_on.clear()
    world.revision(ready=frozenset({POD}))
    async with world.running() as activator:
        with world.network.listening(POD, pod.handle):
            asking = [asyncio.create_task(activator.handle(ask(*TO_REV))) for _ in range(3)]
            await until(lambda: len(pod.seen) == 3)
            world.clock.advance(1.0)
            activator.tick()
            pod.go_on.set()
            await asyncio.gather(*asking)
            world.clock.advance(1.0)
            activator.tick()
            world.clock.advance(1.0)
            activator.tick()
    assert world.sink.said() == [(1.0, 1.0), (2.0, 2.0), (0.0, 0.0)]
    assert {stat.pod for stat in world.sink.stats} == {f"pod-{IP}"}
    assert world.sink.stats[1].time == 1_700_000_001.0


async def test_a_streamed_answer_counts_until_its_end(world: World) -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async def stream(request: Request) -> Response:
        if request.header("k-network-probe"):
            return Response(200, body=b"queue")
        return Response(200, body=drip())

    world.revision(ready=frozenset({POD}), container_concurrency=1)
    async with world.running() as activator:
        with world.network.listening(POD, stream):
            first = await activator.handle(ask(*TO_REV))
            second = asyncio.create_task(activator.handle(ask(*TO_REV)))
            for _ in range(10):
                await asyncio.sleep(0)
            assert not second.done()
            assert await whole_body(first.body) == b"ab"
            assert await whole_body((await second).body) == b"ab"
            await activator.answered()


async def run(
    container: Container, table: RoutingTable, network: Network, clock: ManualClock, **more: Any
) -> None:
    log = ActivatorRequestLog(lambda _: None, container.log)
    given: dict[str, Any] = {"sink": Sink(), "log": log, "scraped": None} | more
    await run_activator(
        container, table=table, network=network, clock=clock, random=Random(1), **given
    )


async def test_an_activator_listens_in_its_container(
    network: Network, clock: ManualClock, containers: Any
) -> None:
    running = asyncio.create_task(run(containers(IP), RoutingTable(), network, clock))
    await containers.logged("Starting the knative activator")
    for port in (8012, 8013):
        probe = ask((b"k-network-probe", b"activator"))
        assert (await network.call((IP, port), probe)).body == b"activator"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not network.is_local((IP, 8012))


async def test_an_activator_that_is_stopped_serves_on_until_the_last_answer(
    network: Network, clock: ManualClock, containers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activator_module, "DRAIN_PERIOD", 0.05)
    pod, container, table = QueueProxy(), containers(IP), RoutingTable()
    pod.go_on.clear()
    table.replace(RouteChanges(revisions={"ns/rev": RevisionBackends(ready=frozenset({POD}))}))
    running = asyncio.create_task(run(container, table, network, clock))
    await containers.logged("Starting the knative activator")
    with network.listening(POD, pod.handle):
        first = asyncio.create_task(network.call((IP, 8012), ask(*TO_REV)))
        await until(lambda: len(pod.seen) == 1)
        container.stopping.set()
        health = await network.call((IP, 8012), ask((b"user-agent", b"kube-probe/1")))
        assert (health.status, health.body) == (500, b"received SIGTERM from kubelet\n")
        late = asyncio.create_task(network.call((IP, 8012), ask(*TO_REV)))
        await containers.logged("Done waiting, shutting down servers.")
        assert not running.done()
        pod.go_on.set()
        assert [answer.status for answer in await asyncio.gather(first, late)] == [200, 200]
    await running
    assert containers.lines[-1] == "Servers shutdown."


async def test_a_queue_that_is_full_refuses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "QUEUE_DEPTH", 2)
    monkeypatch.setattr(throttle, "UNLIMITED", 0)
    world.revision(container_concurrency=1)
    async with world.running() as activator:
        waiting = [asyncio.create_task(activator.handle(ask(*TO_REV))) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await activator.handle(ask(*TO_REV))
        assert (refused.status, refused.body) == (503, b"pending request queue full\n")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("limit", [0, 1], ids=["without a limit", "with containerConcurrency"])
async def test_twenty_thousand_requests_may_wait_for_a_pod(world: World, limit: int) -> None:
    """The depth of 10,000 comes on top of what may run, which has no bound for a revision."""
    world.revision(container_concurrency=limit)
    async with world.running() as activator:
        waiting = [asyncio.create_task(activator.handle(ask(*TO_REV))) for _ in range(20_000)]
        await asyncio.sleep(0)
        activator.tick()
        assert activator.loads()["ns/rev"].queued == 20_000
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert activator.loads()["ns/rev"].queued == 0
