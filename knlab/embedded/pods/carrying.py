"""Bytes between the streams of a client and the descriptors of a process."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final, Protocol

from knlab.embedded.net.streams import Stream
from knlab.embedded.pods.consoles import Source

RESIZE: Final = "resize"

_SIZE_LIMIT: Final = 4096
"""The longest description of a terminal's size."""


class Screen(Protocol):
    """What has a size."""

    def resize(self, width: int, height: int) -> None:
        """Take note of the size, in characters."""


async def carry_out(source: Source | None, sink: Stream | None) -> None:
    """Returns at the end of `source`; what nobody wants is read over, so that nobody waits."""
    if source is None:
        return
    while data := await source.read():
        if sink is not None:
            with suppress(OSError):
                await sink.write(data)
    if sink is not None:
        await sink.finish()


async def follow_size(source: Stream | None, screen: Screen | None) -> None:
    """Give a terminal the sizes that the client sends: JSON objects, one after the other."""
    decoder = json.JSONDecoder()
    unread = ""
    while source is not None and (data := await source.read()):
        unread = (unread + data.decode("latin-1")).lstrip()[:_SIZE_LIMIT]
        while unread:
            try:
                size, end = decoder.raw_decode(unread)
            except (ValueError, RecursionError):
                break
            unread = unread[end:].lstrip()
            if screen is not None:
                _resize(screen, size)


def _resize(screen: Screen, size: object) -> None:
    if isinstance(size, dict):
        width, height = size.get("Width"), size.get("Height")
        if isinstance(width, int) and isinstance(height, int) and width >= 0 and height >= 0:
            screen.resize(width, height)
