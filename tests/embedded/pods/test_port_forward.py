"""The `portforward` subresource: connections to pods over three transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.net import spdy
from knlab.embedded.net.http import Request, Response, text_response
from knlab.embedded.pods.port_forward import PodPortForward
from tests.embedded.net.fake_duplex import FakeDuplex
from tests.embedded.net.test_spdy_session import Opening
from tests.embedded.net.test_websocket import from_client, request
from tests.embedded.pods.conftest import Cluster, MakePod
from tests.embedded.pods.test_exec import RUNNING, V4, Pod, websocket
from tests.embedded.pods.test_exec import spdy as spdy_request
from tests.embedded.pods.test_executions import messages

pytestmark = pytest.mark.anyio

PROTOCOL, TUNNEL = "portforward.k8s.io", "SPDY/3.1+portforward.k8s.io"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def pod(cluster: Cluster, make: MakePod) -> Pod:
    cluster.create(make("p"))
    uid = cluster.pod("p")["metadata"]["uid"]
    forwards = PodPortForward(cluster.store, cluster.network, {uid: "127.0.0.1"})
    made = Pod(cluster, forwards.subresource.handler)
    made.be(RUNNING, podIP="192.0.2.1")  # nobody asks a status, which may be anybody's
    return made


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A port of the pod."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each piece at once."""
    while data := await reader.read(1000):
        writer.write(data.upper())


async def reply_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers when the client sends no more."""
    writer.write(b"all: " + await reader.read())


async def answer_a_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one line, and closes."""
    writer.write((await reader.readline()).upper())


class Client:
    """A client that speaks SPDY on a connection in memory."""

    def __init__(self, duplex: FakeDuplex) -> None:
        self.duplex = duplex
        self.opening = Opening()

    def connect(self, first: int, port: int) -> int:
        """Open the two streams of a connection; returns the number of the data stream."""
        said = {"requestid": str(first), "port": str(port)}
        self.duplex.feed(self.opening(first, streamtype="error", **said))
        self.duplex.feed(spdy.data(first, b"", fin=True))
        self.duplex.feed(self.opening(first + 2, streamtype="data", **said))
        return first + 2

    async def answered(self, stream: int, data: bytes) -> None:
        await self.duplex.until(lambda: spdy.data(stream, data) in self.duplex.sent)

    async def finished(self, stream: int) -> None:
        await self.duplex.until(lambda: spdy.data(stream, b"", fin=True) in self.duplex.sent)


@asynccontextmanager
async def session(pod: Pod) -> AsyncIterator[Client]:
    response = await pod.ask(spdy_request(PROTOCOL))
    assert response.upgraded is not None
    client = Client(FakeDuplex())
    running = asyncio.ensure_future(response.upgraded(client.duplex))
    try:
        yield client
        client.duplex.leave()
        async with asyncio.timeout(10):
            await running
    finally:
        running.cancel()


async def test_bytes_go_both_ways_until_the_client_ends(pod: Pod) -> None:
    async with listening(shout) as port, session(pod) as client:
        stream = client.connect(1, port)
        client.duplex.feed(spdy.data(stream, b"hello"))
        await client.answered(stream, b"HELLO")
        client.duplex.feed(spdy.data(stream, b"", fin=True))
        await client.finished(stream)
        await client.finished(1)


async def test_a_client_that_sends_no_more_still_gets_the_answer(pod: Pod) -> None:
    async with listening(reply_at_the_end) as port, session(pod) as client:
        stream = client.connect(1, port)
        client.duplex.feed(spdy.data(stream, b"one", fin=True))
        await client.answered(stream, b"all: one")
        await client.finished(stream)


async def test_many_connections_at_once(pod: Pod) -> None:
    async with listening(shout) as port, session(pod) as client:
        streams = [client.connect(1 + 4 * number, port) for number in range(20)]
        for stream in streams:
            client.duplex.feed(spdy.data(stream, b"n%d" % stream))
        for stream in streams:
            await client.answered(stream, b"N%d" % stream)


async def test_a_port_where_nobody_listens_is_told_and_others_go_on(pod: Pod) -> None:
    async with listening(shout) as port:
        pass
    async with listening(shout) as open_port, session(pod) as client:
        refused = client.connect(1, port)
        words = f"error forwarding port {port} to pod ".encode()
        await client.duplex.until(lambda: words in client.duplex.sent)
        await client.duplex.until(lambda: b"connect: connection refused" in client.duplex.sent)
        await client.duplex.until(lambda: spdy.reset(refused, spdy.CANCEL) in client.duplex.sent)
        stream = client.connect(5, open_port)
        client.duplex.feed(spdy.data(stream, b"x"))
        await client.answered(stream, b"X")


async def test_a_reset_closes_the_connection_to_the_pod(pod: Pod) -> None:
    closed = asyncio.Event()

    async def notice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"up")
        try:
            await reader.read()
        finally:
            closed.set()

    async with listening(notice) as port, session(pod) as client:
        stream = client.connect(1, port)
        await client.answered(stream, b"up")
        client.duplex.feed(spdy.reset(stream, spdy.CANCEL))
        async with asyncio.timeout(10):
            await closed.wait()


