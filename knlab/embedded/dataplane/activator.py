"""The activator: holds requests until their revision has room, and tells the autoscaler of them.

The chain of `cmd/activator`: kubelet health, network probe, activator probe, revision lookup,
concurrency report, timeouts, throttle, reverse proxy.
"""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Mapping
from random import Random
from typing import Final, Protocol

from knlab._clock import Clock
from knlab.embedded.dataplane import headers as names
from knlab.embedded.dataplane.breaker import QueueFull
from knlab.embedded.dataplane.headers import forwarded_for, http_error, plain, transport_error
from knlab.embedded.dataplane.pod_health import PodHealth
from knlab.embedded.dataplane.routing_table import RevisionBackends, RoutingTable, RoutingTables
from knlab.embedded.dataplane.stats import ActivatorStats
from knlab.embedded.dataplane.throttle import RevisionThrottle
from knlab.embedded.dataplane.timeouts import Limits, Timeouts
from knlab.embedded.net.bodies import when_over
from knlab.embedded.net.http import Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.runtime import Container
from knlab.kpa.stat import Stat

REPORT_INTERVAL: Final = 1.0
DRAIN_PERIOD: Final = 45.0
"""How long an activator serves on after SIGTERM, so that nobody sends it requests any more."""

CLUSTER_DOMAIN: Final = b"cluster.local"

_REPLACED: Final = frozenset(
    {b"host", names.REVISION, names.NAMESPACE, names.PROXY, names.PROBE_HASH, b"x-forwarded-for"}
)


class AutoscalerSink(Protocol):
    """The autoscaler as an activator sees it."""

    def connected(self) -> bool:
        """Whether reports arrive; an activator without autoscaler is not healthy."""

    def report(self, stat: Stat) -> None:
        """Take one report."""


class _Served:
    """A revision as one activator serves it: waits for room at a pod and passes the request on."""

    __slots__ = ("_ip", "_network", "backends", "limits", "throttle")

    def __init__(
        self, backends: RevisionBackends, network: Network, random: Random, ip: str
    ) -> None:
        self._network = network
        self._ip = ip
        self.throttle = RevisionThrottle(backends.container_concurrency, random)
        self.follow(backends)

    def follow(self, backends: RevisionBackends) -> None:
        """The revision is now as `backends` says."""
        self.backends = backends
        self.limits = Limits(
            backends.timeout, backends.response_start_timeout, backends.idle_timeout
        )

    async def proxy(self, request: Request) -> Response:
        """The answer of a pod, as soon as one has room."""
        try:
            lease = self.throttle.acquire_now() or await self.throttle.acquire()
        except QueueFull as full:
            return http_error(503, str(full))
        try:
            _mark(request)
            request.peer = self._ip
            response = await self._network.pass_on(lease.address, request)
        except OSError as error:
            lease.give_back()
            return http_error(502, transport_error(error, lease.address))
        except BaseException:
            lease.give_back()
            raise
        return when_over(response, lease.give_back)


def _mark(request: Request) -> None:
    """Make `request` say that it came through, and what its host was."""
    came = request.headers
    fields = dict(came)
    headers = [line for line in came if line[0] not in _REPLACED]
    headers.append((names.PROXY, names.ACTIVATOR))
    headers.append(forwarded_for(request, fields))
    if names.ORIGINAL_HOST not in fields:
        headers.append((names.ORIGINAL_HOST, fields.get(b"host", b"")))
    request.headers = headers


