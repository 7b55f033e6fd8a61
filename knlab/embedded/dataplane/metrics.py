"""Metrics for Prometheus, named as Knative's OpenTelemetry exporter names them.

A component keeps instruments, or makes families when it is asked; `exposition` is the text of a
scrape. Labels are sorted, and the scope that an instrument belongs to is part of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, Literal, TypeAlias

from knlab import versions
from knlab._exceptions import UsageError
from knlab.embedded.dataplane import headers as names
from knlab.embedded.dataplane.exchange import Exchange
from knlab.embedded.dataplane.headers import http_error
from knlab.embedded.net.http import Address, Handler, Request, Response

COMPONENT_PORT: Final = 9090
REQUEST_PORT: Final = 9091
_LEAST_PORT: Final = 1024
_MOST_PORT: Final = 65535

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
BYTES: Final = (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)
HTTP_SCOPE: Final = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
_CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: the family's name with `suffix`, labels, value."""

    labels: Labels
    value: float
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one metric."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    text: str
    samples: tuple[Sample, ...]


def labelled(scope: str, version: str = "", **labels: str) -> Labels:
    """`labels` in their order, with those of the scope among them."""
    all_labels = labels | {
        "otel_scope_name": scope,
        "otel_scope_schema_url": "",
        "otel_scope_version": version,
    }
    return tuple(sorted(all_labels.items()))


def gauge(name: str, text: str, values: Mapping[Labels, float]) -> Family:
    """A gauge with these values."""
    samples = tuple(Sample(labels, value) for labels, value in values.items())
    return Family(name, "gauge", text, samples)


class Histogram:
    """How values are distributed over buckets."""

    def __init__(self, name: str, text: str, bounds: tuple[float, ...]) -> None:
        self._name = name
        self._text = text
        self._bounds = bounds
        self._series: dict[Labels, list[float]] = {}

    def record(self, labels: Labels, value: float) -> None:
        """`value` happened."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = [0.0] * (len(self._bounds) + 2)
        series[bisect_left(self._bounds, value)] += 1
        series[-1] += value

    def family(self) -> Family:
        """The samples so far."""
        samples = [
            sample for labels, series in self._series.items() for sample in self._of(labels, series)
        ]
        return Family(self._name, "histogram", self._text, tuple(samples))

    def _of(self, labels: Labels, series: list[float]) -> Iterator[Sample]:
        counts = list(accumulate(series[:-1]))
        for bound, count in zip((*map(_number, self._bounds), "+Inf"), counts, strict=True):
            yield Sample((*labels, ("le", bound)), count, "_bucket")
        yield Sample(labels, series[-1], "_sum")
        yield Sample(labels, counts[-1], "_count")


class ServerMetrics:
    """`http.server.*` of OpenTelemetry: what a server was asked, and how it answered."""

    def __init__(self) -> None:
        self._duration = Histogram(
            "http_server_request_duration_seconds", "Duration of HTTP server requests.", SECONDS
        )
        self._received = Histogram(
            "http_server_request_body_size_bytes", "Size of HTTP server request bodies.", BYTES
        )
        self._sent = Histogram(
            "http_server_response_body_size_bytes", "Size of HTTP server response bodies.", BYTES
        )

    def record(self, exchange: Exchange, host: str, labels: Mapping[str, str]) -> None:
        """`exchange` is over; `host` is what was asked for it, with or without a port."""
        address, _, port = host.partition(":")
        found = labelled(
            HTTP_SCOPE,
            "0.69.0",
            http_request_method=exchange.method,
            http_response_status_code=str(exchange.status),
            network_protocol_name="http",
            network_protocol_version="2" if exchange.http2 else "1.1",
            server_address=address,
            url_scheme="http",
            **({"server_port": port} if port else {}),
            **labels,
        )
        self._duration.record(found, exchange.took)
        self._received.record(found, exchange.received)
        self._sent.record(found, exchange.sent)

    def families(self) -> Iterator[Family]:
        """All three."""
        return (each.family() for each in (self._duration, self._received, self._sent))


def target(**labels: str) -> Family:
    """Whose metrics these are."""
    about = labels | {"service_version": versions.KNATIVE}
    return gauge("target_info", "Target metadata", {tuple(sorted(about.items())): 1})


def exposition(families: Iterable[Family]) -> str:
    """What a scrape reads: families by name, without those that are empty."""
    lines = []
    for family in sorted(families, key=lambda each: each.name):
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {family.text}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [_line(family.name, sample) for sample in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels)
    return f"{name}{sample.suffix}{{{labels}}} {_number(sample.value)}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def metrics_handler(families: Callable[[], Iterable[Family]]) -> Handler:
    """Answers `GET /metrics` with what `families` are then."""

    async def handle(request: Request) -> Response:
        if request.target.partition("?")[0] != "/metrics":
            return http_error(404, "404 page not found")
        if request.method not in {"GET", "HEAD"}:
            refused = http_error(405, "Method Not Allowed")
            refused.headers.append((b"allow", b"GET, HEAD"))
            return refused
        return Response(200, [(b"content-type", _CONTENT_TYPE)], exposition(families()).encode())

    return handle


def metrics_address(ip: str, settings: Mapping[str, Any], default_port: int) -> Address | None:
    """Where a pod's metrics can be read by `settings`, the JSON of config-observability.

    None unless the protocol is Prometheus's. Of an endpoint only the port counts.

    Raises:
        UsageError: if the endpoint has no port that could be.
    """
    if settings.get("protocol") != "prometheus":
        return None
    endpoint = settings.get("endpoint") or f":{default_port}"
    port = endpoint.rpartition(":")[2]
    if ":" not in endpoint or not port.isdigit():
        raise UsageError(f'metrics-endpoint "{endpoint}" for prometheus should be "host:port"')
    if not _LEAST_PORT <= int(port) <= _MOST_PORT:
        between = f"between {_LEAST_PORT} and {_MOST_PORT}"
        raise UsageError(f"prometheus port {port}, should be {between}")
    return ip, int(port)


def route_tag(fields: Mapping[bytes, bytes]) -> str:
    """The tag that a request was routed by (`pkg/queue/routetag_handler.go`)."""
    tag, default = fields.get(names.TAG), fields.get(names.DEFAULT_ROUTE)
    if not tag:
        return "kn:default" if default else "kn:disabled"
    return "kn:undefined" if default == b"true" else tag.decode("latin-1")
