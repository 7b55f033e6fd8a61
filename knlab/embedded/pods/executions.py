"""One command in a container: its process, its streams, and what ends it.

The process is ended when its container ends, when the client goes away and when the cluster stops;
when it exits by itself, what it has written still reaches the client.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from knlab.embedded.net.streams import Stream
from knlab.embedded.pods.commands import Command
from knlab.embedded.pods.descriptors import Descriptor, StandardStreams, pipes, terminal
from knlab.embedded.pods.supervisor import Child, Execution, Supervisor

STDIN: Final = "stdin"
STDOUT: Final = "stdout"
STDERR: Final = "stderr"
RESIZE: Final = "resize"

_SIZE_LIMIT: Final = 4096
"""The longest description of a terminal's size."""


async def execute(
    supervisor: Supervisor,
    command: Command,
    streams: Mapping[str, Stream],
    *,
    tty: bool,
    gone: asyncio.Event,
    ended: asyncio.Event,
) -> int:
    """The exit code of `command`, joined to `streams` by name.

    It is killed when `gone` or `ended` are set: the client has gone away, the container has ended.

    Raises:
        StartFailed: the operating system refused it.
        OSError: no pipe or terminal is to be had.
    """
    if tty:
        standard = terminal()
    else:
        standard = pipes(stdin=STDIN in streams, stdout=STDOUT in streams, stderr=STDERR in streams)
    try:
        child = await supervisor.execute(
            Execution(
                argv=command.argv,
                env=command.env,
                cwd=command.cwd,
                streams=standard.process,
                terminal=tty,
            )
        )
        standard.handed_over()
        return await _attend(child, standard, streams, gone=gone, ended=ended)
    finally:
        standard.close()


async def _attend(
    child: Child,
    standard: StandardStreams,
    streams: Mapping[str, Stream],
    *,
    gone: asyncio.Event,
    ended: asyncio.Event,
) -> int:
    outputs = _tasks(
        _carry_out(standard.stdout, streams.get(STDOUT)),
        _carry_out(standard.stderr, streams.get(STDERR)),
    )
    inputs = _tasks(
        _carry_in(streams.get(STDIN), standard),
        _follow_size(streams.get(RESIZE), standard.stdout),
    )
    departure, end = signs = _tasks(gone.wait(), ended.wait())
    try:
        exited: list[asyncio.Future[Any]] = [child.exited, departure, end]
        await asyncio.wait(exited, return_when=asyncio.FIRST_COMPLETED)
        child.signal(signal.SIGKILL)
        code = await asyncio.shield(child.exited)
        while not departure.done() and (waiting := [one for one in outputs if not one.done()]):
            await asyncio.wait([*waiting, departure], return_when=asyncio.FIRST_COMPLETED)
        return code
    finally:
        child.signal(signal.SIGKILL)
        tasks = [*outputs, *inputs, *signs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _tasks(*work: Coroutine[Any, Any, object]) -> list[asyncio.Task[object]]:
    return [asyncio.create_task(each, name="exec") for each in work]


async def _carry_out(source: Descriptor | None, sink: Stream | None) -> None:
    """Returns at the end of `source`; what nobody wants is read over, so that nobody waits."""
    if source is None:
        return
    while data := await source.read():
        if sink is not None:
            with suppress(OSError):
                await sink.write(data)
    if sink is not None:
        await sink.finish()


async def _carry_in(source: Stream | None, standard: StandardStreams) -> None:
    """Carry input until it ends, which a program on a terminal does not see."""
    sink = standard.stdin
    if source is None or sink is None:
        return
    with suppress(OSError):
        while data := await source.read():
            await sink.write(data)
    if sink is not standard.stdout:
        sink.close()
    while await source.read():
        pass


async def _follow_size(source: Stream | None, screen: Descriptor | None) -> None:
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


def _resize(screen: Descriptor, size: object) -> None:
    if isinstance(size, dict):
        width, height = size.get("Width"), size.get("Height")
        if isinstance(width, int) and isinstance(height, int) and width >= 0 and height >= 0:
            screen.resize(width, height)