class Activator:
    """One activator pod: `handle` answers requests, `tick` reports once a second."""

    def __init__(
        self,
        container: Container,
        tables: RoutingTables,
        network: Network,
        clock: Clock,
        random: Random,
        sink: AutoscalerSink,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._container = container
        self._tables = tables
        self._network = network
        self._clock = clock
        self._random = random
        self._sink = sink
        self._stats = ActivatorStats(container.pod["metadata"]["name"])
        self._timeouts = Timeouts("activator request timeout")
        self._revisions: dict[str, _Served] = {}
        self._health = PodHealth(network, tasks, self._pods_changed)
        self._in_flight = 0
        self._answered = asyncio.Event()
        self._answered.set()

    async def handle(self, request: Request) -> Response:
        """The answer to a request that came to the activator's port."""
        fields = dict(request.headers)
        if names.is_kubelet_probe(fields):
            return self._kubelet_answer()
        probe = fields.get(names.PROBE)
        if probe:
            return _probe_answer(probe, fields)
        namespace, name = revision_in(fields)
        revision = f"{namespace}/{name}"
        served = self._revisions.get(revision)
        if served is None:
            text = f'revision.serving.knative.dev "{name}" not found'
            return http_error(404, f"Error getting active endpoint: {text}")
        self._arrive(revision)

        def over() -> None:
            self._leave(revision)

        try:
            response = await self._timeouts.within(served.limits, served.proxy(request))
        except BaseException:
            over()
            raise
        return when_over(response, over)

    def _kubelet_answer(self) -> Response:
        if self._container.stopping.is_set():
            return http_error(500, "received SIGTERM from kubelet")
        if not self._sink.connected():
            return http_error(500, "connection has not yet been established")
        return plain(200)

    def _arrive(self, revision: str) -> None:
        self._in_flight += 1
        clock = self._clock
        stat = self._stats.arrive(revision, clock.monotonic(), clock.now())
        if stat is not None:
            self._sink.report(stat)

    def _leave(self, revision: str) -> None:
        self._stats.leave(revision, self._clock.monotonic())
        self._in_flight -= 1
        if not self._in_flight:
            self._answered.set()

    async def answered(self) -> None:
        """Returns when no request is in flight."""
        while self._in_flight:
            self._answered.clear()
            await self._answered.wait()

    def tick(self) -> None:
        """Report the second that ends."""
        for stat in self._stats.report(self._clock.monotonic(), self._clock.now()):
            self._sink.report(stat)

    def table_changed(self, table: RoutingTable) -> None:
        """The cluster is now as `table` says."""
        for revision in self._revisions.keys() - table.revisions.keys():
            del self._revisions[revision]
        changed = [
            name for name, backends in table.revisions.items() if self._follow(name, backends)
        ]
        self._health.update(table)
        for revision in changed:
            self._pods_changed(revision)

    def _follow(self, revision: str, backends: RevisionBackends) -> bool:
        """Take over what is new about `revision`; whether there was anything."""
        served = self._revisions.get(revision)
        if served is None or (
            served.throttle.container_concurrency != backends.container_concurrency
        ):
            self._revisions[revision] = _Served(
                backends, self._network, self._random, self._container.ip
            )
            return True
        if served.backends == backends:
            return False
        served.follow(backends)
        return True

    def _pods_changed(self, revision: str) -> None:
        served = self._revisions.get(revision)
        if served is not None:
            served.throttle.update(
                self._health.healthy(revision), served.backends.activators, self._container.ip
            )

    def close(self) -> None:
        """Probe no more pods."""
        self._health.close()


def revision_in(fields: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Namespace and name of the revision that a request is for; empty if it does not say.

    From Knative's headers, else from a host like `<revision>.<namespace>.svc.cluster.local`.
    """
    name, namespace = fields.get(names.REVISION, b""), fields.get(names.NAMESPACE, b"")
    if not (name and namespace):
        parts = fields.get(b"host", b"").split(b".", 3)
        if len(parts) == 4 and (parts[2], parts[3].partition(b":")[0]) == (b"svc", CLUSTER_DOMAIN):
            name, namespace = parts[0], parts[1]
    return namespace.decode("latin-1"), name.decode("latin-1")


def _probe_answer(probe: bytes, fields: Mapping[bytes, bytes]) -> Response:
    if probe == b"probe":
        return names.network_probe_answer(fields)
    if probe == names.ACTIVATOR:
        return plain(200, names.ACTIVATOR)
    shown = json.dumps(html.escape(probe.decode("latin-1")))
    return http_error(400, f"unexpected probe header value: {shown}")


async def _refuse_h2c(_: Request) -> Response:
    return plain(505, b"knlab speaks HTTP/1.1 only: a revision with a port named h2c has no server")


async def run_activator(
    container: Container,
    *,
    tables: RoutingTables,
    network: Network,
    clock: Clock,
    random: Random,
    sink: AutoscalerSink,
) -> None:
    """Run an activator in `container` until it is stopped."""
    http1, h2c = (container.ip, names.QUEUE_PORT), (container.ip, names.QUEUE_H2C_PORT)
    async with asyncio.TaskGroup() as tasks:
        activator = Activator(container, tables, network, clock, random, sink, tasks)
        reporter = tasks.create_task(_report(activator), name="concurrency reporter")
        with tables.heard_by(activator.table_changed), network.listening(h2c, _refuse_h2c):
            async with network.exposed(http1, activator.handle):
                container.log("Starting the knative activator")
                await container.stopping.wait()
                container.log("Received SIGTERM")
                container.log(
                    f"Sleeping {DRAIN_PERIOD:.0f}s to allow K8s propagation of non-ready state"
                )
                await asyncio.sleep(DRAIN_PERIOD)
                container.log("Done waiting, shutting down servers.")
                await activator.answered()
        reporter.cancel()
        activator.close()
    container.log("Servers shutdown.")


async def _report(activator: Activator) -> None:
    while True:
        await asyncio.sleep(REPORT_INTERVAL)
        activator.tick()
