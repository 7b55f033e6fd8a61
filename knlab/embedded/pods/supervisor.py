"""Our side of the shim: starts it, gives it commands, hears of exits, and outlives its death."""

from __future__ import annotations

import asyncio
import json
import os
import signal
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


class Child:
    """A container's process group."""

    def __init__(self, tell: Callable[[dict[str, Any]], None], name: str) -> None:
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


class Supervisor:
    """Starts processes through the shim. Use as a context manager; leaving it ends them all."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._count = 0
        self._children: dict[str, Child] = {}
        self._shim: Process | None = None
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

    async def start(self, launch: Launch) -> Child:
        """The process that `launch` describes, running.

        Raises:
            StartFailed: with the operating system's reason.
        """
        await self._up.wait()
        self._count += 1
        child = Child(self._tell, str(self._count))
        self._children[child.name] = child
        self._tell(
            {
                "do": "start", "id": child.name, "argv": launch.argv, "env": dict(launch.env),
                "cwd": str(launch.cwd), "log": str(launch.log),
            }
        )  # fmt: skip
        await child.started
        return child

    async def _keep(self) -> None:
        while True:
            shim = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", "-c", _START,
                stdin=PIPE, stdout=PIPE, start_new_session=True,
            )  # fmt: skip
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
            await asyncio.sleep(_PAUSE)

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
                child.started.set_exception(StartFailed(event["failed"]))
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
            elif not child.started.done():
                child.started.set_exception(StartFailed("the supervising process ended"))
        self._children.clear()


def _settle(future: asyncio.Future[int], value: int) -> None:
    if not future.done():
        future.set_result(value)


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
