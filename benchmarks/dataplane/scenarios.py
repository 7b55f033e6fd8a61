"""The scenarios: what is deployed, what is sent to it, and which figures come of it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import uvloop

import knlab
from benchmarks.crowd import CONNECTIONS, Crowd, Deployed
from benchmarks.dataplane.api_under_load import asked_during
from benchmarks.dataplane.client import (
    CLOCK,
    Client,
    Load,
    Numbers,
    address_of,
    failures,
)
from benchmarks.dataplane.figures import NGINX, Figure
from benchmarks.dataplane.nginx import REMEDY, bare_nginx, program
from benchmarks.https_client import Server, connect
from benchmarks.processes import cluster_of, processor
from knlab.cluster.cluster import Cluster
from knlab.cluster.kubernetes import Kind
from knlab.cluster.manifest import Scaling
from knlab.cluster.service import Service
from knlab.cluster.waiting import wait_until
from knlab.measure.records import LoadSummary

SERVERLESS_SERVICE: Final = Kind("networking.internal.knative.dev/v1alpha1", "ServerlessService")
COLD: Final = 10
WARM: Final = 200
DEPLOYED: Final = 50
"""Services that are deployed while a load runs."""
_SETTLING: Final = 1.0
"""Seconds at the beginning of a load that count for nothing where two parts of it are compared."""
_UNDISTURBED: Final = 0.3
"""Share of the load before the first of the Services is deployed."""
_numbers: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A Service and the load on it."""

    what: str
    scaling: Scaling
    image: str = knlab.images.HELLO
    path: str = "/"
    mode: str = "Proxy"
    """`Serve` if the load begins once the activator is out of the path."""


ARTICLE: Final[Scaling] = {"min_scale": 1, "max_scale": 5, "target": 1}
LOADED: Final[Mapping[str, Loaded]] = {
    "article": Loaded("article: min 1, max 5, target 1", ARTICLE),
    "direct": Loaded(
        "min 5, max 5, target-burst-capacity 0",
        {"min_scale": 5, "max_scale": 5, "target_burst_capacity": 0},
        mode="Serve",
    ),
    "one-pod": Loaded(
        "one pod, target-burst-capacity 0",
        {"min_scale": 1, "max_scale": 1, "target_burst_capacity": 0},
        mode="Serve",
    ),
    "waiting": Loaded(
        "article, each request 100 ms of waiting",
        ARTICLE,
        image=knlab.images.AUTOSCALE,
        path="/?sleep=100",
    ),
}
FIVE: Final = Loaded("min 5, max 5", {"min_scale": 5, "max_scale": 5})
"""Behind the activator with all its pods from the beginning, so that one moment is like another."""


@dataclass(frozen=True)
class Bench:
    """One cluster, one client."""

    cluster: Cluster
    client: Client
    server: Server
    """The cluster's API."""
    seconds: float
    root: int = 0
    """The main process of an embedded cluster."""
    remarks: list[str] = field(default_factory=list)

    @contextmanager
    def deployed(self, asked: Loaded) -> Iterator[Service]:
        """A Service of its own, ready for the load, deleted afterwards."""
        name = f"bench-{os.getpid()}-{next(_numbers)}"
        service = self.cluster.deploy(name, image=asked.image, **asked.scaling)
        try:
            service.wait_ready()
            self._settle(service, asked)
            yield service
        finally:
            service.delete()

    def _settle(self, service: Service, asked: Loaded) -> None:
        """Return when all the pods that it begins with are ready, and its mode is as asked."""
        wanted = asked.scaling.get("min_scale") or 0
        wait_until(
            f"{wanted} pods of {service.name} to be ready",
            lambda: True if _ready_pods(service) >= wanted else None,
            timeout="2m",
        )
        wait_until(
            f"{service.name} to be in mode {asked.mode}",
            lambda: True if self._mode(service) == asked.mode else None,
            timeout="2m",
        )

    def _mode(self, service: Service) -> str:
        found = self.cluster.api.get(
            SERVERLESS_SERVICE, service.latest_revision, self.cluster.namespace
        )
        return str(found["spec"]["mode"])

    def load(self, service: Service, path: str = "/") -> Load:
        """The article's load on `service`."""
        host = urlsplit(service.url).hostname or ""
        address = address_of(self.cluster.gateway)
        return Load(address=address, host=host, path=path, seconds=self.seconds)

    @property
    def processor(self) -> float:
        """Seconds of processor that the cluster's own processes have used; 0 if unknown."""
        return processor(cluster_of(self.root).own)


Scenario: TypeAlias = Callable[[Bench], Iterator[Figure]]


