"""The requests behind `kubectl get pods`, timed at the socket while something else goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import uvloop

from benchmarks.https_client import Connection, Server, accepted, connect

INTERVAL: Final = 0.05
"""Seconds between two pairs of requests: somebody looks often, and is no load."""
_PODS: Final = "/api/v1/namespaces/default/pods"
_TABLE: Final = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,"
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)


@dataclass(slots=True)
class Answered:
    """Seconds of each request."""

    get: list[float] = field(default_factory=list)
    listed: list[float] = field(default_factory=list)


def asked_during(work: Callable[[], object], server: Server, pod: str) -> Answered:
    """How long the API took for one pod and for the list of all while `work` ran."""
    found: Answered = uvloop.run(_asked_during(work, server, pod))
    return found


async def _asked_during(work: Callable[[], object], server: Server, pod: str) -> Answered:
    connection = await connect(server)
    get = server.request("GET", f"{_PODS}/{pod}", Accept=_TABLE)
    listed = server.request("GET", f"{_PODS}?limit=500", Accept=_TABLE)
    found = Answered()
    running = asyncio.create_task(asyncio.to_thread(work))
    try:
        while not running.done():
            found.get.append(await _timed(connection, get))
            found.listed.append(await _timed(connection, listed))
            await asyncio.sleep(INTERVAL)
        await running
    finally:
        connection.close()
    return found


async def _timed(connection: Connection, request: bytes) -> float:
    began = time.perf_counter()
    accepted(await connection.ask(request))
    return time.perf_counter() - began
