"""How fast an API server answers: any cluster by its kubeconfig, or a fresh embedded one.

    python -m benchmarks.api [--kubeconfig FILE] [--seconds 3] [--save FILE] [--against FILE]

Without a kubeconfig it is the cluster of $KUBECONFIG, without that a fresh embedded one. `--save`
keeps the figures, `--against` prints the ratios to figures kept before: those of another server,
measured on the same machine just now.

Everything goes over https with HTTP/1.1, uncompressed, from this one process. `client` is the share
of one processor that it used: near 100 % it measures itself. `server` is what the listening process
used for one answer (a real API server's etcd comes on top): steadier than the rate where others
use the machine. The objects lie in namespaces of their own, which are deleted in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import uvloop

from benchmarks import fan_out
from benchmarks.https_client import (
    Connection,
    Run,
    Server,
    accepted,
    closed_loop,
    connect,
    server_of,
)
from benchmarks.machine import Listener, machine
from knlab._units import format_bytes, format_duration
from knlab.cluster import process

CONNECTIONS: Final = 10
LISTED: Final = 1_000
"""ConfigMaps in the namespace that is listed, and pods."""
CREATED: Final = 4_000
"""ConfigMaps that the create case adds elsewhere: 5,000 with the others."""
PATIENCE: Final = 120.0
"""Seconds that a namespace may take to come or go."""
_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
_MERGE: Final = "application/merge-patch+json"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    name: str
    rate: float
    """Per second."""
    p50: float
    p99: float
    client: float
    """Share of one processor that the client used."""
    server: float
    """Seconds of processor for one answer; 0 if unknown."""

    @classmethod
    def of(cls, name: str, run: Run, used: float) -> Result:
        """What `run`, for which the server was busy for `used` seconds, comes to."""
        p50, p99 = np.percentile(run.latencies, [50, 99], method="inverted_cdf")
        count = len(run.latencies)
        rate = count / run.seconds
        return cls(name, rate, float(p50), float(p99), run.cpu_share, used / count)


class Bench:
    """One server with the objects that are asked for."""

    def __init__(self, server: Server, connections: Sequence[Connection], name: str) -> None:
        self.server = server
        self.listener = Listener(server.port)
        self._connections = connections
        self._space = f"/api/v1/namespaces/{name}"
        self._other = f"/api/v1/namespaces/{name}-created"

    async def version(self) -> str:
        """What the server says it is."""
        answer = accepted(await self._connections[0].ask(self.server.request("GET", "/version")))
        version: str = json.loads(answer.body)["gitVersion"]
        return version

    async def fill(self) -> None:
        """Make the namespaces, ConfigMaps and pods."""
        for path in (self._space, self._other):
            name = {"metadata": {"name": path.rpartition("/")[2]}}
            request = self._post("/api/v1/namespaces", _encoded(name))
            accepted(await self._connections[0].ask(request))
        # Without its service account a namespace takes no pods.
        await self._until(f"{self._space}/serviceaccounts/default", there=True)
        await closed_loop(self._connections, self._creations(self._space, LISTED))
        pods = (self._post(f"{self._space}/pods", _pod(number)) for number in range(LISTED))
        await closed_loop(self._connections, pods)

    async def clear(self) -> None:
        """Delete the namespaces and wait until they are gone."""
        for path in (self._space, self._other):
            await self._connections[0].ask(self.server.request("DELETE", path))
        for path in (self._space, self._other):
            await self._until(path, there=False)

    async def cases(self, seconds: float) -> AsyncIterator[Result]:
        """Every case, one after the other."""
        maps, pods = f"{self._space}/configmaps", f"{self._space}/pods"
        for name, requests in (
            ("get", self._gets(maps)),
            (f"list {LISTED:,} ConfigMaps", self._repeated(maps)),
            ("the same, resourceVersion=0", self._repeated(f"{maps}?resourceVersion=0")),
            ("merge patch", self._patches(maps)),
            ("create", self._creations(self._other, CREATED)),
            (f"list {LISTED:,} pods", self._repeated(pods)),
            ("the same as a Table", self._repeated(pods, _TABLE)),
        ):
            before = self.listener.cpu
            run = await closed_loop(self._connections, requests, seconds)
            yield Result.of(name, run, self.listener.cpu - before)
        before = self.listener.cpu
        async for name, run in fan_out.runs(self.server, maps, self._connections[0]):
            yield Result.of(name, run, self.listener.cpu - before)
            before = self.listener.cpu

    async def complete(self) -> None:
        """Create what is missing of the ConfigMaps if the time was too short for all."""
        missing = self._creations(self._other, CREATED)
        for request in missing:
            answer = await self._connections[0].ask(request)
            if answer.status != 409:
                accepted(answer)

    async def _until(self, path: str, *, there: bool) -> None:
        """Return when there is something at `path`, or nothing any more."""
        request = self.server.request("GET", path)
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self._connections[0].ask(request)
                if answer.status == (200 if there else 404):
                    return
                await asyncio.sleep(0.1)

    def _post(self, path: str, body: bytes) -> bytes:
        return self.server.request("POST", path, body, Content_Type=_JSON)

    def _creations(self, space: str, count: int) -> Iterator[bytes]:
        return (self._post(f"{space}/configmaps", config_map(number)) for number in range(count))

    def _gets(self, maps: str) -> Iterator[bytes]:
        asked = [self.server.request("GET", f"{maps}/{_name(n)}") for n in range(LISTED)]
        return itertools.cycle(asked)

    def _repeated(self, path: str, accept: str = _JSON) -> Iterator[bytes]:
        return itertools.repeat(self.server.request("GET", path, Accept=accept))

    def _patches(self, maps: str) -> Iterator[bytes]:
        for number in itertools.count():
            body = _encoded({"data": {"changed": str(number)}})
            path = f"{maps}/{_name(number % LISTED)}"
            yield self.server.request("PATCH", path, body, Content_Type=_MERGE)


def _name(number: int) -> str:
    return f"bench-{number:05d}"


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def config_map(number: int) -> bytes:
    """A ConfigMap with 700 bytes of data."""
    data = {"one.properties": "x" * 350, "two.properties": "y" * 350}
    return _encoded({"metadata": {"name": _name(number)}, "data": data})


def _pod(number: int) -> bytes:
    """A pod that stays pending: it asks for a scheduler that does not exist."""
    container = {"name": "main", "image": "dev.local/none:v1", "ports": [{"containerPort": 8080}]}
    return _encoded({
        "metadata": {"name": _name(number), "labels": {"app": "bench"}},
        "spec": {"schedulerName": "none", "containers": [container]},
    })  # fmt: skip


@dataclass(slots=True)
class Measured:
    """Everything about one server."""

    version: str
    results: list[Result]
    idle: int
    """Resident bytes of the process that listens, before; 0 if unknown."""
    loaded: int = 0
    """The same with 5,000 ConfigMaps and 1,000 pods."""


@asynccontextmanager
async def _bench(kubeconfig: Path) -> AsyncIterator[Bench]:
    server = server_of(kubeconfig)
    connections = [await connect(server) for _ in range(CONNECTIONS)]
    bench = Bench(server, connections, f"benchmark-{os.getpid()}")
    try:
        yield bench
    finally:
        try:
            await bench.clear()
        finally:
            for connection in connections:
                connection.close()


async def measure(kubeconfig: Path, seconds: float) -> Measured:
    """Every case on the cluster of `kubeconfig`."""
    async with _bench(kubeconfig) as bench:
        found = Measured(await bench.version(), [], bench.listener.memory)
        await bench.fill()
        async for result in bench.cases(seconds):
            found.results.append(result)
        await bench.complete()
        found.loaded = bench.listener.memory
    return found


def _rows(found: Measured) -> Iterator[str]:
    for each in found.results:
        yield (
            f"| {each.name} | {each.rate:,.0f}/s | {format_duration(each.p50)} |"
            f" {format_duration(each.p99)} | {each.client:.0%} | {format_duration(each.server)} |"
        )


def _print(found: Measured) -> None:
    print(f"\n### {found.version}\n")
    print("| what | rate | p50 | p99 | client | server |\n| --- | --- | --- | --- | --- | --- |")
    print(*_rows(found), sep="\n")
    if found.loaded:
        print(
            f"\nMemory (resident): {format_bytes(found.idle)} before, {format_bytes(found.loaded)}"
            " with 5,000 ConfigMaps of 700 bytes and 1,000 pods."
        )


def _print_ratios(found: Measured, other: Measured) -> None:
    print(f"\n### {found.version} against {other.version}\n")
    print("| what | rate | p99 |\n| --- | --- | --- |")
    for one, two in zip(found.results, other.results, strict=True):
        print(f"| {one.name} | {one.rate / two.rate:.2f} | {one.p99 / two.p99:.2f} |")
    if found.loaded and other.loaded:
        print(f"\nMemory: {found.loaded / other.loaded:.2f}")


def _load(path: Path) -> Measured:
    kept = json.loads(path.read_text())
    return Measured(**kept | {"results": [Result(**each) for each in kept["results"]]})


@contextmanager
def _chosen(kubeconfig: str | None) -> Iterator[Path]:
    """The kubeconfig to use while the block runs."""
    if kubeconfig:
        yield Path(kubeconfig)
        return
    with process.temporary() as directory:
        yield directory / "kubeconfig"


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kubeconfig", default=os.environ.get("KUBECONFIG"))
    parser.add_argument("--seconds", type=float, default=3.0, help="per case (default: 3)")
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    parser.add_argument("--against", type=Path, help="compare with the figures in this file")
    options = parser.parse_args()
    print(machine())
    with _chosen(options.kubeconfig) as kubeconfig:
        found = uvloop.run(measure(kubeconfig, options.seconds))
    _print(found)
    if options.save:
        options.save.write_text(json.dumps(asdict(found)))
    if options.against:
        _print_ratios(found, _load(options.against))


if __name__ == "__main__":
    main()
