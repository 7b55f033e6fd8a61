"""Commands that the kubelet itself runs in containers: exec probes and hooks."""

from __future__ import annotations

import asyncio
import secrets
import signal
from contextlib import closing
from pathlib import Path
from typing import Final

from knlab.embedded.pods.box import NoSuchBox
from knlab.embedded.pods.commands import Command, NoSuchCommand, exec_command
from knlab.embedded.pods.descriptors import Descriptor, StandardStreams, pipes
from knlab.embedded.pods.probes import CommandNotRun
from knlab.embedded.pods.supervisor import Execution, StartFailed, Supervisor

OUTPUT_LIMIT: Final = 10 * 1024
"""Bytes of its output that are kept of a probe's command (kubelet: prober `maxReadLength`)."""


async def run_command(
    supervisor: Supervisor, container: Path, argv: list[str], seconds: float | None
) -> tuple[int, str]:
    """The exit code and the output of `argv` in the container that has the directory `container`.

    Raises:
        CommandNotRun: if it cannot be started.
        TimeoutError: if it takes longer than `seconds`; it is ended then.
    """
    try:
        async with asyncio.timeout(seconds):
            command = exec_command(argv, container)
            with closing(pipes(stdin=False, stdout=True, stderr=False)) as standard:
                return await _run(supervisor, command, standard)
    except (NoSuchCommand, NoSuchBox, StartFailed) as problem:
        raise CommandNotRun(_worded(problem.message)) from problem
    except TimeoutError:
        raise
    except OSError as problem:
        raise CommandNotRun(_worded(str(problem))) from problem


async def _run(
    supervisor: Supervisor, command: Command, standard: StandardStreams
) -> tuple[int, str]:
    assert standard.stdout is not None
    null, output, _ = standard.process
    child = await supervisor.execute(
        Execution(
            argv=command.argv,
            env=command.env,
            cwd=command.cwd,
            streams=(null, output, output),
            terminal=False,
        )
    )
    standard.handed_over()
    try:
        text = await _text(standard.stdout)
        return await asyncio.shield(child.exited), text
    finally:
        child.signal(signal.SIGKILL)


async def _text(output: Descriptor) -> str:
    kept = b""
    while piece := await output.read():
        kept = (kept + piece)[:OUTPUT_LIMIT]
    return kept.decode("utf-8", "replace")


def _worded(why: str) -> str:
    return (
        "rpc error: code = Unknown desc = failed to exec in container: failed to start exec"
        f' "{secrets.token_hex(32)}": OCI runtime exec failed: exec failed: unable to start'
        f" container process: {why}: unknown"
    )
