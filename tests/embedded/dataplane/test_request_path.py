"""The whole request path over real sockets: client, gateway, activator, queue-proxy, program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from tests.embedded.dataplane.turns import until
from tests.embedded.dataplane.whole_path import Cluster, get, talk

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cluster(anyio_backend: str, containers: Any) -> AsyncIterator[Cluster]:
    cluster = Cluster(containers)
    async with cluster.stack:
        await cluster.start()
        yield cluster


async def test_a_request_wakes_a_revision_at_zero(cluster: Cluster) -> None:
    cluster.route(pod=False)
    client = await talk(cluster)
    await client.send(get("/"))
    await until(lambda: bool(cluster.sink.stats))
    cluster.route()
    await cluster.start_pod()
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nserver: envoy\r\n" in head
    assert await client.exactly(6) == b"hello\n"


@pytest.mark.parametrize("through_activator", [True, False])
async def test_what_the_program_sees(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client = await talk(cluster)
    await client.send(get("/", "X-Forwarded-For: 9.9.9.9"))
    await client.head()
    seen = cluster.program.seen[0]
    hops = "9.9.9.9, 127.4.0.1" + (", 127.4.0.2" if through_activator else "")
    assert seen.header("host") == "hello.com"
    assert seen.header("x-forwarded-for") == hops
    assert seen.header("forwarded") is not None
    assert seen.header("k-proxy-request") == ("activator" if through_activator else None)
    assert seen.header("knative-serving-revision") is None


@pytest.mark.parametrize("through_activator", [True, False])
async def test_bodies_stream_both_ways(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client = await talk(cluster)
    await client.send(
        "POST /stream HTTP/1.1\r\nHost: hello.com\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for piece in ("one", "two", "three"):
        await client.send(f"{len(piece):x}\r\n{piece}\r\n")
        if piece == "one":
            assert b"transfer-encoding: chunked" in await client.head()
        wanted = f"{len(piece):x}\r\n{piece}\r\n".encode()
        assert await client.exactly(len(wanted)) == wanted
    await client.send("0\r\n\r\n")
    assert await client.exactly(5) == b"0\r\n\r\n"


async def test_a_large_upload_arrives_whole(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    size = 3_000_000
    await client.send(
        f"POST /echo HTTP/1.1\r\nHost: hello.com\r\nContent-Length: {size}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    sending = asyncio.create_task(client.send("x" * size))
    assert f"content-length: {size}".encode() in await client.head()
    assert await client.exactly(size) == b"x" * size
    await sending


def frame(text: bytes) -> bytes:
    """A masked WebSocket text frame (RFC 6455 §5.2), and the same unmasked by a mask of zeros."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@pytest.mark.parametrize("through_activator", [True, False])
async def test_a_websocket_passes(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client = await talk(cluster)
    await client.send(
        get(
            "/websocket",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
    )
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    for text in (b"ping", b"pong"):
        client.writer.write(frame(text))
        assert await client.exactly(len(frame(text))) == frame(text)


async def test_a_websocket_ends_with_its_client(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    await client.send(get("/websocket", "Connection: Upgrade", "Upgrade: websocket"))
    await client.head()
    await client.close()
    again = await talk(cluster)
    await again.send(get("/"))
    assert b"200 OK" in await again.head()


async def test_a_client_that_leaves_ends_the_work_for_it(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    await client.send(get("/stuck"))
    await until(lambda: bool(cluster.program.seen))
    await client.close()
    async with asyncio.timeout(5):
        await cluster.program.cancelled.wait()


async def test_a_program_that_breaks_off_breaks_the_clients_connection(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()
    client = await talk(cluster)
    await client.send(get("/half"))
    assert b"200 OK" in await client.head()
    with suppress(ConnectionResetError):
        assert not (await client.rest()).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("through_activator", [True, False])
async def test_a_killed_pod_breaks_its_requests(cluster: Cluster, through_activator: bool) -> None:
    cluster.route(through_activator=through_activator)
    pod = await cluster.start_pod()
    await cluster.containers.logged("Starting queue-proxy")
    client, streaming = await talk(cluster), await talk(cluster)
    await client.send(get("/stuck"))
    await streaming.send(get("/drip"))
    assert b"200 OK" in await streaming.head()
    await until(lambda: len(cluster.program.seen) == 2)
    pod.cancel()
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 502" if through_activator else b"HTTP/1.1 503")
    with suppress(ConnectionResetError):
        assert not (await streaming.rest()).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("through_activator", "text"),
    [(True, b"activator request timeout"), (False, b"request timeout")],
)
async def test_whoever_comes_first_times_out(
    cluster: Cluster, through_activator: bool, text: bytes
) -> None:
    cluster.route(through_activator=through_activator, timeout=1)
    await cluster.start_pod(REVISION_TIMEOUT_SECONDS="1")
    await cluster.containers.logged("Starting queue-proxy")
    silent, started = await talk(cluster), await talk(cluster)
    await silent.send(get("/stuck"))
    await started.send(get("/drip"))
    head = await silent.head()
    assert head.startswith(b"HTTP/1.1 504")
    assert await silent.exactly(len(text)) == text
    await started.head()
    wanted = b"5\r\nfirst\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)
    assert await started.exactly(len(wanted)) == wanted


async def test_a_burst_is_answered_and_counted(cluster: Cluster) -> None:
    cluster.route()
    await cluster.start_pod()

    async def some(number: int) -> int:
        client = await talk(cluster)
        good = 0
        for _ in range(number):
            await client.send(get("/"))
            good += b"200 OK" in await client.head()
            await client.exactly(6)
        return good

    assert sum(await asyncio.gather(*(some(20) for _ in range(25)))) == 500
    await until(lambda: sum(stat.request_count for stat in cluster.sink.stats) >= 500)
    assert sum(stat.request_count for stat in cluster.sink.stats) == 500


async def test_clients_that_leave_at_any_moment_leave_nothing_behind(cluster: Cluster) -> None:
    cluster.route(container_concurrency=2)
    await cluster.start_pod(CONTAINER_CONCURRENCY="2")
    random = Random(5)

    async def leave_after(patience: float) -> None:
        client = await talk(cluster)
        await client.send(get(random.choice(["/slow", "/drip", "/stuck"])))
        await asyncio.sleep(patience)
        await client.close()

    await asyncio.gather(*(leave_after(random.random() * 0.1) for _ in range(100)))
    stayed = [await talk(cluster) for _ in range(4)]
    for client in stayed:
        await client.send(get("/slow"))
    for client in stayed:
        assert b"200 OK" in await client.head()
    cluster.sink.stats.clear()
    await until(lambda: bool(cluster.sink.stats))
    await until(lambda: cluster.sink.stats[-1].average_concurrent_requests == 0.0)
