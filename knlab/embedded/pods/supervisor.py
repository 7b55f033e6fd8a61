"""Our side of the shim: starts it, gives it commands, hears of exits, and outlives its death."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from knlab._exceptions import KnlabError

_ROOT: Final = str(Path(__file__).parents[3])
_START: Final = (
    f"import sys; sys.path.insert(0, {_ROOT!r}); from knlab.embedded.pods.shim import main; main()"
)
KILLED: Final = 128 + signal.SIGKILL
_SHIM_ENDS_WITHIN: Final = 3.0
_PAUSE: Final = 0.1
"""Before another shim is started, in case it cannot live."""


class StartFailed(KnlabError):  # noqa: N818 - a situation, as in the tree of exceptions
    """The operating system refused to start a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A command to start with standard streams of its own."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    streams: tuple[int, int, int]
    """Open descriptors that become its input, output and errors."""
    terminal: bool
    """Whether they are a terminal, which then belongs to the process."""


class Child:
    """A process group: a container's, or a command's."""

    def __init__(self, tell: Callable[[dict[str, Any]], None], name: str) -> None:
        self._tell = tell
        self.name = name
        self.log: Path | None = None
        """Where a container's process logs; None for a command."""
        self.pid = 0
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        """The exit code, or 128 + the signal."""

    def signal(self, number: int) -> None:
        """Send `number`, SIGKILL to the whole group; nothing happens if it is gone."""
        if not self.exited.done():
            self._tell({"do": "signal", "id": self.name, "signal": int(number)})


class Supervisor:
    """Starts processes through the shim. Use as a context manager; leaving it ends them all."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._count = 0
        self._children: dict[str, Child] = {}
        self._shim: Process | None = None
        self._descriptors: socket.socket | None = None
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Supervisor:
        self._task = asyncio.create_task(self._keep(), name="pods: shim")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def shim_pid(self) -> int:
        """The process id of the shim that runs now; 0 while there is none."""
        return self._shim.pid if self._shim is not None else 0

    @property
    def containers(self) -> list[tuple[Path, int]]:
        """The log and the first process of every container that runs."""
        return [(one.log, one.pid) for one in self._children.values() if one.log and one.pid]

    async def start(self, launch: Launch) -> Child:
        """The container's process that `launch` describes, running.

        Raises:
            StartFailed: with the operating system's reason.
        """
        await self._up.wait()
        child = await self._start(launch, log=str(launch.log))
        child.log = launch.log
        return child

    async def execute(self, execution: Execution) -> Child:
        """The command that `execution` describes, running; its descriptors may be closed then.

        Raises:
            StartFailed: with the operating system's reason.
        """
        await self._up.wait()
        self._hand_over(execution.streams)
        return await self._start(execution, terminal=execution.terminal)

    async def _start(self, what: Launch | Execution, **output: object) -> Child:
        self._count += 1
        child = Child(self._tell, str(self._count))
        self._children[child.name] = child
        self._tell(
            {
                "do": "start", "id": child.name, "argv": what.argv, "env": dict(what.env),
                "cwd": str(what.cwd), **output,
            }
        )  # fmt: skip
        try:
            await asyncio.shield(child.started)
        except asyncio.CancelledError:
            child.signal(signal.SIGKILL)
            raise
        return child

    def _hand_over(self, descriptors: tuple[int, int, int]) -> None:
        try:
            if self._descriptors is not None:
                socket.send_fds(self._descriptors, [b"."], descriptors)
        except OSError as error:
            raise StartFailed(f"cannot hand over the standard streams: {error}") from error

    async def _keep(self) -> None:
        while True:
            ours, theirs = socket.socketpair()
            with ours:
                with theirs:
                    shim = await asyncio.create_subprocess_exec(
                        sys.executable, "-I", "-S", "-c", _START, str(theirs.fileno()),
                        stdin=PIPE, stdout=PIPE, start_new_session=True,
                        pass_fds=(theirs.fileno(),),
                    )  # fmt: skip
                os.set_blocking(ours.fileno(), False)
                self._descriptors = ours
                await self._live_with(shim)
            await asyncio.sleep(_PAUSE)

    async def _live_with(self, shim: Process) -> None:
        self._shim = shim
        self._up.set()
        try:
            await self._hear(shim)
            self._log(f"pods: the shim (process {shim.pid}) ended; starting another")
        finally:
            self._shim = None
            self._up.clear()
            await asyncio.shield(_ended(shim))
            self._lose_children()

    async def _hear(self, shim: Process) -> None:
        assert shim.stdout is not None
        async for line in shim.stdout:
            event = json.loads(line)
            child = self._children.get(event["id"])
            if child is None:
                continue
            if "pid" in event:
                child.pid = event["pid"]
                _settle(child.started, child.pid)
            elif "failed" in event:
                del self._children[child.name]
                _fail(child.started, event["failed"])
            else:
                del self._children[child.name]
                _settle(child.exited, event["code"])

    def _tell(self, command: dict[str, Any]) -> None:
        if self._shim is not None and self._shim.stdin is not None:
            self._shim.stdin.write(json.dumps(command).encode() + b"\n")

    def _lose_children(self) -> None:
        for child in self._children.values():
            if child.pid:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                _settle(child.exited, KILLED)
            else:
                _fail(child.started, "the supervising process ended")
        self._children.clear()


def _settle(future: asyncio.Future[int], value: int) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[int], why: str) -> None:
    if not future.done():
        future.set_exception(StartFailed(why))
        future.exception()  # who waits may have gone


async def _ended(shim: Process) -> None:
    if shim.stdin is not None:
        shim.stdin.close()
        with suppress(OSError):
            await shim.stdin.wait_closed()
    try:
        async with asyncio.timeout(_SHIM_ENDS_WITHIN):
            await shim.wait()
    except TimeoutError:
        shim.kill()
        await shim.wait()
