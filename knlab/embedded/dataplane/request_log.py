"""Request logs of queue-proxy and activator: one line for each request, as a template says.

Rules as in `pkg/http/request_log.go`; what a template may contain is its maker's business.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from knlab._clock import Clock
from knlab.embedded.dataplane import headers as names
from knlab.embedded.dataplane.exchange import Exchange, observed
from knlab.embedded.dataplane.headers import revision_in
from knlab.embedded.net.http import Handler, Request, Response


class Template(Protocol):
    """Turns one request into text."""

    def render(self, values: Mapping[str, object], header: Callable[[str], str]) -> str:
        """The text for `values`, named like `Request.Method`; `header` knows the other headers."""


MakeTemplate: TypeAlias = Callable[[str], Template]
"""Makes a template of its text; raises ValueError if it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRevision:
    """The revision that a request is for, as a template sees it."""

    name: str
    namespace: str
    service: str = ""
    configuration: str = ""
    pod: str = ""
    ip: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> LoggedRevision:
        """The revision of the queue-proxy with the environment `env`."""
        return cls(
            name=env.get("SERVING_REVISION", ""),
            namespace=env.get("SERVING_NAMESPACE", ""),
            service=env.get("SERVING_SERVICE", ""),
            configuration=env.get("SERVING_CONFIGURATION", ""),
            pod=env.get("SERVING_POD", ""),
            ip=env.get("SERVING_POD_IP", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLogSettings:
    """What config-observability says of request logs; without a template there are none."""

    template: str = ""
    probes: bool = False

    @classmethod
    def from_observability(cls, settings: Mapping[str, Any]) -> RequestLogSettings:
        """The settings in the JSON that config-observability amounts to."""
        if not settings.get("enableRequestLog"):
            return cls()
        return cls(
            template=settings.get("requestLogTemplate", ""),
            probes=bool(settings.get("enableProbeRequestLog")),
        )


def observability(env: Mapping[str, str]) -> Mapping[str, Any]:
    """What config-observability says to the queue-proxy with the environment `env`."""
    found: Mapping[str, Any] = json.loads(env.get("OBSERVABILITY_CONFIG") or "{}")
    return found


def request_line(
    template: Template, exchange: Exchange, revision: LoggedRevision, trace: str
) -> str:
    """What `template` makes of one exchange."""
    length = exchange.field(b"content-length")
    values = {
        "Request.Method": exchange.method,
        "Request.RequestURI": exchange.target,
        "Request.URL": exchange.target,
        "Request.Host": exchange.field(names.ORIGINAL_HOST) or exchange.field(b"host"),
        "Request.Proto": "HTTP/2.0" if exchange.http2 else "HTTP/1.1",
        "Request.ContentLength": _content_length(exchange, length),
        "Request.UserAgent": exchange.field(b"user-agent"),
        "Request.Referer": exchange.field(b"referer"),
        "Request.RemoteAddr": f"{exchange.peer}:0",
        "Response.Code": exchange.status,
        "Response.Size": exchange.sent,
        "Response.Latency": round(exchange.took, 9),
        "Revision.Name": revision.name,
        "Revision.Namespace": revision.namespace,
        "Revision.Service": revision.service,
        "Revision.Configuration": revision.configuration,
        "Revision.PodName": revision.pod,
        "Revision.PodIP": revision.ip,
        "TraceID": trace,
    }
    return template.render(values, lambda name: exchange.field(name.lower().encode()))


def _content_length(exchange: Exchange, declared: str) -> int:
    """-1 for a body whose length was not said beforehand, as in Go."""
    if declared.isdigit():
        return int(declared)
    return -1 if exchange.field(b"transfer-encoding") else exchange.received


def trace_id(exchange: Exchange) -> str:
    """The trace that a request belongs to, by W3C's header or else by B3's; empty if none."""
    parts = exchange.field(b"traceparent").split("-", 2)
    return parts[1] if len(parts) > 1 else exchange.field(b"x-b3-traceid")


def is_probe(fields: Mapping[bytes, bytes]) -> bool:
    """Whether the kubelet or a part of Knative asks, rather than a user."""
    return bool(fields.get(names.PROBE)) or names.is_kubelet_probe(fields)


class ActivatorRequestLog:
    """Writes an activator's request log while it has a template; one may come and go.

    `describe` knows the revision that is called `namespace/name`, or that there is none: requests
    for those are not logged, nor are probes.
    """

    def __init__(
        self, describe: Callable[[str], LoggedRevision | None], write: Callable[[str], None]
    ) -> None:
        self.template: Template | None = None
        self.describe = describe
        self._write = write

    def around(self, handler: Handler, clock: Clock) -> Handler:
        """`handler`, whose requests are logged."""
        logged = observed(handler, clock, self._tell)

        def handle(request: Request) -> Awaitable[Response]:
            return handler(request) if self.template is None else logged(request)

        return handle

    def _tell(self, exchange: Exchange) -> None:
        fields = dict(exchange.headers)
        revision = self.describe("/".join(revision_in(fields)))
        if self.template is None or revision is None or is_probe(fields):
            return
        line = request_line(self.template, exchange, revision, trace="")
        self._write(line.removesuffix("\n"))


class QueueRequestLog:
    """Writes a queue-proxy's request log."""

    def __init__(
        self,
        template: Template,
        revision: LoggedRevision,
        write: Callable[[str], None],
        *,
        probes: bool,
    ) -> None:
        self._template = template
        self._revision = revision
        self._write = write
        self._probes = probes

    def tell(self, exchange: Exchange) -> None:
        """Write of one exchange."""
        if not self._probes and is_probe(dict(exchange.headers)):
            return
        line = request_line(self._template, exchange, self._revision, trace_id(exchange))
        self._write(line.removesuffix("\n"))
