"""What an activator counts for users (`pkg/activator/handler/metrics.go`), when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from knlab._clock import Clock
from knlab.embedded.dataplane.exchange import Exchange, observed
from knlab.embedded.dataplane.headers import revision_in
from knlab.embedded.dataplane.metrics import (
    Family,
    ServerMetrics,
    gauge,
    labelled,
    target,
)
from knlab.embedded.dataplane.request_log import LoggedRevision, is_probe
from knlab.embedded.net.http import Handler
from knlab.embedded.runtime import Container

SCOPE: Final = "knative.dev/serving/pkg/activator"
_CONCURRENCY: Final = "Concurrent requests that are routed to Activator"
_QUEUED: Final = "Number of requests currently queued in the activator waiting for capacity"
_ACTIVE: Final = "Number of requests currently being proxied by the activator"
_REACHABLE: Final = (
    "Whether a peer is reachable from the activator (1 = reachable, 0 = not reachable)"
)


@dataclass(frozen=True, slots=True)
class RevisionLoad:
    """The requests of one revision in one activator."""

    concurrency: float
    """On the average of the last report."""
    queued: int
    active: int


class ActivatorMetrics:
    """The instruments of one activator."""

    def __init__(
        self,
        loads: Callable[[], Mapping[str, RevisionLoad]],
        describe: Callable[[str], LoggedRevision | None],
        container: Container,
        connected: Callable[[], bool],
    ) -> None:
        self._loads = loads
        self._describe = describe
        self._pod = container.pod["metadata"]
        self._connected = connected
        self._server = ServerMetrics()

    def around(self, handler: Handler, clock: Clock) -> Handler:
        """`handler`, whose requests are counted."""
        return observed(handler, clock, self._served)

    def _served(self, exchange: Exchange) -> None:
        fields = dict(exchange.headers)
        if is_probe(fields):
            return
        found = self._describe("/".join(revision_in(fields)))
        labels = {} if found is None else _labels(found)
        self._server.record(exchange, exchange.field(b"host"), labels)

    def families(self) -> Iterator[Family]:
        """Everything as it is now."""
        yield from self._server.families()
        yield from self._load_families()
        connection = {labelled(SCOPE, peer="autoscaler"): float(self._connected())}
        yield gauge("kn_activator_stats_conn_reachable", _REACHABLE, connection)
        yield target(
            k8s_namespace_name=self._pod.get("namespace", ""),
            k8s_pod_name=self._pod["name"],
            service_name="activator",
        )

    def _load_families(self) -> Iterator[Family]:
        concurrency, queued, active = {}, {}, {}
        for revision, load in self._loads().items():
            found = self._describe(revision)
            if found is None:
                continue
            place = labelled(SCOPE, k8s_namespace_name=found.namespace, kn_revision_name=found.name)
            concurrency[labelled(SCOPE, **_labels(found))] = load.concurrency
            queued[place] = load.queued
            active[place] = load.active
        yield gauge("kn_revision_request_concurrency", _CONCURRENCY, concurrency)
        yield gauge("kn_revision_request_queued", _QUEUED, queued)
        yield gauge("kn_revision_request_active", _ACTIVE, active)


def _labels(revision: LoggedRevision) -> dict[str, str]:
    return {
        "k8s_namespace_name": revision.namespace,
        "kn_configuration_name": revision.configuration,
        "kn_revision_name": revision.name,
        "kn_service_name": revision.service,
    }
