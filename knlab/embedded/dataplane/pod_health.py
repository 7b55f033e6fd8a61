"""Which pods of which revision answer (`pkg/activator/net/revision_backends.go`).

Addresses are probed as soon as they appear, before Kubernetes calls their pods ready, and until
they answer; a pod that Kubernetes calls unready after it was ready must answer again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from knlab.embedded.dataplane.headers import ACTIVATOR_PROBE_AGENT, PROBE, QUEUE
from knlab.embedded.dataplane.routing_table import RevisionBackends
from knlab.embedded.net.http import Address, Request, whole_body
from knlab.embedded.net.network import Network

PROBE_TIMEOUT: Final = 0.3
PROBE_FREQUENCY: Final = 0.2
"""cmd/activator: PROBE_TIMEOUT and PROBE_FREQUENCY."""

QUICK_FREQUENCY: Final = 0.01
QUICK_PROBES: Final = 50
"""The first probes follow faster: here a queue-proxy needs milliseconds to start."""

_NO_BACKENDS: Final = RevisionBackends()


class PodHealth:
    """Keeps, for every revision, the pods that may get requests; tells `changed` of differences."""

    def __init__(
        self, network: Network, tasks: asyncio.TaskGroup, changed: Callable[[str], None]
    ) -> None:
        self._network = network
        self._tasks = tasks
        self._changed = changed
        self._backends: dict[str, RevisionBackends] = {}
        self._healthy: dict[str, set[Address]] = {}
        self._probing: dict[tuple[str, Address], asyncio.Task[None]] = {}

    def healthy(self, revision: str) -> frozenset[Address]:
        """The pods of `revision` that answered and are still listed."""
        return frozenset(self._healthy.get(revision, ()))

    def follow(self, revision: str, backends: RevisionBackends | None) -> None:
        """The endpoints of `revision` are now those of `backends`; None if it is gone."""
        old = self._backends.pop(revision, _NO_BACKENDS)
        if backends is None:
            self._retire(revision, old.ready | old.not_ready)
            self._healthy.pop(revision, None)
        else:
            self._backends[revision] = backends
            self._follow(revision, old, backends)

    def _follow(self, revision: str, old: RevisionBackends, new: RevisionBackends) -> None:
        listed = new.ready | new.not_ready
        healthy = self._healthy.setdefault(revision, set())
        known = set(healthy)
        healthy &= listed
        healthy -= old.ready & new.not_ready
        self._retire(revision, (old.ready | old.not_ready) - listed)
        candidates = new.ready if new.only_ready else listed
        for address in candidates - healthy:
            key = (revision, address)
            if key not in self._probing:
                self._probing[key] = self._tasks.create_task(
                    self._probe_until_healthy(revision, address), name=f"probe {address[0]}"
                )
        if healthy != known:
            self._changed(revision)

    def _retire(self, revision: str, addresses: frozenset[Address]) -> None:
        for address in addresses:
            probing = self._probing.pop((revision, address), None)
            if probing is not None:
                probing.cancel()

    def close(self) -> None:
        """Probe no more."""
        for task in self._probing.values():
            task.cancel()
        self._probing.clear()

    async def _probe_until_healthy(self, revision: str, address: Address) -> None:
        loop = asyncio.get_running_loop()
        probes = 0
        while True:
            begin = loop.time()
            if await self._answers(address):
                break
            probes += 1
            pause = QUICK_FREQUENCY if probes < QUICK_PROBES else PROBE_FREQUENCY
            await asyncio.sleep(max(0.0, begin + pause - loop.time()))
        del self._probing[revision, address]
        self._healthy[revision].add(address)
        self._changed(revision)

    async def _answers(self, address: Address) -> bool:
        """Whether a queue-proxy at `address` says that its container is ready."""
        request = Request(
            "GET",
            "/healthz",
            [
                (b"host", f"{address[0]}:{address[1]}".encode()),
                (b"user-agent", ACTIVATOR_PROBE_AGENT),
                (PROBE, QUEUE),
            ],
        )
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                response = await self._network.pass_on(address, request)
                return response.status == 200 and await whole_body(response.body) == QUEUE
        except OSError:
            return False
