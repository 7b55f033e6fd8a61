"""Readiness of the user container, by the probe that its queue-proxy was given."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from knlab._exceptions import UsageError
from knlab.embedded.dataplane.probes import Readiness, decode_probes
from knlab.embedded.net.http import Request, Response
from knlab.embedded.net.network import Network

pytestmark = pytest.mark.anyio

IP = "127.9.9.9"
USER = (IP, 8080)
TCP = {"tcpSocket": {"port": 8080}}
HTTP = {"httpGet": {"port": 8080, "path": "ready", "httpHeaders": [{"name": "X-A", "value": "b"}]}}


def readiness(network: Network, *probes: dict[str, Any]) -> Readiness:
    return Readiness(decode_probes(json.dumps(probes), IP), network, lambda _: None)


async def ok(_: Request) -> Response:
    return Response(200)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"exec": {"command": ["x"]}}', "asks for exec"),
        ('{"grpc": {"port": 1}}', "asks for grpc"),
        ("{}", "asks for nothing"),
        ('{"httpGet": {"port": 1, "scheme": "HTTPS"}}', "asks for HTTPS"),
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
