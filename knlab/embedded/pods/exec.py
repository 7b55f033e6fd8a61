"""The `exec` subresource of pods: a built-in command in a container."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.store import Store
from knlab.embedded.kube.subresources import Subresource, SubresourceRequest
from knlab.embedded.net.http import Response
from knlab.embedded.net.streams import Stream
from knlab.embedded.pods.box import NoSuchBox
from knlab.embedded.pods.commands import Command, NoSuchCommand
from knlab.embedded.pods.executions import execute
from knlab.embedded.pods.joining import Wish, joined, standard_streams
from knlab.embedded.pods.outcomes import Exited, NotRun, Outcome
from knlab.embedded.pods.supervisor import StartFailed, Supervisor
from knlab.embedded.pods.targets import (
    check_host,
    chosen_container,
    find_pod,
    running_instance,
    until_end,
)

_CANNOT_START: Final = "unable to start container process: "
_RUNTIME: Final = (
    "error executing command in container: failed to exec in container: failed to start exec"
    ' "{id}": OCI runtime exec failed: exec failed: {why}: unknown'
)


class FindCommand(Protocol):
    """Finds what runs for a command: see `commands.exec_command`."""

    def __call__(self, argv: Sequence[str], container: Path, *, tty: bool) -> Command:
        """The process for `argv` in the container whose own directory is `container`.

        Raises:
            NoSuchCommand, NoSuchBox: nothing does.
        """


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command, and where it is to run."""

    pod: Object
    container: str
    argv: tuple[str, ...]
    tty: bool


class PodExec:
    """Answers requests to run commands in the pods that have their directories in `directory`."""

    def __init__(
        self, store: Store, directory: Path, supervisor: Supervisor, commands: FindCommand
    ) -> None:
        self._store = store
        self._directory = directory
        self._supervisor = supervisor
        self._commands = commands

    @property
    def subresource(self) -> Subresource:
        """What the server needs to serve `pods/exec`."""
        return Subresource(handler=self._answer, verbs=("create", "get"), kind="PodExecOptions")

    async def _answer(self, asked: SubresourceRequest) -> Response:
        parameters = asked.parameters
        pod = find_pod(self._store, asked.namespace, asked.name)
        container = chosen_container(pod, parameters.text("container"))
        check_host(pod)
        command = _Asked(pod, container, tuple(parameters.texts("command")), parameters.flag("tty"))
        runs = running_instance(pod, container) is not None
        wish = Wish(
            streams=standard_streams(parameters),
            tty=command.tty,
            refusal=None if runs else (500, f'container not found ("{container}")'),
        )

        async def work(streams: Mapping[str, Stream], gone: asyncio.Event) -> Outcome:
            return await self._run(command, streams, gone)

        return joined(asked.request, wish, work)

    async def _run(
        self, asked: _Asked, streams: Mapping[str, Stream], gone: asyncio.Event
    ) -> Outcome:
        if not asked.argv:
            return _not_started("args must not be empty")
        directory = self._directory / asked.pod["metadata"]["uid"] / asked.container
        try:
            command = self._commands(asked.argv, directory, tty=asked.tty)
            with until_end(self._store, asked.pod, asked.container) as ended:
                code = await execute(
                    self._supervisor, command, streams, tty=asked.tty, gone=gone, ended=ended
                )
        except NoSuchCommand as missing:
            return _not_started(f"{_CANNOT_START}{missing.message}")
        except (NoSuchBox, StartFailed, OSError) as failure:
            return _not_started(f'{_CANNOT_START}exec: "{asked.argv[0]}": {failure}')
        return Exited(asked.argv, code)


def _not_started(why: str) -> NotRun:
    return NotRun(_RUNTIME.format(id=secrets.token_hex(32), why=why))
