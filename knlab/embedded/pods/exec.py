"""The `exec` subresource of pods: a built-in command in a container, over WebSocket or SPDY.

The answers are those of a Kubernetes 1.34 API server with a kubelet behind it: a client of v5 hears
every refusal of the kubelet over the error channel, others as an HTTP status before the upgrade.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from knlab.embedded.kube.errors import BadRequest
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from knlab.embedded.kube.store import Store
from knlab.embedded.kube.subresources import Subresource, SubresourceRequest
from knlab.embedded.net.channels import ChannelSession
from knlab.embedded.net.http import Duplex, Response, text_response
from knlab.embedded.net.spdy_session import SpdySession
from knlab.embedded.net.streams import Session, Stream
from knlab.embedded.net.upgrade import asks_for_spdy, to_spdy, to_websocket
from knlab.embedded.net.websocket import asks_for_websocket, offered_protocols
from knlab.embedded.pods.box import NoSuchBox
from knlab.embedded.pods.commands import Command, NoSuchCommand
from knlab.embedded.pods.executions import RESIZE, STDERR, STDIN, STDOUT, execute
from knlab.embedded.pods.outcomes import V4, V5, Exited, NotReached, NotRun, Outcome, told
from knlab.embedded.pods.supervisor import StartFailed, Supervisor
from knlab.embedded.pods.targets import (
    check_host,
    chosen_container,
    find_pod,
    running_instance,
    until_end,
)

ERROR: Final = "error"

_V3: Final = "v3.channel.k8s.io"
_WEBSOCKET: Final = (V5, V4, "channel.k8s.io", "")
_SPDY: Final = (V4, _V3, "v2.channel.k8s.io", "channel.k8s.io")
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
class _Wish:
    """What PodExecOptions ask for, and where."""

    pod: Object
    container: str
    argv: tuple[str, ...]
    streams: tuple[str, ...]
    """The standard streams."""
    tty: bool

    @classmethod
    def of(cls, pod: Object, container: str, parameters: Parameters) -> _Wish:
        tty = parameters.flag("tty")
        wanted = [name for name in (STDIN, STDOUT, STDERR) if parameters.flag(name)]
        if tty and STDERR in wanted:
            wanted.remove(STDERR)
        return cls(pod, container, tuple(parameters.texts("command")), tuple(wanted), tty)

    def refusal(self) -> tuple[int, str] | None:
        """What the kubelet answers instead of an upgrade: a status and a text."""
        if not self.streams:
            return 400, "you must specify at least 1 of stdin, stdout, stderr"
        if running_instance(self.pod, self.container) is None:
            return 500, f'container not found ("{self.container}")'
        return None


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
        return Subresource(
            handler=self._answer, verbs=("create", "get"), kind="PodExecOptions", version="v1"
        )

    async def _answer(self, asked: SubresourceRequest) -> Response:
        pod = find_pod(self._store, asked.namespace, asked.name)
        container = chosen_container(pod, asked.parameters.text("container"))
        check_host(pod)
        wish = _Wish.of(pod, container, asked.parameters)
        refusal = wish.refusal()
        if asks_for_websocket(asked.request):
            if refusal and V5 not in offered_protocols(asked.request):
                return text_response(*refusal)
            why = refusal[1] if refusal else ""

            async def over_websocket(protocol: str, duplex: Duplex) -> None:
                names = (*wish.streams, ERROR, RESIZE)
                session = ChannelSession(duplex, names=names, closable=protocol == V5)
                await self._serve(session, names, wish, protocol, why)

            return to_websocket(asked.request, _WEBSOCKET, over_websocket)
        if not asks_for_spdy(asked.request):
            raise BadRequest("Upgrade request required")
        if refusal:
            return text_response(*refusal)

        async def over_spdy(protocol: str, duplex: Duplex) -> None:
            resizes = wish.tty and protocol in {V4, _V3}
            names = (*wish.streams, ERROR, *([RESIZE] if resizes else []))
            await self._serve(SpdySession(duplex), names, wish, protocol)

        return to_spdy(asked.request, _SPDY, over_spdy)

    async def _serve(
        self, session: Session, names: tuple[str, ...], wish: _Wish, protocol: str, why: str = ""
    ) -> None:
        async with session:
            try:
                streams = await session.named(names)
            except (OSError, TimeoutError):
                return
            outcome = NotReached(why) if why else await self._run(wish, session.gone, streams)
            with suppress(OSError):
                await streams[ERROR].write(told(outcome, protocol))

    async def _run(self, wish: _Wish, gone: asyncio.Event, streams: dict[str, Stream]) -> Outcome:
        if not wish.argv:
            return _not_started("args must not be empty")
        directory = self._directory / wish.pod["metadata"]["uid"] / wish.container
        try:
            command = self._commands(wish.argv, directory, tty=wish.tty)
            with until_end(self._store, wish.pod, wish.container) as ended:
                code = await execute(
                    self._supervisor, command, streams, tty=wish.tty, gone=gone, ended=ended
                )
        except NoSuchCommand as missing:
            return _not_started(f"{_CANNOT_START}{missing.message}")
        except (NoSuchBox, StartFailed, OSError) as failure:
            return _not_started(f'{_CANNOT_START}exec: "{wish.argv[0]}": {failure}')
        return Exited(wish.argv, code)


def _not_started(why: str) -> NotRun:
    return NotRun(_RUNTIME.format(id=secrets.token_hex(32), why=why))
