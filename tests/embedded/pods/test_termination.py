"""Hook, SIGTERM, SIGKILL: in that order and in time."""

from __future__ import annotations

import asyncio

import pytest

from knlab.embedded.pods import termination
from knlab.embedded.pods.termination import Deadline, stop

pytestmark = pytest.mark.anyio


class Fake:
    """A container that notes what it is told, and ends when it likes to."""

    def __init__(self, *, ends_on: str) -> None:
        self.seen: list[str] = []
        self._ends_on = ends_on
        self._exited = asyncio.Event()

    async def wait(self) -> int:
        await self._exited.wait()
        return 0

    def _told(self, what: str) -> None:
        self.seen.append(what)
        if what == self._ends_on:
            self._exited.set()

    def terminate(self) -> None:
        self._told("TERM")

    def kill(self) -> None:
        self._told("KILL")

    async def hook(self) -> None:
        self._told("hook")


async def stopped(fake: Fake, *deadlines: Deadline) -> list[str]:
    async with asyncio.timeout(5):
        await stop(fake, fake.hook, deadlines)
    return fake.seen


async def test_an_obedient_container() -> None:
    assert (await stopped(Fake(ends_on="TERM"), Deadline()))[:2] == ["hook", "TERM"]


async def test_a_container_that_ends_during_its_hook() -> None:
    assert (await stopped(Fake(ends_on="hook"), Deadline()))[0] == "hook"


async def test_a_stubborn_one_is_killed_when_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(termination, "MINIMUM_GRACE", 0.01)
    now = asyncio.get_running_loop().time()
    seen = await stopped(Fake(ends_on="KILL"), Deadline(now + 0.02))
    assert seen == ["hook", "TERM", "KILL"]


async def test_a_hook_that_hangs_uses_up_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "MINIMUM_GRACE", 0.01)
    fake = Fake(ends_on="TERM")
    now = asyncio.get_running_loop().time()

    async def hangs() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await stop(fake, hangs, [Deadline(now + 0.02)])
    assert fake.seen[0] == "TERM"


async def test_the_minimum_is_not_for_those_who_are_forced() -> None:
    deadline = Deadline(asyncio.get_running_loop().time())
    deadline.force()
    async with asyncio.timeout(1):
        await stop(Fake(ends_on="KILL"), None, [deadline])


async def test_a_deadline_only_comes_nearer() -> None:
    loop = asyncio.get_running_loop()
    deadline = Deadline(loop.time() + 1000)
    waiting = asyncio.ensure_future(deadline.passed())
    await asyncio.sleep(0)
    deadline.move(loop.time() + 0.01)
    deadline.move(loop.time() + 1000)
    async with asyncio.timeout(5):
        await waiting