def _ready_pods(service: Service) -> int:
    conditions = (
        condition
        for pod in service.pods()
        for condition in pod.get("status", {}).get("conditions") or ()
    )
    return sum(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def figure_of(name: str, what: str, summary: LoadSummary, processor: float = 0.0) -> Figure:
    """The line of a load during which the cluster used `processor` seconds; 0 if unknown."""
    shown = {f"p{share}": summary.percentile(share) for share in (50, 90, 99)}
    return Figure(
        name=name,
        what=what,
        count=summary.requests,
        rate=summary.requests_per_second,
        p50=shown["p50"],
        p90=shown["p90"],
        p99=shown["p99"],
        failed=failures(summary),
        processor=processor / summary.requests if processor and summary.requests else None,
    )


def nginx(bench: Bench) -> Iterator[Figure]:
    """The same client against bare nginx, whose answer is as long as the Service's."""
    if program() is None:
        bench.remarks.append(f"No shares of bare nginx: {REMEDY}.")
        return
    with bench.deployed(Loaded("hello", {"min_scale": 1})) as service:
        answer = knlab.request(service.url).text
    with bare_nginx(answer) as address:
        load = Load(address=address, host=address, seconds=bench.seconds)
        yield figure_of(NGINX, "bare nginx", bench.client.summary(load))


def loaded(name: str) -> Scenario:
    """One of `LOADED`."""
    asked = LOADED[name]

    def scenario(bench: Bench) -> Iterator[Figure]:
        with bench.deployed(asked) as service:
            before = bench.processor
            summary = bench.client.summary(bench.load(service, asked.path))
            yield figure_of(name, asked.what, summary, bench.processor - before)

    return scenario


def warm(bench: Bench) -> Iterator[Figure]:
    """One request after the other, each on a connection of its own: its wait for the first byte."""
    with bench.deployed(Loaded("hello", {"min_scale": 1})) as service:
        url = service.url
        waits = [knlab.request(url).wait for _ in range(WARM)]
    yield Figure.of_waits("warm", "warm, to the first byte", waits)


def cold(bench: Bench) -> Iterator[Figure]:
    """One request each to Services without a pod, not even a terminating one."""
    with ExitStack() as stack:
        asked = Loaded("hello", {"window": "6s"})
        services = [stack.enter_context(bench.deployed(asked)) for _ in range(COLD)]
        for service in services:
            service.wait_scaled_to_zero()
        waits = [knlab.request(service.url, timeout="60s").wait for service in services]
    yield Figure.of_waits("cold", "cold, zero to the first byte", waits)


def api(bench: Bench) -> Iterator[Figure]:
    """What `kubectl get pods` asks for, timed at the socket while the article's load runs."""
    with bench.deployed(LOADED["article"]) as service:
        pod = service.pods()[0]["metadata"]["name"]
        load = bench.load(service)
        found = asked_during(lambda: bench.client.summary(load), bench.server, pod)
    yield Figure.of_waits("api-get", "API: GET of a pod during the article's load", found.get)
    yield Figure.of_waits("api-list", "API: LIST of pods as a Table, the same", found.listed)


def deploys(bench: Bench) -> Iterator[Figure]:
    """One load: its latencies before and while Services are deployed."""
    with _frugal_sidecars(bench), bench.deployed(FIVE) as service, ThreadPoolExecutor(1) as pool:
        started = CLOCK.now()
        running = pool.submit(bench.client.samples, bench.load(service))
        time.sleep(bench.seconds * _UNDISTURBED)
        began = CLOCK.now()
        found = uvloop.run(_deploy_many(bench))
        samples = running.result()
    ended, over = began + found.ready_after, started + bench.seconds
    if ended > over:
        bench.remarks.append(f"Deploying took {found.ready_after:.0f} s and outlasted the load.")
    for name, what, low, high in (
        ("before-deploys", f"{FIVE.what}, before anything is deployed", started + _SETTLING, began),
        ("deploys", f"{FIVE.what}, while {DEPLOYED} Services are deployed", began, ended),
    ):
        inside = (samples.began >= low) & (samples.began < high)
        yield _part(name, what, samples.took[inside], min(high, over) - low)
    yield Figure(
        name="deployed",
        what=f"Services deployed to Ready during that load, of {DEPLOYED}",
        count=found.ready,
        rate=found.ready / found.ready_after,
        failed=DEPLOYED - found.ready,
    )


async def _deploy_many(bench: Bench) -> Deployed:
    """How Services came up that are deleted at once."""
    connections = [await connect(bench.server) for _ in range(CONNECTIONS)]
    try:
        crowd = Crowd(bench.server, connections, f"bench-{os.getpid()}-crowd")
        found = await crowd.deploy(DEPLOYED, {}, patience=60)
        await crowd.delete(DEPLOYED)
    finally:
        for connection in connections:
            connection.close()
    return found


@contextmanager
def _frugal_sidecars(bench: Bench) -> Iterator[None]:
    """Let queue-proxies ask for less: so many ask for more than a small node has."""
    asked = bench.cluster.configure("config-deployment", {"queue-sidecar-cpu-request": "1m"})
    try:
        yield
    finally:
        bench.cluster.configure("config-deployment", asked.before)


def _part(name: str, what: str, took: Numbers, seconds: float) -> Figure:
    figure = Figure.of_waits(name, what, took.tolist())
    return replace(figure, rate=figure.count / seconds)


SCENARIOS: Final[Mapping[str, Scenario]] = {
    NGINX: nginx,
    **{name: loaded(name) for name in LOADED},
    "warm": warm,
    "cold": cold,
    "api": api,
    "deploys": deploys,
}
"""In the order in which they run."""


def chosen(names: Sequence[str]) -> list[str]:
    """`names` in their order, all if there are none; a load brings bare nginx with it."""
    wanted = set(names or SCENARIOS)
    if wanted & LOADED.keys():
        wanted.add(NGINX)
    return [name for name in SCENARIOS if name in wanted]
