"""Our side of the shim: starts it, gives it commands, hears of exits, and outlives its death."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

from knlab._exceptions import KnlabError
from knlab.embedded.pods.consoles import SILENT, Consoles, Ends, Manners, NotRunning, ProcessConsole

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
    manners: Manners = SILENT


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


class Tell(Protocol):
    """Gives the shim a command, and the descriptors that belong to it."""

    def __call__(self, command: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Raises `StartFailed` if the descriptors cannot be handed over."""


class Child:
    """A process group: a container's, or that of a command in one."""

    def __init__(self, tell: Tell, name: str) -> None:
        self._tell = tell
        self.name = name
        self.pid = 0
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        """The exit code, or 128 + the signal."""

    def signal(self, number: int) -> None:
        """Send `number`, SIGKILL to the whole group; nothing happens if it is gone."""
        if not self.exited.done():
            self._tell({"do": "signal", "id": self.name, "signal": int(number)})


class Contained(Child):
    """A container's process group."""

    def __init__(self, tell: Tell, name: str, log: Path, ends: Ends) -> None:
        super().__init__(tell, name)
        self.log = log
        self.console = ProcessConsole(self, ends)
        """How to attach to it."""
        self._watching: dict[str, asyncio.Future[str]] = {}
        self.exited.add_done_callback(lambda _: self.console.close())

    async def watch(self, tap: str, streams: Mapping[str, int]) -> None:
        """Have copies of the container's streams sent to the descriptors, until `unwatch`.

        Raises:
            NotRunning: it has exited.
            StartFailed: the operating system refused it.
        """
        answer = self._watching[tap] = asyncio.get_running_loop().create_future()
        if self.exited.done():
            raise NotRunning("the container has exited")
        command = {"do": "watch", "id": self.name, "tap": tap, "streams": [*streams]}
        self._tell(command, [*streams.values()])
        await asyncio.wait([answer, self.exited], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise NotRunning("the container has exited")
        if problem := answer.result():
            raise StartFailed(problem)

    def watched(self, tap: str, problem: str) -> None:
        """The answer to a `watch`."""
        if (answer := self._watching.get(tap)) and not answer.done():
            answer.set_result(problem)

    def unwatch(self, tap: str) -> None:
        """Have no more copies sent."""
        self._watching.pop(tap, None)
        if not self.exited.done():
            self._tell({"do": "unwatch", "id": self.name, "tap": tap})


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
        self.consoles = Consoles()
        """How to attach to the containers that run."""
        self.residents: dict[str, str] = {}
        """The address of every pod of this node, by uid: what its status says may be anybody's."""

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
        children = self._children.values()
        return [(one.log, one.pid) for one in children if isinstance(one, Contained) and one.pid]

    async def start(self, launch: Launch) -> Contained:
        """The container's process that `launch` describes, running.

        Raises:
            StartFailed: with the operating system's reason.
        """
        await self._up.wait()
        try:
            ends = Ends(launch.manners)
        except OSError as error:
            raise StartFailed(f"cannot open its standard input: {error}") from error
        child = Contained(self._tell, self._next_name(), launch.log, ends)
        how = {"log": str(launch.log), "input": ends.kind, "keeps": launch.manners.stdin_once}
        try:
            await self._start(child, launch, ends.given, **how)
        except BaseException:
            ends.close()
            raise
        ends.handed_over()
        return child

    async def execute(self, execution: Execution) -> Child:
        """The command that `execution` describes, running; its descriptors may be closed then.

        Raises:
            StartFailed: with the operating system's reason.
        """
        await self._up.wait()
        child = Child(self._tell, self._next_name())
        await self._start(child, execution, execution.streams, terminal=execution.terminal)
        return child

    def _next_name(self) -> str:
        self._count += 1
        return str(self._count)

    async def _start(
        self, child: Child, what: Launch | Execution, given: Sequence[int], **how: object
    ) -> None:
        command = {
            "do": "start", "id": child.name, "argv": what.argv, "env": dict(what.env),
            "cwd": str(what.cwd), **how,
        }  # fmt: skip
        self._tell(command, given)
        self._children[child.name] = child
        try:
            await asyncio.shield(child.started)
        except asyncio.CancelledError:
            child.signal(signal.SIGKILL)
            raise

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
            if "tap" in event and isinstance(child, Contained):
                child.watched(event["tap"], event["failed"])
            elif "pid" in event:
                child.pid = event["pid"]
                _settle(child.started, child.pid)
            elif "failed" in event:
                del self._children[child.name]
                _fail(child.started, event["failed"])
            else:
                del self._children[child.name]
                _settle(child.exited, event["code"])

    def _tell(self, command: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        if self._shim is None or self._shim.stdin is None or self._descriptors is None:
            return
        if descriptors:
            try:
                socket.send_fds(self._descriptors, [b"."], [*descriptors])
            except OSError as error:
                raise StartFailed(f"cannot hand over the standard streams: {error}") from error
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
