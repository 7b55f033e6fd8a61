"""Request logs, compared with the lines of a real queue-proxy and a real activator."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from knlab._clock import ManualClock
from knlab.embedded.dataplane.exchange import Exchange, observed
from knlab.embedded.dataplane.queue_proxy import run_queue_proxy
from knlab.embedded.dataplane.request_log import ActivatorRequestLog, LoggedRevision
from knlab.embedded.net.http import Header, Request, Response, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.serving.config_deployment import parse_observability
from knlab.embedded.serving.request_log_template import RequestLogTemplate
from tests.embedded.dataplane.turns import until

pytestmark = pytest.mark.anyio

IP = "127.3.0.1"
ENV = {
    "SERVING_NAMESPACE": "p3",
    "SERVING_REVISION": "hello-00001",
    "SERVING_SERVICE": "hello",
    "SERVING_CONFIGURATION": "hello",
    "SERVING_POD": "hello-00001-pod",
    "SERVING_POD_IP": IP,
    "QUEUE_SERVING_PORT": "8012",
    "USER_PORT": "8080",
    "CONTAINER_CONCURRENCY": "0",
    "REVISION_TIMEOUT_SECONDS": "300",
}
TO_REVISION = (
    (b"knative-serving-namespace", b"p3"),
    (b"knative-serving-revision", b"hello-00001"),
)
ENABLED = {"logging.enable-request-log": "true"}
REAL = (
    r'{"httpRequest": {"requestMethod": "GET",'
    r' "requestUrl": "/a?b\u003D1\u0026c\u003D\u003Cx\u003E", "requestSize": "0",'
    r' "status": 200, "responseSize": "13",'
    r' "userAgent": "my \"agent\" \u003Cé\u003E", "remoteIp": "10.0.0.1:0",'
    r' "serverIp": "127.3.0.1", "referer": "http://a/\"q\"", "latency": "0.5s",'
    r' "protocol": "HTTP/1.1"}, "traceId": ""}'
)


class World:
    """A queue-proxy with a program behind it, and settings of request logs."""

    def __init__(self, network: Network, containers: Any) -> None:
        self.network = network
        self.containers = containers
        self.clock = ManualClock()
        self.answer = Response(200, body=b"Hello World!\n")

    async def user(self, request: Request) -> Response:
        await whole_body(request.body)
        self.clock.advance(0.5)
        return self.answer

    async def asked(self, settings: dict[str, str], *requests: Request) -> list[str]:
        """The log's lines after these requests, but for those that the queue-proxy itself says."""
        return await self.asked_by(_json(settings), *requests)

    async def asked_by(self, settings: str, *requests: Request) -> list[str]:
        """The same, with the JSON of settings that the queue-proxy gets."""
        container = self.containers(IP, ENV | {"OBSERVABILITY_CONFIG": settings})
        running = asyncio.create_task(
            run_queue_proxy(
                container,
                network=self.network,
                clock=self.clock,
                publish=lambda _: None,
                make_template=RequestLogTemplate,
            )
        )
        await self.containers.logged("Starting queue-proxy")
        with self.network.listening((IP, 8080), self.user):
            for request in requests:
                answer = await self.network.call((IP, 8012), request)
                await whole_body(answer.body)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return [line for line in self.containers.lines if line != "Starting queue-proxy"]


def _json(settings: dict[str, str]) -> str:
    return parse_observability(settings).queue_json


@pytest.fixture
def world(network: Network, containers: Any) -> World:
    return World(network, containers)


def ask(target: str = "/", *headers: Header, method: str = "GET", body: Any = b"") -> Request:
    return Request(method, target, list(headers), body, peer="10.0.0.1")


BROWSED = ask(
    "/a?b=1&c=<x>",
    (b"user-agent", 'my "agent" <é>'.encode()),
    (b"referer", b'http://a/"q"'),
)
PROBE = (b"user-agent", b"kube-probe/1.34"), (b"k-network-probe", b"queue")


async def test_the_default_template_makes_the_line_of_a_real_queue_proxy(world: World) -> None:
    assert await world.asked(ENABLED, BROWSED) == [REAL]


async def test_without_being_switched_on_nothing_is_logged(world: World) -> None:
    assert await world.asked({}, ask()) == []


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        pytest.param(
            [(b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
            "4bf92f3577b34da6a3ce929d0e0e4736",
            id="W3C's header",
        ),
        pytest.param([(b"x-b3-traceid", b"463ac35c")], "463ac35c", id="B3's header"),
        pytest.param(
            [(b"traceparent", b"00-aa-bb"), (b"x-b3-traceid", b"cc")], "aa", id="W3C's wins"
        ),
        pytest.param([(b"traceparent", b"nothing")], "", id="a header without parts"),
    ],
)
async def test_the_trace_is_that_of(world: World, headers: list[Header], trace: str) -> None:
    settings = ENABLED | {"logging.request-log-template": "{{.TraceID}}"}
    assert await world.asked(settings, ask("/", *headers)) == [trace]


