"""A node of its own for each test: the real API over a store in a temporary directory."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from knlab._clock import SystemClock
from knlab.embedded.builtin.kinds import EVENTS, NAMESPACES, PODS, SERVICE_CLAIMS, rows
from knlab.embedded.builtin.lifecycle import LIFECYCLE, SERVER_KINDS
from knlab.embedded.images import ImageTable
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.registry import Registry
from knlab.embedded.kube.store import Store
from knlab.embedded.net.forward import Forwarder
from knlab.embedded.net.http import Request, whole_body
from knlab.embedded.net.network import Network
from knlab.embedded.pods.addresses import own_addresses
from knlab.embedded.pods.kubelet import pods_directory, run_kubelet
from knlab.embedded.pods.log_requests import PodLogs
from knlab.embedded.pods.supervisor import Supervisor
from knlab.images import register_program

HELLO = "dev.local/hello:v1"
SECONDS = 10.0


class Cluster:
    """An API server without HTTP, and a kubelet that can be started and stopped."""

    def __init__(self, directory: Path, network: Network) -> None:
        self.directory = directory
        self.clock = SystemClock()
        self.store = Store(directory / "store.sqlite")
        registry = Registry(rows(partial(self.store.having, SERVICE_CLAIMS)))
        self.api = Api(self.store, registry, self.clock, kinds=SERVER_KINDS, lifecycle=LIFECYCLE)
        self.network = network
        self.images = ImageTable(directory / "images.json")
        self.logs = PodLogs(self.store, pods_directory(directory), self.clock)
        self.logged: list[str] = []
        self.supervisor = Supervisor(self.logged.append)
        if self.api.find(NAMESPACES, "", "default") is None:
            self.api.create(
                NAMESPACES,
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}},
            )

    @asynccontextmanager
    async def kubelet(self) -> AsyncIterator[None]:
        running = asyncio.create_task(
            run_kubelet(
                self.api,
                self.network,
                self.images,
                state_dir=self.directory,
                clock=self.clock,
                supervisor=self.supervisor,
                log=self.logged.append,
            )
        )
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert not [line for line in self.logged if "Traceback" in line], self.logged

    def create(self, pod: Object) -> Object:
        return self.api.create(PODS, pod).object

    def pod(self, name: str) -> Object:
        return self.api.get(PODS, "default", name)

    def status(self, name: str) -> Object:
        found: Object = self.pod(name).get("status") or {}
        return found

    def container(self, name: str, container: str = "main") -> Object:
        listed = self.status(name).get("containerStatuses") or []
        return next((one for one in listed if one["name"] == container), {})

    def state(self, name: str, container: str = "main") -> Object:
        found: Object = self.container(name, container).get("state") or {}
        return found

    def events(self, name: str) -> list[str]:
        found = [
            event
            for event in self.api.list(EVENTS, "default")
            if event["involvedObject"]["name"] == name
        ]
        found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [f"{event['reason']}: {event['message']}" for event in found]

    async def until(
        self, holds: Callable[[], object], of: GroupResource = PODS, seconds: float = SECONDS
    ) -> None:
        """Returns when `holds()`, which is asked after every change of a pod."""
        async with asyncio.timeout(seconds):
            with self.store.subscribe(of) as changes:
                while not holds():
                    await anext(changes)

    async def until_event(self, name: str, text: str) -> None:
        """Returns when there is an event about pod `name` with `text` in it."""
        await self.until(lambda: any(text in event for event in self.events(name)), EVENTS)

    async def until_ready(self, name: str) -> Object:
        await self.until(lambda: self.container(name).get("ready"))
        return self.pod(name)

    async def until_gone(self, name: str) -> None:
        await self.until(lambda: self.api.find(PODS, "default", name) is None)

    def register(self, name: str, *argv: str) -> str:
        """The reference of a program of the user's own."""
        return register_program(self.directory / "images.json", f"dev.local/{name}", argv)

    def shell(self, name: str, script: str) -> str:
        """The reference of a program that is a shell script."""
        return self.register(name, "/bin/sh", "-c", script)

    async def get(self, name: str, path: str = "/") -> str:
        """What the pod's program answers."""
        address = (self.status(name)["podIP"], 8080)
        response = await self.network.call(address, Request("GET", path, [(b"Host", b"test")]))
        return (await whole_body(response.body)).decode()

    async def first_line(self, name: str) -> str:
        """The first line that the pod's container logs, once it runs and has logged one."""
        await self.until(lambda: self.state(name).get("running"))
        async with asyncio.timeout(SECONDS):
            pieces = self.logs.read("default", name, Parameters("follow=true"))
            piece = await anext(pieces)
        return piece.decode().splitlines()[0]

    async def log(self, name: str, query: str = "") -> str:
        """What `kubectl logs` gets."""
        pieces = self.logs.read("default", name, Parameters(query))
        return b"".join([piece async for piece in pieces]).decode()


class MakePod(Protocol):
    def __call__(
        self, name: str, image: str = HELLO, *, container: Object | None = None, **spec: object
    ) -> Object: ...


def is_alive(pid: int) -> bool:
    """Whether process `pid` runs; one that nobody has waited for yet does not."""
    asked = ["ps", "-o", "stat=", "-p", str(pid)]
    found = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.strip()
    return bool(found) and not found.startswith("Z")


async def until_dead(pid: int, seconds: float) -> None:
    """Returns when process `pid`, which need not be ours, runs no more."""
    async with asyncio.timeout(seconds):
        while is_alive(pid):  # noqa: ASYNC110 - nobody tells us of a stranger's end
            await asyncio.sleep(0.02)


def make_pod(
    name: str, image: str = HELLO, *, container: Object | None = None, **spec: object
) -> Object:
    """A pod with one container `main` on port 8080, bound to the node."""
    main: Object = {"name": "main", "image": image, "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": "knlab", "containers": [main | (container or {})], **spec},
    }


@pytest.fixture
def alive() -> Callable[[int], bool]:
    return is_alive


@pytest.fixture
def dead() -> Callable[[int, float], Awaitable[None]]:
    return until_dead


@pytest.fixture
def make() -> MakePod:
    return make_pod


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        forwarder = Forwarder()
        stack.push_async_callback(forwarder.close)
        made = Cluster(tmp_path, Network(forwarder, own_addresses=own_addresses()))
        stack.callback(made.store.close)
        yield made
