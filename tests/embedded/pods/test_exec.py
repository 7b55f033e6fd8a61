"""The `exec` subresource: answers before and after the upgrade, as a Kubernetes 1.34 cluster's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.subresources import SubresourceHandler, SubresourceRequest
from knlab.embedded.net.http import Request, Response
from knlab.embedded.pods.box import NoSuchBox
from knlab.embedded.pods.commands import Command, NoSuchCommand
from knlab.embedded.pods.exec import PodExec
from knlab.embedded.pods.kubelet import pods_directory
from tests.embedded.net.fake_duplex import FakeDuplex
from tests.embedded.net.test_spdy_session import Opening
from tests.embedded.net.test_websocket import from_client, request
from tests.embedded.pods.conftest import Cluster, MakePod
from tests.embedded.pods.test_executions import messages

pytestmark = pytest.mark.anyio

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
RUNNING = {"name": "main", "containerID": "knlab://1", "state": {"running": {}}}
WAITING = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
START = "unable to start container process: "
OCI = "OCI runtime exec failed: exec failed: "


def websocket(protocol: str = V5) -> Request:
    return request(Sec_WebSocket_Protocol=protocol)


def spdy(*protocols: str) -> Request:
    asked = request("POST", Upgrade="SPDY/3.1")
    asked.headers += [(b"X-Stream-Protocol-Version", each.encode()) for each in protocols]
    return asked


def scripted(argv: Sequence[str], container: Path, *, tty: bool) -> Command:
    """The commands of these tests: `sh`, and two that cannot be."""
    if argv[0] == "box":
        raise NoSuchBox("the container has no commands")
    if argv[0] != "sh":
        raise NoSuchCommand(f'exec: "{argv[0]}": executable file not found in $PATH')
    container.mkdir(parents=True, exist_ok=True)
    return Command(argv=("/bin/sh", *argv[1:]), env={"TTY": str(tty)}, cwd=container)


def container_of(uid: str, cluster: Cluster) -> Path:
    return pods_directory(cluster.directory) / uid / "main"


class Pod:
    """One pod of a cluster, and how it answers."""

    def __init__(self, cluster: Cluster, handler: SubresourceHandler) -> None:
        self._cluster = cluster
        self._handler = handler

    def be(self, *statuses: Object, **status: object) -> Object:
        changed = self._cluster.pod("p") | {
            "status": {"phase": "Running", "containerStatuses": list(statuses), **status}
        }
        return self._cluster.api.update(PODS, changed, subresource="status").object

    async def ask(self, asked: Request, query: str = "", name: str = "p") -> Response:
        row = self._cluster.api.registry.by_kind("v1", "Pod")
        assert row is not None
        return await self._handler(
            SubresourceRequest(
                request=asked,
                parameters=Parameters(query),
                row=row,
                namespace="default",
                name=name,
                rest="",
                options=WriteOptions(),
            )
        )

    async def run(self, *argv: str, protocol: str = V5, query: str = "") -> list[bytes]:
        """All messages of a whole exec over WebSocket."""
        words = "".join(f"&command={word}" for word in argv)
        response = await self.ask(websocket(protocol), f"stdout=true&stderr=true{query}{words}")
        assert response.status == 101
        assert response.upgraded is not None
        duplex = FakeDuplex()

        async def polite() -> None:
            await duplex.until(lambda: b"\x88\x02\x03\xe8" in duplex.sent)
            duplex.feed(from_client(8, b"\x03\xe8"))

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(polite())
            await response.upgraded(duplex)
        return messages(bytes(duplex.sent))


@pytest.fixture
async def pod(cluster: Cluster, make: MakePod) -> Pod:
    cluster.create(make("p"))
    executor = PodExec(
        cluster.store, pods_directory(cluster.directory), cluster.supervisor, scripted
    )
    made = Pod(cluster, executor.subresource.handler)
    made.be(RUNNING)
    return made


def error_of(received: list[bytes]) -> Any:
    return json.loads(b"".join(part[1:] for part in received if part[0] == 3))


class TestBeforeTheUpgrade:
    async def test_no_pod(self, pod: Pod) -> None:
        with pytest.raises(NotFound, match='pods "q" not found'):
            await pod.ask(websocket(), "command=sh&stdout=true", name="q")

    async def test_no_container(self, pod: Pod) -> None:
        with pytest.raises(BadRequest, match="container x is not valid for pod p"):
            await pod.ask(websocket(), "command=sh&stdout=true&container=x")

    async def test_no_node(self, pod: Pod, cluster: Cluster, make: MakePod) -> None:
        cluster.create(make("free", nodeName=None))
        with pytest.raises(BadRequest, match="pod free does not have a host assigned"):
            await pod.ask(websocket(), "command=sh&stdout=true", name="free")

    @pytest.mark.parametrize("asked", [Request("GET", "/", []), request(Upgrade="h2c")])
    async def test_no_upgrade(self, pod: Pod, asked: Request) -> None:
        with pytest.raises(BadRequest, match="Upgrade request required"):
            await pod.ask(asked, "command=sh&stdout=true")

    @pytest.mark.parametrize("asked", [websocket(V4), spdy(V4)], ids=["websocket", "spdy"])
    @pytest.mark.parametrize(
        ("status", "query", "code", "text"),
        [
            (RUNNING, "command=sh", 400, b"you must specify at least 1 of stdin, stdout, stderr"),
            (WAITING, "command=sh&stdout=1", 500, b'container not found ("main")'),
        ],
    )
    async def test_what_the_kubelet_refuses(
        self, pod: Pod, asked: Request, status: Object, query: str, code: int, text: bytes
    ) -> None:
        pod.be(status)
        response = await pod.ask(asked, query)
        assert (response.status, response.body) == (code, text)

    async def test_a_protocol_of_the_future(self, pod: Pod) -> None:
        refused = await pod.ask(websocket("v6.channel.k8s.io"), "command=sh&stdout=true")
        assert refused.status == 403
        refused = await pod.ask(spdy("v6.channel.k8s.io"), "command=sh&stdout=true")
        assert refused.status == 403


class TestOverWebSocket:
    @pytest.fixture(autouse=True)
    async def _running(self, cluster: Cluster) -> Any:
        async with cluster.supervisor:
            yield

    async def test_output_and_success(self, pod: Pod, cluster: Cluster) -> None:
        received = await pod.run("sh", "-c", "pwd")
        assert received[0] == b"\x01"
        uid = cluster.pod("p")["metadata"]["uid"]
        assert received[1] == b"\x01" + str(container_of(uid, cluster)).encode() + b"\n"
        assert error_of(received) == {"metadata": {}, "status": "Success"}

    async def test_a_terminal_has_no_errors_of_its_own(self, pod: Pod) -> None:
        received = await pod.run("sh", "-c", "echo+$TTY+>%262", query="&tty=true")
        assert b"\x01True\r\n" in received
        assert not [part for part in received if part[0] == 2]

    async def test_v5_hears_over_the_error_channel_what_the_kubelet_refuses(self, pod: Pod) -> None:
        pod.be(WAITING)
        status = error_of(await pod.run("sh"))
        assert status["message"] == (
            'Internal error occurred: unable to upgrade connection: container not found ("main")'
        )

    @pytest.mark.parametrize(
        ("argv", "why"),
        [
            ((), "args must not be empty"),
            (("foo",), f'{START}exec: "foo": executable file not found in $PATH'),
            (("box",), f'{START}exec: "box": the container has no commands'),
        ],
    )
    async def test_what_cannot_run(self, pod: Pod, argv: tuple[str, ...], why: str) -> None:
        status = error_of(await pod.run(*argv, protocol=V4))
        said = "Internal error occurred: error executing command in container: failed to exec"
        assert status["message"].startswith(f'{said} in container: failed to start exec "')
        assert status["message"].endswith(f'": {OCI}{why}: unknown')
        assert (status["reason"], status["code"]) == ("InternalError", 500)

    async def test_old_protocols_speak_plainly(self, pod: Pod) -> None:
        received = await pod.run("sh", "-c", "exit+4", protocol="channel.k8s.io")
        assert received[-1].endswith(b"error executing command [sh -c exit 4], exit code 4")

    async def test_a_container_that_ends_takes_the_command_along(self, pod: Pod) -> None:
        running = asyncio.create_task(pod.run("sh", "-c", "sleep+1000"))
        await asyncio.sleep(0.05)
        pod.be(RUNNING | {"state": {"terminated": {"exitCode": 0}}})
        assert error_of(await running)["details"]["causes"][0]["message"] == "137"


class TestOverSpdy:
    async def test_a_whole_exec(self, pod: Pod, cluster: Cluster) -> None:
        query = "command=sh&command=-c&command=cat;exit+3&stdin=1&stdout=1&stderr=1"
        response = await pod.ask(spdy(V4, "v3.channel.k8s.io"), query)
        assert response.header("X-Stream-Protocol-Version") == V4
        assert response.upgraded is not None
        duplex, opening = FakeDuplex(), Opening()

        async def client() -> None:
            names = ("error", "stdin", "stdout", "stderr")
            for index, name in enumerate(names):
                duplex.feed(opening(2 * index + 1, streamtype=name))
            duplex.feed(b"\0\0\0\3\1\0\0\2hi")
            await duplex.until_sent(b"\0\0\0\5\0\0\0\2hi")
            await duplex.until_sent(b'"reason":"ExitCode","message":"3"')
            await duplex.until_sent(b"\x80\x03\x00\x07")
            duplex.leave()

        async with asyncio.timeout(10), cluster.supervisor, asyncio.TaskGroup() as group:
            group.create_task(client())
            await response.upgraded(duplex)
        assert duplex.closed
