"""Metrics in Prometheus' text, compared with scrapes of real Knative 1.23."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab._exceptions import UsageError
from knlab.embedded.dataplane.activator import run_activator
from knlab.embedded.dataplane.metrics import (
    SECONDS,
    Family,
    Histogram,
    Sample,
    exposition,
    gauge,
    metrics_address,
    metrics_handler,
    route_tag,
    target,
)
from knlab.embedded.dataplane.queue_proxy import run_queue_proxy
from knlab.embedded.dataplane.request_log import ActivatorRequestLog, LoggedRevision
from knlab.embedded.dataplane.routing_table import RevisionBackends, RouteChanges, RoutingTable
from knlab.embedded.net.http import Header, Request, Response, whole_body
from knlab.embedded.net.network import Network

pytestmark = pytest.mark.anyio

IP, ACTIVATOR, POD = "127.3.0.1", "127.3.0.9", ("127.3.0.1", 8012)
SCRAPED = json.dumps({"requestMetrics": {"protocol": "prometheus"}})
ENV = {
    "SERVING_NAMESPACE": "p3",
    "SERVING_REVISION": "hello-00001",
    "SERVING_SERVICE": "hello",
    "SERVING_CONFIGURATION": "hello",
    "SERVING_POD": "hello-00001-pod",
    "SERVING_POD_IP": IP,
    "QUEUE_SERVING_PORT": "8012",
    "USER_PORT": "8080",
    "CONTAINER_CONCURRENCY": "5",
    "REVISION_TIMEOUT_SECONDS": "300",
    "OBSERVABILITY_CONFIG": SCRAPED,
}
REVISION = LoggedRevision(
    name="hello-00001", namespace="p3", service="hello", configuration="hello"
)
TO_REVISION: tuple[Header, ...] = (
    (b"knative-serving-namespace", b"p3"),
    (b"knative-serving-revision", b"hello-00001"),
)
OF_HTTP = 'otel_scope_name="go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"'


def test_the_text_of_a_scrape() -> None:
    spent = Histogram("b_seconds", "How long.", (0.5, 1))
    for seconds in (0.5, 0.7, 3):
        spent.record((("code", "200"),), seconds)
    families = (
        spent.family(),
        gauge("a", "What.", {(("name", 'say "x"\\ \n'),): 0.25}),
        gauge("empty", "Nothing.", {}),
    )
    assert exposition(families).splitlines() == [
        "# HELP a What.",
        "# TYPE a gauge",
        'a{name="say \\"x\\"\\\\ \\n"} 0.25',
        "# HELP b_seconds How long.",
        "# TYPE b_seconds histogram",
        'b_seconds_bucket{code="200",le="0.5"} 1',
        'b_seconds_bucket{code="200",le="1"} 2',
        'b_seconds_bucket{code="200",le="+Inf"} 3',
        'b_seconds_sum{code="200"} 4.2',
        'b_seconds_count{code="200"} 3',
    ]


def test_the_buckets_are_those_of_knative() -> None:
    histogram = Histogram("x", "x", SECONDS)
    histogram.record((), 0.3)
    bounds = [dict(sample.labels).get("le") for sample in histogram.family().samples]
    assert bounds[:-2] == [
        "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75",
        "1", "2.5", "5", "7.5", "10", "+Inf",
    ]  # fmt: skip


def test_a_target_says_whose_metrics_they_are() -> None:
    [sample] = target(service_name="activator", k8s_pod_name="a-1").samples
    assert sample == Sample(
        (
            ("k8s_pod_name", "a-1"),
            ("service_name", "activator"),
            ("service_version", "1.23.0"),
        ),
        1,
    )


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, None),
        ({"protocol": "none"}, None),
        ({"protocol": "prometheus"}, (IP, 9091)),
        ({"protocol": "prometheus", "endpoint": "0.0.0.0:9999"}, (IP, 9999)),
        ({"protocol": "prometheus", "endpoint": ":9999"}, (IP, 9999)),
    ],
)
def test_metrics_are_read_at(settings: dict[str, str], address: tuple[str, int] | None) -> None:
    assert metrics_address(IP, settings, 9091) == address


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("nowhere", 'metrics-endpoint "nowhere" for prometheus should be "host:port"'),
        (":80", "prometheus port 80, should be between 1024 and 65535"),
    ],
)
def test_an_endpoint_that_cannot_be(endpoint: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        metrics_address(IP, {"protocol": "prometheus", "endpoint": endpoint}, 9091)


@pytest.mark.parametrize(
    ("method", "target_", "status"),
    [("GET", "/metrics", 200), ("GET", "/metrics?x=1", 200), ("GET", "/", 404),
     ("POST", "/metrics", 405)],
)  # fmt: skip
async def test_the_port_of_metrics_answers(method: str, target_: str, status: int) -> None:
    handle = metrics_handler(lambda: [Family("a", "gauge", "A.", (Sample((), 1),))])
    answer = await handle(Request(method, target_, []))
    assert answer.status == status
    if status == 200:
        assert answer.header("content-type") == (
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
        )
        assert answer.body == b"# HELP a A.\n# TYPE a gauge\na{} 1\n"


@pytest.mark.parametrize(
    ("fields", "tag"),
    [
        ({}, "kn:disabled"),
        ({b"knative-serving-default-route": b"true"}, "kn:default"),
        ({b"knative-serving-tag": b"blue"}, "blue"),
        (
            {b"knative-serving-tag": b"blue", b"knative-serving-default-route": b"true"},
            "kn:undefined",
        ),
    ],
)
def test_the_tag_that_a_request_was_routed_by(fields: dict[bytes, bytes], tag: str) -> None:
    assert route_tag(fields) == tag


async def scraped(network: Network, port: int = 9091, ip: str = IP) -> dict[str, str]:
    """Each sample's value, by its name and labels."""
    answer = await network.call((ip, port), Request("GET", "/metrics", []))
    text = (await whole_body(answer.body)).decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if line[0] != "#"]
    return {name: value for name, _, value in lines}


