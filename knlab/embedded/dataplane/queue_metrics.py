"""What a queue-proxy counts for users (`pkg/queue/request_metric.go`), when it is told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias

from knlab._clock import Clock
from knlab.embedded.dataplane import headers as names
from knlab.embedded.dataplane.breaker import Breaker
from knlab.embedded.dataplane.exchange import Exchange, observed
from knlab.embedded.dataplane.metrics import (
    SECONDS,
    Family,
    Histogram,
    Labels,
    ServerMetrics,
    gauge,
    labelled,
    route_tag,
    target,
)
from knlab.embedded.dataplane.request_log import LoggedRevision, is_probe
from knlab.embedded.net.http import Handler, Request, Response

SCOPE: Final = "knative.dev/serving/pkg/queue"
Proxy: TypeAlias = Callable[[Request, dict[bytes, bytes]], Awaitable[Response]]


class QueueMetrics:
    """The instruments of one queue-proxy."""

    def __init__(self, revision: LoggedRevision, port: int, clock: Clock) -> None:
        self._revision = revision
        self._own = f"{revision.ip}:{port}"
        self._clock = clock
        self._server = ServerMetrics()
        self._invocations = Histogram(
            "kn_serving_invocation_duration_seconds", "The duration of task execution", SECONDS
        )
        self._depth: dict[Labels, float] = {}

    def around(self, handler: Handler) -> Handler:
        """`handler` of the main port, whose requests count as the server's."""
        return observed(handler, self._clock, self._served)

    def measured(self, proxy: Proxy, breaker: Breaker | None) -> Proxy:
        """`proxy`, whose requests count as invocations; `breaker` is what they have passed."""

        async def invoke(request: Request, fields: dict[bytes, bytes]) -> Response:
            if breaker is not None:
                self._depth[labelled(SCOPE)] = breaker.pending
            if is_probe(fields):
                return await proxy(request, fields)

            async def pass_on(passed: Request) -> Response:
                return await proxy(passed, fields)

            return await observed(pass_on, self._clock, self._invoked)(request)

        return invoke

    def _served(self, exchange: Exchange) -> None:
        fields = dict(exchange.headers)
        if is_probe(fields):
            return
        proxied = names.PROXY in fields
        host = self._own if proxied else exchange.field(b"host")
        self._server.record(exchange, host, {"kn_route_tag": route_tag(fields)})

    def _invoked(self, exchange: Exchange) -> None:
        labels = labelled(SCOPE, http_response_status_code=str(exchange.status))
        self._invocations.record(labels, exchange.took)

    def families(self) -> Iterator[Family]:
        """Everything counted so far."""
        revision = self._revision
        yield from self._server.families()
        yield self._invocations.family()
        text = "Number of current requests in the queue"
        yield gauge("kn_serving_queue_depth", text, self._depth)
        yield target(
            container_name="queue-proxy",
            k8s_namespace_name=revision.namespace,
            k8s_pod_name=revision.pod,
            kn_configuration_name=revision.configuration,
            kn_revision_name=revision.name,
            kn_service_name=revision.service,
            service_instance_id=revision.pod,
            service_name=revision.service or revision.configuration or revision.name,
        )
