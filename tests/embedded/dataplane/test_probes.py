"""Readiness of the user container, by the probe that its queue-proxy was given."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from knlab._clock import SystemClock
from knlab._exceptions import UsageError
from knlab.embedded.dataplane.probes import Readiness, decode_probes
from knlab.embedded.net.http import Request, Response
from knlab.embedded.net.network import Network
from knlab.embedded.net.server import serve
from knlab.embedded.net.tls import server_identity
from tests.embedded.dataplane.conftest import nobody

pytestmark = pytest.mark.anyio

IP = "127.9.9.9"
USER = (IP, 8080)
TCP = {"tcpSocket": {"port": 8080}}
HTTP = {"httpGet": {"port": 8080, "path": "ready", "httpHeaders": [{"name": "X-A", "value": "b"}]}}


def readiness(
    network: Network, *probes: dict[str, Any], log: list[str] | None = None, **more: Any
) -> Readiness:
    said = (log if log is not None else []).append
    return Readiness(decode_probes(json.dumps(probes), IP), network, said, **more)


async def ok(_: Request) -> Response:
    return Response(200)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"exec": {"command": ["x"]}}', "asks for exec"),
        ("{}", "asks for nothing"),
    ],
)
def test_probes_that_cannot_be_done_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decode_probes(text, IP)


def test_the_loopback_means_the_pod() -> None:
    probe = {"tcpSocket": {"port": 8080, "host": "127.0.0.1"}, "periodSeconds": 3}
    decoded = decode_probes(json.dumps(probe), IP)[0]
    assert (decoded.address, decoded.aggressive, decoded.timeout) == (USER, False, 1.0)


async def test_no_probe_is_ready(network: Network) -> None:
    assert await Readiness(decode_probes("", IP), network, print).check()


@pytest.mark.parametrize("probe", [TCP, HTTP], ids=["tcp", "http"])
async def test_a_container_becomes_ready_while_it_is_probed(
    network: Network, probe: dict[str, Any]
) -> None:
    checking = asyncio.create_task(readiness(network, probe).check())
    await asyncio.sleep(0.03)
    assert not checking.done()
    with network.listening(USER, ok):
        async with asyncio.timeout(2):
            assert await checking


async def test_an_http_probe_asks_as_go_does(network: Network) -> None:
    asked: list[Request] = []

    async def keep(request: Request) -> Response:
        asked.append(request)
        return Response(200)

    with network.listening(USER, keep):
        assert await readiness(network, HTTP).check()
    assert asked[0].target == "/ready"
    assert asked[0].headers == [
        (b"host", b"127.9.9.9:8080"),
        (b"user-agent", b"kube-probe//"),
        (b"x-a", b"b"),
    ]


@pytest.mark.parametrize(
    ("status", "expected"), [(200, True), (399, True), (400, False), (503, False)]
)
async def test_with_a_period_there_is_one_attempt(
    network: Network, status: int, expected: bool
) -> None:
    async def answer(_: Request) -> Response:
        return Response(status)

    with network.listening(USER, answer):
        assert await readiness(network, HTTP | {"periodSeconds": 1}).check() is expected


@pytest.mark.parametrize(
    ("speaks", "asked"),
    [
        ("both", [(True, False), (True, True)]),
        ("HTTP/1.1", [(True, False), (False, False)]),
        ("neither", [(True, False), (False, False)]),
    ],
)
async def test_with_detection_http2_comes_first(
    network: Network, speaks: str, asked: list[tuple[bool, bool]]
) -> None:
    """Each request as: over HTTP/2, with the headers of the probe."""
    seen: list[tuple[bool, bool]] = []

    async def answer(request: Request) -> Response:
        seen.append((request.http2, request.header("x-a") is not None))
        good = speaks == "both" or (speaks == "HTTP/1.1" and not request.http2)
        return Response(200 if good else 500)

    probe = HTTP | {"periodSeconds": 1}
    with network.listening(USER, answer):
        found = await readiness(network, probe, detects_http2=True).check()
    assert (found, seen) == (speaks != "neither", asked)


def health(code: int, status: int = 0, message: bytes = b"") -> Response:
    lines = [(b"grpc-status", b"%d" % code), (b"grpc-message", message)]
    return Response(200, [], bytes([0, 0, 0, 0, 2, 8, status]), trailers=lines)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (health(0, 1), ""),
        (health(0, 2), 'service unhealthy (responded with "NOT_SERVING")'),
        (
            health(12, message=b"unknown service"),
            (
                "this server does not implement the grpc health protocol (grpc.health.v1.Health) "
                "rpc error: code = Unimplemented desc = unknown service"
            ),
        ),
        (
            health(5, message=b"unknown%20service"),
            "health rpc probe failed: rpc error: code = NotFound desc = unknown service",
        ),
        (
            ConnectionRefusedError(),
            (
                "health rpc probe failed: rpc error: code = Unavailable desc = connection error: "
                'desc = "transport: Error while dialing: dial tcp 127.0.0.1:8080: '
                'connect: connection refused"'
            ),
        ),
        (
            TimeoutError(),
            (
                "health rpc did not complete within 1s: "
                "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
            ),
        ),
    ],
    ids=["serving", "not serving", "no health service", "unknown service", "nobody", "late"],
)
async def test_grpc_probes(network: Network, answer: Response | OSError, expected: str) -> None:
    said: list[str] = []
    asked: list[Request] = []

    async def program(request: Request) -> Response:
        asked.append(request)
        if isinstance(answer, OSError):
            raise answer
        return answer

    probe = {"grpc": {"port": 8080, "service": "deep"}, "periodSeconds": 1}
    with network.listening(USER, program):
        found = await readiness(network, probe, log=said).check()
    assert (found, said) == (not expected, [expected] if expected else [])
    assert asked[0].http2
    assert asked[0].body == b"\0\0\0\0\6\n\4deep"


async def test_https_is_asked_with_care(tmp_path: Path) -> None:
    """A certificate that nobody vouches for is not believed, as in Knative 1.23."""
    identity = server_identity(tmp_path, SystemClock().now())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    said: list[str] = []
    network = Network(nobody, own_addresses=False)
    probe = {"httpGet": {"port": 8080, "scheme": "HTTPS"}, "periodSeconds": 1}
    async with serve(ok, tls=context) as real:
        with network.published(USER, real):
            assert not await readiness(network, probe, log=said).check()
    [line] = said
    assert line.startswith("tls: failed to verify certificate: x509: ")


async def test_every_probe_of_a_list_must_succeed(network: Network) -> None:
    other = {"tcpSocket": {"port": 9999}, "periodSeconds": 1}
    with network.listening(USER, ok):
        assert not await readiness(network, TCP, other).check()


async def test_successes_must_follow_each_other(network: Network) -> None:
    answers = [200, 503, 200, 200, 200]

    async def next_answer(_: Request) -> Response:
        return Response(answers.pop(0))

    with network.listening(USER, next_answer):
        assert await readiness(network, HTTP | {"successThreshold": 3}).check()
    assert answers == []


async def test_checks_that_overlap_share_one_result(network: Network) -> None:
    asked = 0

    async def count(_: Request) -> Response:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return Response(200)

    with network.listening(USER, count):
        probing = readiness(network, HTTP)
        assert all(await asyncio.gather(*(probing.check() for _ in range(10))))
        assert asked == 1
        assert await probing.check()
        assert asked == 2


async def test_a_check_that_nobody_waits_for_can_be_ended(network: Network) -> None:
    probing = readiness(network, TCP)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await probing.check()
    await probing.close()