@asynccontextmanager
async def queue_proxy(
    network: Network, containers: Any, clock: ManualClock, **env: str
) -> AsyncIterator[None]:
    async def user(request: Request) -> Response:
        await whole_body(request.body)
        clock.advance(0.3)
        return Response(200, body=b"Hello World!\n")

    running = asyncio.create_task(
        run_queue_proxy(
            containers(IP, ENV | env),
            network=network,
            clock=clock,
            publish=lambda _: None,
            make_template=lambda _: pytest.fail("no log"),
        )
    )
    await containers.logged("Starting queue-proxy")
    with network.listening((IP, 8080), user):
        yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_queue_proxy_counts_requests_and_invocations(
    network: Network, containers: Any, clock: ManualClock
) -> None:
    async with queue_proxy(network, containers, clock):
        await network.call(POD, Request("GET", "/", [(b"k-kubelet-probe", b"1")]))
        proxied = [(b"k-proxy-request", b"activator"), (b"k-original-host", b"hello.com")]
        await network.call(POD, Request("POST", "/", proxied, b"hello=1"))
        await network.call(POD, Request("GET", "/", [(b"host", b"hello.com:8080")]))
        probe = [(b"user-agent", b"kube-probe/1.34"), (b"k-network-probe", b"queue")]
        await network.call(POD, Request("GET", "/", probe))
        found = await scraped(network)
    served = (
        'http_server_request_body_size_bytes_sum{http_request_method="POST",'
        'http_response_status_code="200",kn_route_tag="kn:disabled",network_protocol_name="http",'
        f'network_protocol_version="1.1",{OF_HTTP},otel_scope_schema_url="",'
        'otel_scope_version="0.69.0",server_address="127.3.0.1",server_port="8012",'
        'url_scheme="http"}'
    )
    assert found[served] == "7"
    assert found[served.replace("request_body", "response_body")] == "13"
    direct = served.replace("POST", "GET").replace("127.3.0.1", "hello.com")
    assert found[direct.replace("8012", "8080")] == "0"
    scope = (
        'otel_scope_name="knative.dev/serving/pkg/queue",otel_scope_schema_url="",'
        'otel_scope_version=""'
    )
    code = f'http_response_status_code="200",{scope}'
    assert found[f"kn_serving_invocation_duration_seconds_count{{{code}}}"] == "2"
    buckets = "kn_serving_invocation_duration_seconds_bucket"
    assert found[f'{buckets}{{{code},le="0.25"}}'] == "0"
    assert found[f'{buckets}{{{code},le="0.5"}}'] == "2"
    assert found[f"kn_serving_queue_depth{{{scope}}}"] == "1"
    assert (
        found[
            'target_info{container_name="queue-proxy",k8s_namespace_name="p3",'
            'k8s_pod_name="hello-00001-pod",kn_configuration_name="hello",'
            'kn_revision_name="hello-00001",kn_service_name="hello",'
            'service_instance_id="hello-00001-pod",service_name="hello",service_version="1.23.0"}'
        ]
        == "1"
    )


