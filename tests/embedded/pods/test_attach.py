"""`pods/attach`: the standard streams of containers' own programs, with the kubelet's refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.kube.objects import Object
from knlab.embedded.net.http import Request, whole_body
from knlab.embedded.pods.attach import PodAttach
from knlab.embedded.pods.kubelet import pods_directory
from knlab.embedded.runtime import Container, Task
from tests.embedded.net.fake_duplex import FakeDuplex
from tests.embedded.net.test_websocket import from_client
from tests.embedded.pods.conftest import Cluster, MakePod
from tests.embedded.pods.test_exec import V4, Pod, websocket
from tests.embedded.pods.test_exec import spdy as spdy_request
from tests.embedded.pods.test_executions import messages

pytestmark = pytest.mark.anyio

ALL = "stdin=true&stdout=true&stderr=true"
TERMINAL = "stdin=true&stdout=true&tty=true"
SUCCESS = {"metadata": {}, "status": "Success"}
ECHO = 'while read line; do echo "got $line"; done; echo end >&2'


class Client:
    """Somebody who is attached over WebSocket."""

    def __init__(self, duplex: FakeDuplex, serving: asyncio.Future[None]) -> None:
        self._duplex, self._serving = duplex, serving

    def type(self, text: str) -> None:
        self._duplex.feed(from_client(2, b"\0" + text.encode()))

    def resize(self, width: int, height: int) -> None:
        size = json.dumps({"Width": width, "Height": height}).encode()
        self._duplex.feed(from_client(2, b"\4" + size))

    def end_input(self) -> None:
        self._duplex.feed(from_client(2, b"\xff\0"))

    def said(self, channel: int = 1) -> bytes:
        sent = messages(bytes(self._duplex.sent))
        return b"".join(part[1:] for part in sent if part[0] == channel)

    async def until(self, text: str, channel: int = 1) -> None:
        async with asyncio.timeout(10):
            await self._duplex.until(lambda: text.encode() in self.said(channel))

    async def outcome(self) -> Any:
        """What the error channel says at the end."""
        async with asyncio.timeout(10):
            await self._duplex.until(lambda: b"\x88\x02\x03\xe8" in self._duplex.sent)
        return json.loads(self.said(3))

    async def leave(self) -> None:
        self._duplex.leave()
        async with asyncio.timeout(10):
            await self._serving


class Attaching:
    """A node whose pods one can attach to."""

    def __init__(self, cluster: Cluster, make: MakePod) -> None:
        self.cluster = cluster
        self._make = make
        directory = pods_directory(cluster.directory)
        consoles = cluster.supervisor.consoles
        self.pod = Pod(cluster, PodAttach(cluster.store, directory, consoles).subresource.handler)

    async def start(self, script: str, **container: object) -> None:
        """Have pod `p` run `script`."""
        spec = {"image": "busybox", "command": ["sh", "-c", script], "ports": [], **container}
        pod = self._make("p", restartPolicy="Never", terminationGracePeriodSeconds=0)
        pod["spec"]["containers"] = [{"name": "main", **spec}]
        self.cluster.create(pod)
        await self.cluster.until(lambda: self.cluster.state("p").keys() - {"waiting"})

    @asynccontextmanager
    async def client(self, query: str = ALL) -> AsyncIterator[Client]:
        response = await self.pod.ask(websocket(), query)
        assert response.upgraded is not None
        duplex = FakeDuplex()
        made = Client(duplex, asyncio.ensure_future(response.upgraded(duplex)))
        try:
            yield made
        finally:
            with suppress(Exception):
                await made.leave()

    async def ended(self) -> Object:
        await self.cluster.until(lambda: self.cluster.state("p").get("terminated"))
        found: Object = self.cluster.state("p")["terminated"]
        return found


@pytest.fixture
async def node(cluster: Cluster, make: MakePod) -> AsyncIterator[Attaching]:
    async with cluster.kubelet():
        yield Attaching(cluster, make)


async def test_input_and_output(node: Attaching) -> None:
    await node.start(ECHO, stdin=True, stdinOnce=True)
    async with node.client() as client:
        client.type("one\ntwo\n")
        await client.until("got one\ngot two\n")
        client.end_input()
        assert await client.outcome() == SUCCESS
        assert client.said(2) == b"end\n"
    assert (await node.ended())["exitCode"] == 0
    assert await node.cluster.log("p") == "got one\ngot two\nend\n"


async def test_who_is_first_where_input_is_for_one_misses_nothing(node: Attaching) -> None:
    await node.start("echo early; cat", stdin=True, stdinOnce=True)
    async with node.client() as client:
        await client.until("early\n")
        client.end_input()
        assert await client.outcome() == SUCCESS


async def test_input_that_outlives_who_types(node: Attaching) -> None:
    await node.start(ECHO, stdin=True)
    for text in ("one", "two"):
        async with node.client() as client:
            client.type(f"{text}\n")
            await client.until(f"got {text}\n")
            client.end_input()
            assert await client.outcome() == SUCCESS
            assert client.said() == f"got {text}\n".encode()
    assert node.cluster.state("p").get("running")


async def test_input_ends_when_its_one_user_goes(node: Attaching) -> None:
    await node.start(ECHO, stdin=True, stdinOnce=True)
    async with node.client() as client:
        client.type("one\n")
        await client.until("got one\n")
        await client.leave()
    assert (await node.ended())["exitCode"] == 0


async def test_two_see_the_same(node: Attaching) -> None:
    await node.start(ECHO, stdin=True)
    async with node.client() as typing, node.client("stdout=true") as reading:
        typing.type("one\n")
        await typing.until("got one\n")
        typing.type("two\n")
        await reading.until("got two\n")


async def test_a_container_without_input(node: Attaching) -> None:
    await node.start("cat; sleep 600")
    async with node.client() as client:
        client.type("ignored\n")
        client.end_input()
        node.cluster.api.delete(PODS, "default", "p")
        assert await client.outcome() == SUCCESS
        assert client.said() == b""


async def test_a_terminal(node: Attaching) -> None:
    await node.start("exec sh", stdin=True, tty=True)
    async with node.client(TERMINAL) as client:
        client.resize(100, 30)
        client.type("echo $TERM; tty -s && stty size\r")
        await client.until("xterm\r\n30 100\r\n")
        client.type("while true; do echo tick; sleep 0.01; done\r")
        await client.until("tick\r\ntick\r\n")
        client.type("\x03")
        client.type("echo $?\r")
        await client.until("130\r\n")
        client.type("exit 3\r")
        assert await client.outcome() == SUCCESS
    assert (await node.ended())["exitCode"] == 3
    assert "30 100\r\n" in await node.cluster.log("p")


async def test_much_output_arrives_whole(node: Attaching) -> None:
    await node.start("read go; seq 1 60000; echo done", stdin=True, stdinOnce=True)
    async with node.client() as client:
        client.type("go\n")
        assert await client.outcome() == SUCCESS
        expected = "".join(f"{number}\n" for number in range(1, 60001)) + "done\n"
        assert client.said().decode() == expected


async def test_a_built_in_program(node: Attaching, cluster: Cluster) -> None:
    may_print = asyncio.Event()

    async def program(container: Container) -> None:
        await may_print.wait()
        container.log("a line")

    reference = "dev.local/component:v1"
    cluster.images.add(reference, Task(program))
    await node.start("", image=reference, command=[])
    async with node.client() as client:
        client.type("ignored\n")
        may_print.set()
        assert await client.outcome() == SUCCESS
        assert client.said() == b"a line\n"


class TestRefusals:
    async def test_no_pod(self, node: Attaching) -> None:
        with pytest.raises(NotFound, match='pods "q" not found'):
            await node.pod.ask(websocket(), ALL, name="q")

    async def test_no_upgrade(self, node: Attaching) -> None:
        await node.start("sleep 600")
        with pytest.raises(BadRequest, match="Upgrade request required"):
            await node.pod.ask(Request("GET", "/", []), ALL)

    async def test_no_container(self, node: Attaching) -> None:
        await node.start("sleep 600")
        with pytest.raises(BadRequest, match="container x is not valid for pod p"):
            await node.pod.ask(websocket(), f"{ALL}&container=x")

    @pytest.mark.parametrize(
        ("script", "container", "query", "status", "text"),
        [
            ("exit", {}, ALL, 500, "container main not found in pod p_default"),
            ("sleep 600", {}, "", 400, "you must specify at least 1 of stdin, stdout, stderr"),
            (
                "sleep 600",
                {"tty": True},
                ALL,
                500,
                "rpc error: code = InvalidArgument desc = tty and stderr cannot both be true",
            ),
        ],
        ids=["ended", "no streams", "a terminal has no stderr"],
    )
    async def test_of_the_kubelet(
        self,
        node: Attaching,
        script: str,
        container: Object,
        query: str,
        status: int,
        text: str,
    ) -> None:
        await node.start(script, **container)
        if script == "exit":
            await node.ended()
        for request in (spdy_request(), websocket(V4)):
            response = await node.pod.ask(request, query)
            assert response.status == status
            assert (await whole_body(response.body)).decode() == text
        async with node.client(query) as client:
            message = (await client.outcome())["message"]
        assert message == f"Internal error occurred: unable to upgrade connection: {text}"
