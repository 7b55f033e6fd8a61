"""What a server knows of its connections, in whichever version of HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from knlab.embedded.net.http import Handler


class Served(Protocol):
    """A client's connection."""

    task: asyncio.Task[None]
    """Runs until nobody works for the client any more."""
    waiting_since: float
    """When the last request ended; infinite while one runs."""

    def finish(self) -> None:
        """Close as soon as what runs is answered."""

    def reset(self) -> None:
        """Close at once."""


@dataclass(slots=True)
class Settings:
    """What all connections of a server share."""

    handler: Handler
    connections: set[Served]
