"""Leaving without losing a request (`knative.dev/pkg/network/handlers/drain.go`).

A draining queue-proxy fails its probes, still serves what comes, and is drained when nothing came
for a while.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from knlab.embedded.dataplane.headers import plain
from knlab.embedded.net.http import Request, Response
from knlab.embedded.runtime import Container

QUIET_PERIOD: Final = 30.0
"""How long nothing must come before a queue-proxy is drained (`pkg/queue/sharedmain/main.go`)."""

RESET_AFTER: Final = 1.0
"""A drain that is asked for, but not followed by SIGTERM this soon, is forgotten: only the user
container is being restarted."""

HIJACK_PERIOD: Final = 60.0
"""How long upgraded connections may go on after everything else has ended."""


GATEWAY_DRAIN: Final = 15.0
"""How long a gateway serves on when it is to end, unless its environment says otherwise."""


class Drainer:
    """Counts a quiet period since the last request, once draining has begun."""

    def __init__(self, quiet_period: float = QUIET_PERIOD) -> None:
        self._quiet_period = quiet_period
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None

    @property
    def draining(self) -> bool:
        """Whether probes must fail."""
        return self._drained is not None

    def request_came(self) -> None:
        """The quiet period begins anew, if it runs."""
        if self._timer is not None and self._drained is not None and not self._drained.done():
            self._timer.cancel()
            self._start(self._drained)

    async def drain(self) -> None:
        """Begin to drain; returns when drained, or when the drain is reset."""
        if self._drained is None:
            self._drained = self._loop.create_future()
            self._start(self._drained)
        await asyncio.shield(self._drained)

    def reset(self) -> None:
        """Go on as if no drain had begun; whoever waits for it returns."""
        if self._timer is not None:
            self._timer.cancel()
        drained, self._drained, self._timer = self._drained, None, None
        _set(drained)

    def _start(self, drained: asyncio.Future[None]) -> None:
        self._timer = self._loop.call_later(self._quiet_period, _set, drained)


class InFlight:
    """Requests that are not over, upgraded connections apart."""

    def __init__(self) -> None:
        self.requests = 0
        self.upgraded = 0
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """A request came."""
        self.requests += 1

    def upgrade(self) -> None:
        """A request has become an upgraded connection."""
        self.requests -= 1
        self.upgraded += 1

    def end(self) -> None:
        """A request is over."""
        self.requests -= 1
        self._changed.set()

    def end_upgraded(self) -> None:
        """An upgraded connection is over."""
        self.upgraded -= 1
        self._changed.set()

    async def finished(self, hijack_period: float = HIJACK_PERIOD) -> None:
        """Returns when every request is over, and upgraded connections too or for long enough."""
        while self.requests:
            await self._change()
        with suppress(TimeoutError):
            async with asyncio.timeout(hijack_period):
                while self.upgraded:
                    await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class GatewayDrain:
    """Envoy's way to the end: asked for by its administrator or by SIGTERM, it takes a while."""

    def __init__(self, container: Container) -> None:
        self._loop = asyncio.get_running_loop()
        self._time = float(container.env.get("DRAIN_TIME_SECONDS", GATEWAY_DRAIN))
        self._begun: float | None = None

    async def admin(self, request: Request) -> Response:
        """`POST /drain_listeners` begins it."""
        if request.target.partition("?")[0] != "/drain_listeners":
            return plain(404, b"invalid path\n")
        if request.method != "POST":
            return plain(405, b"Method Not Allowed")
        self._begin()
        return plain(200, b"OK\n")

    def _begin(self) -> float:
        if self._begun is None:
            self._begun = self._loop.time()
        return self._begun

    async def over(self) -> None:
        """Returns when it is over; begins it if nobody has."""
        await asyncio.sleep(self._begin() + self._time - self._loop.time())


def _set(drained: asyncio.Future[None] | None) -> None:
    if drained is not None and not drained.done():
        drained.set_result(None)
