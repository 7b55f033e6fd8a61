"""Commands that the kubelet itself runs in containers: exec probes and hooks."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from pathlib import Path
from typing import Final

from knlab.embedded.pods.box import NoSuchBox
from knlab.embedded.pods.commands import NoSuchCommand, exec_command
from knlab.embedded.pods.descriptors import Descriptor
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
        command = exec_command(argv, container)
        read, write = os.pipe()
        output = Descriptor(read)
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            child = await supervisor.execute(
                Execution(
                    argv=command.argv,
                    env=command.env,
                    cwd=command.cwd,
                    streams=(null, write, write),
                    terminal=False,
                )
            )
        finally:
            os.close(write)
            os.close(null)
    except (NoSuchCommand, NoSuchBox, StartFailed) as problem:
        raise CommandNotRun(_worded(problem.message)) from problem
    try:
        async with asyncio.timeout(seconds):
            text = await _text(output)
            return await asyncio.shield(child.exited), text
    finally:
        child.signal(signal.SIGKILL)
        output.close()


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
