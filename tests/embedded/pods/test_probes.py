"""Probes: cadence, verdicts, and what an answer means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from knlab._clock import SystemClock
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Address, Request, Response, text_response
from knlab.embedded.net.network import Network
from knlab.embedded.net.server import serve
from knlab.embedded.net.tls import server_identity
from knlab.embedded.pods.probes import (
    Cadence,
    CommandNotRun,
    Prober,
    Result,
    Verdict,
    port_of,
    run_probe,
)

pytestmark = pytest.mark.anyio

IP = "127.255.0.2"


async def no_command(argv: list[str], container: str, seconds: float | None) -> tuple[int, str]:
    raise AssertionError("nobody asked for a command")


async def nobody(address: Address, _request: Request) -> Response:
    raise ConnectionRefusedError(111, "Connection refused")


def test_cadence_has_kubernetes_defaults() -> None:
    assert Cadence.of({}) == Cadence(initial_delay=0, period=10, timeout=1, successes=1, failures=3)
    probe = {"initialDelaySeconds": 5, "periodSeconds": 2, "failureThreshold": 1}
    assert Cadence.of(probe) == Cadence(initial_delay=5, period=2, failures=1)


@pytest.mark.parametrize(
    ("results", "verdicts"),
    [
        pytest.param([True], [True], id="one success is enough"),
        pytest.param([False, False, False], [None, None, False], id="three failures in a row"),
        pytest.param(
            [True, False, False, True, False], [True, True, True, True, True], id="not in a row"
        ),
        pytest.param([True, None, None, None], [True] * 4, id="unknown changes nothing"),
        pytest.param([False, None, False, False], [None, None, None, False], id="nor interrupts"),
    ],
)
def test_verdicts(results: list[bool | None], verdicts: list[bool | None]) -> None:
    verdict = Verdict(Cadence(), initial=None)
    seen = []
    for result in results:
        verdict.add(result)
        seen.append(verdict.value)
    assert seen == verdicts


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Result(ok=True)),
        (302, Result(ok=True)),
        (404, Result(ok=False, text="HTTP probe failed with statuscode: 404")),
        (503, Result(ok=False, text="HTTP probe failed with statuscode: 503")),
    ],
)
async def test_http_answers(status: int, expected: Result) -> None:
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return text_response(status, "x")

    network = Network(nobody)
    header = {"name": "K-Network-Probe", "value": "queue"}
    probe = {"httpGet": {"path": "/ready", "port": "web", "httpHeaders": [header]}}
    container = {"ports": [{"name": "web", "containerPort": 8080}]}
    with network.listening((IP, 8080), answer):
        assert await Prober(network, IP, no_command).ask(probe, container) == expected
    assert asked[0].target == "/ready"
    assert asked[0].header("Host") == f"{IP}:8080"
    assert asked[0].header("User-Agent") == "kube-probe/1.34"
    assert asked[0].header("K-Network-Probe") == "queue"


async def test_nobody_listens() -> None:
    found = await Prober(Network(nobody), IP, no_command).ask(
        {"httpGet": {"path": "/", "port": 8012}}, {}
    )
    refused = f"dial tcp {IP}:8012: connect: connection refused"
    assert found == Result(ok=False, text=f'Get "http://{IP}:8012/": {refused}')


async def test_tcp_of_a_component_and_of_nobody() -> None:
    network = Network(nobody)
    probe = {"tcpSocket": {"port": 8012}}
    refused = f"dial tcp {IP}:8012: connect: connection refused"
    assert await Prober(network, IP, no_command).ask(probe, {}) == Result(ok=False, text=refused)

    async def answer(_request: Request) -> Response:
        return text_response(200, "")

    with network.listening((IP, 8012), answer):
        assert await Prober(network, IP, no_command).ask(probe, {}) == Result(ok=True)


def health(code: int, status: int = 0, message: bytes = b"") -> Response:
    lines = [(b"grpc-status", b"%d" % code), (b"grpc-message", message)]
    return Response(200, [], bytes([0, 0, 0, 0, 2, 8, status]), trailers=lines)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (health(0, 1), ""),
        (health(0, 2), 'service unhealthy (responded with "NOT_SERVING")'),
        (health(0, 9), 'service unhealthy (responded with "9")'),
        (
            health(12, message=b"unknown service"),
            ("error: this server does not implement the grpc health protocol "
            "(grpc.health.v1.Health): unknown service"),
        ),
        (
            health(5, message=b"unknown%20service"),
            ("error: health rpc probe failed: "
            "rpc error: code = NotFound desc = unknown service"),
        ),
        (
            text_response(404, ""),
            ("error: this server does not implement the grpc health protocol "
            "(grpc.health.v1.Health): "
            "unexpected HTTP status code received from server: 404 (Not Found)"),
        ),
        (ConnectionResetError("EOF"), "error: health rpc probe failed: EOF"),
    ],
    ids=["serving", "not serving", "no such status", "no health service", "unknown service",
         "no gRPC", "broken off"],
)  # fmt: skip
async def test_grpc_answers(answer: Response | OSError, text: str) -> None:
    asked: list[Request] = []

    async def program(request: Request) -> Response:
        asked.append(request)
        if isinstance(answer, OSError):
            raise answer
        return answer

    network = Network(nobody)
    probe: Object = {"grpc": {"port": 9000, "service": ""}}
    with network.listening((IP, 9000), program):
        found = await Prober(network, IP, no_command).ask(probe, {})
    assert found == Result(ok=not text, text=text)
    assert (asked[0].http2, asked[0].body) == (True, b"\0\0\0\0\0")


async def test_a_grpc_probe_waits_for_a_server_and_for_its_answer() -> None:
    network = Network(nobody, own_addresses=False)
    prober = Prober(network, IP, no_command)
    probe: Object = {"grpc": {"port": 9000}, "timeoutSeconds": 0.05}
    unreached = f'timeout: failed to connect service "{IP}:9000" within 0.05s'
    assert await prober.ask(probe, {}) == Result(
        ok=False, text=f"{unreached}: context deadline exceeded"
    )

    async def never(_request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    with network.listening((IP, 9000), never):
        late = "timeout: health rpc did not complete within 0.05s"
        assert await prober.ask(probe, {}) == Result(ok=False, text=late)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ((0, "fine"), Result(ok=True)),
        ((1, "not yet\n"), Result(ok=False, text="not yet\n")),
        (CommandNotRun("no such command"), Result(None, "no such command")),
        (
            TimeoutError(),
            Result(ok=False, text="command timed out: 'test -e /up' timed out after 3s"),
        ),
    ],
)
async def test_commands(ended: tuple[int, str] | Exception, expected: Result) -> None:
    asked: list[tuple[list[str], str, float | None]] = []

    async def execute(argv: list[str], container: str, seconds: float | None) -> tuple[int, str]:
        asked.append((argv, container, seconds))
        if isinstance(ended, Exception):
            raise ended
        return ended

    probe = {"exec": {"command": ["test", "-e", "/up"]}, "timeoutSeconds": 3}
    found = await Prober(Network(nobody), IP, execute).ask(probe, {"name": "main"})
    assert found == expected
    assert asked == [(["test", "-e", "/up"], "main", 3)]


async def test_https_probes_believe_any_certificate(tmp_path: Path) -> None:
    identity = server_identity(tmp_path, SystemClock().now())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    probe: Object = {"httpGet": {"scheme": "HTTPS", "port": 8443}}
    network = Network(nobody, own_addresses=False)
    prober = Prober(network, IP, no_command)
    unreached = await prober.ask(probe, {})
    refused = f"dial tcp {IP}:8443: connect: connection refused"
    assert unreached == Result(ok=False, text=f'Get "https://{IP}:8443/": {refused}')

    async def answer(_request: Request) -> Response:
        return text_response(200, "")

    async with serve(answer, tls=context) as real:
        with network.published((IP, 8443), real):
            assert await prober.ask(probe, {}) == Result(ok=True)


async def test_https_probes_reach_components() -> None:
    async def answer(_request: Request) -> Response:
        return text_response(200, "")

    probe: Object = {"httpGet": {"scheme": "HTTPS", "port": 8443}}
    network = Network(nobody)
    with network.listening((IP, 8443), answer):
        assert (await Prober(network, IP, no_command).ask(probe, {})).ok


def test_ports_by_name() -> None:
    container = {"ports": [{"name": "user-port", "containerPort": 8080}]}
    assert port_of("user-port", container) == 8080
    assert port_of("9090", container) == 9090
    assert port_of("none", container) == 0


async def heard(
    ask: Callable[[], Awaitable[Result]], cadence: Cadence, count: int, *, eager: bool
) -> list[Result]:
    """The first `count` results of probing."""
    results: list[Result] = []
    enough = asyncio.Event()

    def hear(result: Result, _settled: bool) -> None:
        results.append(result)
        if len(results) == count:
            enough.set()

    verdict = Verdict(cadence, initial=None)
    probing = asyncio.ensure_future(run_probe(ask, cadence, verdict, hear, eager=eager))
    try:
        async with asyncio.timeout(2):
            await enough.wait()
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
    return results


async def test_an_eager_probe_does_not_wait_a_period_for_its_first_success() -> None:
    results = iter([Result(ok=False), Result(ok=False), Result(ok=True)])

    async def ask() -> Result:
        return next(results)

    found = await heard(ask, Cadence(period=10), 3, eager=True)
    assert [result.ok for result in found] == [False, False, True]


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        (
            {"httpGet": {"path": "/x", "port": 8012}},
            (
                f'Get "http://{IP}:8012/x": context deadline exceeded'
                " (Client.Timeout exceeded while awaiting headers)"
            ),
        ),
        ({"tcpSocket": {"port": 8012}}, f"dial tcp {IP}:8012: i/o timeout"),
    ],
    ids=["http", "tcp"],
)
async def test_a_probe_that_gets_no_answer_fails_when_its_time_is_up(
    monkeypatch: pytest.MonkeyPatch, probe: Object, text: str
) -> None:
    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    network = Network(nobody)
    monkeypatch.setattr(network, "call", silent)
    monkeypatch.setattr(network, "knock", silent)
    found = await Prober(network, IP, no_command).ask(probe | {"timeoutSeconds": 0.01}, {})
    assert found == Result(ok=False, text=text)
