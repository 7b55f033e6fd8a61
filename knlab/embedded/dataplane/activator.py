"""The activator: holds requests until their revision has room, and tells the autoscaler of them.

The chain of `cmd/activator`: kubelet health, network probe, activator probe, revision lookup,
concurrency report, timeouts, throttle, reverse proxy.
"""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from random import Random
from typing import Final, Protocol

from knlab._clock import Clock
from knlab.embedded.dataplane import headers as names
from knlab.embedded.dataplane.activator_metrics import ActivatorMetrics, RevisionLoad
from knlab.embedded.dataplane.breaker import QueueFull
from knlab.embedded.dataplane.headers import (
    forwarded_for,
    http_error,
    plain,
    revision_in,
    transport_error,
)
from knlab.embedded.dataplane.metrics import metrics_handler
from knlab.embedded.dataplane.pod_health import PodHealth
from knlab.embedded.dataplane.request_log import ActivatorRequestLog
from knlab.embedded.dataplane.routing_table import RevisionBackends, RoutingTable
from knlab.embedded.dataplane.stats import ActivatorStats
from knlab.embedded.dataplane.throttle import RevisionThrottle
from knlab.embedded.dataplane.timeouts import Limits, Timeouts
from knlab.embedded.net.bodies import when_over
from knlab.embedded.net.http import Address, Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.runtime import Container
from knlab.kpa.stat import Stat

REPORT_INTERVAL: Final = 1.0
DRAIN_PERIOD: Final = 45.0
"""How long an activator serves on after SIGTERM, so that nobody sends it requests any more."""

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
        network: Network,
        clock: Clock,
        random: Random,
        sink: AutoscalerSink,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._container = container
        self._network = network
        self._clock = clock
        self._random = random
        self._sink = sink
        self._stats = ActivatorStats(container.pod["metadata"]["name"])
        self._timeouts = Timeouts("activator request timeout")
        self._revisions: dict[str, _Served] = {}
        self._reported: dict[str, float] = {}
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
            if stat.revision in self._revisions:
                self._reported[stat.revision] = stat.average_concurrent_requests
            self._sink.report(stat)

    def loads(self) -> Mapping[str, RevisionLoad]:
        """The requests of each revision that had any since it is known."""
        return {
            revision: self._load(revision, reported)
            for revision, reported in self._reported.items()
        }

    def _load(self, revision: str, reported: float) -> RevisionLoad:
        queued = self._revisions[revision].throttle.waiting
        return RevisionLoad(reported, queued, self._stats.concurrency(revision) - queued)

    def revisions_changed(self, changes: Mapping[str, RevisionBackends | None]) -> None:
        """The revisions are now as `changes` say; None for one that is gone."""
        for revision, backends in changes.items():
            if backends is None:
                self._revisions.pop(revision, None)
                self._reported.pop(revision, None)
            else:
                self._follow(revision, backends)
            self._health.follow(revision, backends)
            self._pods_changed(revision)

    def _follow(self, revision: str, backends: RevisionBackends) -> None:
        """Take over what is new about `revision`."""
        served = self._revisions.get(revision)
        if served is None or (
            served.throttle.container_concurrency != backends.container_concurrency
        ):
            self._revisions[revision] = _Served(
                backends, self._network, self._random, self._container.ip
            )
        else:
            served.follow(backends)

    def _pods_changed(self, revision: str) -> None:
        served = self._revisions.get(revision)
        if served is not None:
            served.throttle.update(
                self._health.healthy(revision), served.backends.activators, self._container.ip
            )

    def close(self) -> None:
        """Probe no more pods."""
        self._health.close()


def _probe_answer(probe: bytes, fields: Mapping[bytes, bytes]) -> Response:
    if probe == b"probe":
        return names.network_probe_answer(fields)
    if probe == names.ACTIVATOR:
        return plain(200, names.ACTIVATOR)
    shown = json.dumps(html.escape(probe.decode("latin-1")))
    return http_error(400, f"unexpected probe header value: {shown}")


async def run_activator(
    container: Container,
    *,
    table: RoutingTable,
    network: Network,
    clock: Clock,
    random: Random,
    sink: AutoscalerSink,
    log: ActivatorRequestLog,
    scraped: Address | None,
) -> None:
    """Run an activator in `container` until it is stopped.

    `log` gets its requests; its metrics can be read at `scraped`.
    """
    http1, h2c = (container.ip, names.QUEUE_PORT), (container.ip, names.QUEUE_H2C_PORT)
    async with asyncio.TaskGroup() as tasks:
        activator = Activator(container, network, clock, random, sink, tasks)
        reporter = tasks.create_task(_report(activator), name="concurrency reporter")
        with table.heard_by(activator.revisions_changed):
            async with AsyncExitStack() as stack:
                handler = log.around(activator.handle, clock)
                if scraped is not None:
                    metrics = ActivatorMetrics(
                        activator.loads, log.describe, container, sink.connected
                    )
                    handler = metrics.around(handler, clock)
                    readable = network.exposed(scraped, metrics_handler(metrics.families))
                    await stack.enter_async_context(readable)
                await stack.enter_async_context(network.exposed(http1, handler))
                await stack.enter_async_context(network.exposed(h2c, handler))
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
