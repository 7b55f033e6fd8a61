"""queue-proxy: counts, limits, times out and passes on what comes to a pod (`pkg/queue`).

The chain of `pkg/queue/sharedmain`: drainer and health checks, tracking, timeouts, Forwarded
header, statistics and breaker, reverse proxy to the user container.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from knlab._clock import Clock
from knlab.embedded.dataplane import headers as names
from knlab.embedded.dataplane.breaker import Breaker, QueueFull, queue_proxy_breaker
from knlab.embedded.dataplane.drain import QUIET_PERIOD, RESET_AFTER, Drainer, InFlight
from knlab.embedded.dataplane.exchange import observed
from knlab.embedded.dataplane.headers import (
    QUEUE_ADMIN_PORT,
    QUEUE_STATS_PORT,
    forwarded,
    forwarded_for,
    http_error,
    plain,
    transport_error,
)
from knlab.embedded.dataplane.metrics import REQUEST_PORT, metrics_address, metrics_handler
from knlab.embedded.dataplane.probes import Readiness, decode_probes
from knlab.embedded.dataplane.queue_metrics import Proxy, QueueMetrics
from knlab.embedded.dataplane.queue_settings import QueueSettings
from knlab.embedded.dataplane.request_log import (
    LoggedRevision,
    MakeTemplate,
    QueueRequestLog,
    RequestLogSettings,
    observability,
)
from knlab.embedded.dataplane.stats import RequestStats, encode_stat
from knlab.embedded.dataplane.throttle import enter
from knlab.embedded.dataplane.timeouts import Timeouts
from knlab.embedded.net.bodies import when_over
from knlab.embedded.net.http import Address, Handler, Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.runtime import Container
from knlab.kpa.stat import Stat

REPORTING_PERIOD: Final = 1.0

_PROBING_AGENTS: Final = (
    names.KUBE_PROBE_AGENT,
    names.ACTIVATOR_PROBE_AGENT,
    names.AUTOSCALING_PROBE_AGENT,
)
_REPLACED: Final = frozenset(
    {b"host", names.ORIGINAL_HOST, names.REVISION, names.NAMESPACE, b"x-forwarded-for"}
)


class QueueProxy:
    """One pod's queue-proxy: `handle` is its main port, `admin` and `metrics` the other two."""

    def __init__(
        self,
        settings: QueueSettings,
        network: Network,
        clock: Clock,
        container: Container,
        metrics: QueueMetrics | None = None,
    ) -> None:
        self._settings = settings
        self._network = network
        self._clock = clock
        self._stopping = container.stopping
        self._log = container.log
        self._user: Address = (container.ip, settings.user_port)
        self._started = clock.monotonic()
        self._stats = RequestStats(self._started)
        self.latest = self._cut_report()
        self._breaker = queue_proxy_breaker(settings.container_concurrency)
        self._invoke: Proxy = self._proxy
        if metrics is not None:
            self._invoke = metrics.measured(self._proxy, self._breaker)
        self._timeouts = Timeouts("request timeout")
        probes = decode_probes(settings.readiness_probe, container.ip)
        self.readiness = Readiness(
            probes, network, container.log, detects_http2=settings.detects_http2
        )
        self.drainer = Drainer()
        self.in_flight = InFlight()

    def handle(self, request: Request) -> Awaitable[Response]:
        """The answer to a request that came to the main port."""
        fields = dict(request.headers)
        if fields.get(b"user-agent", b"").startswith(_PROBING_AGENTS):
            return self._health(fields.get(names.PROBE, b""))
        if fields.get(names.PROBE) == b"probe":
            return self._network_probe(fields)
        self.drainer.request_came()
        return self._track(request, fields)

    async def _network_probe(self, fields: dict[bytes, bytes]) -> Response:
        return self._shutting_down() or names.network_probe_answer(fields)

    def _shutting_down(self) -> Response | None:
        return http_error(503, "shutting down") if self.drainer.draining else None

    async def _health(self, probe: bytes) -> Response:
        if refusal := self._shutting_down():
            return refusal
        if probe != names.QUEUE:
            shown = probe.decode("latin-1")
            return http_error(400, f"unexpected probe header value: {shown}")
        return plain(200, names.QUEUE) if await self.readiness.check() else plain(503)

    async def _track(self, request: Request, fields: dict[bytes, bytes]) -> Response:
        """The answer within the revision's timeouts, tracked until it is over."""
        in_flight = self.in_flight
        in_flight.begin()
        try:
            work = self._serve(request, fields)
            response = await self._timeouts.within(self._settings.limits, work)
        except BaseException:
            in_flight.end()
            raise
        if response.upgraded is None:
            return when_over(response, in_flight.end)
        in_flight.upgrade()
        return when_over(response, in_flight.end_upgraded)

    async def _serve(self, request: Request, fields: dict[bytes, bytes]) -> Response:
        """The answer, counted for the autoscaler unless the kubelet asks."""
        if names.is_kubelet_probe(fields):
            return await self._invoke(request, fields)
        proxied = fields.get(names.PROXY) == names.ACTIVATOR
        clock, stats = self._clock, self._stats
        stats.arrive(clock.monotonic(), proxied=proxied)

        def over() -> None:
            stats.leave(clock.monotonic(), proxied=proxied)

        try:
            response = await self._limit(request, fields)
        except BaseException:
            over()
            raise
        return when_over(response, over)

    def _limit(self, request: Request, fields: dict[bytes, bytes]) -> Awaitable[Response]:
        """The answer, as soon as the container may have one request more."""
        if self._breaker is None:
            return self._invoke(request, fields)
        return self._wait(self._breaker, request, fields)

    async def _wait(
        self, breaker: Breaker, request: Request, fields: dict[bytes, bytes]
    ) -> Response:
        try:
            await enter(breaker)
        except QueueFull as full:
            return http_error(503, str(full))
        try:
            response = await self._invoke(request, fields)
        except BaseException:
            breaker.leave()
            raise
        return when_over(response, breaker.leave)

    async def _proxy(self, request: Request, fields: dict[bytes, bytes]) -> Response:
        """The user container's answer."""
        headers = [line for line in request.headers if line[0] not in _REPLACED]
        host = fields.get(names.ORIGINAL_HOST) or fields.get(b"host")
        if host:
            headers.append((b"host", host))
        if shim := forwarded(fields):
            headers.append((b"forwarded", shim))
        headers.append(forwarded_for(request, fields))
        request.headers = headers
        try:
            return await self._network.pass_on(self._user, request)
        except OSError as error:
            self._log(f"error reverse proxying request: {error}")
            return http_error(502, transport_error(error, self._user))

    # The other ports.

    async def admin(self, request: Request) -> Response:
        """`/wait-for-drain` answers when the pod is drained: what a preStop hook waits for."""
        if request.target.partition("?")[0] != "/wait-for-drain":
            return http_error(404, "404 page not found")
        self._log("Attached drain handler from user-container")
        asyncio.get_running_loop().call_later(RESET_AFTER, self._reset_unless_stopping)
        self.in_flight.begin()
        try:
            await self.drainer.drain()
        except BaseException:
            self.in_flight.end()
            raise
        return when_over(plain(200), self.in_flight.end)

    def _reset_unless_stopping(self) -> None:
        if not self._stopping.is_set():
            self.drainer.reset()

    async def metrics(self, request: Request) -> Response:
        """`/metrics` is the report of the last whole second, as protobuf."""
        if request.target.partition("?")[0] != "/metrics":
            return http_error(404, "404 page not found")
        return Response(200, [(b"content-type", b"application/protobuf")], encode_stat(self.latest))

    def tick(self) -> Stat:
        """The report of the second that ends; `metrics` shows it from now on."""
        self.latest = self._cut_report()
        return self.latest

    def _cut_report(self) -> Stat:
        now = self._clock.monotonic()
        report = self._stats.report(now)
        return Stat(
            revision=f"{self._settings.namespace}/{self._settings.revision}",
            pod=self._settings.pod,
            time=self._clock.now(),
            average_concurrent_requests=report.average_concurrency,
            average_proxied_concurrent_requests=report.average_proxied_concurrency,
            request_count=report.request_count / REPORTING_PERIOD,
            proxied_request_count=report.proxied_request_count / REPORTING_PERIOD,
            process_uptime=now - self._started,
        )


