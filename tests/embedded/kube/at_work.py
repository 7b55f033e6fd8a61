"""Loops over the API at work while a test runs, and waiting for what they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from knlab.embedded.kube.api import Api


@asynccontextmanager
async def at_work(loop: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`loop` runs until the block ends, and not less."""
    task = asyncio.create_task(loop)
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(api: Api, condition: Callable[[], object]) -> None:
    """Return as soon as a write makes `condition` true."""
    changed = asyncio.Event()
    with api.store.listening(lambda _change: changed.set()):
        async with asyncio.timeout(5):
            while not condition():
                await changed.wait()
                changed.clear()


async def turns(count: int) -> None:
    """Let others have `count` turns."""
    for _ in range(count):
        await asyncio.sleep(0)