@pytest.mark.parametrize(
    ("settings", "lines"),
    [({}, 0), ({"logging.enable-probe-request-log": "true"}, 1)],
    ids=["left out", "logged if wanted"],
)
async def test_probes_are(world: World, settings: dict[str, str], lines: int) -> None:
    said = await world.asked(ENABLED | settings, ask("/", *PROBE))
    assert len(said) == lines


async def _pieces() -> Any:
    for piece in (b"abc", b"de"):
        yield piece


@pytest.mark.parametrize(
    ("request_", "size"),
    [
        pytest.param(ask(method="POST", body=b"hello=1"), "7", id="a whole body"),
        pytest.param(
            ask("/", (b"content-length", b"5"), method="POST", body=_pieces()),
            "5",
            id="a streamed body of known length",
        ),
        pytest.param(
            ask("/", (b"transfer-encoding", b"chunked"), method="POST", body=_pieces()),
            "-1",
            id="a body in chunks",
        ),
    ],
)
async def test_the_size_of_a_request_is_what_it_declares(
    world: World, request_: Request, size: str
) -> None:
    settings = ENABLED | {"logging.request-log-template": "{{.Request.ContentLength}}"}
    assert await world.asked(settings, request_) == [size]


async def test_a_streamed_answer_is_logged_at_its_end_with_its_size(world: World) -> None:
    world.answer = Response(201, body=_pieces())
    template = "{{.Response.Code}} {{.Response.Size}} {{.Revision.Name}} {{.Revision.PodName}}"
    said = await world.asked(ENABLED | {"logging.request-log-template": template}, ask())
    assert said == ["201 5 hello-00001 hello-00001-pod"]


async def test_a_template_that_cannot_be_used_leaves_no_log_and_says_so(world: World) -> None:
    settings = {"enableRequestLog": True, "requestLogTemplate": "{{range .Request.Header}}{{end}}"}
    [said] = await world.asked_by(json.dumps(settings), ask())
    assert said.startswith("Error setting up request logger. Request logs will be unavailable.")


async def test_a_client_that_leaves_counts_as_a_bad_gateway(clock: ManualClock) -> None:
    told: list[Exchange] = []
    begun = asyncio.Event()

    async def stuck(_: Request) -> Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    asking = asyncio.ensure_future(observed(stuck, clock, told.append)(ask()))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert [(each.status, each.sent) for each in told] == [(502, 17)]


async def test_a_handler_that_fails_counts_as_an_internal_error(clock: ManualClock) -> None:
    told: list[Any] = []

    async def broken(_: Request) -> Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await observed(broken, clock, told.append)(ask())
    assert [(each.status, each.sent) for each in told] == [(500, 0)]


async def test_an_activator_logs_while_it_has_a_template(clock: ManualClock) -> None:
    lines: list[str] = []
    revision = LoggedRevision(
        name="hello-00001", namespace="p3", service="hello", configuration="hello"
    )
    known = {"p3/hello-00001": revision}
    log = ActivatorRequestLog(known.get, lines.append)

    async def handler(request: Request) -> Response:
        request.headers = []
        return Response(200, body=b"Hello World!\n")

    handle = log.around(handler, clock)
    await handle(ask("/before", *TO_REVISION))
    log.template = RequestLogTemplate(json.loads(_json(ENABLED))["requestLogTemplate"])
    await handle(ask("/seen", *TO_REVISION, (b"traceparent", b"00-aa-bb-01")))
    await handle(ask("/of-no-revision"))
    await handle(ask("/probe", *TO_REVISION, (b"k-network-probe", b"probe")))
    log.template = None
    await handle(ask("/after", *TO_REVISION))
    [line] = lines
    found = json.loads(re.sub(r"\\u003D", "=", line))
    assert found["httpRequest"]["requestUrl"] == "/seen"
    assert (found["httpRequest"]["serverIp"], found["traceId"]) == ("", "")


async def test_lines_of_several_requests_do_not_mix(world: World) -> None:
    said = await world.asked(ENABLED, *(ask(f"/{number}") for number in range(5)))
    await until(lambda: len(said) == 5)
    assert [json.loads(line)["httpRequest"]["requestUrl"] for line in said] == [
        f"/{number}" for number in range(5)
    ]
