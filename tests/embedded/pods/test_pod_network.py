"""The door to the cluster's network: what it opens, and what it refuses."""

from __future__ import annotations

import asyncio
import errno
import socket
import stat
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from knlab.embedded.builtin.kinds import ENDPOINTS, PODS, SERVICES
from knlab.embedded.net.http import Request, Response, text_response
from knlab.embedded.pods.addresses import own_addresses
from knlab.embedded.pods.pod_network import pod_network
from tests.embedded.pods.conftest import Cluster, MakePod

needs_addresses = pytest.mark.skipif(
    not own_addresses(), reason="127.0.0.0/8 is not this machine's own here"
)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

pytestmark = pytest.mark.anyio

POD_IP = "127.213.0.7"
SOURCE = "127.213.0.9"
LIED = "127.0.0.1"
RESIDENTS = {"web": POD_IP}


@pytest.fixture
def web(cluster: Cluster, make: MakePod) -> Cluster:
    """A cluster with a Service `web`, a pod behind it, and a Service with nobody behind it."""
    cluster.create(make("web"))
    cluster.api.patch(
        PODS,
        "default",
        "web",
        lambda pod: pod | {"status": {"podIP": LIED}},
        subresource="status",
    )
    for name, ip in (("web", "10.96.7.7"), ("idle", "10.96.7.8"), ("sly", "10.96.7.9")):
        metadata = {"name": name, "namespace": "default"}
        spec = {"clusterIP": ip, "ports": [{"port": 80}]}
        cluster.api.create(
            SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        )
    for name, ip in (("web", POD_IP), ("sly", "192.0.2.1")):
        subsets = [{"addresses": [{"ip": ip}], "ports": [{"port": 8080}]}]
        metadata = {"name": name, "namespace": "default"}
        cluster.api.create(
            ENDPOINTS,
            {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets},
        )
    return cluster


@asynccontextmanager
async def asked(door: Path, question: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, bytes]]:
    """The answer to a question, and what may follow it."""
    reader, writer = await asyncio.open_unix_connection(door)
    writer.write(question)
    try:
        async with asyncio.timeout(10):
            yield reader, await reader.readline()
    finally:
        writer.close()


def refused(number: int) -> bytes:
    return f"ERROR {number}\n".encode()


QUESTIONS = [
    (b"RESOLVE default web", b"OK web.default.svc.cluster.local 10.96.7.7\n"),
    (b"RESOLVE other web", refused(errno.ENOENT)),
    (b"RESOLVE other web.default", b"OK web.default.svc.cluster.local 10.96.7.7\n"),
    (b"RESOLVE default example.com", refused(errno.ENOENT)),
    (b"RESOLVE default \xff\xfe", refused(errno.ENOENT)),
    (b"CONNECT default SOURCE web 80", b"OK\n"),
    (b"CONNECT default SOURCE 10.96.7.7 80", b"OK\n"),
    (b"CONNECT default SOURCE 127.213.0.7 8080", b"OK\n"),
    (b"CONNECT default SOURCE web 81", refused(errno.ECONNREFUSED)),
    (b"CONNECT default SOURCE idle 80", refused(errno.ECONNREFUSED)),
    (b"CONNECT default SOURCE sly 80", refused(errno.EHOSTUNREACH)),
    (b"CONNECT default SOURCE 127.0.0.1 22", refused(errno.EHOSTUNREACH)),
    (b"CONNECT default SOURCE 127.0.0.2 22", refused(errno.EHOSTUNREACH)),
    (b"CONNECT default SOURCE localhost 22", refused(errno.EHOSTUNREACH)),
    (b"CONNECT default SOURCE 192.0.2.1 80", refused(errno.EHOSTUNREACH)),
    (b"CONNECT default SOURCE web x", refused(errno.EINVAL)),
    (b"CONNECT default SOURCE 127.213.0.7 99999", refused(errno.EINVAL)),
    (b"GET / HTTP/1.1", refused(errno.EINVAL)),
    (b"", refused(errno.EINVAL)),
    (b"x" * 100_000, b""),
]


@pytest.mark.parametrize(
    ("question", "answer"), QUESTIONS, ids=[repr(q[:40]) for q, _ in QUESTIONS]
)
async def test_questions(web: Cluster, question: bytes, answer: bytes) -> None:
    async def page(request: Request) -> Response:
        return text_response(200, f"you asked for {request.target}")

    question = question.replace(b"SOURCE", SOURCE.encode())
    with web.network.listening((POD_IP, 8080), page):
        async with (
            pod_network(web.api, web.network, RESIDENTS, web.directory) as door,
            asked(door, question + b"\nGET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            as (reader, line),
        ):  # fmt: skip
            assert line == answer
            rest = await reader.read()
            assert rest.endswith(b"you asked for /x") == (answer == b"OK\n")


async def test_only_the_owner_may_knock(cluster: Cluster) -> None:
    async with pod_network(cluster.api, cluster.network, RESIDENTS, cluster.directory) as door:
        assert stat.S_IMODE(door.stat().st_mode) == 0o600
        assert door.parent == cluster.directory
    assert not door.exists()


async def test_a_path_that_is_too_long_for_a_socket(cluster: Cluster) -> None:
    deep = cluster.directory / ("d" * 120)
    deep.mkdir()
    async with pod_network(cluster.api, cluster.network, RESIDENTS, deep) as door:
        assert stat.S_IMODE(door.parent.stat().st_mode) == 0o700
        async with asked(door, b"RESOLVE default 10.1.2.3\n") as (_, line):
            assert line == b"OK 10.1.2.3 10.1.2.3\n"
    assert not door.parent.exists()


@asynccontextmanager
async def connected(web: Cluster, serve: Serve) -> AsyncIterator[asyncio.StreamReader]:
    """What a command reads that has connected to the pod's port, where `serve` answers."""
    server = await asyncio.start_server(serve, POD_IP, 8080)
    async with (
        server,
        pod_network(web.api, web.network, RESIDENTS, web.directory) as door,
        asked(door, f"CONNECT default {SOURCE} {POD_IP} 8080\n".encode()) as (reader, line),
    ):
        assert line == b"OK\n"
        yield reader


@needs_addresses
async def test_what_breaks_adds_nothing_to_the_data(web: Cluster) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"partial")
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async with connected(web, serve) as reader:
        with suppress(ConnectionResetError):
            assert await reader.read() == b"partial"


@needs_addresses
async def test_a_far_side_that_closes_at_once_is_no_error(
    web: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with connected(web, serve) as reader:
        assert await reader.read() == b""
    assert not caplog.records