async def test_a_revision_without_a_limit_has_no_queue(
    network: Network, containers: Any, clock: ManualClock
) -> None:
    async with queue_proxy(network, containers, clock, CONTAINER_CONCURRENCY="0"):
        await network.call(POD, Request("GET", "/", []))
        assert not any("kn_serving_queue_depth" in name for name in await scraped(network))


async def test_without_being_told_nobody_listens(
    network: Network, containers: Any, clock: ManualClock
) -> None:
    async with queue_proxy(network, containers, clock, OBSERVABILITY_CONFIG="{}"):
        assert not network.is_local((IP, 9091))


class Sink:
    """An autoscaler that may be there or not."""

    def __init__(self) -> None:
        self.there = True

    def connected(self) -> bool:
        return self.there

    def report(self, stat: Any) -> None:
        """Take no note."""


async def test_an_activator_shows_the_requests_of_revisions(
    network: Network, containers: Any, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knlab.embedded.dataplane.activator.REPORT_INTERVAL", 0.001)
    go_on, container, sink, table = asyncio.Event(), containers(ACTIVATOR), Sink(), RoutingTable()

    async def pod(request: Request) -> Response:
        if request.header("k-network-probe"):
            return Response(200, body=b"queue")
        await go_on.wait()
        return Response(200, body=b"Hello World!\n")

    backends = RevisionBackends(container_concurrency=1, ready=frozenset({POD}))
    table.replace(RouteChanges(revisions={"p3/hello-00001": backends, "p3/unknown": backends}))
    known = {"p3/hello-00001": REVISION}
    running = asyncio.create_task(
        run_activator(
            container,
            table=table,
            network=network,
            clock=clock,
            random=Random(1),
            sink=sink,
            log=ActivatorRequestLog(known.get, container.log),
            scraped=(ACTIVATOR, 9090),
        )
    )
    await containers.logged("Starting the knative activator")
    scope = (
        'otel_scope_name="knative.dev/serving/pkg/activator",otel_scope_schema_url="",'
        'otel_scope_version=""'
    )
    of = 'k8s_namespace_name="p3",kn_revision_name="hello-00001"'
    queued = f"kn_revision_request_queued{{{of},{scope}}}"
    active = f"kn_revision_request_active{{{of},{scope}}}"
    reachable = f'kn_activator_stats_conn_reachable{{{scope},peer="autoscaler"}}'
    host = (b"host", b"hello.p3.example.com")
    with network.listening(POD, pod):
        asking = [
            asyncio.create_task(
                network.call((ACTIVATOR, 8012), Request("GET", "/", [host, *TO_REVISION]))
            )
            for _ in range(3)
        ]
        found: dict[str, str] = {}
        async with asyncio.timeout(5):
            while found.get(queued) != "2":
                await asyncio.sleep(0)
                found = await scraped(network, 9090, ACTIVATOR)
        assert (found[active], found[reachable]) == ("1", "1")
        go_on.set()
        await asyncio.gather(*asking)
        await network.call((ACTIVATOR, 8012), Request("GET", "/", [host]))
        await network.call(
            (ACTIVATOR, 8012), Request("GET", "/", [(b"k-network-probe", b"activator")])
        )
        sink.there = False
        found = await scraped(network, 9090, ACTIVATOR)
    assert (found[queued], found[active], found[reachable]) == ("0", "0", "0")
    labels = (
        'k8s_namespace_name="p3",kn_configuration_name="hello",kn_revision_name="hello-00001",'
        'kn_service_name="hello"'
    )
    assert f"kn_revision_request_concurrency{{{labels},{scope}}}" in found
    counts = {
        name: value
        for name, value in found.items()
        if name.startswith("http_server_request_duration_seconds_count")
    }
    assert sorted(counts.values()) == ["1", "3"]
    assert any(labels in name and "server_port" not in name for name in counts)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_before_there_were_requests_a_scrape_says_only_whose_it_is(
    network: Network, containers: Any, clock: ManualClock
) -> None:
    async with queue_proxy(network, containers, clock):
        assert [name.partition("{")[0] for name in await scraped(network)] == ["target_info"]
