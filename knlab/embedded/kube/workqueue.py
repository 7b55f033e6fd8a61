"""Queues of things to look at, and the turns in which all queues of a cluster are worked on.

A thing is in a queue once, may come back later, and backs off on failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Final, Generic, NoReturn, TypeVar

FIRST_RETRY: Final = 0.005
LONGEST_RETRY: Final = 30.0

Item = TypeVar("Item", bound=Hashable)


class Turns:
    """One at a time, in the order in which they asked; all else has a round of the loop after each.

    Without them something of every queue would be done in each round, and a request that the same
    loop serves would wait for all of that at each of its steps.
    """

    def __init__(self) -> None:
        self._taken = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and have it while the context lasts."""
        async with self._taken:
            yield
            await asyncio.sleep(0)


class WorkQueue(Generic[Item]):
    """First in, first out; adding what is already waiting changes nothing."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._waiting: dict[Item, None] = {}
        self._timers: dict[Item, asyncio.TimerHandle] = {}
        self._failures: dict[Item, int] = {}
        self._wake = asyncio.Event()

    def add(self, item: Item) -> None:
        """Look at `item` soon; a timer set for it is still kept."""
        self._waiting[item] = None
        self._wake.set()

    def add_after(self, item: Item, seconds: float) -> None:
        """Look at `item` in `seconds`, unless a timer for it runs out sooner."""
        loop = asyncio.get_running_loop()
        running = self._timers.get(item)
        if running is not None:
            if running.when() <= loop.time() + seconds:
                return
            running.cancel()
        self._timers[item] = loop.call_later(seconds, self._due, item)

    def retry(self, item: Item) -> float:
        """Look at `item` again after a pause that doubles with every failure; the pause."""
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        pause: float = min(FIRST_RETRY * 2 ** min(failures, 30), LONGEST_RETRY)
        self.add_after(item, pause)
        return pause

    def succeeded(self, item: Item) -> None:
        """Forget the failures of `item`."""
        self._failures.pop(item, None)

    def wake(self) -> None:
        """Let `some` return even if nothing is waiting."""
        self._wake.set()

    def take(self) -> Item | None:
        """The next item; None if nothing is waiting. Its timer, if any, is dropped."""
        if not self._waiting:
            return None
        item = next(iter(self._waiting))
        del self._waiting[item]
        timer = self._timers.pop(item, None)
        if timer is not None:
            timer.cancel()
        return item

    async def some(self) -> None:
        """Wait until something is waiting or `wake` was called."""
        if not self._waiting:
            await self._wake.wait()
        self._wake.clear()

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def serve(self, absorb: Callable[[], None], work: Callable[[Item], None]) -> NoReturn:
        """Give `work` one item in each turn until cancelled, after `absorb` has added what is new.

        It closes the queue.
        """
        try:
            while True:
                await self.some()
                absorb()
                if not self._waiting:
                    continue
                async with self._turns.turn():
                    absorb()  # what came meanwhile may be about the same item
                    item = self.take()
                    if item is not None:
                        work(item)
        finally:
            self.close()

    def _due(self, item: Item) -> None:
        self._timers.pop(item, None)
        self.add(item)
