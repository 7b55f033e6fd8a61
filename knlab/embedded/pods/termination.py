"""How a container is stopped: preStop hook, SIGTERM, and SIGKILL when its time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from knlab.embedded.pods.containers import Stoppable

MINIMUM_GRACE: Final = 2.0
"""Seconds between SIGTERM and SIGKILL, however long the hook took."""


class Deadline:
    """A moment on the loop's clock that can only come nearer."""

    def __init__(self, when: float = float("inf")) -> None:
        self._when = when
        self._forced = False
        self._moved = asyncio.Event()

    def move(self, when: float) -> None:
        """Be at `when`, unless it is nearer already."""
        if when < self._when:
            self._when = when
            self._wake()

    def force(self) -> None:
        """Be now, without minimum."""
        self._forced = True
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def passed(self, at_least: float = 0.0) -> None:
        """Return when the moment has come, but not before `at_least` unless forced."""
        loop = asyncio.get_running_loop()
        while not self._forced:
            left = max(self._when, at_least) - loop.time()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(None if left == float("inf") else left):
                    await self._moved.wait()


async def stop(
    running: Stoppable, hook: Callable[[], Awaitable[None]] | None, deadlines: Sequence[Deadline]
) -> int:
    """Stop `running` before the nearest of `deadlines`; its exit code."""
    loop = asyncio.get_running_loop()
    exited = asyncio.ensure_future(running.wait())
    try:
        if hook is not None:
            await _first([exited, hook(), *(deadline.passed() for deadline in deadlines)])
        running.terminate()
        end = loop.time() + MINIMUM_GRACE
        await _first([exited, *(deadline.passed(end) for deadline in deadlines)])
        running.kill()
        return await exited
    finally:
        exited.cancel()


async def _first(awaited: Sequence[Awaitable[object]]) -> None:
    """Return when one of `awaited` is done; cancel the others, except those that were running."""
    ours = [one for one in awaited if not isinstance(one, asyncio.Future)]
    tasks = [asyncio.ensure_future(one) for one in ours]
    given = [one for one in awaited if isinstance(one, asyncio.Future)]
    try:
        done, _ = await asyncio.wait([*tasks, *given], return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
