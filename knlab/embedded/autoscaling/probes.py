"""Probes of the activator: is it in the request path of a revision that wants to go to zero?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from knlab._clock import Clock
from knlab.embedded.kube.objects import Key
from knlab.kpa.scale_to_zero import AFTER_PROBES, PROBE_PERIOD, PROBE_TIMEOUT

FRESH: Final = 5.0
"""Seconds for which an answer counts; shorter than the shortest stable window."""

Ask: TypeAlias = Callable[[Key], Awaitable[bool]]
"""Whether the activator answers one probe sent to the public service of a revision."""


class ActivatorProbes:
    """One probe at once; without an answer one every second until there is one, or no more time."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._group: asyncio.TaskGroup | None = None
        self._running: set[Key] = set()
        self._answered: dict[Key, float] = {}
        self._wake: Callable[[Key], None] | None = None

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Probe as part of `group` from now on, with nothing known."""
        self._group = group
        self._running.clear()
        self._answered.clear()

    def end(self) -> None:
        """Begin no more probes; the group ends those under way."""
        self._group = None

    def on_answer(self, wake: Callable[[Key], None]) -> None:
        """Call `wake` with a key when its probing has ended."""
        self._wake = wake

    def answers(self, key: Key) -> bool:
        """Whether the activator has answered a moment ago."""
        return self._clock.monotonic() - self._answered.get(key, -math.inf) <= FRESH

    def request(self, key: Key) -> None:
        """Begin to probe, unless that is under way."""
        if self._group is not None and key not in self._running:
            self._running.add(key)
            self._group.create_task(self._probe(key), name=f"activator-probe {'/'.join(key)}")

    async def _probe(self, key: Key) -> None:
        answered = await self._once(key)
        if not answered:
            answered = await self._repeatedly(key)
            await asyncio.sleep(AFTER_PROBES)
        self._running.discard(key)
        self._answered.pop(key, None)
        if answered:
            self._answered[key] = self._clock.monotonic()
        if self._wake is not None:
            self._wake(key)

    async def _repeatedly(self, key: Key) -> bool:
        deadline = self._clock.monotonic() + PROBE_TIMEOUT
        while self._clock.monotonic() < deadline:
            await asyncio.sleep(PROBE_PERIOD)
            if await self._once(key):
                return True
        return False

    async def _once(self, key: Key) -> bool:
        try:
            return await self._ask(key)
        except OSError:
            return False
