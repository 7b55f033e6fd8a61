"""Many Services at once, deployed with so little work for the client that the cluster's shows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import knlab
from benchmarks.https_client import Connection, Server, accepted, closed_loop
from knlab.cluster.manifest import Scaling, service_manifest

SERVICES: Final = "/apis/serving.knative.dev/v1/namespaces/default/services"
CONNECTIONS: Final = 10
_LOOK: Final = 0.5
"""Seconds between two looks at who is ready."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """How a crowd came up."""

    ready: int
    created_after: float
    """Seconds until the last create was answered."""
    ready_after: float
    """Seconds until all were ready, or until nobody waited any longer."""


@dataclass(frozen=True)
class Crowd:
    """Services whose names begin with `prefix`."""

    server: Server
    connections: Sequence[Connection]
    prefix: str

    async def deploy(self, count: int, scaling: Scaling, patience: float) -> Deployed:
        """What came of `count` Services within `patience` seconds."""
        began = time.monotonic()
        await closed_loop(self.connections, self._creations(count, scaling))
        created = time.monotonic() - began
        while True:
            ready = await self._ready()
            spent = time.monotonic() - began
            if ready == count or spent > patience:
                return Deployed(ready, created, spent)
            await asyncio.sleep(_LOOK)

    async def delete(self, count: int) -> None:
        """Delete them; their pods drain."""
        paths = (f"{SERVICES}/{self._name(number)}" for number in range(count))
        await closed_loop(self.connections, (self.server.request("DELETE", p) for p in paths))

    def _name(self, number: int) -> str:
        return f"{self.prefix}-{number:04d}"

    def _creations(self, count: int, scaling: Scaling) -> Iterator[bytes]:
        for number in range(count):
            name, image = self._name(number), knlab.images.HELLO
            made = service_manifest(name, namespace="default", image=image, scaling=scaling)
            body = json.dumps(made).encode()
            yield self.server.request("POST", SERVICES, body, Content_Type="application/json")

    async def _ready(self) -> int:
        request = self.server.request("GET", SERVICES, Accept="application/json")
        items = json.loads(accepted(await self.connections[0].ask(request)).body)["items"]
        mine = (each for each in items if each["metadata"]["name"].startswith(f"{self.prefix}-"))
        return sum(map(is_ready, mine))


def is_ready(obj: dict[str, Any]) -> bool:
    """Whether its condition Ready is True."""
    conditions = obj.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