async def test_a_pod_that_goes_away_ends_the_session(pod: Pod, cluster: Cluster) -> None:
    response = await pod.ask(spdy_request(PROTOCOL))
    assert response.upgraded is not None
    client = Client(FakeDuplex())

    async def end() -> None:
        stream = client.connect(1, port)
        client.duplex.feed(spdy.data(stream, b"x"))
        await client.answered(stream, b"X")
        cluster.api.delete(PODS, "default", "p", {"gracePeriodSeconds": 0})
        await client.duplex.until_sent(spdy.goaway(3))
        client.duplex.leave()

    async with listening(shout) as port, asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(end())
        await response.upgraded(client.duplex)
    assert client.duplex.closed


async def test_a_component_without_a_socket_can_be_reached(pod: Pod, cluster: Cluster) -> None:
    async def handler(asked: Request) -> Response:
        return text_response(200, f"{asked.target} for {asked.header('host')}")

    with cluster.network.listening(("127.0.0.1", 1), handler):
        async with session(pod) as client:
            stream = client.connect(1, 1)
            client.duplex.feed(spdy.data(stream, b"GET /x HTTP/1.1\r\nHost: me\r\n\r\n"))
            await client.duplex.until(lambda: b"/x for me" in client.duplex.sent)


async def test_spdy_in_a_websocket(pod: Pod) -> None:
    response = await pod.ask(websocket(TUNNEL))
    assert response.header("Sec-WebSocket-Protocol") == TUNNEL
    assert response.upgraded is not None
    duplex, opening = FakeDuplex(), Opening()

    def tunnel(data: bytes) -> None:
        for at in range(0, len(data), 10):
            duplex.feed(from_client(2, data[at : at + 10]))

    async def client() -> None:
        said = {"requestid": "0", "port": str(port)}
        tunnel(opening(1, streamtype="error", **said) + opening(3, streamtype="data", **said))
        tunnel(spdy.data(3, b"hello", fin=True))
        await duplex.until_sent(spdy.data(3, b"HELLO"))
        await duplex.until_sent(spdy.data(3, b"", fin=True))
        duplex.feed(from_client(8, b"\x03\xe8"))

    async with listening(shout) as port, asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(client())
        await response.upgraded(duplex)
    assert duplex.closed


async def test_websocket_channels_have_one_connection_for_each_port(pod: Pod) -> None:
    async with listening(shout) as nobody:
        pass
    async with listening(answer_a_line) as port:
        response = await pod.ask(websocket(f"v5.channel.k8s.io,{V4}"), f"ports={port},{nobody}")
        assert response.header("Sec-WebSocket-Protocol") == V4
        assert response.upgraded is not None
        duplex = FakeDuplex()

        async def client() -> None:
            duplex.feed(from_client(2, b"\x00hello\n"))
            await duplex.until(lambda: b"\x88\x02\x03\xe8" in duplex.sent)
            duplex.leave()

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(client())
            await response.upgraded(duplex)
    said = [b"", b"", b"", b""]
    for part in messages(bytes(duplex.sent)):
        said[part[0]] += part[1:]
    own, other = (number.to_bytes(2, "little") for number in (port, nobody))
    assert said[:3] == [own + b"HELLO\n", own, other]
    assert said[3].startswith(other + b"error forwarding port ")
    assert said[3].endswith(b"connect: connection refused")


class TestRefusals:
    async def test_no_pod(self, pod: Pod) -> None:
        with pytest.raises(NotFound):
            await pod.ask(spdy_request(PROTOCOL), name="q")

    async def test_no_node(self, pod: Pod, cluster: Cluster, make: MakePod) -> None:
        cluster.create(make("free", nodeName=None))
        with pytest.raises(BadRequest, match="pod free does not have a host assigned"):
            await pod.ask(spdy_request(PROTOCOL), name="free")

    async def test_no_upgrade(self, pod: Pod) -> None:
        with pytest.raises(BadRequest, match="Upgrade request required"):
            await pod.ask(request(Upgrade="h2c"), "ports=80")

    @pytest.mark.parametrize("asked", [spdy_request(PROTOCOL), websocket(TUNNEL), websocket(V4)])
    async def test_a_pod_that_is_over(self, pod: Pod, asked: Request) -> None:
        pod.be(RUNNING, phase="Succeeded")
        response = await pod.ask(asked, "ports=80")
        assert (response.status, response.body) == (500, b'pod not found ("p_default")')

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("", b'query parameter "port" is required'),
            ("ports=0", b'port "0" must be > 0'),
            ("ports=" + ",".join(map(str, range(1, 129))), b"at most 127 ports"),
        ],
    )
    async def test_ports_that_channels_cannot_have(self, pod: Pod, query: str, text: bytes) -> None:
        response = await pod.ask(websocket(V4), query)
        assert response.status == 400
        assert isinstance(response.body, bytes)
        assert response.body.startswith(text)

    @pytest.mark.parametrize(
        ("word", "why"),
        [("x", "invalid syntax"), ("", "invalid syntax"), ("65536", "value out of range")],
    )
    async def test_ports_that_are_none(self, pod: Pod, word: str, why: str) -> None:
        with pytest.raises(BadRequest) as refused:
            await pod.ask(websocket(V4), f"ports={word}")
        assert refused.value.message == (
            f'cannot convert to []int32: strconv.ParseUint: parsing "{word}": {why}'
        )

    async def test_protocols_of_the_future(self, pod: Pod) -> None:
        assert (await pod.ask(websocket("v9"), "ports=80")).status == 403
        assert (await pod.ask(spdy_request("v9"))).status == 403
