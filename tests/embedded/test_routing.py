"""Routes for the data plane: what objects say, in its own words, and only what is new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path as FilePath
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab.embedded import routing
from knlab.embedded.builtin.lifecycle import LIFECYCLE, SERVER_KINDS
from knlab.embedded.dataplane.routing_table import (
    Path,
    RevisionBackends,
    RouteChanges,
    RoutingTable,
    Split,
    VirtualHost,
)
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.registry import Registry
from knlab.embedded.kube.store import Store
from knlab.embedded.routing import RouteFeed
from knlab.embedded.serving.kinds import CORE_SERVICES, ENDPOINTS, INGRESSES, REVISIONS
from knlab.embedded.serving.routing import HostRoute, PathRoute, SplitRoute
from tests.factories import make

CLASS = {"networking.knative.dev/ingress.class": "kourier.ingress.networking.knative.dev"}
PORTS = [{"name": "http", "port": 8012}]
ACTIVATOR = ("knative-serving", "activator-service")


class Recorded(RoutingTable):
    """A table that remembers what was sent to it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[RouteChanges] = []

    def apply(self, changes: RouteChanges) -> None:
        self.sent.append(changes)
        super().apply(changes)


class World:
    def __init__(self, api: Api) -> None:
        self.api = api
        self.store = api.store
        self.table = Recorded()
        self.feed = RouteFeed(api, self.table)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.feed.run())
        await self.settled()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settled(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def endpoints(self, namespace: str, name: str, *ips: str) -> None:
        subsets = [{"addresses": [{"ip": ip} for ip in ips], "ports": PORTS}] if ips else []
        self.store.put(ENDPOINTS, make("v1", "Endpoints", name, namespace, subsets=subsets))

    def service(self, name: str, *ips: str) -> None:
        ports = [{"name": "http", "port": 80, "targetPort": 8012}]
        spec = {"type": "ClusterIP", "ports": ports}
        self.store.put(CORE_SERVICES, make("v1", "Service", name, "ns", spec=spec))
        self.endpoints("ns", name, *ips)

    def ingress(self, name: str, host: str, *, generation: int = 1) -> None:
        split = {"serviceNamespace": "ns", "serviceName": name, "servicePort": 80, "percent": 100}
        rule = {
            "hosts": [host],
            "visibility": "ExternalIP",
            "http": {"paths": [{"splits": [split]}]},
        }
        ingress = make(
            "networking.internal.knative.dev/v1alpha1", "Ingress", name, "ns",
            metadata={"annotations": CLASS, "generation": generation}, spec={"rules": [rule]},
        )  # fmt: skip
        self.store.put(INGRESSES, ingress)

    def revision(self, name: str, **spec: Any) -> None:
        whole = {"containers": [{"image": "x"}], "timeoutSeconds": 300} | spec
        made = make("serving.knative.dev/v1", "Revision", name, "ns", spec=whole)
        self.store.put(REVISIONS, made)

    def remove(self, kind: GroupResource, name: str) -> None:
        self.store.remove(kind, self.get(kind, name))

    def get(self, kind: GroupResource, name: str, namespace: str = "ns") -> Object:
        found = self.store.get(kind, (namespace, name))
        assert found is not None
        return found

    def addresses(self, host: str) -> list[str]:
        splits = self.table.external[host].paths[0].splits
        return [ip for split in splits for ip, _ in split.addresses]


@pytest.fixture
def world(tmp_path: FilePath) -> Iterator[World]:
    store = Store(tmp_path / "store.sqlite")
    yield World(Api(store, Registry(()), ManualClock(), kinds=SERVER_KINDS, lifecycle=LIFECYCLE))
    store.close()


def test_hosts_and_headers_are_folded_as_they_are_on_the_wire() -> None:
    split = SplitRoute(
        namespace="default",
        service="hello-00001",
        port=80,
        percent=100,
        append_headers=(("Knative-Serving-Revision", "hello-00001"),),
        addresses=(("127.1.0.7", 8012),),
    )
    path = PathRoute(
        splits=(split,),
        prefix="/",
        headers=(("Knative-Serving-Tag", "old"),),
        append_headers=(("K-Network-Hash", "x"),),
        rewrite_host="other",
    )
    hosts = {"Hello.Default.Example.com": HostRoute(paths=(path,), redirect_to_https=True)}
    assert routing._hosts(hosts) == {
        "hello.default.example.com": VirtualHost(
            paths=(
                Path(
                    splits=(
                        Split(
                            backend="default/hello-00001",
                            addresses=(("127.1.0.7", 8012),),
                            percent=100,
                            append_headers=((b"knative-serving-revision", b"hello-00001"),),
                        ),
                    ),
                    prefix="/",
                    headers=((b"knative-serving-tag", b"old"),),
                    append_headers=((b"k-network-hash", b"x"),),
                    rewrite_host="other",
                ),
            ),
            redirect_to_https=True,
        )
    }


@pytest.mark.anyio
async def test_an_activator_gets_everything_it_needs_of_a_revision(world: World) -> None:
    world.revision(
        "a",
        containerConcurrency=3,
        responseStartTimeoutSeconds=10,
        idleTimeoutSeconds=5,
        containers=[{"image": "x", "startupProbe": {}}],
    )
    world.endpoints(*ACTIVATOR, "127.1.0.2")
    world.endpoints("ns", "a", "127.1.0.2")
    world.endpoints("ns", "a-private", "127.1.0.7")
    async with world.running():
        assert world.table.revisions == {
            "ns/a": RevisionBackends(
                container_concurrency=3,
                timeout=300.0,
                response_start_timeout=10.0,
                idle_timeout=5.0,
                protocol="http1",
                ready=frozenset({("127.1.0.7", 8012)}),
                only_ready=True,
                activators=("127.1.0.2",),
            )
        }


@pytest.mark.anyio
@pytest.mark.parametrize("services", [3, 30], ids=["few services", "many services"])
async def test_what_a_change_sends_does_not_depend_on_how_many_services_there_are(
    world: World, services: int
) -> None:
    for number in range(services):
        name = f"s{number:02}"
        world.service(name, "127.1.0.2")
        world.ingress(name, f"{name}.example.com")
        world.revision(name)
    async with world.running():
        assert len(world.table.external) == len(world.table.revisions) == services
        world.table.sent.clear()
        world.endpoints("ns", "s01", "127.1.0.9")
        await world.settled()
        [sent] = world.table.sent
        assert (list(sent.external), list(sent.internal)) == (["s01.example.com"],) * 2
        assert list(sent.revisions) == ["ns/s01"]
        assert world.addresses("s01.example.com") == ["127.1.0.9"]


@pytest.mark.anyio
async def test_what_is_gone_is_removed(world: World) -> None:
    world.service("a", "127.1.0.2")
    world.ingress("a", "a.example.com")
    world.revision("a")
    async with world.running():
        assert world.feed.probed(world.get(INGRESSES, "a")) is False
        world.remove(INGRESSES, "a")
        world.remove(REVISIONS, "a")
        await world.settled()
        assert (world.table.external, world.table.internal, world.table.revisions) == ({}, {}, {})


@pytest.mark.anyio
async def test_a_host_goes_from_one_ingress_to_another(world: World) -> None:
    for name, ip in (("a", "127.1.0.2"), ("b", "127.1.0.3")):
        world.service(name, ip)
        world.ingress(name, "same.example.com")
    async with world.running():
        assert world.addresses("same.example.com") == ["127.1.0.3"]
        world.ingress("b", "other.example.com")
        await world.settled()
        assert world.addresses("same.example.com") == ["127.1.0.2"]
        world.remove(INGRESSES, "a")
        await world.settled()
        assert list(world.table.external) == ["other.example.com"]


@pytest.mark.anyio
async def test_a_generation_counts_when_its_routes_are_there_and_a_gateway_runs(
    world: World,
) -> None:
    world.service("a", "127.1.0.2")
    world.ingress("a", "a.example.com", generation=2)
    gateway = make(
        "v1", "Service", "kourier-internal", "kourier-system",
        spec={"type": "ClusterIP", "ports": [{"name": "http", "port": 80}]},
    )  # fmt: skip
    world.store.put(CORE_SERVICES, gateway)
    async with world.running():
        ingress = world.get(INGRESSES, "a")
        assert not world.feed.probed(ingress)
        world.endpoints("kourier-system", "kourier-internal", "127.1.0.1")
        assert world.feed.probed(ingress)
        world.ingress("a", "a.example.com", generation=3)
        assert not world.feed.probed(world.get(INGRESSES, "a"))
        await world.settled()
        assert world.feed.probed(world.get(INGRESSES, "a"))


@pytest.mark.anyio
async def test_a_feed_that_starts_again_forgets_what_went_meanwhile(world: World) -> None:
    for name in ("a", "b"):
        world.service(name, "127.1.0.2")
        world.ingress(name, f"{name}.example.com")
    async with world.running():
        assert len(world.table.external) == 2
    world.remove(INGRESSES, "a")
    assert len(world.table.external) == 2, "without a feed the table stays as it is"
    world.feed = RouteFeed(world.api, world.table)
    async with world.running():
        assert list(world.table.external) == ["b.example.com"]
