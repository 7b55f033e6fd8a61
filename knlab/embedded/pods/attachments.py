"""One client who is attached to a container: what goes between the two, and what ends it.

The container goes on when the client leaves. As with containerd, a client whose input ends has left
too, unless the container's input is to end with his (`Manners.closes_input`): then he gets what
comes until the container's own end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from knlab.embedded.net.streams import Stream
from knlab.embedded.pods.carrying import RESIZE, carry_out, follow_size
from knlab.embedded.pods.consoles import STDERR, STDIN, STDOUT, Console


async def attach(console: Console, streams: Mapping[str, Stream], gone: asyncio.Event) -> None:
    """Join the container of `console` to `streams`, by name; returns when that is over.

    That is when the container ends, the client's input ends, or `gone` is set.

    Raises:
        NotRunning: the container has exited already.
        StartFailed, OSError: the operating system refused it.
    """
    wanted = [name for name in (STDOUT, STDERR) if name in streams]
    async with console.watched(wanted) as sources:
        outputs = [_task(carry_out(sources[name], streams[name])) for name in wanted]
        departure = _task(gone.wait())
        everything = _task(_all(outputs))
        resizing = _task(follow_size(streams.get(RESIZE), console))
        typing = _task(_carry_in(streams.get(STDIN), console))
        tasks = [*outputs, departure, everything, resizing, typing]
        over = [departure, everything] if wanted else [departure]
        if not wanted or _leaves_with_input(console, streams):
            over.append(typing)
        try:
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def _leaves_with_input(console: Console, streams: Mapping[str, Stream]) -> bool:
    return console.input is not None and STDIN in streams and not console.manners.closes_input


async def _carry_in(source: Stream | None, console: Console) -> None:
    """Returns when the client has no more input, or none that the container wants."""
    sink = console.input
    if source is None or sink is None:
        return
    try:
        with suppress(OSError):
            while data := await source.read():
                await sink.write(data)
        while await source.read():
            pass
    finally:
        if console.manners.closes_input:
            sink.end()


async def _all(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        await asyncio.wait([task])


def _task(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.create_task(work, name="attach")
