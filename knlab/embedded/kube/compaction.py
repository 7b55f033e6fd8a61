"""Forgetting old changes again and again, as an API server lets etcd do."""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

from knlab.embedded.kube.store import Store

INTERVAL: Final = 300.0
"""Seconds: how long a change is remembered at least; twice as long at most."""


async def compact(store: Store) -> NoReturn:
    """Forget what happened more than `INTERVAL` ago, every `INTERVAL`, until cancelled."""
    while True:
        version = store.version
        await asyncio.sleep(INTERVAL)
        store.compact(version)
