"""Waiting for what other tasks do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], bool]) -> None:
    """Return when `true()` is; other tasks run meanwhile."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - other tasks run meanwhile
            await asyncio.sleep(0.001)