async def run_queue_proxy(
    container: Container,
    *,
    network: Network,
    clock: Clock,
    publish: Callable[[Stat], None],
    make_template: MakeTemplate,
) -> None:
    """Run the queue-proxy of a pod until it is stopped and drained.

    `publish` gets every report: the autoscaler reads it there instead of scraping `metrics`.

    Raises:
        UsageError: if the environment is not that of a queue-proxy.
    """
    settings = QueueSettings.from_env(container.env)
    wanted = observability(container.env)
    revision = LoggedRevision.from_env(container.env)
    scraped = metrics_address(container.ip, wanted.get("requestMetrics") or {}, REQUEST_PORT)
    metrics = QueueMetrics(revision, settings.port, clock) if scraped else None
    proxy = QueueProxy(settings, network, clock, container, metrics)
    handler = _logged(proxy.handle, container, clock, wanted, make_template)
    async with AsyncExitStack() as stack:
        if scraped and metrics is not None:
            handler = metrics.around(handler)
            served = network.exposed(scraped, metrics_handler(metrics.families))
            await stack.enter_async_context(served)
        stack.enter_context(network.listening((container.ip, QUEUE_ADMIN_PORT), proxy.admin))
        stack.enter_context(network.listening((container.ip, QUEUE_STATS_PORT), proxy.metrics))
        main = network.exposed((container.ip, settings.port), handler)
        await stack.enter_async_context(main)
        stack.push_async_callback(proxy.readiness.close)
        ticker = asyncio.create_task(_tick(proxy, publish), name=f"statistics of {settings.pod}")
        stack.callback(ticker.cancel)
        container.log("Starting queue-proxy")
        await container.stopping.wait()
        container.log("Received TERM signal, attempting to gracefully shutdown servers.")
        container.log(f"Sleeping {QUIET_PERIOD:.0f}s to allow K8s propagation of non-ready state")
        await proxy.drainer.drain()
        await proxy.in_flight.finished()
        container.log("Shutdown complete, exiting...")


def _logged(
    handler: Handler,
    container: Container,
    clock: Clock,
    wanted: Mapping[str, Any],
    make_template: MakeTemplate,
) -> Handler:
    """`handler`, with a request log if `wanted` says so."""
    settings = RequestLogSettings.from_observability(wanted)
    if not settings.template:
        return handler
    try:
        template = make_template(settings.template)
    except ValueError as error:
        failed = "Error setting up request logger. Request logs will be unavailable."
        container.log(f"{failed} {error}")
        return handler
    revision = LoggedRevision.from_env(container.env)
    log = QueueRequestLog(template, revision, container.log, probes=settings.probes)
    return observed(handler, clock, log.tell)


async def _tick(proxy: QueueProxy, publish: Callable[[Stat], None]) -> None:
    publish(proxy.latest)
    while True:
        await asyncio.sleep(REPORTING_PERIOD)
        publish(proxy.tick())
