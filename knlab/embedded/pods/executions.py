"""One command in a container: its process, its streams, and what ends it.

The process is ended when its container ends, when the client goes away and when the cluster stops;
when it exits by itself, what it has written still reaches the client.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

from knlab.embedded.net.streams import Stream
from knlab.embedded.pods.carrying import RESIZE, carry_out, follow_size
from knlab.embedded.pods.commands import Command
from knlab.embedded.pods.consoles import STDERR, STDIN, STDOUT
from knlab.embedded.pods.descriptors import StandardStreams, pipes, terminal
from knlab.embedded.pods.supervisor import Child, Execution, Supervisor


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
        carry_out(standard.stdout, streams.get(STDOUT)),
        carry_out(standard.stderr, streams.get(STDERR)),
    )
    inputs = _tasks(
        _carry_in(streams.get(STDIN), standard),
        follow_size(streams.get(RESIZE), standard.stdout),
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
